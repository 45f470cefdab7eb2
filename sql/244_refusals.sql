-- How a placement is refused: with every conflict and with alternatives.

create function private.other_technicians(p private.placement, minutes integer)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    other record;
    able jsonb := '[]';
begin
    if (p.work).crew_size > 1 then
        return able;
    end if;
    -- Judged one by one, nearest first, until there are enough: most refusals are answered by a few of many.
    for other in
        select r.technician_id, t.display_name
        from private.start_ranges(
            p.work, array(
                select q.technician_id from private.qualified_technicians(p.work, null, p.starts_at) as q
                where q.technician_id <> all (p.technician_ids)
            ), p.starts_at, p.ends_at + (p.ends_at - p.starts_at), minutes, p.latitude, p.longitude
        ) as r
        inner join public.technician_profiles as t on r.technician_id = t.id
        where p.starts_at between r.first_start and r.last_start
        order by r.added_travel_s, r.technician_id
    loop
        exit when jsonb_array_length(able) = 3;
        if private.passes(private.place(
            p.work, array[other.technician_id], p.starts_at, case when not (p.work).own_pace then p.ends_at end, p.resource_id, p.appointment_id, p.hold_token,
            p.customer_agrees
        )) then
            able := able || jsonb_build_object(
                'technician_ids', array[other.technician_id], 'display_name', other.display_name
            );
        end if;
    end loop;
    return able;
end;
$$;

comment on function private.other_technicians(private.placement, integer) is
'Up to three other technicians who could do a visit at its time, the least driving first.';

create function private.passes(p private.placement)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
    return not exists (select from private.judge(p) as j where j.severity <> 'soft');
end;
$$;

comment on function private.passes(private.placement) is 'Whether the judge has nothing against a placement but warnings.';

create function private.nearest_start(p private.placement, minutes integer)
returns timestamptz
language plpgsql
stable
set search_path = ''
as $$
declare
    org public.orgs;
    candidate timestamptz;
begin
    if (p.work).crew_size > 1 or p.segments is not null or cardinality(p.technician_ids) <> 1
        or p.ends_at + interval '12 hours' <= now() then
        return null;
    end if;
    select o.* into org from public.orgs as o where o.id = (p.work).org_id;
    for candidate in
        select start.at
        from private.start_ranges(
            p.work, p.technician_ids, greatest(now(), p.starts_at - interval '12 hours'), p.ends_at + interval '12 hours', minutes,
            p.latitude, p.longitude
        ) as r
        cross join lateral (
            select private.align_to_grid(greatest(r.first_start, p.starts_at), org.slot_grid_minutes, org.time_zone) as at
            union all
            select private.align_to_grid(r.first_start, org.slot_grid_minutes, org.time_zone)
            union all
            select private.align_to_grid(r.last_start - make_interval(mins => org.slot_grid_minutes - 1), org.slot_grid_minutes, org.time_zone)
        ) as start
        where start.at between r.first_start and r.last_start
        order by abs(extract(epoch from start.at - p.starts_at)), start.at
    loop
        if private.passes(private.place(
            p.work, p.technician_ids, candidate, candidate + (p.ends_at - p.starts_at), p.resource_id, p.appointment_id,
            p.hold_token, p.customer_agrees
        )) then
            return candidate;
        end if;
    end loop;
    return null;
end;
$$;

comment on function private.nearest_start(private.placement, integer) is
'The nearest time within half a day at which the same technician could do the visit.';

create function private.shorter_end(p private.placement)
returns timestamptz
language plpgsql
stable
set search_path = ''
as $$
declare
    finish timestamptz;
begin
    if p.segments is not null or cardinality(p.technician_ids) <> 1 then
        return null;
    end if;
    select upper(g.gap) - make_interval(secs => g.travel_after_s, mins => (p.work).buffer_after_minutes) into finish
    from private.route_gaps(
        (p.work).org_id, p.technician_ids, p.claim, p.latitude, p.longitude, p.appointment_id, p.hold_token
    ) as g
    where g.gap @> lower(p.claim);
    -- Less than half of the work is another job.
    if finish < p.starts_at + (p.ends_at - p.starts_at) / 2 or finish >= p.ends_at then
        return null;
    end if;
    finish := date_trunc('minute', finish);
    return case when private.passes(private.place(
        p.work, p.technician_ids, p.starts_at, finish, p.resource_id, p.appointment_id, p.hold_token, p.customer_agrees
    )) then finish end;
end;
$$;

comment on function private.shorter_end(private.placement) is
'When the visit would have to end to fit before what follows; null when that helps nothing or leaves less than half.';

create function private.override_change(conflicts private.conflict[])
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
    if exists (select from unnest(conflicts) as c where c.severity = 'hard') then
        return '[]';
    end if;
    return jsonb_build_array(jsonb_build_object(
        'change', 'override', 'codes', (
            select jsonb_agg(distinct c.code) from unnest(conflicts) as c where c.severity = 'hard_overridable'
        ), 'message', 'As it is, with an override by somebody who may.'
    ));
end;
$$;

comment on function private.override_change(private.conflict[]) is
'The change that leaves everything as asked: an override of all that stands in the way; none where something hard does.';

create function private.smallest_changes(p private.placement, conflicts private.conflict[], minutes integer, others jsonb)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    changes jsonb := '[]';
    nearest constant timestamptz := private.nearest_start(p, minutes);
    finish constant timestamptz := private.shorter_end(p);
    shift integer;
    bare private.work := p.work;
