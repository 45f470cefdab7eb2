-- Runs of the optimiser as rows that any number of workers claim, keep alive and finish (OPT-6). Clients ask for
-- a run and read it; only these functions write one.

create function private.local_days(org uuid, starts_on date, days integer)
returns tstzrange
language sql
stable
set search_path = ''
as $$
    select tstzrange(
        private.local_instant(starts_on::timestamp, o.time_zone),
        private.local_instant((starts_on + days)::timestamp, o.time_zone)
    )
    from public.orgs as o where o.id = org;
$$;

comment on function private.local_days(uuid, date, integer) is 'So many days of the company''s calendar, from midnight to midnight.';

create function private.request_run(
    org uuid, kind public.run_kind, starts_on date, days integer, technician_ids uuid[], assignment_ids uuid[],
    strategy public.optimization_strategy, mode public.run_mode, time_limit_s integer, seed bigint,
    idempotency_key text default null
)
returns uuid
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    payload constant jsonb := jsonb_build_object(
        'kind', kind, 'starts_on', starts_on, 'days', days, 'technician_ids', technician_ids,
        'assignment_ids', assignment_ids, 'strategy', strategy, 'mode', mode, 'time_limit_s', time_limit_s, 'seed', seed
    );
    known jsonb;
    run uuid;
begin
    perform private.require(
        'optimize_schedule', org,
        case when cardinality(technician_ids) = 1 then (
            select t.facility_id from public.technician_profiles as t
            where t.org_id = org and t.id = any(request_run.technician_ids)
        ) end
    );
    known := private.recall(org, idempotency_key, 'request_run', payload);
    if known is not null then
        return (known ->> 'id')::uuid;
    end if;
    if upper(private.local_days(org, starts_on, days)) <= now() then
        perform private.fail(400, 'days_are_over', 'These days have passed already.', 'Plan today or a day to come.');
    end if;
    if starts_on > now() + interval '3 years' then
        perform private.fail(400, 'days_too_far', 'These days are more than three years ahead.', 'Check the year.');
    end if;
    if exists (
        select from unnest(request_run.technician_ids) as wanted (id)
        where not exists (
            select from public.technician_profiles as t where t.org_id = org and t.id = wanted.id and t.is_active
        )
    ) then
        perform private.fail(
            404, 'technician_not_found', 'A technician named here does not exist or is not active.',
            'Take the ids from technician_profiles.'
        );
    end if;
    if exists (
        select from unnest(request_run.assignment_ids) as wanted (id)
        where not exists (
            select from public.job_assignments as a
            where a.org_id = org and a.id = wanted.id and a.technician_id = any(request_run.technician_ids)
        )
    ) then
        perform private.fail(
            404, 'assignment_not_found', 'An assignment named here is not one of this technician''s.',
            'Take the ids from the technician''s assignments of that day.'
        );
    end if;
    insert into public.optimization_runs (
        org_id, kind, starts_on, days, technician_ids, assignment_ids, strategy, mode, time_limit_s, seed,
        requested_by_user_id
    )
    values (
        org, request_run.kind, request_run.starts_on, request_run.days, request_run.technician_ids,
        request_run.assignment_ids, request_run.strategy, request_run.mode, request_run.time_limit_s,
        request_run.seed, auth.uid()
    )
    returning id into run;
    perform private.remember(org, idempotency_key, jsonb_build_object('id', run));
    return run;
end;
$$;

comment on function private.request_run(
    uuid, public.run_kind, date, integer, uuid[], uuid[], public.optimization_strategy, public.run_mode, integer, bigint, text
) is 'Queues a run and returns its id. Definer: clients do not write runs; checks optimize_schedule itself.';

create function private.claim_run(worker text, lease interval)
returns setof public.optimization_runs
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    candidate uuid;
begin
    update public.optimization_runs as r
    set status = 'failed', error_code = 'worker_lost', finished_at = now(),
        error_message = 'The run was started three times and never finished.'
    where r.status = 'running' and r.lease_until < clock_timestamp() and r.attempts >= 3;

    for candidate in
        select r.id
        from public.optimization_runs as r
        where
            r.kind <> 'auto_schedule'
            and (r.status = 'queued' or (r.status = 'running' and r.lease_until < clock_timestamp()))
            and not exists (
                select from public.optimization_runs as other
                where
                    other.org_id = r.org_id and other.id <> r.id and other.status = 'running'
                    and daterange(other.starts_on, other.starts_on + other.days)
                        && daterange(r.starts_on, r.starts_on + r.days)
            )
        order by r.created_at
        limit 8
        for update skip locked
    loop
        begin
            return query
            update public.optimization_runs as r
            set status = 'running', stage = 'loading', worker = claim_run.worker, attempts = r.attempts + 1,
                progress = 0, lease_until = clock_timestamp() + lease, started_at = coalesce(r.started_at, now())
            where r.id = candidate
            returning r.*;
            return;
        exception when exclusion_violation then
            -- Another worker has just begun a run over the same days.
            continue;
        end;
    end loop;
