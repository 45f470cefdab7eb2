-- Applying a proposal (OPT-5): all of it or nothing, refused when the world moved, never touching a lock.

create function private.plan_conflicts(run uuid, route_plan_ids uuid[])
returns jsonb
language sql
stable
set search_path = ''
as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'job_id', s.dispatch_job_id, 'number', j.number, 'technician_id', p.technician_id,
        'starts_at', s.service_starts_at, 'ends_at', s.planned_departure_at,
        'code', c.code, 'severity', c.severity, 'message', c.message, 'data', c.data
    ) order by c.severity, s.service_starts_at), '[]')
    from public.route_plans as p
    inner join public.route_stops as s on p.org_id = s.org_id and p.id = s.route_plan_id
    inner join public.job_assignments as a on s.org_id = a.org_id and s.job_assignment_id = a.id
    inner join public.dispatch_jobs as j on s.org_id = j.org_id and s.dispatch_job_id = j.id
    cross join lateral private.placement_conflicts(
        s.dispatch_job_id, array[p.technician_id], s.service_starts_at, s.planned_departure_at, null, a.appointment_id, null
    ) as c
    where p.id = any(route_plan_ids) and s.change in ('book', 'move', 'reassign') and c.severity <> 'soft';
$$;

comment on function private.plan_conflicts(uuid, uuid[]) is
'What the judge says against the visits a plan books or moves, once they stand where the plan wants them; soft warnings aside.';

create function private.forbidden_moves(route_plan_ids uuid[])
returns jsonb
language sql
stable
set search_path = ''
as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'job_id', s.dispatch_job_id, 'technician_id', a.technician_id, 'starts_at', s.service_starts_at,
        'ends_at', s.planned_departure_at, 'code', obstacle.code, 'severity', 'hard', 'message', obstacle.message,
        'data', obstacle.data
    )), '[]')
    from public.route_stops as s
    inner join public.job_assignments as a on s.org_id = a.org_id and s.job_assignment_id = a.id
    inner join public.appointments as v on a.org_id = v.org_id and a.appointment_id = v.id
    cross join lateral (
        select
            'not_reschedulable' as code,
            'This visit is locked, under way or otherwise not to be moved by a plan.' as message,
            jsonb_build_object('assignment_id', a.id, 'status', a.status, 'is_locked', a.is_locked) as data
        where not private.movable(a)
        union all
        select
            'customer_window', 'The customer was promised another time.', jsonb_build_object(
                'window_start', v.arrival_window_start, 'window_end', v.arrival_window_end, 'is_promised', true
            )
        where not s.service_starts_at between v.arrival_window_start and v.arrival_window_end
    ) as obstacle
    where s.route_plan_id = any(route_plan_ids) and s.change in ('move', 'reassign');
$$;

comment on function private.forbidden_moves(uuid[]) is
'Visits a plan would move though it must not, or out of the window promised to the customer, as conflicts.';

create function private.promised_window(job public.dispatch_jobs, starts_at timestamptz)
returns tstzrange
language sql
stable
set search_path = ''
as $$
    select private.arrival_window(starts_at, o.arrival_window_minutes, o.time_zone) * coalesce((
        select tstzrange(w.window_start, w.window_end, '[]')
        from private.time_windows(job.id) as w
        where starts_at between w.window_start and w.window_end
        order by w.window_end - w.window_start
        limit 1
    ), '(,)')
    from public.orgs as o where o.id = job.org_id;
$$;

comment on function private.promised_window(public.dispatch_jobs, timestamptz) is
'The arrival window a plan promises: the usual one around the start, within the window the customer can be met in.';

create function private.book_planned_visits(run public.optimization_runs, route_plan_ids uuid[])
returns integer
language plpgsql
volatile
set search_path = ''
as $$
declare
    booked integer;
