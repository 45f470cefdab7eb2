-- Applying a proposal (OPT-5): all of it or nothing, refused when the world moved, never touching a lock.

create function private.check_plan_is_current(run public.optimization_runs, base_revision text, route_plan_ids uuid[])
returns void
language plpgsql
stable
set search_path = ''
as $$
declare
    period constant tstzrange := private.local_days(run.org_id, run.starts_on, run.days);
    present constant text := private.schedule_revision(run.org_id, period);
    changed text[] := private.revision_changes(run.base_revision, present);
    jobs jsonb;
begin
    select coalesce(jsonb_agg(j.number order by j.number), '[]') into jobs
    from public.route_stops as s
    inner join public.dispatch_jobs as j on s.org_id = j.org_id and s.dispatch_job_id = j.id
    where
        s.route_plan_id = any(route_plan_ids)
        and (j.version <> s.job_version or (s.change = 'book' and private.visits_waiting(j) = 0));
    if jobs <> '[]' then
        changed := changed || 'jobs'::text;
    end if;
    if base_revision is distinct from run.base_revision then
        changed := changed || 'base_revision'::text;
    end if;
    if changed <> '{}' then
        perform private.fail(
            409, 'plan_is_stale', jsonb_build_object(
                'changed', changed, 'jobs', jobs, 'base_revision', run.base_revision, 'revision', present,
                'appointments', (
                    select coalesce(jsonb_agg(recent.number order by recent.number), '[]')
                    from (
                        select a.number
                        from public.appointments as a
                        where
                            a.org_id = run.org_id and a.starts_at < upper(period) and a.ends_at > lower(period)
                            and a.updated_at > run.started_at
                        order by a.updated_at desc
                        limit 20
                    ) as recent
                )
            )::text,
            'Plan the day again; the schedule has changed since this proposal was made.'
        );
    end if;
end;
$$;

comment on function private.check_plan_is_current(public.optimization_runs, text, uuid[]) is
'Refuses with 409 plan_is_stale, and what changed, unless schedule and jobs are as the plan knew them.';

create function private.put_stale_plans_aside(run public.optimization_runs)
returns void
language sql
volatile
set search_path = ''
as $$
    with others as materialized (
        -- One that somebody is about to apply finds out by itself.
        select r.*
        from public.optimization_runs as r
        where
            r.org_id = run.org_id and r.id <> run.id and r.status = 'proposed'
            -- An emergency's options know no revision: each is checked when it is chosen.
            and r.base_revision is not null
            and daterange(r.starts_on, r.starts_on + r.days) && daterange(run.starts_on, run.starts_on + run.days)
        for update skip locked
    ),

    stale as (
        update public.optimization_runs as r
        set status = 'expired', error_code = 'plan_is_stale',
            error_message = 'Another plan for these days was put in force.'
        from others as o
        where
            r.id = o.id and o.base_revision is distinct from private.schedule_revision(
                o.org_id, private.local_days(o.org_id, o.starts_on, o.days)
            )
        returning r.id
    )

    update public.route_plans as p set status = 'canceled'
    from stale as s where p.optimization_run_id = s.id and p.status = 'proposed';
$$;

comment on function private.put_stale_plans_aside(public.optimization_runs) is
'Plans kept side by side end when one of them has changed the world the others were made for.';

create function private.plan_counts(route_plan_ids uuid[])
returns jsonb
language sql
stable
set search_path = ''
as $$
    select jsonb_build_object(
        'routes', cardinality(route_plan_ids),
        -- A crew is one booking.
        'booked', count(distinct coalesce(case when s.is_joint then s.dispatch_job_id end, s.id)) filter (where s.change = 'book'),
        'moved', count(*) filter (where s.change = 'move'),
        'reassigned', count(*) filter (where s.change = 'reassign'), 'kept', count(*) filter (where s.change = 'keep')
    )
    from public.route_stops as s where s.route_plan_id = any(route_plan_ids);
$$;

comment on function private.plan_counts(uuid[]) is 'What some routes of a plan do, counted.';

create function private.check_routes_belong_together(run public.optimization_runs, route_plan_ids uuid[])
returns void
language plpgsql
stable
set search_path = ''
as $$
declare
    missing record;
