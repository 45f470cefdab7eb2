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
    perform private.check_length(notes, 'notes');
    perform private.check_label(visit.org_id, 'cancel_reason', reason);
    perform private.lock_jobs(array[visit.dispatch_job_id]);
    select a.* into visit from public.appointments as a where a.id = appointment;
    perform private.lock_claimants(private.engaged_technicians(appointment) || visit.bay_id || visit.mobile_unit_id);
    perform set_config('truckroll.reason', reason, true);
    -- What was canceled before keeps its reason.
    update public.appointments as a
    set status = 'canceled', cancel_reason = reason, cancel_notes = notes
    where a.id = appointment and a.status <> 'canceled';
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

revoke execute on function public.cancel_appointment(uuid, text, text, text) from public, anon;
grant execute on function public.cancel_appointment(uuid, text, text, text) to authenticated, service_role;
grant execute on function private.cancel_appointment(uuid, text, text, text) to authenticated, service_role;
