-- Where visits go that make room for an emergency, and what that costs of the disruption budget (OPT-7).

create type private.emergency_move as (
    appointment_id uuid,
    change public.emergency_change,
    from_technician_id uuid,
    to_technician_id uuid,
    to_starts_at timestamptz,
    to_ends_at timestamptz,
    breaks_promise boolean,
    added_travel_s integer
);

create type private.emergency_budget as (moves integer, minutes integer, promises integer, unassigned integer);

create function private.hold_visit(
    work private.work, technician uuid, starts_at timestamptz, ends_at timestamptz, before_minutes integer,
    after_minutes integer, token uuid
)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
    claim constant tstzrange := private.buffered(starts_at, ends_at, before_minutes, after_minutes);
begin
    perform private.release_expired_holds(array[technician]);
    insert into public.reservations (
        org_id, technician_id, lane, during, kind, location_id, latitude, longitude, hold_token, hold_expires_at
    )
    select
        work.org_id, technician, private.free_lane(technician, claim, t.max_concurrent_jobs), claim, 'held',
        work.location_id, work.latitude, work.longitude, token, now() + interval '1 hour'
    from public.technician_profiles as t where t.id = technician;
end;
$$;

comment on function private.hold_visit(private.work, uuid, timestamptz, timestamptz, integer, integer, uuid) is
'Holds a technician''s time for a visit under a token of its own, so that the judge sees it there.';

create function private.may_break_promise(p private.placement, visit public.appointments)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
    return not exists (
        select from unnest(private.conflicts_of_move(p, visit)) as c
        where
            c.severity <> 'soft' and (
                c.severity = 'hard' or c.code not in ('customer_window', 'notice_too_short', 'reschedule_limit')
                or not private.may(
                    coalesce(c.data ->> 'needs', 'override_scheduling_conflict')::public.permission, visit.org_id,
                    visit.facility_id
                )
            )
    );
end;
$$;

comment on function private.may_break_promise(private.placement, public.appointments) is
'Whether the caller may move a visit although its customer was promised another time: what stands in the way is that promise and the rules of moving late, and the caller holds the approvals these ask for (BKG-9).';

create function private.new_place(visit public.appointments, from_technician uuid, budget private.emergency_budget)
returns private.emergency_move
language plpgsql
volatile
set search_path = ''
as $$
declare
    work private.work := private.work_of_job(visit.dispatch_job_id);
    length constant interval := visit.ends_at - visit.starts_at;
    minutes integer := ceil(extract(epoch from length) / 60);
    longest interval := length;
    kept constant tstzrange := case
        when visit.arrival_window_start is not null then tstzrange(visit.arrival_window_start, visit.arrival_window_end, '[]')
        else tstzrange(visit.starts_at, visit.starts_at + (
            select make_interval(mins => o.arrival_window_minutes) from public.orgs as o where o.id = visit.org_id
        ), '[]')
    end;
    soonest constant timestamptz := now() + interval '15 minutes';
    candidate record;
    placed private.placement;
    breaks boolean;
    move private.emergency_move;
