create function private.load_assignment(assignment uuid)
returns public.job_assignments
language plpgsql
volatile
set search_path = ''
as $$
declare
    loaded public.job_assignments;
begin
    select j.* into loaded from public.job_assignments as j where j.id = assignment;
    if loaded.id is null or not (
        loaded.technician_id in (select private.my_technician_ids())
        or loaded.dispatch_job_id = any(array(select private.granted_job_ids('comment')))
        or private.may('view_assignments', loaded.org_id, (
            select a.facility_id from public.appointments as a where a.id = loaded.appointment_id
        ))
    ) then
        perform private.fail(
            404, 'assignment_not_found', 'There is no such assignment, or you may not see it.', 'Check assignment_id.'
        );
    end if;
    return loaded;
end;
$$;

comment on function private.load_assignment(uuid) is 'An assignment the caller may see, else 404.';

create function private.require_for_assignment(wanted public.permission, assignment public.job_assignments)
returns void
language sql
stable
set search_path = ''
as $$
    select private.require(wanted, assignment.org_id, (
        select a.facility_id from public.appointments as a where a.id = assignment.appointment_id
    ));
$$;

comment on function private.require_for_assignment(public.permission, public.job_assignments) is
'Refuses with 42501 unless the caller has the permission for the assignment''s facility.';

create function private.keep_somebody_in_charge(appointment uuid)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
    successor constant uuid := (
        select j.id from public.job_assignments as j
        where
            j.appointment_id = appointment and j.segment_id is null and j.status not in ('declined', 'canceled', 'no_show')
        order by j.is_primary_technician desc, j.created_at, j.id
        limit 1
    );
begin
    -- Who left steps back first: only one can be in charge at a time.
    update public.job_assignments as j
    set is_primary_technician = false
    where
        successor is not null and j.appointment_id = appointment and j.id <> successor and j.segment_id is null
        and j.is_primary_technician;
    update public.job_assignments as j set is_primary_technician = true where j.id = successor and not j.is_primary_technician;
end;
$$;

comment on function private.keep_somebody_in_charge(uuid) is
'When the technician in charge left a crew, the one who was put on it first takes over.';

create function private.check_notes(notes text)
returns void
language plpgsql
stable
set search_path = ''
as $$
begin
    if char_length(notes) > 500 then
        perform private.fail(400, 'notes_too_long', 'Notes have at most 500 characters.', 'Shorten them, or put the rest into the job.');
    end if;
end;
$$;

comment on function private.check_notes(text) is 'Refuses notes of an assignment that are too long (JOB-7).';

create function private.set_assignment_status(
    assignment uuid, status public.assignment_status, occurred_at timestamptz, latitude double precision,
    longitude double precision, note text, idempotency_key text
)
returns public.job_assignments
language plpgsql
volatile
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set jit = 'off'
as $$
declare
    part public.job_assignments := private.load_assignment(assignment);
    is_own boolean := part.technician_id in (select private.my_technician_ids());
    known jsonb;
begin
    -- A technician reports on the own work; what takes work away from the plan is the dispatcher's.
    if not is_own or set_assignment_status.status in ('canceled', 'no_show') then
        perform private.require_for_assignment('assign_technician', part);
    end if;
    known := private.recall(part.org_id, idempotency_key, 'set_assignment_status', jsonb_build_object(
        'assignment_id', assignment, 'status', status, 'occurred_at', occurred_at, 'latitude', latitude,
        'longitude', longitude, 'note', note
    ));
    if known is not null then
        return jsonb_populate_record(null::public.job_assignments, known);
    end if;
    if set_assignment_status.status is null then
        perform private.fail(400, 'status_needed', 'Name the status to set.', 'For example en_route.');
    end if;
    if occurred_at > now() + interval '5 minutes' then
        perform private.fail(400, 'time_in_the_future', 'occurred_at lies in the future.', 'Check the device''s clock.');
    end if;
    if occurred_at < now() - interval '90 days' then
        perform private.fail(400, 'time_too_long_ago', 'occurred_at is more than 90 days ago.', 'Check the device''s clock.');
    end if;
    if num_nonnulls(latitude, longitude) = 1 or not coalesce(latitude between -90 and 90 and longitude between -180 and 180, true) then
        perform private.fail(
            400, 'position_invalid', 'latitude (-90 to 90) and longitude (-180 to 180) come together.', 'Send both or neither.'
        );
    end if;
    perform private.check_notes(note);
    occurred_at := coalesce(occurred_at, now());
    perform private.lock_jobs(array[part.dispatch_job_id]);
    select j.* into part from public.job_assignments as j where j.id = assignment;
    perform private.lock_claimants(array[part.technician_id]);
    update public.job_assignments as j
    set
        status = set_assignment_status.status,
        actual_start_at = case
            when set_assignment_status.status = 'on_site' then coalesce(j.actual_start_at, occurred_at)
            else j.actual_start_at
        end,
        actual_end_at = case
            when set_assignment_status.status = 'completed'
                then greatest(occurred_at, j.actual_start_at)
            else j.actual_end_at
        end,
        notes = coalesce(note, j.notes)
    where j.id = assignment;
    perform private.keep_somebody_in_charge(part.appointment_id);
    select j.* into part from public.job_assignments as j where j.id = assignment;
    if latitude is not null then
        insert into public.technician_locations (org_id, technician_id, latitude, longitude, recorded_at)
        values (part.org_id, part.technician_id, latitude, longitude, occurred_at);
    end if;
    perform private.remember(part.org_id, idempotency_key, to_jsonb(part));
    return part;