begin
    if nearest is not null then
        shift := extract(epoch from nearest - p.starts_at) / 60;
        changes := changes || jsonb_build_object(
            'change', 'starts_at', 'starts_at', nearest, 'minutes', shift,
            'message', format('%s minutes %s.', abs(shift), case when shift > 0 then 'later' else 'earlier' end)
        );
    end if;
    if finish is not null then
        shift := extract(epoch from finish - p.starts_at) / 60;
        changes := changes || jsonb_build_object(
            'change', 'ends_at', 'ends_at', finish, 'minutes', shift, 'message', format('Shortened to %s minutes.', shift)
        );
    end if;
    if jsonb_array_length(others) > 0 then
        changes := changes || jsonb_build_object(
            'change', 'technician_ids', 'technician_ids', others -> 0 -> 'technician_ids',
            'message', format('With %s instead.', others -> 0 ->> 'display_name')
        );
    end if;
    -- A visit that is moved keeps the buffers it was booked with.
    if bare.buffer_before_minutes + bare.buffer_after_minutes > 0 and p.segments is null and p.appointment_id is null then
        bare.buffer_before_minutes := 0;
        bare.buffer_after_minutes := 0;
        if private.passes(private.place(
            bare, p.technician_ids, p.starts_at, p.ends_at, p.resource_id, p.appointment_id, p.hold_token, p.customer_agrees
        )) then
            changes := changes || jsonb_build_object(
                'change', 'override', 'codes', jsonb_build_array('buffer'), 'message', format(
                    'Skip the %s-minute buffer with approval.',
                    (p.work).buffer_before_minutes + (p.work).buffer_after_minutes
                )
            );
        end if;
    end if;
    return changes || private.override_change(conflicts);
end;
$$;

comment on function private.smallest_changes(private.placement, private.conflict[], integer, jsonb) is
'The smallest changes that make a refused placement possible (BKG-6): another time, a shorter visit, another technician, no buffer, an override. Each is judged.';

create function private.alternatives(p private.placement, conflicts private.conflict[])
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    zone constant text := (select o.time_zone from public.orgs as o where o.id = (p.work).org_id);
    kind constant public.resource_kind := (select r.kind from public.resources as r where r.id = p.resource_id);
    minutes constant integer := case
        when (p.work).own_pace then (p.work).duration_minutes else extract(epoch from p.ends_at - p.starts_at) / 60
    end;
    soonest constant timestamptz := greatest(now(), p.starts_at);
    day_starts constant timestamptz := greatest(
        now(), private.local_instant(date_trunc('day', p.starts_at at time zone zone), zone)
    );
    day_ends constant timestamptz := private.local_instant(date_trunc('day', p.starts_at at time zone zone) + interval '1 day', zone);
    others jsonb;
    same_day jsonb;
    next_available jsonb;
begin
    if exists (
        select from unnest(conflicts) as c where c.code in ('not_reschedulable', 'notice_too_short', 'reschedule_limit')
    ) then
        -- The visit cannot be moved at all, so no other time or technician helps.
        return jsonb_build_object(
            'same_day', '[]'::jsonb, 'smallest_changes', private.override_change(conflicts),
            'other_technicians', '[]'::jsonb, 'next_available', null
        );
    end if;
    others := private.other_technicians(p, minutes);
    if day_ends > day_starts then
        same_day := (
            select jsonb_agg(to_jsonb(s) order by s.score desc)
            from private.offer_slots(p.work, day_starts, day_ends, minutes, null, kind, 3) as s
        );
    end if;
    next_available := (
        select s.slot from jsonb_array_elements(same_day) as s (slot)
        where (s.slot ->> 'starts_at')::timestamptz >= soonest
        order by (s.slot ->> 'starts_at')::timestamptz
        limit 1
    );
    -- Two weeks are searched only when the day has nothing left.
    if next_available is null then
        next_available := (
            select to_jsonb(s)
            from private.offer_slots(p.work, soonest, soonest + interval '14 days', minutes, null, kind, 1) as s
        );
    end if;
    return jsonb_build_object(
        'same_day', coalesce(same_day, '[]'),
        'smallest_changes', private.smallest_changes(p, conflicts, minutes, others),
        'other_technicians', others,
        'next_available', next_available
    );
end;
$$;

comment on function private.alternatives(private.placement, private.conflict[]) is
'What a refusal offers instead (BKG-6): the smallest changes, slots the same day, other technicians at the same time, the next available time. All of them judged.';

create function private.refuse_placement(
    p private.placement, conflicts private.conflict[], is_overridable boolean default true
)
returns void
language plpgsql
set search_path = ''
as $$
declare
    alternatives jsonb := private.alternatives(p, conflicts);
begin
    if not is_overridable then
        alternatives := alternatives || jsonb_build_object('smallest_changes', coalesce((
            select jsonb_agg(c.change) from jsonb_array_elements(alternatives -> 'smallest_changes') as c (change)
            where c.change ->> 'change' <> 'override'
        ), '[]'));
    end if;
    perform private.fail(
        409, 'placement_conflict',
        jsonb_build_object(
            'message', (select string_agg(c.message, ' ') from unnest(conflicts) as c where c.severity <> 'soft'),
            'job_id', (p.work).job_id, 'conflicts', to_jsonb(conflicts), 'alternatives', alternatives
        )::text,
        case
            when is_overridable
                then 'Take one of the alternatives, or book with an override if your role may and every conflict allows it.'
            else 'Take one of the alternatives.'
        end
    );
end;
$$;

comment on function private.refuse_placement(private.placement, private.conflict[], boolean) is
'409 with every conflict and with alternatives, as JSON in the detail.';
