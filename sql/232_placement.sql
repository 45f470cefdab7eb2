create function private.distinct_in_order(ids uuid[])
returns uuid[]
language sql
immutable
parallel safe
set search_path = ''
return (
    select coalesce(array_agg(first.id order by first.turn), '{}')
    from (
        select t.id, min(t.turn) as turn from unnest(ids) with ordinality as t (id, turn) group by t.id
    ) as first
);

comment on function private.distinct_in_order(uuid[]) is 'Each id once, at its first place.';

create function private.staff(work private.work, technician_ids uuid[], moved_appointment uuid default null)
returns uuid[]
language plpgsql
stable
set search_path = ''
as $$
declare
    parts integer;
begin
    if moved_appointment is not null then
        select count(*) into parts from public.appointment_segments as g where g.appointment_id = moved_appointment;
    elsif work.is_composite then
        select count(*) into parts from public.service_segments as s where s.service_id = work.service_id;
    end if;
    if coalesce(parts, 0) = 0 then
        return technician_ids;
    end if;
    if cardinality(technician_ids) not in (0, 1, parts) then
        perform private.fail(
            400, 'technicians_invalid', format('This service has %s segments; name one technician for all of them, or one for each.', parts),
            'find_slots tells who is free when.'
        );
    end if;
    return private.distinct_in_order(technician_ids);
end;
$$;

comment on function private.staff(private.work, uuid[], uuid) is
'Everybody named for the work, each once; refuses a list that fits the segments of composite work neither as one nor as one each.';

-- One stretch of one technician's time, whole: what the rules about people's days look at. `worked_s` is what the same
-- visit takes of them before it, told with the last stretch only, since a day's limit is for all of them together.
create type private.staff_claim as (
    technician_id uuid,
    claim tstzrange,
    ends_at timestamptz,
    worked_s integer,
    other_claims tstzmultirange
);

create function private.staff_claims(
    technician_ids uuid[], claim tstzrange, ends_at timestamptz, segments private.segment[]
)
returns private.staff_claim[]
language plpgsql
immutable
set search_path = ''
as $$
begin
    if segments is null then
        return array(
            select row(t.id, claim, ends_at, 0, '{}')::private.staff_claim
            from unnest(technician_ids) with ordinality as t (id, turn) order by t.turn
        );
    end if;
    return array(
        select row(
            s.technician_id,
            -- A blocked pause keeps its technician as the work itself does.
            range_merge(tstzmultirange(s.booked) + s.pause_blocked), s.ends_at,
            case when others.go_on then 0 else coalesce(others.worked_s, 0) end, coalesce(others.during, '{}')
        )::private.staff_claim
        from unnest(segments) as s
        cross join lateral (
            select
                range_agg(o.booked) as during, bool_or(o.starts_at > s.starts_at) as go_on,
                sum(extract(epoch from upper(o.booked) - lower(o.booked))) filter (where o.starts_at < s.starts_at) as worked_s
            from unnest(segments) as o
            where o.technician_id = s.technician_id and o.position <> s.position
        ) as others
        where s.technician_id is not null
        order by s.starts_at
    );
end;
$$;

comment on function private.staff_claims(uuid[], tstzrange, timestamptz, private.segment[]) is
'What a placement claims of each technician: one stretch a segment of composite work, else the same of everybody.';

create type private.placement as (
    work private.work,
    technician_ids uuid[],
    starts_at timestamptz,
    ends_at timestamptz,
    claim tstzrange,
    resource_id uuid,
    appointment_id uuid,
    hold_token uuid,
    latitude double precision,
    longitude double precision,
    customer_agrees boolean,
    segments private.segment[],
    staff private.staff_claim[]
);

create function private.place(
    work private.work, technician_ids uuid[], starts_at timestamptz, ends_at timestamptz,
    resource uuid, moved_appointment uuid, own_hold uuid, customer_agrees boolean default false
)
returns private.placement
language plpgsql
stable
set search_path = ''
as $$
declare
    bay record;
    segments private.segment[];
    visit public.appointments;
    claim tstzrange;
begin
    if moved_appointment is not null and work.moved_appointment_id is distinct from moved_appointment then
        select a.* into visit from public.appointments as a where a.id = moved_appointment;
        work := private.work_of_move(work, visit, customer_agrees);
    end if;
    if work.is_composite then
        segments := case
            when moved_appointment is null then private.segments_of(work, technician_ids, starts_at)
            else private.move_segments_to(moved_appointment, technician_ids, starts_at)
        end;
        ends_at := segments[cardinality(segments)].ends_at;
        technician_ids := private.distinct_in_order(array_remove(technician_ids, null));
    end if;
    work.own_pace := work.own_pace and ends_at is null;
    ends_at := coalesce(
        ends_at, starts_at + make_interval(mins => private.own_minutes(work, work.duration_minutes, technician_ids))
    );
    select f.latitude, f.longitude into bay
    from public.resources as r
    inner join public.facilities as f on r.facility_id = f.id
    where r.id = resource and r.kind = 'bay';
    claim := private.buffered(starts_at, ends_at, work.buffer_before_minutes, work.buffer_after_minutes);
    return row(
        work, technician_ids, starts_at, ends_at, claim, resource, moved_appointment, own_hold,
        coalesce(bay.latitude, work.latitude), coalesce(bay.longitude, work.longitude), customer_agrees, segments,
        private.staff_claims(technician_ids, claim, ends_at, segments)
    )::private.placement;
end;
$$;

comment on function private.place(private.work, uuid[], timestamptz, timestamptz, uuid, uuid, uuid, boolean) is
'A proposed placement of work: who, when, where; to be judged before anything is written. The end defaults to the start and what the technician takes for the work. Composite work names one technician for all segments, or one for each in order; its end follows from them.';

create function private.personal_claims(p private.placement)
returns table (technician_id uuid, during tstzrange)
language plpgsql
stable
set search_path = ''
as $$
begin
    return query
    select t.id, p.claim from unnest(p.technician_ids) as t (id) where p.segments is null
    union all
    select s.technician_id, claim.during
    from unnest(p.segments) as s
    cross join lateral (
        select s.booked as during
        union all
        select pause from unnest(s.pause_blocked) as pause
    ) as claim;
end;
$$;

comment on function private.personal_claims(private.placement) is 'What a placement claims of each technician.';
