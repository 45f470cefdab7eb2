create function private.appointment_from_source(
    source_type text, source_id uuid, starts_at timestamptz, technician_ids uuid[], resource uuid,
    duration_minutes integer, duration_reason text, override jsonb, idempotency_key text
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
    source private.source := private.load_source(source_type, source_id);
    known jsonb;
    minutes integer;
    job uuid;
    work private.work;
    ends_at timestamptz;
    strategy public.assignment_strategy;
    facility uuid;
    placed private.placement;
    conflicts private.conflict[];
    org public.orgs;
    promised tstzrange;
    appointment uuid;
    outcome public.appointment_assignment_status;
begin
    select r.facility_id into facility from public.resources as r where r.id = resource;
    perform private.require('create_appointment', source.org_id, facility);
    known := private.recall(source.org_id, idempotency_key, 'appointment_from_source', jsonb_build_object(
        'source_type', source_type, 'source_id', source_id, 'starts_at', starts_at, 'technician_ids', technician_ids,
        'resource_id', resource, 'duration_minutes', duration_minutes, 'duration_reason', duration_reason, 'override', override
    ));
    if known is not null then
        return known;
    end if;
    select o.* into org from public.orgs as o where o.id = source.org_id;
    perform private.check_override(override);
    perform private.check_resource(source.org_id, resource, 'create_appointment');
    perform private.check_times(starts_at, null);
    perform pg_advisory_xact_lock(hashtextextended(source.id::text, 13));
    source := private.load_source(source_type, source_id);
    perform private.check_source(source);
    minutes := private.source_duration(source, duration_minutes, duration_reason);
    job := private.job_of_source(source, minutes);
    work := private.work_of_job(job);
    if technician_ids is not null then
        perform private.check_technicians(source.org_id, private.staff(work, technician_ids));
    end if;
    ends_at := starts_at + make_interval(mins => work.duration_minutes);
    if resource is null and work.place_kind <> 'site' then
        resource := private.free_resource(work, work.place_kind::text::public.resource_kind, private.buffered(
            starts_at, ends_at, work.buffer_before_minutes, work.buffer_after_minutes
        ));
        select r.facility_id into facility from public.resources as r where r.id = resource;
    end if;
    strategy := private.assignment_strategy(source.org_id, facility, source.service_id);
    if technician_ids is null then
        technician_ids := case strategy
            when 'automatic' then private.best_technicians(work, starts_at, ends_at, resource) else '{}'
        end;
        outcome := case
            when cardinality(technician_ids) > 0 then 'assigned'
            when strategy = 'deferred' then 'deferred'
            when strategy = 'manual' then 'unassigned'
            else 'awaiting_skill_fulfillment'
        end;
    else
        outcome := 'assigned';
    end if;

    placed := private.place(work, technician_ids, starts_at, ends_at, resource, null, null);
    promised := private.arrival_window(starts_at, org.arrival_window_minutes, org.time_zone);
    begin
        perform private.lock_claimants(technician_ids || resource || private.equipment_of(work.service_id));
        conflicts := private.conflicts_of(placed);
        if private.blocking(conflicts, override) then
            raise exclusion_violation;
        end if;
        perform private.require_for_override(conflicts, override, source.org_id, facility);
        appointment := private.insert_visit(placed, lower(promised), upper(promised), override, conflicts);
    exception when exclusion_violation then
        appointment := null;
    end;
    if appointment is null then
        perform private.refuse_placement(placed, private.conflicts_of(placed));
    end if;
    update public.appointments as a
    set
        estimate_id = source.estimate_id, work_order_id = source.work_order_id, source_is_exclusive = source.is_exclusive,
        assignment_status = outcome,
        assign_by = case when outcome in ('deferred', 'awaiting_skill_fulfillment') then private.assign_by(a.starts_at, facility, source.org_id) end
    where a.id = appointment;
    perform private.schedule_source(source, appointment);
    if outcome = 'awaiting_skill_fulfillment' then
        perform private.raise_event(source.org_id, 'appointment.needs_skill_resolution', 'appointment', appointment, jsonb_build_object(
            'required_skills', work.required_skills, 'starts_at', starts_at, 'source_type', source_type, 'source_id', source_id
        ));
    end if;
    return private.remember(source.org_id, idempotency_key, private.appointment_document(appointment) || jsonb_build_object(
        'strategy', strategy, 'warnings', private.duration_warnings(source, minutes)
    ));
end;
$$;

comment on function private.appointment_from_source(text, uuid, timestamptz, uuid[], uuid, integer, text, jsonb, text) is
'Definer: visits, the ledger and the source''s status are written by RPCs only. Own check: create_appointment, approve_duration_override for large changes of duration, and the permission each overridden conflict asks for.';

create function private.schedule_source(source private.source, appointment uuid)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
    if source.estimate_id is not null then
        update public.estimates set status = 'scheduled' where id = source.estimate_id and status <> 'scheduled';
        perform private.raise_event(source.org_id, 'estimate.status_changed', 'estimate', source.estimate_id, jsonb_build_object(
            'from', source.status, 'to', 'scheduled', 'appointment_id', appointment
        ));
    else
        update public.work_orders set status = 'scheduled' where id = source.work_order_id and status <> 'scheduled';
        perform private.raise_event(source.org_id, 'work_order.scheduled', 'work_order', source.work_order_id, jsonb_build_object(
            'appointment_id', appointment
        ));
    end if;
end;
$$;

comment on function private.schedule_source(private.source, uuid) is 'The source becomes scheduled and says so (BKG-10).';

create function private.plan_work_order()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    -- Two visits of it may move at once: whoever comes second looks at the visits after the first is done.
    perform from public.work_orders as w where w.org_id = new.org_id and w.id = new.work_order_id for no key update;
    update public.work_orders as w
    set planned_start_at = visits.starts_at, planned_end_at = visits.ends_at
    from (
        select min(a.starts_at) as starts_at, max(a.ends_at) as ends_at
        from public.appointments as a
        where a.org_id = new.org_id and a.work_order_id = new.work_order_id and a.status not in ('canceled', 'no_show')
    ) as visits
    where
        w.org_id = new.org_id and w.id = new.work_order_id
        and (w.planned_start_at, w.planned_end_at) is distinct from (visits.starts_at, visits.ends_at);
    return null;
end;
$$;

comment on function private.plan_work_order() is
'The planned time of a work order follows its visits. Definer: whoever moves a visit need not edit work orders.';

create trigger appointments_plan_work_order after insert or update of starts_at, ends_at, status, work_order_id
on public.appointments
for each row when (new.work_order_id is not null) execute function private.plan_work_order();

create function private.reopen_source()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    update public.estimates set status = 'approved'
    where id = new.estimate_id and status = 'scheduled' and not exists (
        select from public.appointments as a
        where a.org_id = new.org_id and a.estimate_id = new.estimate_id and a.status not in ('canceled', 'no_show')
    );
    update public.work_orders set status = 'approved'
    where id = new.work_order_id and status = 'scheduled' and not exists (
        select from public.appointments as a
        where a.org_id = new.org_id and a.work_order_id = new.work_order_id and a.status not in ('canceled', 'no_show')
    );
    return null;
end;
$$;

comment on function private.reopen_source() is
'A source whose appointment was canceled can be scheduled again. Definer: whoever cancels need not be able to edit estimates.';

create trigger appointments_reopen_source after update of status on public.appointments
for each row when (
    new.status in ('canceled', 'no_show') and old.status <> new.status
    and (new.estimate_id is not null or new.work_order_id is not null)
)
execute function private.reopen_source();

create function public.appointment_from_source(
    source_type text,
    source_id uuid,
    starts_at timestamptz,
    technician_ids uuid[] default null,
    resource_id uuid default null,
    duration_minutes integer default null,
    duration_reason text default null,
    override jsonb default null,
    idempotency_key text default null
)
returns jsonb
language sql
volatile
set search_path = ''
as $$
    select private.appointment_from_source(
        source_type, source_id, starts_at, technician_ids, resource_id, duration_minutes, duration_reason, override,
        idempotency_key
    );
$$;

comment on function public.appointment_from_source(text, uuid, timestamptz, uuid[], uuid, integer, text, jsonb, text) is
'Makes an appointment from an estimate or a work order (BKG-10, BKG-11): job prefilled, bay chosen, technicians by the facility''s strategy unless named. Nobody qualified free: the appointment is made and awaits skill fulfillment. Answers the appointment with its assignments, the strategy and warnings about durations. Needs create_appointment.';

create function private.unassigned_appointments(org uuid, max_results integer)
returns setof public.appointments
language plpgsql
stable
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set jit = 'off'
as $$
declare
    own uuid := private.own_org('view_assignments', org);
begin
    if max_results is null or max_results not between 1 and 1000 then
        perform private.fail(400, 'max_results_invalid', 'max_results must be from 1 to 1000.', 'Ask for fewer.');
    end if;
    return query
    select a.*
    from public.appointments as a
    where
        a.org_id = own and a.assignment_status <> 'assigned' and a.status in ('scheduled', 'confirmed', 'awaiting_parts')
        and private.may('view_assignments', own, a.facility_id)
    order by coalesce(a.assign_by, a.starts_at), a.starts_at
    limit max_results;
end;
$$;

comment on function private.unassigned_appointments(uuid, integer) is 'Definer: one look at all facilities. Own check: view_assignments, per facility.';

create function public.unassigned_appointments(max_results integer default 100, org_id uuid default null)
returns setof public.appointments
language sql
stable
set search_path = ''
as $$
    select * from private.unassigned_appointments(org_id, max_results);
$$;

comment on function public.unassigned_appointments(integer, uuid) is
'Appointments that still lack technicians, the nearest deadline first (BKG-11): deferred, awaiting skill fulfillment, unassigned, partly assigned. Needs view_assignments.';

revoke execute on function public.appointment_from_source(text, uuid, timestamptz, uuid[], uuid, integer, text, jsonb, text)
from public, anon;
grant execute on function public.appointment_from_source(text, uuid, timestamptz, uuid[], uuid, integer, text, jsonb, text)
to authenticated, service_role;
grant execute on function private.appointment_from_source(text, uuid, timestamptz, uuid[], uuid, integer, text, jsonb, text)
to authenticated, service_role;
revoke execute on function public.unassigned_appointments(integer, uuid) from public, anon;
grant execute on function public.unassigned_appointments(integer, uuid) to authenticated, service_role;
grant execute on function private.unassigned_appointments(uuid, integer) to authenticated, service_role;
