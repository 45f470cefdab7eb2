-- From the solver's answer to a proposal that can be read, compared and applied.

create function private.write_proposal(run uuid, worker text, plan jsonb)
returns void
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    planned public.optimization_runs;
begin
    select r.* into planned from public.optimization_runs as r
    where r.id = run and r.worker = write_proposal.worker and r.status = 'running'
    for update;
    if planned.id is null then
        perform private.fail(
            409, 'run_lost', 'Another worker has taken this run over, or it has ended.', 'Drop the result.'
        );
    end if;
    if planned.cancel_requested then
        perform private.fail(409, 'run_canceled', 'Somebody has asked to stop this run.', 'Drop the result.');
    end if;

    -- A worker that died after writing left its attempt behind.
    delete from public.route_plans as p where p.optimization_run_id = run;
    delete from public.unserved_jobs as u where u.optimization_run_id = run;

    with routes as (
        select r.*
        from jsonb_to_recordset(plan -> 'routes') as r (
            technician_id uuid, date date, starts_at timestamptz, ends_at timestamptz,
            travel_s integer, distance_m integer, stops jsonb
        )
    ),

    plans as (
        insert into public.route_plans (
            org_id, technician_id, date, status, optimization_run_id, optimization_strategy,
            starts_at, ends_at, travel_s, distance_m, generated_by, generated_by_user_id
        )
        select
            planned.org_id, r.technician_id, r.date, 'proposed', run, planned.strategy,
            r.starts_at, r.ends_at, r.travel_s, r.distance_m, 'ai_optimizer', planned.requested_by_user_id
        from routes as r
        returning id, technician_id, date
    )

    insert into public.route_stops (
        org_id, route_plan_id, job_assignment_id, dispatch_job_id, stop_type, sequence, latitude, longitude,
        planned_arrival_at, planned_departure_at, service_starts_at, travel_time_minutes_from_prev,
        distance_km_from_prev, change, from_technician_id, from_starts_at, from_ends_at, job_version, is_joint,
        resource_id, segment_position, lane, explanation, notes
    )
    select
        planned.org_id, p.id, (s.stop ->> 'assignment_id')::uuid, (s.stop ->> 'job_id')::uuid,
        (s.stop ->> 'type')::public.stop_type, s.sequence - 1,
        (s.stop ->> 'latitude')::double precision, (s.stop ->> 'longitude')::double precision,
        (s.stop ->> 'arrives_at')::timestamptz, (s.stop ->> 'ends_at')::timestamptz, (s.stop ->> 'starts_at')::timestamptz,
        ceil((s.stop ->> 'travel_s')::numeric / 60), round((s.stop ->> 'distance_m')::numeric / 1000, 3),
        case
            when s.stop ->> 'type' <> 'job' then null
            when a.id is null then 'book'
            when a.technician_id <> r.technician_id then 'reassign'
            when a.scheduled_start_at = (s.stop ->> 'starts_at')::timestamptz
                and a.scheduled_end_at = (s.stop ->> 'ends_at')::timestamptz then 'keep'
            else 'move'
        end::public.stop_change,
        a.technician_id, a.scheduled_start_at, a.scheduled_end_at,
        (s.stop ->> 'job_version')::integer, coalesce((s.stop ->> 'is_joint')::boolean, false),
        (s.stop ->> 'resource_id')::uuid, (s.stop ->> 'segment_position')::integer,
        coalesce((s.stop ->> 'lane')::smallint, 1), s.stop -> 'explanation',
        s.stop ->> 'notes'
    from routes as r
    inner join plans as p on r.technician_id = p.technician_id and r.date = p.date
    cross join lateral jsonb_array_elements(r.stops) with ordinality as s (stop, sequence)
    left join public.job_assignments as a on a.org_id = planned.org_id and a.id = (s.stop ->> 'assignment_id')::uuid;

    insert into public.unserved_jobs (org_id, optimization_run_id, dispatch_job_id, reason, explanation, detail)
    select planned.org_id, run, u.job_id, u.reason, u.explanation, coalesce(u.detail, '{}')
    from jsonb_to_recordset(plan -> 'unserved') as u (job_id uuid, reason text, explanation text, detail jsonb);

    update public.optimization_runs as r
    set status = 'proposed', stage = 'done', progress = 1, finished_at = now(), lease_until = null,
        base_revision = plan ->> 'base_revision', expires_at = (plan ->> 'expires_at')::timestamptz,
        best_objective = (plan ->> 'objective')::double precision, iterations = (plan ->> 'iterations')::bigint,
        metrics_before = plan -> 'metrics_before', metrics_after = plan -> 'metrics_after'
    where r.id = run;
end;
$$;

comment on function private.write_proposal(uuid, text, jsonb) is
'Stores a run''s result as a proposal: routes with their stops, unserved jobs, metrics. Definer: clients do not write plans; only the worker that holds the run may.';

