create function private.load_appointment(appointment uuid)
returns public.appointments
language plpgsql
volatile
set search_path = ''
as $$
declare
    loaded public.appointments;
begin
    select a.* into loaded from public.appointments as a where a.id = appointment;
    if loaded.id is null or not private.may('view_assignments', loaded.org_id, loaded.facility_id) then
        perform private.fail(
            404, 'appointment_not_found', 'There is no such appointment, or you may not see it.', 'Check appointment_id.'
        );
    end if;
    return loaded;
end;
$$;

comment on function private.load_appointment(uuid) is 'A visit the caller may see, else 404.';

create function private.engaged_technicians(appointment uuid)
returns uuid[]
language sql
stable
set search_path = ''
as $$
    select private.distinct_in_order(array_agg(j.technician_id order by j.is_primary_technician desc, j.created_at, j.id))
    from public.job_assignments as j
    where j.appointment_id = appointment and j.status not in ('declined', 'canceled', 'no_show');
$$;

comment on function private.engaged_technicians(uuid) is 'The technicians of a visit, the primary one first.';

create function private.staff_now(appointment uuid)
returns uuid[]
language sql
stable
set search_path = ''
as $$
    -- A segment without anybody keeps its place.
    select case when count(s.position) = 0 then private.engaged_technicians(appointment) else
        case when count(s.technician_id) = 0 then '{}' else array_agg(s.technician_id order by s.position) end
    end
    from unnest(private.segments_of_appointment(appointment)) as s;
$$;

comment on function private.staff_now(uuid) is
'Who is on a visit, as private.place takes it: the crew, or for composite work the technician of each segment in order.';

create function private.move_segments(
    appointment uuid, p private.placement, window_start timestamptz, window_end timestamptz, run uuid
)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
    -- Said first: whether the visit is fully assigned is told by its size with every assignment that follows.
    update public.appointments set crew_size = greatest(1, cardinality(p.technician_ids))
    where id = appointment and cardinality(p.technician_ids) > 0;
    update public.appointment_segments as g
    set starts_at = s.starts_at, ends_at = s.ends_at
    from unnest(p.segments) as s
    where g.appointment_id = move_segments.appointment and g.position = s.position;
    update public.job_assignments as j
    set status = 'canceled'
    from unnest(p.segments) as s
    inner join public.appointment_segments as g on g.appointment_id = move_segments.appointment and g.position = s.position
    where
        j.segment_id = g.id and j.technician_id is distinct from s.technician_id
        and j.status not in ('declined', 'canceled', 'no_show', 'completed');
    update public.job_assignments as j
    set
        scheduled_start_at = s.starts_at, scheduled_end_at = s.ends_at, arrival_window_start = window_start,
        arrival_window_end = window_end, optimization_run_id = coalesce(run, j.optimization_run_id),
        status = case when j.status = 'accepted' and j.scheduled_start_at <> s.starts_at then 'assigned' else j.status end,
        tech_eta_at = case when j.scheduled_start_at = s.starts_at then j.tech_eta_at end
    from unnest(p.segments) as s
    inner join public.appointment_segments as g on g.appointment_id = move_segments.appointment and g.position = s.position
    where j.segment_id = g.id and j.status not in ('declined', 'canceled', 'no_show');
    -- Pauses were blocked with a segment or two lacking their new technician.
    update public.reservations as r set released_at = now(), updated_at = now()
    where r.appointment_id = move_segments.appointment and r.kind = 'pause_blocked' and r.released_at is null;
    insert into public.job_assignments (
        org_id, dispatch_job_id, appointment_id, segment_id, technician_id, assigned_by_user_id, scheduled_start_at,
        scheduled_end_at, arrival_window_start, arrival_window_end, is_primary_technician, optimization_run_id
    )
    select
        (p.work).org_id, (p.work).job_id, appointment, g.id, s.technician_id, auth.uid(), s.starts_at, s.ends_at,
        window_start, window_end, true, run
    from unnest(p.segments) as s
    inner join public.appointment_segments as g on g.appointment_id = move_segments.appointment and g.position = s.position
    where s.technician_id is not null and not exists (
        select from public.job_assignments as j
        where j.segment_id = g.id and j.status not in ('declined', 'canceled', 'no_show')
    );
    perform private.reserve_other_segments(appointment);
end;
$$;

comment on function private.move_segments(uuid, private.placement, timestamptz, timestamptz, uuid) is
'Moves every segment of a composite visit, and hands over those whose technician changes.';

create function private.move_visit(
    appointment uuid, p private.placement, window_start timestamptz, window_end timestamptz, run uuid default null
)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
    resource public.resources;
begin
    select r.* into resource from public.resources as r where r.id = p.resource_id;
    -- The ledger follows each row by trigger; a crew member's own old claim must not stand in the way of another's new one.
    update public.reservations set released_at = now(), updated_at = now()
    where appointment_id = move_visit.appointment and released_at is null;
    update public.appointments as a
    set
        starts_at = p.starts_at, ends_at = p.ends_at, arrival_window_start = window_start, arrival_window_end = window_end,
        bay_id = case when resource.kind = 'bay' then resource.id end,
        mobile_unit_id = case when resource.kind = 'mobile_unit' then resource.id end,
        facility_id = coalesce(resource.facility_id, a.facility_id)
    where a.id = appointment;
    if p.segments is not null then
        perform private.move_segments(appointment, p, window_start, window_end, run);
        return;
    end if;
    update public.job_assignments as j
    set status = 'canceled'
    where
        j.appointment_id = appointment and j.technician_id <> all (p.technician_ids)
        and j.status not in ('declined', 'canceled', 'no_show', 'completed');
    -- Only one can be in charge at a time, so the old one steps back before the new one steps up.
    update public.job_assignments as j
    set is_primary_technician = false
    where
        j.appointment_id = appointment and j.is_primary_technician and j.technician_id is distinct from p.technician_ids[1]
        and j.status not in ('declined', 'canceled');
    update public.job_assignments as j
    set
        scheduled_start_at = p.starts_at, scheduled_end_at = p.ends_at, arrival_window_start = window_start,
        arrival_window_end = window_end, is_primary_technician = j.technician_id = p.technician_ids[1],
        optimization_run_id = coalesce(run, j.optimization_run_id),
        -- Whoever accepted the old time has not accepted the new one.
        status = case when j.status = 'accepted' and j.scheduled_start_at <> p.starts_at then 'assigned' else j.status end,
        tech_eta_at = case when j.scheduled_start_at = p.starts_at then j.tech_eta_at end
    where j.appointment_id = appointment and j.status not in ('declined', 'canceled', 'no_show');
    insert into public.job_assignments (
        org_id, dispatch_job_id, appointment_id, technician_id, assigned_by_user_id, scheduled_start_at,
        scheduled_end_at, arrival_window_start, arrival_window_end, is_primary_technician, optimization_run_id
    )
    select
        (p.work).org_id, (p.work).job_id, appointment, t.id, auth.uid(), p.starts_at, p.ends_at, window_start,
        window_end, t.turn = 1, run
    from unnest(p.technician_ids) with ordinality as t (id, turn)
    where not exists (
        select from public.job_assignments as j
        where
            j.appointment_id = move_visit.appointment and j.technician_id = t.id
            and j.status not in ('declined', 'canceled', 'no_show')
    );
end;
$$;

comment on function private.move_visit(uuid, private.placement, timestamptz, timestamptz, uuid) is
'Moves a judged visit to its new time, technicians and place.';
