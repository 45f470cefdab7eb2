-- Asking for a run of the optimiser, for the same once more, or to stop (OPT-6). Clients ask and read; they never write one.

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

create function private.visits_to_plan(org uuid, technician_ids uuid[], days tstzrange)
returns uuid[]
language plpgsql
stable
set search_path = ''
as $$
begin
    return array(
        select a.id
        from public.job_assignments as a
        inner join public.appointments as v on a.org_id = v.org_id and a.appointment_id = v.id
        where
            a.org_id = org and a.technician_id = any(visits_to_plan.technician_ids)
            and a.status in ('assigned', 'accepted')
            and a.scheduled_start_at < upper(days) and a.scheduled_end_at > lower(days)
            and private.may('optimize_schedule', org, v.facility_id)
        order by a.id
    );
end;
$$;

comment on function private.visits_to_plan(uuid, uuid[], tstzrange) is
'The technicians'' visits of these days that the caller may plan: a branch''s planner those of the branch.';

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
    own uuid[];
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
    -- A branch's planner moves none of another branch's visits, which a technician of theirs may serve too.
    perform private.require('optimize_schedule', org, v.facility_id)
    from public.job_assignments as a
    inner join public.appointments as v on a.org_id = v.org_id and a.appointment_id = v.id
    where a.org_id = org and a.id = any(request_run.assignment_ids);
    if request_run.assignment_ids is null and not private.may('optimize_schedule', org) then
        own := private.visits_to_plan(org, request_run.technician_ids, private.local_days(org, starts_on, days));
    end if;
    insert into public.optimization_runs (
        org_id, kind, starts_on, days, technician_ids, assignment_ids, strategy, mode, time_limit_s, seed,
        iteration_limit, label, assumptions, requested_by_user_id
    )
    values (
        org, request_run.kind, request_run.starts_on, request_run.days, request_run.technician_ids,
        coalesce(request_run.assignment_ids, own), request_run.strategy, request_run.mode, request_run.time_limit_s,
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
grant execute on function private.visible_run(uuid) to authenticated, service_role;
grant execute on function private.request_run(
    uuid, public.run_kind, date, integer, uuid[], uuid[], public.optimization_strategy, public.run_mode, integer, bigint,
    text, bigint, text, jsonb
) to authenticated, service_role;
grant execute on function private.request_replay(uuid, text) to authenticated, service_role;
grant execute on function private.cancel_run(uuid) to authenticated, service_role;
