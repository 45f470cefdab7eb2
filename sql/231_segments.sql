-- Composite services (BKG-12): a visit in segments, with pauses between them that block the staff or leave it free.

create type private.segment as (
    position integer,
    name text,
    technician_id uuid,
    starts_at timestamptz,
    ends_at timestamptz,
    pause_after_minutes integer,
    pause_policy public.pause_policy,
    booked tstzrange,
    pause_blocked tstzmultirange
);

create function private.pause_policy(segment public.service_segments, service public.services)
returns public.pause_policy
language sql
immutable
set search_path = ''
-- flexible means each pause says for itself.
return case
    when service.pause_policy = 'flexible' then coalesce(segment.pause_policy, 'free') else service.pause_policy
end;

comment on function private.pause_policy(public.service_segments, public.services) is
'What a segment''s pause does to the staff: free, blocked, or never (nobody on either side of the pause is bookable).';

create function private.claim_segments(segments private.segment[], before_minutes integer, after_minutes integer)
returns private.segment[]
language plpgsql
immutable
set search_path = ''
as $$
declare
    last constant integer := cardinality(segments);
    pause tstzrange;
begin
    for turn in 1..last
    loop
        segments[turn].booked := private.buffered(
            segments[turn].starts_at, segments[turn].ends_at,
            case when turn = 1 then before_minutes else 0 end, case when turn = last then after_minutes else 0 end
        );
        segments[turn].pause_blocked := '{}';
    end loop;
    for turn in 1..last - 1
    loop
        pause := tstzrange(segments[turn].ends_at, segments[turn + 1].starts_at);
        continue when isempty(pause) or segments[turn].pause_policy = 'free';
        segments[turn].pause_blocked := segments[turn].pause_blocked + tstzmultirange(pause);
        if segments[turn].pause_policy = 'never' and segments[turn + 1].technician_id is distinct from segments[turn].technician_id then
            segments[turn + 1].pause_blocked := segments[turn + 1].pause_blocked + tstzmultirange(pause);
        end if;
    end loop;
    return segments;
end;
$$;

comment on function private.claim_segments(private.segment[], integer, integer) is
'Fills in what each segment claims of its technician: its time, the visit''s buffers at both ends, and blocked pauses.';

create function private.segments_of(work private.work, staff uuid[], starts_at timestamptz)
returns private.segment[]
language plpgsql
stable
set search_path = ''
as $$
declare
    parts private.segment[] := '{}';
    next_start timestamptz := starts_at;
    part record;
begin
    for part in
        select s.position, s.name, s.duration_minutes, s.pause_after_minutes, private.pause_policy(s, v) as pause_policy,
            count(*) over () as total, row_number() over (order by s.position) as turn
        from public.service_segments as s
        inner join public.services as v on s.service_id = v.id
        where s.service_id = work.service_id
        order by s.position
    loop
        parts := parts || row(
            part.position, part.name, case when cardinality(staff) = part.total then staff[part.turn] else staff[1] end,
            next_start, next_start + make_interval(mins => part.duration_minutes),
            case when part.turn = part.total then 0 else part.pause_after_minutes end, part.pause_policy, null, null
        )::private.segment;
        next_start := next_start + make_interval(
            mins => part.duration_minutes + case when part.turn = part.total then 0 else part.pause_after_minutes end
        );
    end loop;
    return private.claim_segments(parts, work.buffer_before_minutes, work.buffer_after_minutes);
end;
$$;

comment on function private.segments_of(private.work, uuid[], timestamptz) is
'The segments of a composite visit that starts at a time. `staff` names one technician for all segments, or one for each in order.';

create function private.segments_of_appointment(appointment uuid)
returns private.segment[]
language sql
stable
set search_path = ''
as $$
    select private.claim_segments(
        coalesce(array_agg(row(
            g.position, g.name, j.technician_id, g.starts_at, g.ends_at, g.pause_after_minutes, g.pause_policy, null, null
        )::private.segment order by g.position), '{}'),
        max(a.buffer_before_minutes), max(a.buffer_after_minutes)
    )
    from public.appointment_segments as g
    inner join public.appointments as a on g.appointment_id = a.id
    left join public.job_assignments as j
        on j.segment_id = g.id and j.status not in ('declined', 'canceled', 'no_show')
    where g.appointment_id = appointment;
$$;

comment on function private.segments_of_appointment(uuid) is 'The segments of a booked composite visit and what they claim.';