end;
$$;

comment on function private.claim_run(text, interval) is
'Takes the oldest run that waits, or whose worker fell silent; no row when there is none, or its days are being planned already. Definer: clients do not write runs.';

create function private.report_progress(
    run uuid, worker text, lease interval, stage text, progress real, best_objective double precision, iterations bigint
)
returns boolean
language sql
volatile
security definer
set search_path = ''
as $$
    update public.optimization_runs as r
    set stage = report_progress.stage, progress = report_progress.progress,
        best_objective = coalesce(report_progress.best_objective, r.best_objective),
        iterations = coalesce(report_progress.iterations, r.iterations),
        lease_until = clock_timestamp() + lease
    where r.id = run and r.worker = report_progress.worker and r.status = 'running'
    returning r.cancel_requested;
$$;

comment on function private.report_progress(uuid, text, interval, text, real, double precision, bigint) is
'Says how far a run is and renews the lease. True: somebody wants it to stop. Null: it is no longer this worker''s. Definer: clients do not write runs.';

create function private.finish_run(run uuid, worker text, outcome public.run_status, code text, message text)
returns boolean
language sql
volatile
security definer
set search_path = ''
as $$
    update public.optimization_runs as r
    set status = outcome, error_code = code, error_message = message, finished_at = now(), lease_until = null
    where
        r.id = run and r.worker = finish_run.worker and r.status = 'running'
        and outcome in ('failed', 'canceled')
    returning true;
$$;

comment on function private.finish_run(uuid, text, public.run_status, text, text) is
'Ends a run without a plan: failed, with code and sentence, or canceled. Null: it is no longer this worker''s. Definer: clients do not write runs.';

create function private.expire_runs()
returns integer
language sql
volatile
security definer
set search_path = ''
as $$
    with expired as (
        update public.optimization_runs as r
        set status = 'expired'
        where r.status = 'proposed' and r.expires_at <= now()
        returning r.id
    ),

    dropped as (
        update public.route_plans as p set status = 'canceled'
        from expired as e where p.optimization_run_id = e.id and p.status = 'proposed'
    )

    select count(*)::integer from expired;
$$;

comment on function private.expire_runs() is
'Puts proposals aside that nobody applied in time; returns how many. Definer: clients do not write runs.';

create function private.visible_run(run uuid)
returns public.optimization_runs
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    found_run public.optimization_runs;
begin
    select r.* into found_run from public.optimization_runs as r where r.id = run;
    if found_run.id is null or not (
        private.is_service() or found_run.org_id in (select private.member_org_ids())
    ) then
        perform private.fail(404, 'run_not_found', 'There is no such run.', 'Take the id from the answer that started it.');
    end if;
    perform private.require('optimize_schedule', found_run.org_id, (
        select t.facility_id from public.technician_profiles as t
        where t.id = found_run.technician_ids[1] and cardinality(found_run.technician_ids) = 1
    ));
    return found_run;
end;
$$;

comment on function private.visible_run(uuid) is
'The run, for who may plan; 404 for strangers. Definer: decides before any policy can hide the difference between 404 and 403.';

create function private.cancel_run(run uuid)
returns void
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
    perform private.visible_run(run);
    update public.optimization_runs as r
    set cancel_requested = true,
        status = case when r.status = 'running' then r.status else 'canceled' end,
        finished_at = case when r.status = 'running' then null else coalesce(r.finished_at, now()) end
    where r.id = run and r.status in ('queued', 'running', 'proposed');
    if not found and not exists (
        select from public.optimization_runs as r where r.id = run and r.status = 'canceled'
    ) then
        perform private.fail(
            409, 'run_is_over', 'This run has ended already and cannot be canceled.', 'Read the run to see its outcome.'
        );
    end if;
    update public.route_plans as p set status = 'canceled'
    from public.optimization_runs as r
    where r.id = run and r.status = 'canceled' and p.optimization_run_id = run and p.status = 'proposed';
end;
$$;

comment on function private.cancel_run(uuid) is
'Stops a run that waits or works, or puts its proposal aside. Definer: clients do not write runs; visible_run checks who asks.';

grant execute on function private.local_days(uuid, date, integer) to authenticated, service_role;
grant execute on function private.request_run(
    uuid, public.run_kind, date, integer, uuid[], uuid[], public.optimization_strategy, public.run_mode, integer, bigint, text
) to authenticated, service_role;
grant execute on function private.claim_run(text, interval) to service_role;
grant execute on function private.report_progress(
    uuid, text, interval, text, real, double precision, bigint
) to service_role;
grant execute on function private.finish_run(uuid, text, public.run_status, text, text) to service_role;
grant execute on function private.expire_runs() to service_role;
grant execute on function private.visible_run(uuid) to authenticated, service_role;
grant execute on function private.cancel_run(uuid) to authenticated, service_role;
