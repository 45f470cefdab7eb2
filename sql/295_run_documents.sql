-- A run as people read it: how far it is, what came out, what applying it would change (OPT-5, OPT-7).

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
        'unserved', coalesce(unserved.document, '[]'), 'job_id', r.dispatch_job_id,
        'options', coalesce((
            select jsonb_agg(private.emergency_option_document(o.id) order by o.rank)
            from public.emergency_options as o where o.org_id = r.org_id and o.optimization_run_id = r.id
        ), '[]')
    )
    from public.optimization_runs as r
    cross join changes cross join routes cross join unserved
    where r.id = run;
$$;

comment on function private.run_document(uuid) is
'A run with its progress, metrics, routes, what applying it would change, the unserved jobs, and an emergency''s job and options, as one JSON document.';

grant execute on function private.run_document(uuid) to authenticated, service_role;
