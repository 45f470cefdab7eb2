-- Putting a plan's visits where it wants them: tried under holds for the judge, or written for good.

-- Assignments and visits are joined by id alone: a plan's stops are new in this very transaction, and where their
-- statistics say there are next to none, Postgres may take any index that begins with the org, for all of its rows.
create function private.plan_conflicts(run uuid, route_plan_ids uuid[])
returns jsonb
language sql
stable
set search_path = ''
-- This very transaction has just filled the ledger: its statistics still make reading all of it look cheap.
set enable_seqscan = 'off'
as $$
    with visits as (
        select
            s.id as stop_id, s.dispatch_job_id as job_id, array[p.technician_id] as technician_ids,
            s.service_starts_at as starts_at, s.planned_departure_at as ends_at, null::uuid as resource_id, a.appointment_id
        from public.route_plans as p
        inner join public.route_stops as s on p.org_id = s.org_id and p.id = s.route_plan_id
        left join public.job_assignments as a on s.job_assignment_id = a.id
        where p.id = any(route_plan_ids) and s.change in ('book', 'move', 'reassign') and not s.is_joint
        union all
        select v.stop_id, v.job_id, v.technician_ids, v.starts_at, v.ends_at, v.resource_id, v.appointment_id
        from private.joint_visits(route_plan_ids) as v
    )

    select coalesce(jsonb_agg(jsonb_build_object(
        'job_id', v.job_id, 'number', j.number, 'technician_id', v.technician_ids[1],
        'starts_at', v.starts_at, 'ends_at', v.ends_at,
        'code', c.code, 'severity', c.severity, 'message', c.message, 'data', c.data
    ) order by c.severity, v.starts_at), '[]')
    from visits as v
    inner join public.dispatch_jobs as j on v.job_id = j.id
    cross join lateral private.placement_conflicts(
        v.job_id, v.technician_ids, v.starts_at, v.ends_at, v.resource_id, v.appointment_id, v.stop_id
    ) as c
    where c.severity <> 'soft';
$$;

comment on function private.plan_conflicts(uuid, uuid[]) is
'What the judge says against the visits a plan books or moves, once they stand where the plan wants them, booked or held under the stop''s id; soft warnings aside.';

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
    inner join public.job_assignments as a on s.job_assignment_id = a.id
    inner join public.appointments as v on a.appointment_id = v.id
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

create function private.turns_in_route(route_plan_ids uuid[])
returns table (stop_id uuid, turn integer)
language sql
stable
set search_path = ''
as $$
    -- By time: a route goes lane by lane.
    select s.id, row_number() over (partition by s.route_plan_id order by s.service_starts_at, s.sequence)::integer
    from public.route_stops as s
    where s.route_plan_id = any(route_plan_ids) and s.stop_type = 'job';
$$;

comment on function private.turns_in_route(uuid[]) is 'The place of each visit among the visits of its route, from 1.';

create function private.book_planned_visits(run public.optimization_runs, route_plan_ids uuid[])
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
    with visits as (
        select
            p.technician_id, t.turn, s.service_starts_at as starts_at, s.planned_departure_at as ends_at, j,
            lower(w.promise) as window_start, upper(w.promise) as window_end,
            coalesce(v.buffer_before_minutes, 0) as buffer_before_minutes,
            coalesce(v.buffer_after_minutes, 0) as buffer_after_minutes
        from public.route_plans as p
        inner join public.route_stops as s on p.org_id = s.org_id and p.id = s.route_plan_id
        inner join public.dispatch_jobs as j on s.org_id = j.org_id and s.dispatch_job_id = j.id
        inner join private.turns_in_route(route_plan_ids) as t on s.id = t.stop_id
        left join public.services as v on j.service_id = v.id
        cross join lateral private.promised_window(j, s.service_starts_at) as w (promise)
        where p.id = any(route_plan_ids) and s.change = 'book' and not s.is_joint
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
        -- The visits of one job are numbered as they come.
        order by v.starts_at
        returning id, dispatch_job_id, starts_at
    )

    insert into public.job_assignments (
        org_id, dispatch_job_id, appointment_id, technician_id, assigned_by_user_id, scheduled_start_at,
        scheduled_end_at, arrival_window_start, arrival_window_end, sequence_in_route, optimization_run_id
    )
    select
        (v.j).org_id, (v.j).id, a.id, v.technician_id, run.requested_by_user_id, v.starts_at, v.ends_at,
        v.window_start, v.window_end, v.turn, run.id
    from visits as v
    inner join appointments as a on a.dispatch_job_id = (v.j).id and a.starts_at = v.starts_at;

    update public.route_stops as s
    set job_assignment_id = a.id
    from public.job_assignments as a
    where
        s.route_plan_id = any(route_plan_ids) and s.change = 'book' and not s.is_joint and a.org_id = s.org_id
        and a.dispatch_job_id = s.dispatch_job_id and a.optimization_run_id = run.id
        and a.scheduled_start_at = s.service_starts_at;
    perform private.book_joint_visits(run, route_plan_ids);
