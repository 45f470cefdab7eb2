-- What the solver is given (OPT-4), decided here and nowhere else: who may do what, when, where and how far it is.
-- Times are seconds since 1970, as the engine wants them; every visit stands for what it claims, buffers included.

create function private.movable(assignment public.job_assignments)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
    return (
        select
            assignment.status in ('assigned', 'accepted') and not assignment.is_locked
            and assignment.segment_id is null and a.crew_size = 1
            and a.status in ('scheduled', 'confirmed') and a.bay_id is null and a.mobile_unit_id is null
            and assignment.scheduled_start_at > now()
            -- Equipment is free at other times than people are.
            and not exists (
                select from public.reservations as r
                where r.appointment_id = a.id and r.resource_id is not null and r.released_at is null
            )
        from public.appointments as a
        where a.id = assignment.appointment_id
    );
end;
$$;

comment on function private.movable(public.job_assignments) is
'Whether a plan may move a visit: not locked, not under way, of one technician, at a site, without equipment.';

create function private.plan_shifts(run public.optimization_runs)
returns table (
    technician_id uuid, technician_name text, date date, starts_s bigint, ends_s bigint,
    latitude double precision, longitude double precision, max_work_s integer,
    unavailable_s bigint[], breaks_s bigint[], lane integer, lanes integer,
    pace double precision, speed double precision
)
language sql
stable
set search_path = ''
as $$
    with technicians as materialized (
        select
            t.id, t.display_name, t.time_zone, t.max_daily_work_minutes * 60 as day_limit_s,
            t.duration_factor::float8 as pace, t.travel_speed_factor::float8 as speed,
            -- More visits at once than five are no plan anybody could keep in mind.
            least(t.max_concurrent_jobs, 5)::integer as lanes, home.latitude, home.longitude
        from public.technician_profiles as t
        left join public.customer_locations as home on t.home_base_location_id = home.id
        where t.org_id = run.org_id and t.is_active and (run.technician_ids is null or t.id = any(run.technician_ids))
    ),

    asked as materialized (
        select tstzrange(lower(h.days) - interval '1 day', upper(h.days) + interval '1 day') as period
        from (select private.local_days(run.org_id, run.starts_on, run.days) as days) as h
    ),

    stretches as materialized (
        select
            t.id as technician_id, t.display_name, t.latitude, t.longitude, t.day_limit_s, t.lanes, t.pace, t.speed,
            s.stretch, local.date,
            extract(epoch from upper(s.stretch) - lower(s.stretch)) as length_s,
            sum(extract(epoch from upper(s.stretch) - lower(s.stretch))) over (partition by t.id, local.date) as day_length_s
        from asked as a
        cross join private.working_time(run.org_id, array(select id from technicians), a.period) as w
        inner join technicians as t on w.technician_id = t.id
        cross join lateral unnest(w.during) as s (stretch)
        cross join lateral (select (lower(s.stretch) at time zone t.time_zone)::date as date) as local
        where local.date >= run.starts_on and local.date < run.starts_on + run.days and upper(s.stretch) > now()
    ),

    away as materialized (
        select u.technician_id, range_agg(u.during) as during
        from asked as a
        cross join private.unavailable_time(run.org_id, array(select id from technicians), a.period) as u
        group by u.technician_id
    ),

    pauses as materialized (
        select f.technician_id, occurrence as break_window, f.minutes * 60 as length_s
        from asked as a
        cross join public.technician_time_off as f
        cross join lateral private.occurrences(
            f.recurrence, f.starts_at, f.ends_at, f.time_zone, f.excluded_on, a.period
        ) as occurrence
        where
            f.org_id = run.org_id and f.technician_id in (select id from technicians) and f.minutes is not null
    )

    select
        s.technician_id, s.display_name, s.date,
        extract(epoch from lower(s.stretch))::bigint, extract(epoch from upper(s.stretch))::bigint,
        s.latitude, s.longitude,
        -- A day in several parts or lanes shares its limit among them: never too much, sometimes a little less than
        -- allowed. The first lane has most of it, for work that takes long.
        case when s.length_s = s.day_length_s and s.lanes = 1 then s.day_limit_s
            else floor(
                s.day_limit_s * s.length_s / s.day_length_s * 2 * (s.lanes - lane.number + 1) / (s.lanes * (s.lanes + 1))
            )::integer end,
        array(
            select bound.at
            from unnest(a.during * tstzmultirange(s.stretch)) as off (during)
            cross join lateral (values
                (extract(epoch from lower(off.during))::bigint), (extract(epoch from upper(off.during))::bigint)
            ) as bound (at)
            order by bound.at
        ),
        array(
            select figure.seconds
            from (
                select
                    greatest(extract(epoch from lower(p.break_window)), extract(epoch from lower(s.stretch))) as earliest,
                    least(extract(epoch from upper(p.break_window)), extract(epoch from upper(s.stretch))) - p.length_s as latest,
                    p.length_s
                from pauses as p
                where p.technician_id = s.technician_id and p.break_window && s.stretch
            ) as pause
            cross join lateral (values
                (1, pause.earliest::bigint), (2, pause.latest::bigint), (3, pause.length_s::bigint)
            ) as figure (position, seconds)
            where pause.latest >= pause.earliest
            order by pause.earliest, pause.latest, pause.length_s, figure.position
        ),
        lane.number, s.lanes, s.pace, s.speed
    from stretches as s
    left join away as a on s.technician_id = a.technician_id
    cross join lateral generate_series(1, s.lanes) as lane (number)
    order by s.technician_id, s.stretch, lane.number;