begin
    -- Without the visit that comes first, its job's next one would be booked as the first of them.
    select
        jsonb_agg(distinct p.id) as routes,
        jsonb_agg(jsonb_build_object(
            'route_plan_id', p.id, 'technician_id', t.id, 'technician_name', t.display_name, 'job_id', j.id,
            'number', j.number, 'starts_at', other.service_starts_at
        ) order by other.service_starts_at, p.id) as visits,
        string_agg(distinct format('job %s by %s', j.number, t.display_name), ', ') as in_words
    into missing
    from public.route_plans as p
    inner join public.technician_profiles as t on p.technician_id = t.id
    inner join public.route_stops as other on p.org_id = other.org_id and p.id = other.route_plan_id
    inner join public.dispatch_jobs as j on other.dispatch_job_id = j.id
    where
        p.optimization_run_id = run.id and p.id <> all (route_plan_ids)
        and exists (
            select from public.route_stops as s
            where
                s.route_plan_id = any(route_plan_ids) and s.dispatch_job_id = other.dispatch_job_id
                and (
                    (s.is_joint and other.is_joint)
                    or (s.change = 'book' and other.change = 'book' and other.service_starts_at < s.service_starts_at)
                )
        );
    if missing.routes is not null then
        perform private.fail(
            409, 'routes_belong_together',
            jsonb_build_object('route_plan_ids', missing.routes, 'visits', missing.visits)::text,
            format('Accept too what shares a crew or composite visit with these routes, or comes before one of theirs: %s.', missing.in_words)
        );
    end if;
end;
$$;

comment on function private.check_routes_belong_together(public.optimization_runs, uuid[]) is
'Refuses to apply some routes of a plan without those they share a visit with, or that book an earlier visit of a job.';

create function private.routes_needed_too(route_plan_ids uuid[])
returns jsonb
language sql
stable
set search_path = ''
as $$
    select coalesce(jsonb_agg(distinct jsonb_build_object(
        'route_id', other.id, 'technician_id', other.technician_id, 'technician_name', t.display_name
    )), '[]')
    from public.route_plans as accepted
    inner join public.route_plans as other
        on accepted.optimization_run_id = other.optimization_run_id and other.id <> all (route_plan_ids)
    inner join public.route_stops as s on other.id = s.route_plan_id and s.change in ('move', 'reassign')
    inner join public.technician_profiles as t on other.technician_id = t.id
    where
        accepted.id = any(route_plan_ids) and (
            s.from_technician_id = accepted.technician_id
            or exists (
                select from public.route_stops as own
                where
                    own.route_plan_id = accepted.id and own.dispatch_job_id = s.dispatch_job_id
                    and own.change in ('book', 'move', 'reassign')
            )
        );
$$;

comment on function private.routes_needed_too(uuid[]) is
'The routes left out that would take visits away from the technicians of those accepted, or move other visits of their jobs.';

create function private.facilities_changed(route_plan_ids uuid[])
returns table (facility_id uuid)
language sql
stable
set search_path = ''
as $$
    select distinct v.facility_id
    from public.route_stops as s
    inner join public.job_assignments as a on s.job_assignment_id = a.id
    inner join public.appointments as v on a.appointment_id = v.id
    where s.route_plan_id = any(route_plan_ids) and s.change in ('move', 'reassign');
$$;

comment on function private.facilities_changed(uuid[]) is
'Whose booked visits some routes of a plan change; null stands for visits of no branch.';

create function private.put_plan_in_force(run public.optimization_runs, route_plan_ids uuid[])
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
    -- What was booked or moved has its number already.
    update public.job_assignments as a
    set sequence_in_route = t.turn
    from private.turns_in_route(route_plan_ids) as t
    inner join public.route_stops as s on t.stop_id = s.id
    where a.id = s.job_assignment_id and not a.is_locked and a.sequence_in_route is distinct from t.turn;

    update public.route_plans as old
    set status = 'canceled'
    from public.route_plans as p
    where
        p.id = any(route_plan_ids) and old.org_id = p.org_id and old.technician_id = p.technician_id
        and old.date = p.date and old.status in ('finalized', 'in_progress');
    update public.route_plans as p set status = 'finalized' where p.id = any(route_plan_ids);
    update public.route_plans as p set status = 'canceled'
    where p.optimization_run_id = run.id and p.status = 'proposed';
    update public.optimization_runs as r set status = 'applied', applied_at = now() where r.id = run.id;
    perform private.put_stale_plans_aside(run);
end;
$$;

comment on function private.put_plan_in_force(public.optimization_runs, uuid[]) is
'Numbers the stops, and replaces the technicians'' plans in force by these.';

create function private.apply_plan(run_id uuid, base_revision text, accept uuid[], idempotency_key text)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set jit = 'off'
as $$
declare
    run public.optimization_runs := private.visible_run(run_id);
    known jsonb;
    route_plan_ids uuid[];
    conflicts jsonb;
    counts jsonb;