end;
$$;

comment on function private.set_assignment_status(
    uuid, public.assignment_status, timestamptz, double precision, double precision, text, text
) is
'Definer: assignments are written by RPCs only. Own check: the assignment''s technician, or assign_technician.';

create function public.set_assignment_status(
    assignment_id uuid,
    status public.assignment_status,
    occurred_at timestamptz default null,
    latitude double precision default null,
    longitude double precision default null,
    note text default null,
    idempotency_key text default null
)
returns public.job_assignments
language sql
volatile
set search_path = ''
as $$
    select private.set_assignment_status(
        assignment_id, status, occurred_at, latitude, longitude, note, idempotency_key
    );
$$;

comment on function public.set_assignment_status(
    uuid, public.assignment_status, timestamptz, double precision, double precision, text, text
) is
'Reports how a visit goes: accepted, declined, en_route, on_site, paused, completed; visit and job follow (JOB-5). Technicians report on their own assignments; others, and canceled or no_show, need assign_technician. 409 transition_not_allowed otherwise.';

create function private.set_assignment_eta(assignment uuid, eta timestamptz)
returns public.job_assignments
language plpgsql
volatile
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set jit = 'off'
as $$
declare
    part public.job_assignments := private.load_assignment(assignment);
begin
    if part.technician_id not in (select private.my_technician_ids()) then
        perform private.require_for_assignment('assign_technician', part);
    end if;
    if eta is null or eta < now() - interval '1 hour' or eta > now() + interval '24 hours' then
        perform private.fail(400, 'eta_invalid', 'An ETA lies within the next 24 hours.', 'Send the expected time of arrival.');
    end if;
    if part.status not in ('assigned', 'accepted', 'en_route') then
        perform private.fail(
            409, 'not_expected', format('Nobody is expected: this assignment is %s.', replace(part.status::text, '_', ' ')),
            'Read the assignment again.'
        );
    end if;
    update public.job_assignments as j set tech_eta_at = eta where j.id = assignment returning * into part;
    return part;
end;
$$;

comment on function private.set_assignment_eta(uuid, timestamptz) is
'Definer: assignments are written by RPCs only. Own check: the assignment''s technician, or assign_technician.';

create function public.set_assignment_eta(assignment_id uuid, eta timestamptz)
returns public.job_assignments
language sql
volatile
set search_path = ''
as $$
    select private.set_assignment_eta(assignment_id, eta);
$$;

comment on function public.set_assignment_eta(uuid, timestamptz) is
'Tells when the technician expects to arrive. The assignment''s technician, or assign_technician.';

create function private.lock_assignment(assignment uuid, locked boolean)
returns public.job_assignments
language plpgsql
volatile
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set jit = 'off'
as $$
declare
    part public.job_assignments := private.load_assignment(assignment);
begin
    perform private.require_for_assignment('assign_technician', part);
    -- A plan that is being applied has judged what it may move.
    perform private.lock_jobs(array[part.dispatch_job_id]);
    update public.job_assignments as j
    set is_locked = coalesce(locked, true), locked_by_user_id = case when coalesce(locked, true) then auth.uid() end
    where j.id = assignment
    returning * into part;
    return part;
end;
$$;

comment on function private.lock_assignment(uuid, boolean) is
'Definer: assignments are written by RPCs only. Own check: assign_technician.';

create function public.lock_assignment(assignment_id uuid, locked boolean default true)
returns public.job_assignments
language sql
volatile
set search_path = ''
as $$
    select private.lock_assignment(assignment_id, locked);
$$;

comment on function public.lock_assignment(uuid, boolean) is
'Locks an assignment, so that no optimiser or plan moves it, or unlocks it. Needs assign_technician.';

revoke execute on function public.set_assignment_status(
    uuid, public.assignment_status, timestamptz, double precision, double precision, text, text
) from public, anon;
grant execute on function public.set_assignment_status(
    uuid, public.assignment_status, timestamptz, double precision, double precision, text, text
) to authenticated, service_role;
grant execute on function private.set_assignment_status(
    uuid, public.assignment_status, timestamptz, double precision, double precision, text, text
) to authenticated, service_role;
revoke execute on function public.set_assignment_eta(uuid, timestamptz) from public, anon;
grant execute on function public.set_assignment_eta(uuid, timestamptz) to authenticated, service_role;
grant execute on function private.set_assignment_eta(uuid, timestamptz) to authenticated, service_role;
revoke execute on function public.lock_assignment(uuid, boolean) from public, anon;
grant execute on function public.lock_assignment(uuid, boolean) to authenticated, service_role;
grant execute on function private.lock_assignment(uuid, boolean) to authenticated, service_role;
