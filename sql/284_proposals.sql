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

grant execute on function private.write_proposal(uuid, text, jsonb) to service_role;
