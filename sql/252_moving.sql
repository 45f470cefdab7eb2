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
        status = case when j.status = 'accepted' and j.scheduled_start_at <> s.starts_at then 'assigned' else j.status end
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
    update public.appointments set crew_size = greatest(1, cardinality(p.technician_ids))
    where id = appointment and cardinality(p.technician_ids) > 0;
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
        status = case when j.status = 'accepted' and j.scheduled_start_at <> p.starts_at then 'assigned' else j.status end
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

create function private.conflicts_of_move(p private.placement, visit public.appointments)
returns private.conflict[]
language plpgsql
stable
set search_path = ''
as $$
declare
    org public.orgs;
    minutes_left constant integer := (extract(epoch from visit.starts_at - now()) / 60)::integer;
    moved_before integer;
begin
    select o.* into org from public.orgs as o where o.id = visit.org_id;
    select count(*) into moved_before from public.appointment_reschedules as r
    where r.org_id = visit.org_id and r.appointment_id = visit.id and r.reason <> 'optimization';
    return (
        select coalesce(array_agg(
            row(m.code, private.severity(org, m.code, m.data), m.message, m.data)::private.conflict
            order by private.severity(org, m.code, m.data), m.code
        ), '{}')
        from (
            select j.code, j.message, j.data
            from private.judge(p) as j
            union all
            select
                'not_reschedulable', format('A visit that is %s cannot be moved.', replace(visit.status::text, '_', ' ')),
                jsonb_build_object('status', visit.status, 'is_final', visit.status in ('completed', 'canceled', 'no_show'))
            where visit.status not in ('scheduled', 'confirmed', 'awaiting_parts')
            union all
            select
                'notice_too_short',
                format('The visit starts in %s minutes; only a manager may move it now, with the customer''s consent.', greatest(0, minutes_left)),
                jsonb_build_object('minutes_left', minutes_left, 'needs', 'approve_emergency_reschedule')
            where
                minutes_left < org.reschedule_emergency_minutes
                and not (p.customer_agrees and private.may('approve_emergency_reschedule', visit.org_id, visit.facility_id))
            union all
            select
                'notice_too_short', format('The visit starts in %s hours; moving it now needs approval.', minutes_left / 60),
                jsonb_build_object('minutes_left', minutes_left, 'needs', 'approve_reschedule')
            where
                minutes_left >= org.reschedule_emergency_minutes and minutes_left < org.reschedule_notice_minutes
                and not private.may('approve_reschedule', visit.org_id, visit.facility_id)
            union all
            select
                'reschedule_limit', format('The visit was moved %s times already; once more needs approval.', moved_before),
                jsonb_build_object('moved_before', moved_before, 'limit', org.reschedule_limit, 'needs', 'approve_reschedule')
            where
                moved_before >= org.reschedule_limit
                and not private.may('approve_reschedule', visit.org_id, visit.facility_id)
        ) as m
    );
end;
$$;

comment on function private.conflicts_of_move(private.placement, public.appointments) is
'The judge''s conflicts of a move, and those of moving at all (BKG-9): not_reschedulable, notice_too_short, reschedule_limit. Who holds the approving permission approves by moving.';

create function private.fit_move(p private.placement, visit public.appointments, keeps_crew boolean)
returns private.placement
language plpgsql
stable
set search_path = ''
as $$
declare
    conflicts constant private.conflict[] := private.conflicts_of_move(p, visit);
    another uuid;
begin
    if exists (select from unnest(conflicts) as c where c.code = 'resource_overlap') then
        another := private.free_resource(
            p.work, (select r.kind from public.resources as r where r.id = p.resource_id), p.claim
        );
        p.resource_id := case when keeps_crew then coalesce(another, p.resource_id) else another end;
    end if;
    -- A crew stays together or not at all (JOB-8).
    if not keeps_crew and (
        exists (select from unnest(conflicts) as c where c.severity <> 'soft' and c.data ? 'technician_id')
        or exists (select from unnest(conflicts) as c where c.code = 'certification_expired')
    ) then
        p := private.place(
            p.work, '{}', p.starts_at, p.ends_at, p.resource_id, p.appointment_id, p.hold_token, p.customer_agrees
        );
    end if;
    return p;
end;
$$;

comment on function private.fit_move(private.placement, public.appointments, boolean) is
'A move takes another bay of the facility where its own is taken. One that names nobody keeps its technicians where they are free at the new time, and clears them where not (BKG-9).';

create function private.reschedule_appointment(
    appointment uuid, starts_at timestamptz, ends_at timestamptz, technician_ids uuid[],
    reason public.reschedule_reason, notes text, customer_confirmed boolean, notify boolean, override jsonb,
    idempotency_key text
)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set jit = 'off'
as $$
declare
    visit public.appointments := private.load_appointment(appointment);
    was uuid[] := private.engaged_technicians(appointment);
    org public.orgs;
    work private.work;
    asked private.placement;
    placed private.placement;
    conflicts private.conflict[];
    promised tstzrange;
    known jsonb;
    is_moved boolean := false;