create function private.reserve_segment(assignment public.job_assignments)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
    delete from public.reservations where assignment_id = assignment.id and released_at is null;
    perform private.release_expired_holds(array[assignment.technician_id]);
    insert into public.reservations (
        org_id, technician_id, lane, during, kind, appointment_id, assignment_id, location_id, latitude, longitude
    )
    select
        assignment.org_id, assignment.technician_id,
        private.lane_for(assignment, claim.during, lanes.number), claim.during, claim.kind,
        assignment.appointment_id, assignment.id, place.location_id, place.latitude, place.longitude
    from public.appointment_segments as g
    inner join unnest(private.segments_of_appointment(assignment.appointment_id)) as s on g.position = s.position
    cross join private.lanes(assignment.technician_id, assignment.appointment_id) as lanes (number)
    cross join lateral (
        select
            case when assignment.status = 'completed' then s.booked * tstzrange(
                null, greatest(assignment.actual_end_at, lower(s.booked) + interval '1 minute')
            ) else s.booked end as during,
            'booked'::public.reservation_kind as kind
        union all
        select pause.during, 'pause_blocked' from unnest(s.pause_blocked) as pause (during)
        where assignment.status <> 'completed'
    ) as claim
    cross join private.place_of_appointment(assignment.appointment_id) as place
    where g.id = assignment.segment_id;
end;
$$;

comment on function private.reserve_segment(public.job_assignments) is
'Writes what one segment of a composite visit claims: its time, and its pauses where the staff stays blocked.';

create function private.reserve_other_segments(appointment uuid, changed uuid default null)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
    perform private.reserve_segment(j)
    from public.job_assignments as j
    where
        j.appointment_id = appointment and j.segment_id is not null and j.id is distinct from changed
        and j.status not in ('declined', 'canceled', 'no_show');
end;
$$;

comment on function private.reserve_other_segments(uuid, uuid) is
'Writes anew what the segments of a visit claim: whom a pause blocks depends on who has the segments on both sides.';

create function private.move_segments_to(appointment uuid, staff uuid[], starts_at timestamptz)
returns private.segment[]
language plpgsql
stable
set search_path = ''
as $$
declare
    parts private.segment[] := private.segments_of_appointment(appointment);
    shift constant interval := starts_at - parts[1].starts_at;
begin
    for turn in 1..cardinality(parts)
    loop
        parts[turn].starts_at := parts[turn].starts_at + shift;
        parts[turn].ends_at := parts[turn].ends_at + shift;
        parts[turn].technician_id := case when cardinality(staff) = cardinality(parts) then staff[turn] else staff[1] end;
    end loop;
    return private.claim_segments(
        parts, (select a.buffer_before_minutes from public.appointments as a where a.id = appointment),
        (select a.buffer_after_minutes from public.appointments as a where a.id = appointment)
    );
end;
$$;

comment on function private.move_segments_to(uuid, uuid[], timestamptz) is
'The segments a composite visit was booked with, at another time and with other staff. Later changes of the service do not touch it.';

create function private.measure_composite()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    service uuid := case when tg_op = 'DELETE' then old.service_id else new.service_id end;
    last integer;
begin
    select max(s.position) into last from public.service_segments as s where s.service_id = service;
    update public.services as v
    set
        is_composite = last is not null,
        standard_duration_minutes = coalesce((
            select sum(s.duration_minutes + case when s.position = last then 0 else s.pause_after_minutes end)
            from public.service_segments as s where s.service_id = service
        ), v.standard_duration_minutes)
    where v.id = service;
    return null;
end;
$$;

comment on function private.measure_composite() is
'A service with segments is composite and lasts as long as they and their pauses. Definer: follows from the segments, whoever edits them.';

create trigger service_segments_measure after insert or update or delete on public.service_segments
for each row execute function private.measure_composite();

create function public.service_templates()
returns table (
    template text, "position" integer, name text, duration_minutes integer, pause_after_minutes integer,
    pause_policy public.pause_policy
)
language sql
immutable
set search_path = ''
as $$
    values
    ('hair_color', 1, 'Color', 30, 45, 'free'::public.pause_policy),
    ('hair_color', 2, 'Wash', 15, 0, 'free'),
    ('hair_color', 3, 'Cut and dry', 45, 0, 'free'),
    ('paint_repair', 1, 'Sand and prime', 60, 60, 'free'),
    ('paint_repair', 2, 'Paint', 60, 120, 'free'),
    ('paint_repair', 3, 'Polish and check', 30, 0, 'free'),
    ('adhesive_windshield', 1, 'Replace windshield', 60, 60, 'free'),
    ('adhesive_windshield', 2, 'Check and hand over', 15, 0, 'free'),
    ('drain_and_inspect', 1, 'Clear the drain', 60, 30, 'blocked'),
    ('drain_and_inspect', 2, 'Camera inspection', 30, 0, 'free'),
    ('boiler_service', 1, 'Shut down and clean', 60, 20, 'never'),
    ('boiler_service', 2, 'Restart and measure', 40, 0, 'free');
$$;

comment on function public.service_templates() is
'Composite services to start from (BKG-12): insert a template''s rows into service_segments and change what differs.';

revoke execute on function public.service_templates() from public, anon;
grant execute on function public.service_templates() to authenticated, service_role;