end;
$$;

comment on function private.book_planned_visits(public.optimization_runs, uuid[]) is
'Books the jobs a plan serves for the first time.';

create function private.move_planned_visits(run public.optimization_runs, route_plan_ids uuid[])
returns void
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
        to_technician_ids, reason, rescheduled_by_user_id, optimization_run_id
    )
    select
        s.org_id, a.appointment_id, a.scheduled_start_at, a.scheduled_end_at, array[a.technician_id],
        s.service_starts_at, s.planned_departure_at, array[p.technician_id], 'optimization', run.requested_by_user_id, run.id
    from public.route_plans as p
    inner join public.route_stops as s on p.org_id = s.org_id and p.id = s.route_plan_id
    inner join public.job_assignments as a on s.job_assignment_id = a.id
    where p.id = any(route_plan_ids) and s.change in ('move', 'reassign');

    update public.appointments as a
    set starts_at = s.service_starts_at, ends_at = s.planned_departure_at
    from public.route_stops as s
    inner join public.job_assignments as x on s.job_assignment_id = x.id
    where
        s.route_plan_id = any(route_plan_ids) and s.change in ('move', 'reassign')
        and a.id = x.appointment_id
        and (a.starts_at, a.ends_at) is distinct from (s.service_starts_at, s.planned_departure_at);

    update public.job_assignments as a
    set technician_id = p.technician_id, scheduled_start_at = s.service_starts_at,
        scheduled_end_at = s.planned_departure_at, sequence_in_route = t.turn, optimization_run_id = run.id,
        -- Whoever accepted the old time or place in the day has not accepted the new one.
        status = 'assigned', tech_eta_at = null
    from public.route_plans as p
    inner join public.route_stops as s on p.org_id = s.org_id and p.id = s.route_plan_id
    inner join private.turns_in_route(route_plan_ids) as t on s.id = t.stop_id
    where p.id = any(route_plan_ids) and s.change in ('move', 'reassign') and a.id = s.job_assignment_id;
end;
$$;

comment on function private.move_planned_visits(public.optimization_runs, uuid[]) is
'Moves the booked visits a plan moves, all at once.';

create function private.lock_plan(route_plan_ids uuid[])
returns void
language sql
volatile
set search_path = ''
as $$
    select private.lock_claimants(array(
        select p.technician_id from public.route_plans as p where p.id = any(route_plan_ids)
        union
        select s.from_technician_id from public.route_stops as s where s.route_plan_id = any(route_plan_ids)
    ) || private.claimants_of_joint_visits(route_plan_ids));
$$;

comment on function private.lock_plan(uuid[]) is
'Makes whoever books the plan''s technicians wait, those who give visits away included, and whoever books its bays, mobile units and equipment.';

create function private.overlap_in_plan(job uuid default null)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
    if job is null then
        return jsonb_build_array(jsonb_build_object(
            'code', 'technician_overlap', 'severity', 'hard', 'data', '{}'::jsonb,
            'message', 'A technician''s time in this plan has been taken, or is being held for a customer.'
        ));
    end if;
    return (
        select jsonb_build_array(jsonb_build_object(
            'job_id', j.id, 'number', j.number, 'code', 'resource_overlap', 'severity', 'hard', 'data', '{}'::jsonb,
            'message', format(
                'The crew, bay, mobile unit or equipment that this plan has for job %s has no time for it then.', j.number
            )
        ))
        from public.dispatch_jobs as j where j.id = job
    );
end;
$$;

