-- From what the engine thinks possible to options that are judged, priced, stored and committed (OPT-7).

alter table public.orgs
add column emergency_promise_minutes integer not null default 30,
add constraint orgs_emergency_promise_sensible check (emergency_promise_minutes between 0 and 1440);

comment on column public.orgs.emergency_promise_minutes is
'Minutes an emergency rather waits than have the promise to somebody else broken; half of them for a visit of low priority, twice for one of high.';

create function private.emergency_move_cost(move private.emergency_move)
returns numeric
language plpgsql
stable
set search_path = ''
as $$
begin
    return (
        select
            case j.priority when 'low' then 0.5 when 'high' then 2 else 1 end * (
                5
                + case
                    when move.change <> 'unassign' and private.is_another_day(v, move.to_starts_at) then 60
                    else 0.2 * greatest(0, extract(epoch from move.to_starts_at - v.starts_at) / 60)
                end
                + case when move.to_technician_id <> move.from_technician_id then 10 else 0 end
                + case when move.breaks_promise and move.change <> 'unassign' then o.emergency_promise_minutes else 0 end
                + case when move.change = 'unassign' then 60 else 0 end
            )
        from public.appointments as v
        inner join public.dispatch_jobs as j on v.dispatch_job_id = j.id
        inner join public.orgs as o on v.org_id = o.id
        where v.id = move.appointment_id
    );
end;
$$;

comment on function private.emergency_move_cost(private.emergency_move) is
'How much moving a visit weighs, in minutes of response: 5, a fifth of its delay or 60 for another day, 10 for another technician, what the company says for a broken promise, 60 for nobody; by priority.';

create function private.store_emergency_option(
    run public.optimization_runs, work private.work, candidate jsonb, trial jsonb, asked_at timestamptz
)
returns uuid
language plpgsql
volatile
set search_path = ''
as $$
declare
    moves constant private.emergency_move[] := array(
        select m from jsonb_populate_recordset(null::private.emergency_move, trial -> 'moves') as m
    );
    starts_at constant timestamptz := to_timestamp((candidate ->> 'starts_s')::bigint);
    leave_at constant timestamptz := least(starts_at, to_timestamp((candidate ->> 'leave_s')::bigint));
    response constant integer := greatest(0, ceil(extract(epoch from starts_at - asked_at) / 60));
    sla_kept constant boolean := (trial ->> 'sla_kept')::boolean;
    added constant integer := ceil(((candidate ->> 'added_travel_s')::integer + (
        select coalesce(sum(m.added_travel_s), 0) from unnest(moves) as m
    )) / 60.0);
    option uuid;
begin
    insert into public.emergency_options (
        org_id, optimization_run_id, rank, kind, technician_id, job_version, starts_at, ends_at, leave_at,
        response_minutes, added_travel_minutes, sla_kept, promises_broken, cost, reasons, expires_at
    )
    select
        run.org_id, run.id, 1 + (select count(*) from public.emergency_options as o where o.optimization_run_id = run.id),
        case
            when cardinality(moves) = 0 then 'free'
            when bool_or(m.breaks_promise) then 'bump'
            when bool_or(m.to_technician_id <> m.from_technician_id) then 'hand_over'
            else 'delay'
        end::public.emergency_option_kind,
        (candidate ->> 'technician_id')::uuid, (select j.version from public.dispatch_jobs as j where j.id = work.job_id),
        starts_at, starts_at + make_interval(mins => private.own_minutes(
            work, work.duration_minutes, array[(candidate ->> 'technician_id')::uuid]
        )), leave_at, response, added, sla_kept,
        count(*) filter (where m.breaks_promise),
        response + 0.25 * greatest(0, added) + coalesce(sum(private.emergency_move_cost(m)), 0)
        + case when sla_kept then 0 else 100000 end,
        private.emergency_reasons(
            (candidate ->> 'technician_id')::uuid, starts_at, response, candidate, moves, sla_kept
        ),
        least(now() + interval '15 minutes', greatest(leave_at, now() + interval '1 minute'))
    from unnest(moves) as m
    returning id into option;
    insert into public.emergency_moves (
        org_id, emergency_option_id, position, dispatch_job_id, appointment_id, appointment_version, change,
        from_technician_id, from_starts_at, to_technician_id, to_starts_at, to_ends_at, breaks_promise
    )
    select
        run.org_id, option, m.turn, v.dispatch_job_id, v.id, v.version, m.change, m.from_technician_id, v.starts_at,
        m.to_technician_id, m.to_starts_at, m.to_ends_at, m.breaks_promise
    from unnest(moves) with ordinality as m (
        appointment_id, change, from_technician_id, to_technician_id, to_starts_at, to_ends_at, breaks_promise,
        added_travel_s, turn
    )
    inner join public.appointments as v on m.appointment_id = v.id;
    return option;
