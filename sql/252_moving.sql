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
    select coalesce(array_agg(j.technician_id order by j.is_primary_technician desc, j.created_at, j.id), '{}')
    from public.job_assignments as j
    where j.appointment_id = appointment and j.status not in ('declined', 'canceled', 'no_show');
$$;

comment on function private.engaged_technicians(uuid) is 'The technicians of a visit, the primary one first.';

create function private.move_visit(
    appointment uuid, p private.placement, window_start timestamptz, window_end timestamptz, run uuid default null
)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
    -- The ledger follows each row by trigger; a crew member's own old claim must not stand in the way of another's new one.
    update public.reservations set released_at = now(), updated_at = now()
    where appointment_id = move_visit.appointment and released_at is null;
    update public.appointments as a
    set starts_at = p.starts_at, ends_at = p.ends_at, arrival_window_start = window_start, arrival_window_end = window_end
    where a.id = appointment;
    update public.job_assignments as j
    set status = 'canceled'
    where
        j.appointment_id = appointment and j.technician_id <> all (p.technician_ids)
        and j.status not in ('declined', 'canceled', 'no_show', 'completed');
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
'Moves a judged visit to its new time and technicians.';

create function private.reschedule_appointment(
    appointment uuid, starts_at timestamptz, ends_at timestamptz, technician_ids uuid[],
    reason public.reschedule_reason, notes text, customer_confirmed boolean, override jsonb, idempotency_key text
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
    work private.work := private.work_of_job(visit.dispatch_job_id);
    was uuid[] := private.engaged_technicians(appointment);
    org public.orgs;
    placed private.placement;
    conflicts private.conflict[];
    promised tstzrange;
    known jsonb;
    is_moved boolean := false;
begin
    perform private.require('reschedule_appointment', visit.org_id, visit.facility_id);
    known := private.recall(visit.org_id, idempotency_key, 'reschedule_appointment', jsonb_build_object(
        'appointment_id', appointment, 'starts_at', starts_at, 'ends_at', ends_at, 'technician_ids', technician_ids,
        'reason', reason, 'notes', notes, 'customer_confirmed', customer_confirmed, 'override', override
    ));
    if known is not null then
        return known;
    end if;
    if reason is null or (reason = 'other' and coalesce(btrim(notes), '') = '') then
        perform private.fail(
            400, 'reason_needed', 'A reschedule needs a reason, and notes when the reason is "other".',
            'For example reason customer_request.'
        );
    end if;
    select o.* into org from public.orgs as o where o.id = visit.org_id;
    technician_ids := coalesce(technician_ids, was);
    ends_at := coalesce(ends_at, starts_at + (visit.ends_at - visit.starts_at));
    perform private.check_override(override);
    perform private.check_technicians(visit.org_id, technician_ids);
    perform private.check_times(starts_at, ends_at);
    placed := private.place(
        work, technician_ids, starts_at, ends_at, coalesce(visit.bay_id, visit.mobile_unit_id), appointment, null
    );
    promised := private.arrival_window(starts_at, org.arrival_window_minutes, org.time_zone);

    conflicts := private.conflicts_of_move(placed, visit, customer_confirmed or reason = 'customer_request');
    if not private.blocking(conflicts, override) then
        if override is not null and exists (select from unnest(conflicts) as c where c.severity = 'hard_overridable') then
            perform private.require('override_scheduling_conflict', visit.org_id, visit.facility_id);
        end if;
        begin
            perform private.lock_claimants(technician_ids || was || placed.resource_id);
            -- The visit may have moved, or been canceled, while this call waited.
            select a.* into visit from public.appointments as a where a.id = appointment for update;
            conflicts := private.conflicts_of_move(placed, visit, customer_confirmed or reason = 'customer_request');
            if private.blocking(conflicts, override) then
                raise exclusion_violation;
            end if;
            insert into public.appointment_reschedules (
                org_id, appointment_id, from_starts_at, from_ends_at, from_technician_ids, to_starts_at, to_ends_at,
                to_technician_ids, reason, notes, customer_confirmed, rescheduled_by_user_id
            )
            values (
                visit.org_id, appointment, visit.starts_at, visit.ends_at, private.engaged_technicians(appointment),
                starts_at, ends_at, technician_ids, reason, notes, coalesce(customer_confirmed, false), auth.uid()
            );
            perform private.record_override(appointment, visit.org_id, override, conflicts);
            perform private.move_visit(appointment, placed, lower(promised), upper(promised));
            is_moved := true;
        exception when exclusion_violation then
            is_moved := false;
        end;
    end if;
    if not is_moved then
        conflicts := private.conflicts_of_move(placed, visit, customer_confirmed or reason = 'customer_request');
        perform private.refuse_placement(placed, conflicts);
    end if;
    return private.remember(visit.org_id, idempotency_key, private.appointment_document(appointment));
end;
$$;

comment on function private.reschedule_appointment(
    uuid, timestamptz, timestamptz, uuid[], public.reschedule_reason, text, boolean, jsonb, text
) is
'Definer: visits and the ledger are written by RPCs only. Own check: reschedule_appointment, and override_scheduling_conflict when conflicts are overridden.';

create function private.conflicts_of_move(p private.placement, visit public.appointments, customer_agrees boolean)
returns private.conflict[]
language sql
stable
set search_path = ''
as $$
    select coalesce(array_agg(row(m.code, m.severity, m.message, m.data)::private.conflict), '{}')
    from (
        select j.code, j.severity, j.message, j.data
        from private.judge(p) as j
        -- A promise is no obstacle to the customer who wants it changed.
        where not (j.code = 'customer_window' and customer_agrees)
        union all
        select
            'not_reschedulable', 'hard'::public.conflict_severity,
            format('A visit that is %s cannot be moved.', replace(visit.status::text, '_', ' ')),
            jsonb_build_object('status', visit.status)
        where visit.status not in ('scheduled', 'confirmed', 'awaiting_parts')
    ) as m;
$$;

comment on function private.conflicts_of_move(private.placement, public.appointments, boolean) is
'The judge''s conflicts of a move, and not_reschedulable for a visit that is under way or over.';

create function public.reschedule_appointment(
    appointment_id uuid,
    starts_at timestamptz,
    ends_at timestamptz default null,
    technician_ids uuid[] default null,
    reason public.reschedule_reason default null,
    notes text default null,
    customer_confirmed boolean default false,
    override jsonb default null,
    idempotency_key text default null
)
returns jsonb
language sql
volatile
set search_path = ''
as $$
    select private.reschedule_appointment(
        appointment_id, starts_at, ends_at, technician_ids, reason, notes, customer_confirmed, override, idempotency_key
    );
$$;

comment on function public.reschedule_appointment(
    uuid, timestamptz, timestamptz, uuid[], public.reschedule_reason, text, boolean, jsonb, text
) is
'Moves a visit to another time, other technicians, or both, as a whole (BKG-9). Without technician_ids they stay; without ends_at the length stays. Answers the appointment with its assignments. Needs reschedule_appointment.';

create function private.cancel_appointment(appointment uuid, reason text, notes text, idempotency_key text)
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
    known jsonb;
begin
    perform private.require('cancel_appointment', visit.org_id, visit.facility_id);
    known := private.recall(visit.org_id, idempotency_key, 'cancel_appointment', jsonb_build_object(
        'appointment_id', appointment, 'reason', reason, 'notes', notes
    ));
    if known is not null then
        return known;
    end if;
    if coalesce(btrim(reason), '') = '' then
        perform private.fail(400, 'reason_needed', 'Canceling needs a reason.', 'Use a code of the list cancel_reason.');
    end if;
    perform private.check_label(visit.org_id, 'cancel_reason', reason);
    perform private.lock_claimants(private.engaged_technicians(appointment) || visit.bay_id || visit.mobile_unit_id);
    perform set_config('truckroll.reason', reason, true);
    update public.appointments as a
    set status = 'canceled', cancel_reason = reason, cancel_notes = notes
    where a.id = appointment;
    return private.remember(visit.org_id, idempotency_key, private.appointment_document(appointment));
end;
$$;

comment on function private.cancel_appointment(uuid, text, text, text) is
'Definer: visits and the ledger are written by RPCs only. Own check: cancel_appointment.';

create function public.cancel_appointment(
    appointment_id uuid,
    reason text,
    notes text default null,
    idempotency_key text default null
)
returns jsonb
language sql
volatile
set search_path = ''
as $$
    select private.cancel_appointment(appointment_id, reason, notes, idempotency_key);
$$;

comment on function public.cancel_appointment(uuid, text, text, text) is
'Cancels a visit as a whole and frees its technicians and place. The reason is a code of the org''s list cancel_reason. Needs cancel_appointment.';

revoke execute on function public.reschedule_appointment(
    uuid, timestamptz, timestamptz, uuid[], public.reschedule_reason, text, boolean, jsonb, text
) from public, anon;
grant execute on function public.reschedule_appointment(
    uuid, timestamptz, timestamptz, uuid[], public.reschedule_reason, text, boolean, jsonb, text
) to authenticated, service_role;
grant execute on function private.reschedule_appointment(
    uuid, timestamptz, timestamptz, uuid[], public.reschedule_reason, text, boolean, jsonb, text
) to authenticated, service_role;
revoke execute on function public.cancel_appointment(uuid, text, text, text) from public, anon;
grant execute on function public.cancel_appointment(uuid, text, text, text) to authenticated, service_role;
grant execute on function private.cancel_appointment(uuid, text, text, text) to authenticated, service_role;