begin
    perform private.require('reschedule_appointment', visit.org_id, visit.facility_id);
    known := private.recall(visit.org_id, idempotency_key, 'reschedule_appointment', jsonb_build_object(
        'appointment_id', appointment, 'starts_at', starts_at, 'ends_at', ends_at, 'technician_ids', technician_ids,
        'reason', reason, 'notes', notes, 'customer_confirmed', customer_confirmed, 'notify', notify, 'override', override
    ));
    if known is not null then
        return known;
    end if;
    if reason is null or ((reason = 'other' or override is not null) and coalesce(btrim(notes), override ->> 'reason', '') = '') then
        perform private.fail(
            400, 'reason_needed', 'A reschedule needs a reason, and notes when the reason is "other".',
            'For example reason customer_request.'
        );
    end if;
    select o.* into org from public.orgs as o where o.id = visit.org_id;
    perform private.check_override(override);
    perform private.check_length(notes, 'notes');
    perform private.check_times(starts_at, ends_at);
    ends_at := coalesce(ends_at, starts_at + (visit.ends_at - visit.starts_at));
    work := private.work_of_job(visit.dispatch_job_id);
    if technician_ids is not null then
        perform private.check_technicians(visit.org_id, private.staff(work, technician_ids, appointment));
    end if;
    asked := private.place(
        work, coalesce(technician_ids, private.staff_now(appointment)), starts_at, ends_at,
        coalesce(visit.bay_id, visit.mobile_unit_id), appointment, null,
        coalesce(customer_confirmed, false) or reason = 'customer_request'
    );
    promised := private.arrival_window(starts_at, org.arrival_window_minutes, org.time_zone);

    placed := private.fit_move(asked, visit, technician_ids is not null);
    conflicts := private.conflicts_of_move(placed, visit);
    if not private.blocking(conflicts, override) then
        perform private.require_for_override(conflicts, override, visit.org_id, visit.facility_id);
        begin
            perform private.lock_jobs(array[visit.dispatch_job_id]);
            -- The visit may have moved, been canceled, or got another crew while this call waited.
            select a.* into visit from public.appointments as a where a.id = appointment for update;
            was := private.engaged_technicians(appointment);
            asked := private.place(
                work, coalesce(technician_ids, private.staff_now(appointment)), starts_at, ends_at, coalesce(visit.bay_id, visit.mobile_unit_id), appointment, null, asked.customer_agrees
            );
            perform private.lock_claimants(
                asked.technician_ids || was || asked.resource_id || placed.resource_id || private.equipment_of(work.service_id)
            );
            placed := private.fit_move(asked, visit, technician_ids is not null);
            conflicts := private.conflicts_of_move(placed, visit);
            if private.blocking(conflicts, override) then
                raise exclusion_violation;
            end if;
            insert into public.appointment_reschedules (
                org_id, appointment_id, from_starts_at, from_ends_at, from_technician_ids, to_starts_at, to_ends_at,
                to_technician_ids, reason, notes, customer_confirmed, rescheduled_by_user_id
            )
            values (
                visit.org_id, appointment, visit.starts_at, visit.ends_at, private.engaged_technicians(appointment),
                starts_at, ends_at, placed.technician_ids, reason, notes, coalesce(customer_confirmed, false), auth.uid()
            );
            perform private.record_override(appointment, visit.org_id, override, conflicts);
            -- Nobody is left to turn up at the old time: the customer's own wish and short notice are always told.
            if not coalesce(notify, true) and reason <> 'customer_request'
                and visit.starts_at > now() + make_interval(mins => org.reschedule_notice_minutes) then
                perform set_config('truckroll.notify_customer', 'off', true);
            end if;
            perform private.move_visit(appointment, placed, lower(promised), upper(promised));
            perform set_config('truckroll.notify_customer', '', true);
            is_moved := true;
        exception when exclusion_violation then
            is_moved := false;
        end;
    end if;
    if not is_moved then
        perform private.refuse_placement(placed, private.conflicts_of_move(placed, visit));
    end if;
    return private.remember(visit.org_id, idempotency_key, private.appointment_document(appointment) || jsonb_build_object(
        'assignment_outcome', case
            when placed.technician_ids = '{}' and was <> '{}' then 'cleared'
            when was <@ placed.technician_ids and placed.technician_ids <@ was then 'preserved'
            else 'reassigned'
        end
    ));
end;
$$;

comment on function private.reschedule_appointment(
    uuid, timestamptz, timestamptz, uuid[], public.reschedule_reason, text, boolean, boolean, jsonb, text
) is
'Definer: visits and the ledger are written by RPCs only. Own check: reschedule_appointment, and the permission each overridden conflict asks for.';

create function public.reschedule_appointment(
    appointment_id uuid,
    starts_at timestamptz,
    ends_at timestamptz default null,
    technician_ids uuid[] default null,
    reason public.reschedule_reason default null,
    notes text default null,
    customer_confirmed boolean default false,
    notify boolean default true,
    override jsonb default null,
    idempotency_key text default null
)
returns jsonb
language sql
volatile
set search_path = ''
as $$
    select private.reschedule_appointment(
        appointment_id, starts_at, ends_at, technician_ids, reason, notes, customer_confirmed, notify, override,
        idempotency_key
    );
$$;

comment on function public.reschedule_appointment(
    uuid, timestamptz, timestamptz, uuid[], public.reschedule_reason, text, boolean, boolean, jsonb, text
) is
'Moves a visit to another time, other technicians, or both, as a whole (BKG-9). Without technician_ids the present ones stay if all are free then, else the visit is left unassigned; assignment_outcome says preserved, reassigned or cleared. Without ends_at the length stays. The customer is told unless notify is false, and always of the own request and at short notice. Answers the appointment with its assignments. Needs reschedule_appointment.';

revoke execute on function public.reschedule_appointment(
    uuid, timestamptz, timestamptz, uuid[], public.reschedule_reason, text, boolean, boolean, jsonb, text
) from public, anon;
grant execute on function public.reschedule_appointment(
    uuid, timestamptz, timestamptz, uuid[], public.reschedule_reason, text, boolean, boolean, jsonb, text
) to authenticated, service_role;
grant execute on function private.reschedule_appointment(
    uuid, timestamptz, timestamptz, uuid[], public.reschedule_reason, text, boolean, boolean, jsonb, text
) to authenticated, service_role;