begin
    with visits as (
        select
            s.id as stop_id, p.technician_id, s.service_starts_at as starts_at, s.planned_departure_at as ends_at, j,
            lower(w.promise) as window_start, upper(w.promise) as window_end,
            coalesce(v.buffer_before_minutes, 0) as buffer_before_minutes,
            coalesce(v.buffer_after_minutes, 0) as buffer_after_minutes
        from public.route_plans as p
        inner join public.route_stops as s on p.org_id = s.org_id and p.id = s.route_plan_id
        inner join public.dispatch_jobs as j on s.org_id = j.org_id and s.dispatch_job_id = j.id
        left join public.services as v on j.service_id = v.id
        cross join lateral private.promised_window(j, s.service_starts_at) as w (promise)
        where p.id = any(route_plan_ids) and s.change = 'book'
    ),

    appointments as (
        insert into public.appointments (
            org_id, dispatch_job_id, location_id, facility_id, starts_at, ends_at, arrival_window_start,
            arrival_window_end, buffer_before_minutes, buffer_after_minutes, crew_size, created_by_user_id
        )
        select
            (v.j).org_id, (v.j).id, (v.j).location_id, (v.j).facility_id, v.starts_at, v.ends_at, v.window_start,
            v.window_end, v.buffer_before_minutes, v.buffer_after_minutes, (v.j).required_crew_size,
            run.requested_by_user_id
        from visits as v
        returning id, dispatch_job_id
    )

    insert into public.job_assignments (
        org_id, dispatch_job_id, appointment_id, technician_id, assigned_by_user_id, scheduled_start_at,
        scheduled_end_at, arrival_window_start, arrival_window_end, optimization_run_id
    )
    select
        (v.j).org_id, (v.j).id, a.id, v.technician_id, run.requested_by_user_id, v.starts_at, v.ends_at,
        v.window_start, v.window_end, run.id
    from visits as v
    inner join appointments as a on a.dispatch_job_id = (v.j).id;
    get diagnostics booked = row_count;

    update public.route_stops as s
    set job_assignment_id = a.id
    from public.job_assignments as a
    where
        s.route_plan_id = any(route_plan_ids) and s.change = 'book' and a.org_id = s.org_id
        and a.dispatch_job_id = s.dispatch_job_id and a.optimization_run_id = run.id;
    return booked;
end;
$$;

comment on function private.book_planned_visits(public.optimization_runs, uuid[]) is
'Books the jobs a plan serves for the first time; returns how many.';

create function private.move_planned_visits(run public.optimization_runs, route_plan_ids uuid[])
returns integer
language plpgsql
volatile
set search_path = ''
as $$
declare
    moved uuid[];
begin
    select coalesce(array_agg(s.job_assignment_id), '{}') into moved
    from public.route_stops as s
    where s.route_plan_id = any(route_plan_ids) and s.change in ('move', 'reassign');

    -- Everything that moves lets go first: two visits may swap their times.
    delete from public.reservations as r where r.assignment_id = any(moved) and r.released_at is null;

    insert into public.appointment_reschedules (
        org_id, appointment_id, from_starts_at, from_ends_at, from_technician_ids, to_starts_at, to_ends_at,
        to_technician_ids, reason, rescheduled_by_user_id
    )
    select
        s.org_id, a.appointment_id, a.scheduled_start_at, a.scheduled_end_at, array[a.technician_id],
        s.service_starts_at, s.planned_departure_at, array[p.technician_id], 'optimization', run.requested_by_user_id
    from public.route_plans as p
    inner join public.route_stops as s on p.org_id = s.org_id and p.id = s.route_plan_id
    inner join public.job_assignments as a on s.org_id = a.org_id and s.job_assignment_id = a.id
    where p.id = any(route_plan_ids) and s.change in ('move', 'reassign');

    update public.appointments as a
    set starts_at = s.service_starts_at, ends_at = s.planned_departure_at
    from public.route_stops as s
    inner join public.job_assignments as x on s.org_id = x.org_id and s.job_assignment_id = x.id
    where
        s.route_plan_id = any(route_plan_ids) and s.change in ('move', 'reassign')
        and a.id = x.appointment_id
        and (a.starts_at, a.ends_at) is distinct from (s.service_starts_at, s.planned_departure_at);

    update public.job_assignments as a
    set technician_id = p.technician_id, scheduled_start_at = s.service_starts_at,
        scheduled_end_at = s.planned_departure_at, optimization_run_id = run.id,
        -- Whoever accepted the old time or place in the day has not accepted the new one.
        status = 'assigned', tech_eta_at = null
    from public.route_plans as p
    inner join public.route_stops as s on p.org_id = s.org_id and p.id = s.route_plan_id
    where p.id = any(route_plan_ids) and s.change in ('move', 'reassign') and a.id = s.job_assignment_id;
    return cardinality(moved);
end;
$$;

comment on function private.move_planned_visits(public.optimization_runs, uuid[]) is
'Moves the booked visits a plan moves, all at once; returns how many.';

create function private.place_plan(run public.optimization_runs, route_plan_ids uuid[])
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
declare
    booked integer;
    moved integer;
    forbidden constant jsonb := private.forbidden_moves(route_plan_ids);
begin
    if forbidden <> '[]' then
        return jsonb_build_object('conflicts', forbidden);
    end if;
    perform private.lock_claimants((
        select array_agg(t.id)
        from (
            select p.technician_id as id from public.route_plans as p where p.id = any(route_plan_ids)
            union
            select s.from_technician_id from public.route_stops as s where s.route_plan_id = any(route_plan_ids)
        ) as t
    ));
    moved := private.move_planned_visits(run, route_plan_ids);
    booked := private.book_planned_visits(run, route_plan_ids);
    return jsonb_build_object(
        'booked', booked, 'moved', moved, 'conflicts', private.plan_conflicts(run.id, route_plan_ids)
    );