end;
$$;

comment on function private.store_emergency_option(
    public.optimization_runs, private.work, jsonb, jsonb, timestamptz
) is 'Stores an option the judge accepted, with its cost and its moves.';

create function private.propose_emergency(
    job uuid, asked_at timestamptz, candidates jsonb, budget jsonb, max_results integer, mode public.run_mode
)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set jit = 'off'
as $$
declare
    work constant private.work := private.emergency_work(job);
    allowed constant private.emergency_budget := jsonb_populate_record(null::private.emergency_budget, budget);
    run public.optimization_runs;
    candidate jsonb;
    trial jsonb;
    refused jsonb := '[]';
    passed integer := 0;
begin
    insert into public.optimization_runs (
        org_id, kind, mode, status, starts_on, dispatch_job_id, stage, progress, requested_by_user_id, started_at,
        finished_at, expires_at
    )
    select
        work.org_id, 'emergency_insertion', propose_emergency.mode, 'proposed', (asked_at at time zone o.time_zone)::date,
        job, 'done', 1, auth.uid(), now(), clock_timestamp(), now() + interval '15 minutes'
    from public.orgs as o where o.id = work.org_id
    returning * into run;
    for candidate in select c.value from jsonb_array_elements(candidates) as c
    loop
        exit when passed >= max_results or (passed > 0 and (candidate ->> 'is_last_resort')::boolean);
        trial := private.trial_of_emergency(work, candidate, allowed);
        if trial -> 'conflicts' = '[]' then
            perform private.store_emergency_option(run, work, candidate, trial, asked_at);
            passed := passed + 1;
        else
            refused := refused || (trial -> 'conflicts');
        end if;
    end loop;
    -- Where a visit that makes room could go was not known when the candidates were put in order.
    update public.emergency_options as o set rank = o.rank + 1000 where o.optimization_run_id = run.id;
    update public.emergency_options as o set rank = ordered.turn
    from (
        select x.id, row_number() over (order by x.cost, x.starts_at, x.rank) as turn
        from public.emergency_options as x where x.optimization_run_id = run.id
    ) as ordered
    where o.id = ordered.id;
    return jsonb_build_object(
        'run_id', run.id, 'expires_at', run.expires_at,
        'options', (
            select coalesce(jsonb_agg(private.emergency_option_document(o.id) order by o.rank), '[]')
            from public.emergency_options as o where o.optimization_run_id = run.id
        ),
        'reasons', case when passed = 0 then private.nobody_for_emergency(work, refused, asked_at) else '[]' end
    );
end;
$$;

comment on function private.propose_emergency(
    uuid, timestamptz, jsonb, jsonb, integer, public.run_mode
) is
'Tries candidates in order until enough pass the judge, last resorts until one does, stores and ranks those, and returns them with reasons when there is none. Definer: tries what only a commit may do. Own check: optimize_schedule.';

grant execute on function private.propose_emergency(
    uuid, timestamptz, jsonb, jsonb, integer, public.run_mode
) to authenticated, service_role;