comment on function private.overlap_in_plan(uuid) is
'What to say when the ledger itself refuses a plan; with the job, where it is known which.';

create function private.place_plan(run public.optimization_runs, route_plan_ids uuid[])
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
declare
    conflicts jsonb := private.forbidden_moves(route_plan_ids);
begin
    if conflicts = '[]' then
        perform private.move_planned_visits(run, route_plan_ids);
        perform private.book_planned_visits(run, route_plan_ids);
        conflicts := private.plan_conflicts(run.id, route_plan_ids);
    end if;
    return conflicts;
exception
    when exclusion_violation then
        return private.overlap_in_plan();
    when sqlstate 'TRTKN' then
        return private.overlap_in_plan(sqlerrm::uuid);
end;
$$;

comment on function private.place_plan(public.optimization_runs, uuid[]) is
'Writes a plan''s visits where it wants them and returns what the judge has against them. The caller undoes it when that is anything.';

-- A trial by holds: all that the judge looks at, without the events, broadcasts and audit rows of a thousand bookings.
create function private.hold_plan(route_plan_ids uuid[])
returns void
language sql
volatile
set search_path = ''
as $$
    delete from public.reservations as r
    using public.route_stops as s
    where
        s.route_plan_id = any(route_plan_ids) and s.change in ('move', 'reassign')
        and r.assignment_id = s.job_assignment_id and r.released_at is null;

    select private.release_expired_holds(array(
        select p.technician_id from public.route_plans as p where p.id = any(route_plan_ids)
    ));

    insert into public.reservations (
        org_id, technician_id, lane, during, kind, location_id, latitude, longitude, hold_token, hold_expires_at
    )
    select
        s.org_id, p.technician_id,
        private.lane_if_free(p.technician_id, claim.during, t.max_concurrent_jobs, s.lane), claim.during, 'held',
        j.location_id, s.latitude, s.longitude, s.id, now() + interval '1 hour'
    from public.route_plans as p
    inner join public.route_stops as s on p.org_id = s.org_id and p.id = s.route_plan_id
    inner join public.dispatch_jobs as j on s.org_id = j.org_id and s.dispatch_job_id = j.id
    left join public.services as c on j.org_id = c.org_id and j.service_id = c.id
    left join public.job_assignments as a on s.job_assignment_id = a.id
    left join public.appointments as v on a.appointment_id = v.id
    inner join public.technician_profiles as t on p.org_id = t.org_id and p.technician_id = t.id
    cross join lateral private.buffered(
        s.service_starts_at, s.planned_departure_at, coalesce(v.buffer_before_minutes, c.buffer_before_minutes, 0),
        coalesce(v.buffer_after_minutes, c.buffer_after_minutes, 0)
    ) as claim (during)
    where p.id = any(route_plan_ids) and s.change in ('book', 'move', 'reassign') and not s.is_joint;

    select private.hold_joint_visits(route_plan_ids);
$$;

comment on function private.hold_plan(uuid[]) is 'Holds the times a plan wants, each under its stop''s id, in place of what it moves.';

create function private.judge_plan(run uuid)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    route_plan_ids constant uuid[] := array(
        select p.id from public.route_plans as p where p.optimization_run_id = run and p.status = 'proposed'
    );
    conflicts jsonb := private.forbidden_moves(route_plan_ids);
begin
    if conflicts <> '[]' then
        return conflicts;
    end if;
    begin
        perform private.lock_plan(route_plan_ids);
        perform private.assume(r) from public.optimization_runs as r where r.id = run and r.assumptions <> '{}';
        perform private.hold_plan(route_plan_ids);
        conflicts := private.plan_conflicts(run, route_plan_ids);
        raise exception using errcode = 'TRNEV', message = 'only tried';
    exception
        when sqlstate 'TRNEV' then
            return conflicts;
        when exclusion_violation then
            return private.overlap_in_plan();
        when sqlstate 'TRTKN' then
            return private.overlap_in_plan(sqlerrm::uuid);
    end;
end;
$$;

comment on function private.judge_plan(uuid) is
'What the judge has against a proposal, found by holding its times and letting go again. Definer: tries what only apply_plan may do, for the worker that wrote the proposal.';

grant execute on function private.judge_plan(uuid) to service_role;
