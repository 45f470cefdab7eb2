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
    other_work_s integer,
    other_claims tstzmultirange
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
    return row(
        work, technician_ids, starts_at, ends_at,
        private.buffered(starts_at, ends_at, work.buffer_before_minutes, work.buffer_after_minutes),
        resource, moved_appointment, own_hold,
        coalesce(bay.latitude, work.latitude), coalesce(bay.longitude, work.longitude), customer_agrees, segments, 0, '{}'
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
