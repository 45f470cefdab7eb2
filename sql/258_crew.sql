create function private.conflicts_of_crew_change(p private.placement)
returns private.conflict[]
language sql
stable
set search_path = ''
as $$
    -- A crew that is still being put together need not be complete, nor cover every skill yet.
    select coalesce(array_agg(j), '{}')
    from private.judge(p) as j
    where
        j.code <> 'crew_incomplete'
        and not (
            cardinality(p.technician_ids) < (p.work).crew_size
            and j.code in ('skill_missing', 'skill_level', 'certification_expired')
        );
$$;

comment on function private.conflicts_of_crew_change(private.placement) is
'The judge''s conflicts of a crew that may still be incomplete.';

create function private.staff_with(appointment uuid, technician uuid, replaces uuid)
returns uuid[]
language sql
stable
set search_path = ''
as $$
    select case when count(s.position) = 0 then array_remove(private.engaged_technicians(appointment), replaces) || technician
        else array_agg(case when s.technician_id is not distinct from replaces then technician else s.technician_id end order by s.position)
    end
    from unnest(private.segments_of_appointment(appointment)) as s;
$$;

comment on function private.staff_with(uuid, uuid, uuid) is
'Who is on a visit once somebody joined, or took another''s place; in composite work whoever joins takes the segments without anybody.';

create function private.put_on_segments(placed private.placement, visit public.appointments, technician uuid)
returns uuid
language plpgsql
volatile
set search_path = ''
as $$
begin
    perform private.move_segments(visit.id, placed, visit.arrival_window_start, visit.arrival_window_end, null);
    return (
        select j.id from public.job_assignments as j
        where j.appointment_id = visit.id and j.technician_id = technician and j.status not in ('declined', 'canceled', 'no_show')
        order by j.created_at desc, j.scheduled_start_at
        limit 1
    );
end;
$$;

comment on function private.put_on_segments(private.placement, public.appointments, uuid) is
'Hands segments of a composite visit to a technician; answers the first of the new assignments.';

