-- Runs of the optimiser as rows that any number of workers claim, keep alive and finish (OPT-6). Only these functions
-- write one.

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

grant execute on function private.claim_run(text, interval) to service_role;
grant execute on function private.report_progress(
    uuid, text, interval, text, real, double precision, bigint, double precision
) to service_role;
grant execute on function private.finish_run(uuid, text, public.run_status, text, text) to service_role;
grant execute on function private.expire_runs() to service_role;