create function private.run_document(run uuid)
returns jsonb
language sql
stable
set search_path = ''
as $$
    with stops as (
        select
            s.route_plan_id,
            jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                'sequence', s.sequence, 'type', s.stop_type, 'job_id', s.dispatch_job_id, 'number', j.number,
                'title', j.title, 'priority', j.priority, 'assignment_id', s.job_assignment_id,
                'latitude', s.latitude, 'longitude', s.longitude, 'arrives_at', s.planned_arrival_at,
                'starts_at', s.service_starts_at, 'ends_at', s.planned_departure_at,
                'travel_minutes', s.travel_time_minutes_from_prev, 'distance_km', s.distance_km_from_prev,
                'resource_id', s.resource_id, 'segment_position', s.segment_position, 'lane', s.lane,
                'change', s.change, 'from_technician_id', s.from_technician_id, 'from_starts_at', s.from_starts_at,
                -- In short; explain_job has it all.
                'notes', s.notes, 'explanation', s.explanation - '{alternatives,impossible,cost}'::text[]
            )) order by s.sequence) as document
        from public.route_plans as p
        inner join public.route_stops as s on p.org_id = s.org_id and p.id = s.route_plan_id
        left join public.dispatch_jobs as j on s.org_id = j.org_id and s.dispatch_job_id = j.id
        where p.optimization_run_id = run
        group by s.route_plan_id
    ),

    routes as (
        select jsonb_agg(jsonb_build_object(
            'id', p.id, 'technician_id', p.technician_id, 'technician_name', t.display_name, 'date', p.date,
            'status', p.status, 'starts_at', p.starts_at, 'ends_at', p.ends_at, 'travel_s', p.travel_s,
            'distance_m', p.distance_m, 'stops', coalesce(s.document, '[]')
        ) order by p.date, t.display_name, p.technician_id) as document
        from public.route_plans as p
        inner join public.technician_profiles as t on p.org_id = t.org_id and p.technician_id = t.id
        left join stops as s on p.id = s.route_plan_id
        where p.optimization_run_id = run
    ),

    changes as (
        select jsonb_object_agg(kind.change, (
            -- A crew is one booking.
            select count(distinct coalesce(case when s.is_joint then s.dispatch_job_id end, s.id))
            from public.route_plans as p
            inner join public.route_stops as s on p.org_id = s.org_id and p.id = s.route_plan_id
            where p.optimization_run_id = run and s.change = kind.change
        )) as document
        from unnest(enum_range(null::public.stop_change)) as kind (change)
    ),

    unserved as (
        select jsonb_agg(jsonb_build_object(
            'job_id', j.id, 'number', j.number, 'title', j.title, 'priority', j.priority,
            'reason', u.reason, 'explanation', u.explanation,
            'detail', u.detail - '{obstacles,relaxations}'::text[] || jsonb_strip_nulls(jsonb_build_object(
                'relaxation', u.detail -> 'relaxations' -> 0
            ))
        ) order by j.priority desc, j.number) as document
        from public.unserved_jobs as u
        inner join public.dispatch_jobs as j on u.org_id = j.org_id and u.dispatch_job_id = j.id
        where u.optimization_run_id = run
    )

    select jsonb_build_object(
        'id', r.id, 'org_id', r.org_id, 'kind', r.kind, 'mode', r.mode, 'status', r.status,
        'starts_on', r.starts_on, 'days', r.days, 'technician_ids', r.technician_ids, 'strategy', r.strategy,
        'time_limit_s', r.time_limit_s, 'iteration_limit', r.iteration_limit, 'seed', r.seed, 'label', r.label,
        'assumptions', r.assumptions, 'causes', r.causes, 'replays_run_id', r.replays_run_id, 'stage', r.stage, 'progress', r.progress,
        'best_objective', r.best_objective, 'objective_curve', r.objective_curve, 'iterations', r.iterations, 'cancel_requested', r.cancel_requested,
        'base_revision', r.base_revision, 'created_at', r.created_at, 'started_at', r.started_at,
        'finished_at', r.finished_at, 'applied_at', r.applied_at, 'expires_at', r.expires_at,
        'error', case when r.error_code is not null then jsonb_build_object(
            'code', r.error_code, 'message', r.error_message
        ) end,
        'metrics', jsonb_build_object('before', r.metrics_before, 'after', r.metrics_after),
        'changes', changes.document, 'routes', coalesce(routes.document, '[]'),
        'unserved', coalesce(unserved.document, '[]')
    )
    from public.optimization_runs as r
    cross join changes cross join routes cross join unserved
    where r.id = run;
$$;

comment on function private.run_document(uuid) is
'A run with its progress, metrics, routes, what applying it would change, and the unserved jobs, as one JSON document.';

grant execute on function private.write_proposal(uuid, text, jsonb) to service_role;
grant execute on function private.run_document(uuid) to authenticated, service_role;