$$;

comment on function private.plan_shifts(public.optimization_runs) is
'The working stretches that begin on the run''s days, one route for each lane of each: from home to home, with time off (pairs of start and end) and flexible breaks (triples of earliest start, latest start, length).';

create function private.start_windows(
    job uuid, promised tstzrange, not_before timestamptz, visit interval, appointment uuid default null
)
returns tstzrange[]
language plpgsql
stable
set search_path = ''
as $$
begin
    return array(
        with own as materialized (select w.window_start, w.window_end from private.time_windows(job) as w)

        select tstzrange(span.opens, span.closes, '[]')
        from public.dispatch_jobs as j
        cross join lateral private.turn_of(j.org_id, j.id, start_windows.appointment) as turn
        cross join (
            select own.window_start, own.window_end from own
            union all
            select '-infinity'::timestamptz, 'infinity'::timestamptz where not exists (select from own)
        ) as w
        cross join lateral (
            select
                greatest(w.window_start, j.sla_start_at, not_before, lower(promised), turn.opens) as opens,
                least(w.window_end, j.sla_end_at - visit, upper(promised), turn.closes - visit) as closes
        ) as span
        where j.id = job and span.opens <= span.closes
        order by span.opens
    );
end;
$$;

comment on function private.start_windows(uuid, tstzrange, timestamptz, interval, uuid) is
'When a job''s visit may start: its windows within its SLA, from a time on, within what the customer was promised, and in its turn among the job''s visits.';

create function private.window_seconds(windows tstzrange[])
returns bigint[]
language plpgsql
immutable
parallel safe
set search_path = ''
as $$
begin
    return array(
        select bound.seconds
        from unnest(windows) with ordinality as span (during, turn)
        cross join lateral (values
            (1, greatest(ceil(extract(epoch from lower(span.during))), 0)::bigint),
            -- The end of the year 9999 is for ever.
            (2, least(floor(extract(epoch from upper(span.during))), 253402300799)::bigint)
        ) as bound (side, seconds)
        where not isempty(span.during)
        -- Two windows may be the same.
        order by span.during, span.turn, bound.side
    );
end;
$$;

comment on function private.window_seconds(tstzrange[]) is
'Ranges of time as pairs of whole seconds since 1970, rounded inwards.';