begin
    known := private.recall(run.org_id, idempotency_key, 'apply_plan', jsonb_build_object(
        'run_id', run_id, 'base_revision', base_revision, 'accept', accept
    ));
    if known is not null then
        return known;
    end if;
    select r.* into run from public.optimization_runs as r where r.id = run_id for update;
    if run.kind = 'emergency_insertion' then
        perform private.fail(
            409, 'plan_not_ready', 'This run holds options for an emergency, of which one is chosen.',
            'Commit one by POST /dispatch/jobs/{id}/insert_emergency.'
        );
    elsif run.status = 'applied' then
        perform private.fail(409, 'plan_already_applied', 'This plan is in force already.', 'Nothing is left to do.');
    elsif run.status = 'expired' or (run.status = 'proposed' and run.expires_at <= now()) then
        perform private.fail(409, 'plan_expired', 'This proposal was made too long ago.', 'Plan the day again.');
    elsif run.status <> 'proposed' then
        perform private.fail(
            409, 'plan_not_ready', format('This run is %s; there is no proposal to apply.', run.status),
            'Wait until its status is proposed, or start another run.'
        );
    end if;

    route_plan_ids := array(
        select p.id from public.route_plans as p
        where p.optimization_run_id = run_id and (accept is null or p.id = any(accept))
    );
    if exists (select from unnest(accept) as wanted (id) where wanted.id <> all (route_plan_ids)) then
        perform private.fail(
            404, 'route_plan_not_found', 'A route named in accept is not part of this proposal.',
            'Take the ids from the run''s routes.'
        );
    end if;
    if accept is not null and route_plan_ids = '{}' then
        perform private.fail(
            400, 'accept_empty', 'accept names no route.', 'Leave it out to apply all, or cancel the run.'
        );
    end if;

    -- Whoever plans for one branch may apply a route of its technician, without the changes to other branches' visits.
    perform private.require('optimize_schedule', run.org_id, changed.facility_id)
    from private.facilities_changed(route_plan_ids) as changed (facility_id);
    perform private.check_routes_belong_together(run, route_plan_ids);

    -- What others booked before they had to wait is seen by the checks that follow.
    perform private.lock_jobs(array(
        select s.dispatch_job_id from public.route_stops as s where s.route_plan_id = any(route_plan_ids)
    ));
    perform private.lock_plan(route_plan_ids);
    perform private.check_plan_is_current(run, base_revision, route_plan_ids);
    perform set_config('truckroll.reason', format('optimization run %s', run_id), true);
    perform private.grant_overtime(run, route_plan_ids);
    conflicts := private.place_plan(run, route_plan_ids);
    if conflicts <> '[]' then
        perform private.fail(
            409, 'placement_conflict', jsonb_build_object(
                'conflicts', conflicts, 'routes_needed_too', private.routes_needed_too(route_plan_ids)
            )::text,
            case when accept is null then 'Nothing was changed. Plan the day again.'
                else 'Nothing was changed. Accept the routes in routes_needed_too as well, or plan the day again.' end
        );
    end if;
    perform private.put_plan_in_force(run, route_plan_ids);

    counts := jsonb_build_object(
        'run_id', run_id, 'status', 'applied',
        'unserved', (select count(*) from public.unserved_jobs as u where u.optimization_run_id = run_id),
        'travel_minutes', (
            select coalesce(round(sum(p.travel_s) / 60.0), 0) from public.route_plans as p where p.id = any(route_plan_ids)
        )
    ) || private.plan_counts(route_plan_ids);
    if accept is not null then
        -- What was not accepted is over: it was judged together with the rest.
        counts := counts || jsonb_build_object('dropped', private.plan_counts(array(
            select p.id from public.route_plans as p
            where p.optimization_run_id = run_id and p.id <> all (route_plan_ids)
        )));
    end if;
    perform private.raise_event(run.org_id, 'plan.applied', 'optimization_run', run_id, counts || jsonb_build_object(
        'starts_on', run.starts_on, 'days', run.days
    ));
    return private.remember(run.org_id, idempotency_key, counts);
end;
$$;

comment on function private.apply_plan(uuid, text, uuid[], text) is
'See public.apply_plan. Definer: clients do not write appointments, assignments or plans; visible_run checks who asks.';

create function public.apply_plan(
    run_id uuid, base_revision text, accept uuid[] default null, idempotency_key text default null
)
returns jsonb
language sql
volatile
-- PostgREST takes this as the limit of the whole request: a thousand visits need more than the usual eight seconds.
set statement_timeout = '60s'
set search_path = ''
as $$
    select private.apply_plan(run_id, base_revision, accept, idempotency_key);
$$;

comment on function public.apply_plan(uuid, text, uuid[], text) is
'Puts a proposal in force, all of it or nothing (OPT-5): books, moves and reassigns its visits, and returns the counts. accept limits it to some of its route plans, which must hold whole crews and every earlier visit of their jobs (409 routes_belong_together names the missing); the others are dropped, and counted under dropped. Other proposals for these days that were made for the schedule as it was expire. Refuses with 409 plan_is_stale when schedule or jobs changed since the proposal was made, plan_expired, plan_already_applied, or placement_conflict with the conflicts. Needs optimize_schedule.';

revoke execute on function public.apply_plan(uuid, text, uuid[], text) from public, anon;
grant execute on function public.apply_plan(uuid, text, uuid[], text) to authenticated, service_role;
grant execute on function private.apply_plan(uuid, text, uuid[], text) to authenticated, service_role;