create function private.assign_technician(
    appointment uuid, technician uuid, is_primary boolean, replaces uuid, override jsonb, idempotency_key text
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
    crew uuid[];
    staff uuid[];
    placed private.placement;
    conflicts private.conflict[];
    known jsonb;
    assignment uuid;
begin
    perform private.require('assign_technician', visit.org_id, visit.facility_id);
    known := private.recall(visit.org_id, idempotency_key, 'assign_technician', jsonb_build_object(
        'appointment_id', appointment, 'technician_id', technician, 'is_primary', is_primary,
        'replaces_technician_id', replaces, 'override', override
    ));
    if known is not null then
        return known;
    end if;
    perform private.check_override(override);
    perform private.check_technicians(visit.org_id, array[technician]);
    perform private.lock_jobs(array[visit.dispatch_job_id]);
    select a.* into visit from public.appointments as a where a.id = appointment;
    if visit.status not in ('scheduled', 'confirmed', 'awaiting_parts', 'en_route') then
        perform private.fail(
            409, 'not_reschedulable', format('A visit that is %s takes no other technicians.', replace(visit.status::text, '_', ' ')),
            'Book a further visit of the job instead.'
        );
    end if;
    begin
        perform private.lock_claimants(array[technician, replaces] || private.engaged_technicians(appointment));
        crew := private.engaged_technicians(appointment);
        staff := private.staff_with(appointment, technician, replaces);
        if replaces is not null and replaces <> all (crew) then
            perform private.fail(404, 'technician_not_found', 'The technician to replace is not on the visit.', 'Check replaces_technician_id.');
        end if;
        is_primary := coalesce(is_primary, crew = '{}' or crew[1] = replaces, false);
        placed := private.place(
            private.work_of_job(visit.dispatch_job_id), staff, visit.starts_at, visit.ends_at,
            coalesce(visit.bay_id, visit.mobile_unit_id), appointment, null
        );
        if (placed.segments is null and technician = any(crew)) or staff = private.staff_now(appointment) then
            perform private.fail(
                409, 'already_assigned', 'This technician is on the visit already, or no segment of it lacks one.',
                'Name somebody else, or whom to replace.'
            );
        end if;
        conflicts := private.conflicts_of_crew_change(placed);
        if private.blocking(conflicts, override) then
            raise exclusion_violation;
        end if;
        perform private.require_for_override(conflicts, override, visit.org_id, visit.facility_id);
        perform private.record_override(appointment, visit.org_id, override, conflicts);
        if placed.segments is not null then
            assignment := private.put_on_segments(placed, visit, technician);
            return private.remember(visit.org_id, idempotency_key, (
                select to_jsonb(j) from public.job_assignments as j where j.id = assignment
            ));
        end if;
        update public.job_assignments as j
        set status = 'canceled'
        where j.appointment_id = appointment and j.technician_id = replaces and j.status not in ('declined', 'canceled', 'no_show');
        if is_primary then
            update public.job_assignments as j
            set is_primary_technician = false
            where j.appointment_id = appointment and j.is_primary_technician and j.status not in ('declined', 'canceled');
        end if;
        insert into public.job_assignments (
            org_id, dispatch_job_id, appointment_id, technician_id, assigned_by_user_id, scheduled_start_at,
            scheduled_end_at, arrival_window_start, arrival_window_end, is_primary_technician
        )
        values (
            visit.org_id, visit.dispatch_job_id, appointment, technician, auth.uid(), visit.starts_at, visit.ends_at,
            visit.arrival_window_start, visit.arrival_window_end, is_primary
        )
        returning id into assignment;
    exception when exclusion_violation then
        assignment := null;
    end;
    if assignment is null then
        perform private.refuse_placement(placed, private.conflicts_of_crew_change(placed));
    end if;
    return private.remember(visit.org_id, idempotency_key, (
        select to_jsonb(j) from public.job_assignments as j where j.id = assignment
    ));
end;
$$;

comment on function private.assign_technician(uuid, uuid, boolean, uuid, jsonb, text) is
'Definer: assignments and the ledger are written by RPCs only. Own check: assign_technician, and the permission each overridden conflict asks for.';

create function public.assign_technician(
    appointment_id uuid,
    technician_id uuid,
    is_primary boolean default null,
    replaces_technician_id uuid default null,
    override jsonb default null,
    idempotency_key text default null
)
returns jsonb
language sql
volatile
set search_path = ''
as $$
    select private.assign_technician(
        appointment_id, technician_id, is_primary, replaces_technician_id, override, idempotency_key
    );
$$;

comment on function public.assign_technician(uuid, uuid, boolean, uuid, jsonb, text) is
'Puts a technician on a visit, or in the place of one who was on it (JOB-8); in composite work on the segments without anybody, or on those of the one replaced. Answers the (first new) assignment. Needs assign_technician.';

create function private.unassign_technician(appointment uuid, technician uuid, reason text, idempotency_key text)
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
    parts public.job_assignments[];
    known jsonb;
begin
    perform private.require('assign_technician', visit.org_id, visit.facility_id);
    known := private.recall(visit.org_id, idempotency_key, 'unassign_technician', jsonb_build_object(
        'appointment_id', appointment, 'technician_id', technician, 'reason', reason
    ));
    if known is not null then
        return known;
    end if;
    if coalesce(btrim(reason), '') = '' then
        perform private.fail(400, 'reason_needed', 'Taking somebody off a visit needs a reason.', 'Say why, for the record.');
    end if;
    perform private.check_length(reason, 'reason');
    perform private.lock_jobs(array[visit.dispatch_job_id]);
    perform private.lock_claimants(private.engaged_technicians(appointment));
    perform set_config('truckroll.reason', reason, true);
    -- In composite work somebody may have several segments.
    with freed as (
        update public.job_assignments as j
        set status = 'canceled', is_primary_technician = false
        where
            j.appointment_id = appointment and j.technician_id = technician
            and j.status in ('assigned', 'accepted', 'en_route')
        returning j.*
    )

    select array_agg(f::public.job_assignments order by f.scheduled_start_at) into parts from freed as f;
    if parts is null then
        perform private.fail(
            404, 'assignment_not_found', 'This technician is not on the visit, or has started already.', 'Check technician_id.'
        );
    end if;
    perform private.keep_somebody_in_charge(appointment);
    return private.remember(visit.org_id, idempotency_key, to_jsonb(parts[1]));
end;
$$;

comment on function private.unassign_technician(uuid, uuid, text, text) is
'Definer: assignments and the ledger are written by RPCs only. Own check: assign_technician.';

create function public.unassign_technician(
    appointment_id uuid,
    technician_id uuid,
    reason text,
    idempotency_key text default null
)
returns jsonb
language sql
volatile
set search_path = ''
as $$
    select private.unassign_technician(appointment_id, technician_id, reason, idempotency_key);
$$;

comment on function public.unassign_technician(uuid, uuid, text, text) is
'Takes a technician off a visit and frees their time, in composite work that of all their segments; the visit stays, short of its crew. Answers the (first) assignment. Needs assign_technician.';

revoke execute on function public.assign_technician(uuid, uuid, boolean, uuid, jsonb, text) from public, anon;
grant execute on function public.assign_technician(uuid, uuid, boolean, uuid, jsonb, text) to authenticated, service_role;
grant execute on function private.assign_technician(uuid, uuid, boolean, uuid, jsonb, text) to authenticated, service_role;
revoke execute on function public.unassign_technician(uuid, uuid, text, text) from public, anon;
grant execute on function public.unassign_technician(uuid, uuid, text, text) to authenticated, service_role;
grant execute on function private.unassign_technician(uuid, uuid, text, text) to authenticated, service_role;