create function private.plan_claims(run public.optimization_runs, technician_ids uuid[], period tstzrange, not_before timestamptz)
returns table (
    reservation_id uuid, technician_id uuid, starts_s bigint, ends_s bigint,
    latitude double precision, longitude double precision, assignment_id uuid, appointment_id uuid,
    job_id uuid, job_version integer, priority public.job_priority, requirement text,
    scheduled_start_s double precision, scheduled_end_s double precision, is_movable boolean, windows_s bigint[],
    lane smallint, usual_s integer, familiar uuid[]
)
language sql
stable
set search_path = ''
as $$
    with claims as materialized (
        select
            r.id, r.claimant_id, r.during, r.lane, r.latitude, r.longitude, a as assignment, j as job, v.arrival_window_start,
            v.arrival_window_end, coalesce(
                a.id is not null and private.movable(a) and a.scheduled_start_at >= not_before
                and (run.assignment_ids is null or a.id = any(run.assignment_ids)), false
            ) as is_movable
        from public.reservations as r
        left join public.job_assignments as a on r.assignment_id = a.id
        left join public.appointments as v on a.appointment_id = v.id
        left join public.dispatch_jobs as j on a.dispatch_job_id = j.id
        where
            r.claimant_id = any(plan_claims.technician_ids) and r.released_at is null and r.during && period
            and not (r.kind = 'held' and r.hold_expires_at <= now())
    )

    select
        c.id, c.claimant_id, floor(extract(epoch from lower(c.during)))::bigint,
        ceil(extract(epoch from greatest(
            upper(c.during),
            private.expected_end(c.assignment, now()) + (upper(c.during) - (c.assignment).scheduled_end_at)
        )))::bigint, c.latitude, c.longitude,
        (c.assignment).id, (c.assignment).appointment_id, (c.job).id, (c.job).version, (c.job).priority,
        case when c.is_movable then private.requirement(movable.work) end,
        extract(epoch from (c.assignment).scheduled_start_at)::double precision,
        extract(epoch from (c.assignment).scheduled_end_at)::double precision,
        c.is_movable,
        case when c.is_movable then private.window_seconds(coalesce(
            nullif(kept.windows, '{}'),
            -- Booked outside of what was offered: the promise alone binds, or else the time itself.
            array[coalesce(promise.during, tstzrange(
                (c.assignment).scheduled_start_at, (c.assignment).scheduled_start_at, '[]'
            )) * tstzrange(not_before, null)]
        )) end,
        c.lane,
        -- Booked for any other time than it takes its technician, it takes that time whoever comes.
        case
            when (movable.work).own_pace and extract(
                epoch from (c.assignment).scheduled_end_at - (c.assignment).scheduled_start_at
            ) = 60 * private.own_minutes(movable.work, (movable.work).duration_minutes, array[c.claimant_id])
                then (movable.work).duration_minutes * 60
        end,
        case when c.is_movable then private.familiar_technicians((c.job).id, (c.assignment).appointment_id) end
    from claims as c
    -- Once a claim, though it is used several times.
    left join lateral (select private.work_of_job((c.job).id) as work offset 0) as movable on c.is_movable
    cross join lateral (
        select case
            -- An emergency is never made to wait again: sooner it may be, later not.
            when (c.job).priority = 'emergency' then tstzrange(c.arrival_window_start, least(
                c.arrival_window_end, greatest(c.arrival_window_start, (c.assignment).scheduled_start_at)
            ), '[]')
            when c.arrival_window_start is not null then tstzrange(c.arrival_window_start, c.arrival_window_end, '[]')
        end as during
    ) as promise
    left join lateral (
        select w.windows
        from private.start_windows(
            (c.job).id, promise.during, not_before,
            (c.assignment).scheduled_end_at - (c.assignment).scheduled_start_at, (c.assignment).appointment_id
        ) as w (windows)
        where c.is_movable and (c.assignment).scheduled_start_at <@ any(w.windows)
    ) as kept on true
    order by c.claimant_id, c.during, c.id;
$$;

comment on function private.plan_claims(public.optimization_runs, uuid[], tstzrange, timestamptz) is
'What the ledger holds against the technicians: visits that may be moved, with the times at which they may start (pairs), and everything that may not.';

create function private.visits_waiting(job public.dispatch_jobs)
returns integer
language plpgsql
stable
set search_path = ''
as $$
begin
    if job.status not in ('unscheduled', 'scheduled', 'dispatched', 'in_progress') or (
        job.status <> 'unscheduled' and job.visits_planned = 1
    ) then
        return 0;
    end if;
    return (
        select greatest(
            job.visits_planned - count(*)::integer,
            -- Whatever was planned, somebody has to go there.
            case when job.status = 'unscheduled' then 1 else 0 end
        )
        from public.appointments as a
        where a.org_id = job.org_id and a.dispatch_job_id = job.id and a.status not in ('canceled', 'no_show')
    );
end;
$$;

comment on function private.visits_waiting(public.dispatch_jobs) is
'How many visits of a job are planned, but neither booked nor done (JOB-3).';