begin
    -- Booked for any other time than it takes its technician, it takes that time whoever comes.
    work.own_pace := work.own_pace
        and minutes = private.own_minutes(work, work.duration_minutes, array[from_technician]);
    if work.own_pace then
        minutes := work.duration_minutes;
        select make_interval(mins => max(private.paced(minutes, greatest(1, t.duration_factor)))) into longest
        from public.technician_profiles as t where t.org_id = visit.org_id and t.is_active;
    end if;
    for candidate in
        (
            select c.*, false as breaks, abs(extract(epoch from c.starts_at - visit.starts_at)) as turn
            from private.slot_candidates(
                work, greatest(soonest, lower(kept)), upper(kept) + longest, minutes, null, work.latitude, work.longitude
            ) as c
            where
                upper(kept) >= soonest and c.starts_at <= upper(kept)
                and c.starts_at - visit.starts_at <= make_interval(mins => budget.minutes)
            order by turn, c.added_travel_s, c.technician_ids
            limit 6
        )
        union all
        (
            select c.*, true, extract(epoch from c.starts_at)
            from private.slot_candidates(
                work, greatest(soonest, upper(kept)), greatest(soonest, upper(kept)) + interval '3 days', minutes, null,
                work.latitude, work.longitude
            ) as c
            where
                budget.promises > 0 and not kept @> c.starts_at and (
                    c.starts_at - visit.starts_at <= make_interval(mins => budget.minutes)
                    or private.is_another_day(visit, c.starts_at)
                )
            order by c.starts_at, c.added_travel_s, c.technician_ids
            limit 6
        )
        order by breaks, turn
    loop
        breaks := candidate.breaks and visit.arrival_window_start is not null;
        placed := private.place(
            work, candidate.technician_ids, candidate.starts_at,
            candidate.starts_at + case when work.own_pace then make_interval(mins => candidate.own_minutes) else length end,
            null, visit.id, null, false
        );
        continue when not (case when breaks then private.may_break_promise(placed, visit) else private.passes(placed) end);
        -- Another one's turn to book this technician now: waiting for it out of order could block both.
        continue when not private.try_lock_claimants(candidate.technician_ids);
        perform private.hold_visit(
            work, candidate.technician_ids[1], placed.starts_at, placed.ends_at, visit.buffer_before_minutes,
            visit.buffer_after_minutes, visit.id
        );
        move.appointment_id := visit.id;
        move.from_technician_id := from_technician;
        move.to_technician_id := candidate.technician_ids[1];
        move.to_starts_at := placed.starts_at;
        move.to_ends_at := placed.ends_at;
        move.breaks_promise := breaks;
        move.added_travel_s := candidate.added_travel_s;
        move.change := case
            when breaks then 'postpone'
            when candidate.technician_ids[1] <> from_technician then 'hand_over'
            else 'delay'
        end;
        return move;
    end loop;
    if budget.unassigned > 0 and private.may('assign_technician', visit.org_id, visit.facility_id) then
        return row(
            visit.id, 'unassign', from_technician, null, visit.starts_at, visit.ends_at, true, 0
        )::private.emergency_move;
    end if;
    return null;
end;
$$;

comment on function private.new_place(public.appointments, uuid, private.emergency_budget) is
'Where a visit that makes room could go: within its promise, nearest to its time; else as soon as can be, if a promise may be broken; else to nobody, if that is allowed. Holds what it found; null when there is nothing.';

create function private.is_another_day(visit public.appointments, starts_at timestamptz)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
    return (
        select (visit.starts_at at time zone o.time_zone)::date <> (starts_at at time zone o.time_zone)::date
        from public.orgs as o where o.id = visit.org_id
    );
end;
$$;

comment on function private.is_another_day(public.appointments, timestamptz) is
'Whether a time is on another day of the company''s calendar than a visit.';

create function private.spent(moves private.emergency_move[])
returns private.emergency_budget
language plpgsql
stable
set search_path = ''
as $$
begin
    return (
        select row(
            count(*),
            -- Another day is a promise broken; the hours of the night tell nothing about it.
            coalesce(sum(greatest(0, ceil(extract(epoch from m.to_starts_at - v.starts_at) / 60))) filter (
                where not private.is_another_day(v, m.to_starts_at)
            ), 0),
            count(*) filter (where m.breaks_promise and m.change <> 'unassign'),
            count(*) filter (where m.change = 'unassign')
        )::private.emergency_budget
        from unnest(moves) as m inner join public.appointments as v on m.appointment_id = v.id
    );
end;
$$;

comment on function private.spent(private.emergency_move[]) is
'What moves cost of a disruption budget: visits moved, minutes of delay on their day, promises broken, visits left without anybody.';