exception when exclusion_violation then
    return jsonb_build_object('conflicts', jsonb_build_array(jsonb_build_object(
        'code', 'technician_overlap', 'severity', 'hard', 'data', '{}'::jsonb,
        'message', 'A technician''s time in this plan has been taken, or is being held for a customer.'
    )));
end;
$$;

comment on function private.place_plan(public.optimization_runs, uuid[]) is
'Writes a plan''s visits where it wants them and returns what the judge has against them. The caller undoes it when that is anything.';

create function private.judge_plan(run uuid)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    outcome jsonb;
begin
    begin
        select private.place_plan(r, array(
            select p.id from public.route_plans as p where p.optimization_run_id = r.id and p.status = 'proposed'
        )) into outcome
        from public.optimization_runs as r where r.id = run;
        raise exception using errcode = 'TRNEV', message = 'only tried';
    exception when sqlstate 'TRNEV' then
        return outcome -> 'conflicts';
    end;
end;
$$;

comment on function private.judge_plan(uuid) is
'What the judge has against a proposal, found by applying it and undoing that. Definer: tries what only apply_plan may do, for the worker that wrote the proposal.';

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
        and (j.version <> s.job_version or (s.change = 'book' and j.status <> 'unscheduled'));
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

create function private.put_plan_in_force(run public.optimization_runs, route_plan_ids uuid[])
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
    update public.job_assignments as a
    set sequence_in_route = turn.number
    from (
        select s.job_assignment_id, row_number() over (partition by s.route_plan_id order by s.sequence) as number
        from public.route_stops as s
        where s.route_plan_id = any(route_plan_ids) and s.stop_type = 'job'
    ) as turn
    where a.id = turn.job_assignment_id and not a.is_locked and a.sequence_in_route is distinct from turn.number;

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
as $$
declare
    run public.optimization_runs := private.visible_run(run_id);
    known jsonb;
    route_plan_ids uuid[];
    outcome jsonb;
    counts jsonb;
begin
    known := private.recall(run.org_id, idempotency_key, 'apply_plan', jsonb_build_object(
        'run_id', run_id, 'base_revision', base_revision, 'accept', accept
    ));
    if known is not null then
        return known;
    end if;
    select r.* into run from public.optimization_runs as r where r.id = run_id for update;
    if run.status = 'applied' then
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

    -- Whoever books the same people now waits; what they booked before is seen by the checks below.
    perform private.lock_claimants(array(
        select p.technician_id from public.route_plans as p where p.id = any(route_plan_ids)
        union
        select s.from_technician_id from public.route_stops as s where s.route_plan_id = any(route_plan_ids)
    ));
    perform private.check_plan_is_current(run, base_revision, route_plan_ids);
    perform set_config('truckroll.reason', format('optimization run %s', run_id), true);
    outcome := private.place_plan(run, route_plan_ids);
    if outcome -> 'conflicts' <> '[]' then
        perform private.fail(
            409, 'placement_conflict', jsonb_build_object('conflicts', outcome -> 'conflicts')::text,
            'Nothing was changed. Plan the day again.'
        );
    end if;
    perform private.put_plan_in_force(run, route_plan_ids);

    select jsonb_build_object(
        'run_id', run_id, 'status', 'applied', 'routes', cardinality(route_plan_ids),
        'booked', count(*) filter (where s.change = 'book'), 'moved', count(*) filter (where s.change = 'move'),
        'reassigned', count(*) filter (where s.change = 'reassign'), 'kept', count(*) filter (where s.change = 'keep'),
        'unserved', (select count(*) from public.unserved_jobs as u where u.optimization_run_id = run_id)
    ) into counts
    from public.route_stops as s where s.route_plan_id = any(route_plan_ids);
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
'Puts a proposal in force, all of it or nothing (OPT-5): books, moves and reassigns its visits, and returns the counts. accept limits it to some of its route plans. Refuses with 409 plan_is_stale when schedule or jobs changed since the proposal was made, plan_expired, plan_already_applied, or placement_conflict with the conflicts. Needs optimize_schedule.';

revoke execute on function public.apply_plan(uuid, text, uuid[], text) from public, anon;
grant execute on function public.apply_plan(uuid, text, uuid[], text) to authenticated, service_role;
grant execute on function private.apply_plan(uuid, text, uuid[], text) to authenticated, service_role;
grant execute on function private.judge_plan(uuid) to service_role;