create function private.plan_jobs(run public.optimization_runs, not_before timestamptz)
returns table (
    job_id uuid, job_version integer, priority public.job_priority, requirement text,
    latitude double precision, longitude double precision, service_s integer, buffer_before_s integer,
    buffer_after_s integer, weight double precision, windows_s bigint[], crew_size integer, parts_s bigint[],
    place_ids uuid[], equipment_ids uuid[], visits integer, obstacle text, own_pace boolean, familiar uuid[]
)
language sql
stable
set search_path = ''
as $$
    with horizon as materialized (
        select private.local_days(run.org_id, run.starts_on, run.days) as days, (
            select max(t.duration_factor) from public.technician_profiles as t
            where t.org_id = run.org_id and t.is_active
        ) as slowest
    ),

    waiting as materialized (
        select j, h.days, one.work, left_over.visits, private.start_windows(
            j.id, null, not_before, make_interval(mins => case
                -- In time whoever does it: who takes longest must be over by the SLA too.
                when (one.work).own_pace then private.paced((one.work).duration_minutes, greatest(1, h.slowest))
                else (one.work).duration_minutes
            end)
        ) as windows
        from horizon as h
        cross join public.dispatch_jobs as j
        -- Once a job, though it is used twice.
        cross join lateral (select private.work_of_job(j.id) as work offset 0) as one
        cross join lateral (select private.visits_waiting(j) as visits offset 0) as left_over
        where
            j.org_id = run.org_id and run.kind in ('optimize_all', 'reoptimize')
            and (
                j.status = 'unscheduled'
                or (j.status in ('scheduled', 'dispatched', 'in_progress') and j.visits_planned > 1 and left_over.visits > 0)
            )
            and not coalesce(run.assumptions -> 'without_job_ids' ? j.id::text, false)
            and (j.sla_start_at is null or j.sla_start_at < upper(h.days))
            -- Work that may only start after these days is not left out of them.
            and (
                not exists (select from private.time_windows(j.id))
                or exists (select from private.time_windows(j.id) as w where w.window_start < upper(h.days))
            )
    ),

    places as materialized (
        select
            w.*, private.places_for(w.work) as place_ids, f.latitude as bay_latitude, f.longitude as bay_longitude,
            (w.work).place_kind = 'bay' as in_bay
        from waiting as w
        left join public.facilities as f on (w.work).place_kind = 'bay' and f.id = private.facility_for(w.work)
    )

    select
        (w.j).id, (w.j).version, (w.j).priority, private.requirement(w.work),
        case when w.in_bay then w.bay_latitude else (w.work).latitude end,
        case when w.in_bay then w.bay_longitude else (w.work).longitude end,
        (w.work).duration_minutes * 60, (w.work).buffer_before_minutes * 60, (w.work).buffer_after_minutes * 60,
        private.unserved_weight(w.j, w.days),
        private.window_seconds(w.windows),
        -- Composite work has one technician a segment, whatever crew the job names.
        case when (w.work).is_composite then 1 else (w.work).crew_size end,
        private.parts_of_work(w.work), w.place_ids, private.equipment_of((w.work).service_id), w.visits,
        case
            when w.in_bay and w.place_ids = '{}' then 'needs_bay'
            when (w.work).place_kind = 'mobile_unit' and w.place_ids = '{}' then 'needs_mobile_unit'
            when (w.j).location_id is null and not w.in_bay then 'location_missing'
            when (w.work).latitude is null and not w.in_bay then 'location_not_found'
            when (w.j).sla_end_at < not_before + make_interval(mins => (w.work).duration_minutes) then 'sla_missed'
            when w.windows = '{}' then 'no_time_in_window'
        end,
        (w.work).own_pace, private.familiar_technicians((w.j).id, null)
    from places as w
    order by (w.j).id;
$$;

comment on function private.plan_jobs(public.optimization_runs, timestamptz) is
'Jobs of which visits wait that could be done on the run''s days, with the times at which the first of them may start (pairs), what leaving each out costs, what they take beside one technician''s time, how many visits it is, and what stands in the way of planning it at all.';

-- The worker reads as the service role.
grant execute on function private.plan_shifts(public.optimization_runs) to service_role;
grant execute on function private.plan_claims(public.optimization_runs, uuid[], tstzrange, timestamptz) to service_role;
grant execute on function private.plan_jobs(public.optimization_runs, timestamptz) to service_role;
grant execute on function private.movable(public.job_assignments) to service_role;
grant execute on function private.follows_pace(integer, boolean, public.place_kind) to service_role;
grant execute on function private.own_minutes(private.work, integer, uuid[]) to service_role;
grant execute on function private.familiar_technicians(uuid, uuid) to service_role;
grant execute on function private.turn_of(uuid, uuid, uuid) to service_role;
grant execute on function private.visits_waiting(public.dispatch_jobs) to service_role;
grant execute on function private.start_windows(uuid, tstzrange, timestamptz, interval, uuid) to service_role;
grant execute on function private.time_windows(uuid) to service_role;
grant execute on function private.buffered(timestamptz, timestamptz, integer, integer) to service_role;
grant execute on function private.window_seconds(tstzrange[]) to service_role;
