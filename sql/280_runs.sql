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

create function private.check_assumptions(org uuid, assumptions jsonb)
returns void
language plpgsql
stable
set search_path = ''
as $$
begin
    if not private.are_assumptions(assumptions) then
        perform private.fail(
            400, 'assumptions_invalid', 'This is nothing a plan can assume.',
            'Use without_technician_ids, overtime_minutes (0 to 480) and without_job_ids.'
        );
    end if;
    if exists (
        select from jsonb_array_elements_text(assumptions -> 'without_technician_ids') as wanted (id)
        where not exists (
            select from public.technician_profiles as t where t.org_id = org and t.id::text = wanted.id
        )
    ) then
        perform private.fail(
            404, 'technician_not_found', 'A technician to plan without does not exist.',
            'Take the ids from technician_profiles.'
        );
    end if;
    if exists (
        select from jsonb_array_elements_text(assumptions -> 'without_job_ids') as wanted (id)
        where not exists (
            select from public.dispatch_jobs as j where j.org_id = org and j.id::text = wanted.id
        )
    ) then
        perform private.fail(
            404, 'job_not_found', 'A job to leave out does not exist.', 'Take the ids from the queue of jobs.'
        );
    end if;
end;
$$;

comment on function private.check_assumptions(uuid, jsonb) is
'Refuses assumptions that name what the company does not have.';

create function private.request_run(
    org uuid, kind public.run_kind, starts_on date, days integer, technician_ids uuid[], assignment_ids uuid[],
    strategy public.optimization_strategy, mode public.run_mode, time_limit_s integer, seed bigint,
    idempotency_key text default null, iteration_limit bigint default null, label text default null,
    assumptions jsonb default '{}'
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
        'assignment_ids', assignment_ids, 'strategy', strategy, 'mode', mode, 'time_limit_s', time_limit_s, 'seed', seed,
        'iteration_limit', iteration_limit, 'label', label, 'assumptions', assumptions
    );
    known jsonb;
    run uuid;
begin
    perform private.require(
        'optimize_schedule', org,
        -- Any other kind books from the queue of the whole company, whoever serves it.
        case when request_run.kind = 'optimize_route' and cardinality(technician_ids) = 1 then (
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
    perform private.check_assumptions(org, assumptions);
    insert into public.optimization_runs (
        org_id, kind, starts_on, days, technician_ids, assignment_ids, strategy, mode, time_limit_s, seed,
        iteration_limit, label, assumptions, requested_by_user_id
    )
    values (
        org, request_run.kind, request_run.starts_on, request_run.days, request_run.technician_ids,
        request_run.assignment_ids, request_run.strategy, request_run.mode, request_run.time_limit_s,
        request_run.seed, request_run.iteration_limit, request_run.label, request_run.assumptions, auth.uid()
    )
    returning id into run;
    perform private.remember(org, idempotency_key, jsonb_build_object('id', run));
    return run;
end;
$$;

comment on function private.request_run(
    uuid, public.run_kind, date, integer, uuid[], uuid[], public.optimization_strategy, public.run_mode, integer, bigint,
    text, bigint, text, jsonb
) is 'Queues a run and returns its id. Definer: clients do not write runs; checks optimize_schedule itself.';

create function private.request_replay(run uuid, idempotency_key text default null)
returns uuid
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    original constant public.optimization_runs := private.visible_run(run);
    known jsonb;
    replay uuid;
begin
    known := private.recall(original.org_id, idempotency_key, 'request_replay', jsonb_build_object('run_id', run));
    if known is not null then
        return (known ->> 'id')::uuid;
    end if;
    if not exists (
        select from private.run_inputs as i where i.org_id = original.org_id and i.optimization_run_id = run
    ) then
        perform private.fail(
            409, 'input_not_kept', 'What this run was given is no longer, or not yet, kept.',
            'Replay a run of the last days that has got as far as searching.'
        );
    end if;
    insert into public.optimization_runs (
        org_id, kind, starts_on, days, technician_ids, assignment_ids, strategy, time_limit_s, iteration_limit, seed,
        label, assumptions, causes, replays_run_id, requested_by_user_id
    )
    values (
        original.org_id, original.kind, original.starts_on, original.days, original.technician_ids,
        original.assignment_ids, original.strategy, original.time_limit_s, original.iteration_limit, original.seed,
        original.label, original.assumptions, original.causes, original.id, auth.uid()
    )
    returning id into replay;
    perform private.remember(original.org_id, idempotency_key, jsonb_build_object('id', replay));
    return replay;
end;
$$;

comment on function private.request_replay(uuid, text) is
'Queues a search of the same input with the same seed (OPT-6). Definer: clients do not write runs; visible_run checks who asks.';

create function private.runs_at_work(org uuid, beside uuid)
returns bigint
language sql
stable
set search_path = ''
as $$
    select count(*)
    from public.optimization_runs as r
    where r.org_id = org and r.id <> beside and r.status = 'running' and r.lease_until >= clock_timestamp();
$$;

comment on function private.runs_at_work(uuid, uuid) is 'How many other runs of a company a live worker has in hand.';

create function private.claim_run(worker text, lease interval)
returns setof public.optimization_runs
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    candidate uuid;
    of_org uuid;
begin
    update public.optimization_runs as r
    set status = 'failed', error_code = 'worker_lost', finished_at = now(),
        error_message = 'The run was started three times and never finished.'
    where r.status = 'running' and r.lease_until < clock_timestamp() and r.attempts >= 3;

    for candidate, of_org in
        select r.id, r.org_id
        from public.optimization_runs as r
        inner join public.orgs as o on r.org_id = o.id
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
            and private.runs_at_work(r.org_id, r.id) < o.concurrent_runs
        order by r.created_at
        limit 8
        for update of r skip locked
    loop
        -- Two workers that count the company's runs at the same moment would both find room for one more.
        continue when not pg_try_advisory_xact_lock(hashtextextended(of_org::text, 12));
        begin
            return query
            update public.optimization_runs as r
            set status = 'running', stage = 'loading', worker = claim_run.worker, attempts = r.attempts + 1,
                progress = 0, objective_curve = '[]', lease_until = clock_timestamp() + lease,
                started_at = coalesce(r.started_at, now())
            from public.orgs as o
            where r.id = candidate and r.org_id = o.id and private.runs_at_work(o.id, r.id) < o.concurrent_runs
            returning r.*;
            if found then
                return;
            end if;
        exception when exclusion_violation then
            -- Another worker has just begun a run over the same days.
            continue;
        end;
    end loop;
end;
$$;

comment on function private.claim_run(text, interval) is
'Takes the oldest run that waits, or whose worker fell silent; no row when there is none, its days are being planned already, or its company has as many at work as it may. Definer: clients do not write runs.';

create function private.curve_with(curve jsonb, elapsed_s double precision, objective double precision)
returns jsonb
language sql
immutable
parallel safe
set search_path = ''
as $$
    select case
        when objective is null or elapsed_s is null or objective >= (curve -> -1 ->> 1)::double precision then curve
        -- Half the points draw the same line.
        when jsonb_array_length(curve) >= 240 then (
            select jsonb_agg(point.pair order by point.turn)
            from jsonb_array_elements(curve) with ordinality as point (pair, turn)
            where point.turn % 2 = 1
        ) || jsonb_build_array(jsonb_build_array(round(elapsed_s::numeric, 2), objective))
        else curve || jsonb_build_array(jsonb_build_array(round(elapsed_s::numeric, 2), objective))
    end;
$$;

comment on function private.curve_with(jsonb, double precision, double precision) is
'A run''s curve with one more point where the objective fell.';

create function private.report_progress(
    run uuid, worker text, lease interval, stage text, progress real, best_objective double precision, iterations bigint,
    elapsed_s double precision default null
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
        objective_curve = private.curve_with(r.objective_curve, elapsed_s, report_progress.best_objective),
        iterations = coalesce(report_progress.iterations, r.iterations),
        lease_until = clock_timestamp() + lease
    where r.id = run and r.worker = report_progress.worker and r.status = 'running'
    returning r.cancel_requested;
$$;

comment on function private.report_progress(
    uuid, text, interval, text, real, double precision, bigint, double precision
) is
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
    ),

    forgotten as (
        -- An input serves to explain a plan that people still talk about.
        delete from private.run_inputs as i where i.created_at < now() - interval '14 days'
    )

    select count(*)::integer from expired;
$$;

comment on function private.expire_runs() is
'Puts proposals aside that nobody applied in time, and forgets old inputs; returns how many proposals. Definer: clients do not write runs.';

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
        where
            t.id = found_run.technician_ids[1] and cardinality(found_run.technician_ids) = 1
            and found_run.kind = 'optimize_route'
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
    uuid, public.run_kind, date, integer, uuid[], uuid[], public.optimization_strategy, public.run_mode, integer, bigint,
    text, bigint, text, jsonb
) to authenticated, service_role;
grant execute on function private.request_replay(uuid, text) to authenticated, service_role;
grant execute on function private.claim_run(text, interval) to service_role;
grant execute on function private.report_progress(
    uuid, text, interval, text, real, double precision, bigint, double precision
) to service_role;
grant execute on function private.finish_run(uuid, text, public.run_status, text, text) to service_role;
grant execute on function private.expire_runs() to service_role;
grant execute on function private.visible_run(uuid) to authenticated, service_role;
grant execute on function private.cancel_run(uuid) to authenticated, service_role;
