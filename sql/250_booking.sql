-- Booking, holding, moving and canceling: each RPC is one transaction that claims everything or nothing (BKG-2).
-- The public functions run as the caller; the private ones behind them are definers, because nobody may write
-- visits, assignments or the ledger directly. Each checks the caller's permission itself.

create function private.appointment_document(appointment uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
    return (
        select to_jsonb(a) || jsonb_build_object('assignments', coalesce((
            select jsonb_agg(to_jsonb(j) order by j.is_primary_technician desc, j.scheduled_start_at, j.created_at, j.id)
            from public.job_assignments as j
            where j.org_id = a.org_id and j.appointment_id = a.id
        ), '[]'), 'segments', (
            select jsonb_agg(jsonb_build_object(
                'position', s.position, 'name', format('%s of %s: %s', s.turn, s.total, s.name), 'starts_at', s.starts_at,
                'ends_at', s.ends_at, 'pause_after_minutes', s.pause_after_minutes, 'pause_policy', s.pause_policy
            ) order by s.position)
            from (
                select g.*, row_number() over (order by g.position) as turn, count(*) over () as total
                from public.appointment_segments as g
                where g.org_id = a.org_id and g.appointment_id = a.id
            ) as s
        ))
        from public.appointments as a
        where a.id = appointment
    );
end;
$$;

comment on function private.appointment_document(uuid) is 'A visit with its assignments, as the booking RPCs answer.';

create function private.record_override(appointment uuid, org uuid, override jsonb, conflicts private.conflict[])
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
    accepted text[] := array(
        select distinct c.code from unnest(conflicts) as c
        where c.severity = 'hard_overridable' and override -> 'codes' ? c.code
        union
        select 'buffer' from public.appointments as a
        where a.id = appointment and a.buffer_before_minutes + a.buffer_after_minutes = 0 and override -> 'codes' ? 'buffer'
        order by 1
    );
begin
    if cardinality(accepted) > 0 then
        insert into public.scheduling_overrides (
            org_id, appointment_id, codes, reason, overridden_by_user_id, roles, expires_at
        )
        values (
            org, appointment, accepted, override ->> 'reason', auth.uid(),
            array(
                select m.role from public.org_members as m
                where m.org_id = org and m.user_id = auth.uid() and m.is_active order by m.role
            ),
            (select a.ends_at from public.appointments as a where a.id = appointment)
        );
        perform private.raise_event(org, 'conflict.overridden', 'appointment', appointment, jsonb_build_object(
            'codes', accepted, 'reason', override ->> 'reason'
        ));
    end if;
end;
$$;

comment on function private.record_override(uuid, uuid, jsonb, private.conflict[]) is
'Keeps who accepted which conflicts and why (BKG-7); nothing when the override was not needed.';

create function private.staff_of_segments(work private.work, technician_ids uuid[], segments jsonb)
returns uuid[]
language plpgsql
stable
set search_path = ''
as $$
begin
    if segments is null or not work.is_composite then
        return technician_ids;
    end if;
    if jsonb_typeof(segments) <> 'array' then
        perform private.fail(
            400, 'segments_invalid', 'segments is a list of positions with their technicians.',
            'For example [{"position": 2, "technician_id": "…"}].'
        );
    end if;
    begin
        return array(
            select coalesce((
                select (named ->> 'technician_id')::uuid from jsonb_array_elements(segments) as named
                where (named ->> 'position')::integer = s.position
            ), technician_ids[1])
            from public.service_segments as s
            where s.service_id = work.service_id
            order by s.position
        );
    exception when data_exception or cardinality_violation then
        perform private.fail(
            400, 'segments_invalid', 'segments names positions, each once, with the ids of technicians.',
            'For example [{"position": 2, "technician_id": "…"}].'
        );
    end;
end;
$$;

comment on function private.staff_of_segments(private.work, uuid[], jsonb) is
'One technician for each segment: the one named for it, else the first.';

create function private.insert_segments(
    appointment uuid, p private.placement, window_start timestamptz, window_end timestamptz, run uuid
)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
    update public.appointments set crew_size = greatest(1, cardinality(p.technician_ids)) where id = appointment;
    insert into public.appointment_segments (
        org_id, appointment_id, position, name, starts_at, ends_at, pause_after_minutes, pause_policy
    )
    select (p.work).org_id, appointment, s.position, s.name, s.starts_at, s.ends_at, s.pause_after_minutes, s.pause_policy
    from unnest(p.segments) as s;
    insert into public.job_assignments (
        org_id, dispatch_job_id, appointment_id, segment_id, technician_id, assigned_by_user_id, scheduled_start_at,
        scheduled_end_at, arrival_window_start, arrival_window_end, is_primary_technician, optimization_run_id
    )
    select
        (p.work).org_id, (p.work).job_id, appointment, g.id, s.technician_id, auth.uid(), s.starts_at, s.ends_at,
        window_start, window_end, true, run
    from unnest(p.segments) as s
    inner join public.appointment_segments as g on g.appointment_id = insert_segments.appointment and g.position = s.position
    where s.technician_id is not null
    order by s.position;
end;
$$;

comment on function private.insert_segments(uuid, private.placement, timestamptz, timestamptz, uuid) is
'Writes the segments of a composite visit, each with its technician.';

create function private.insert_visit(
    p private.placement, window_start timestamptz, window_end timestamptz, override jsonb,
    conflicts private.conflict[], run uuid default null
)
returns uuid
language plpgsql
volatile
set search_path = ''
as $$
declare
    appointment uuid := gen_random_uuid();
    resource public.resources;
begin
    select r.* into resource from public.resources as r where r.id = p.resource_id;
    insert into public.appointments (
        id, org_id, number, dispatch_job_id, location_id, facility_id, bay_id, mobile_unit_id, starts_at, ends_at,
        arrival_window_start, arrival_window_end, buffer_before_minutes, buffer_after_minutes, crew_size,
        assignment_status, created_by_user_id
    )
    values (
        appointment, (p.work).org_id, null, (p.work).job_id, (p.work).location_id,
        coalesce(resource.facility_id, (p.work).facility_id),
        case when resource.kind = 'bay' then resource.id end,
        case when resource.kind = 'mobile_unit' then resource.id end,
        p.starts_at, p.ends_at, window_start, window_end,
        (p.work).buffer_before_minutes, (p.work).buffer_after_minutes, (p.work).crew_size,
        -- What the assignments below will make of it: said at once, it saves a second version of the row.
        case when p.technician_ids = '{}' then 'unassigned' else 'assigned' end::public.appointment_assignment_status,
        auth.uid()
    );
    perform private.record_override(appointment, (p.work).org_id, override, conflicts);
    if p.segments is not null then
        perform private.insert_segments(appointment, p, window_start, window_end, run);
        return appointment;
    end if;
    insert into public.job_assignments (
        org_id, dispatch_job_id, appointment_id, technician_id, assigned_by_user_id, scheduled_start_at,
        scheduled_end_at, arrival_window_start, arrival_window_end, is_primary_technician, optimization_run_id
    )
    select
        (p.work).org_id, (p.work).job_id, appointment, t.id, auth.uid(), p.starts_at, p.ends_at,
        window_start, window_end, t.turn = 1, run
    from unnest(p.technician_ids) with ordinality as t (id, turn);
    return appointment;
end;
$$;

comment on function private.insert_visit(private.placement, timestamptz, timestamptz, jsonb, private.conflict[], uuid) is
'Writes a judged visit with its assignments; triggers write the ledger, statuses, events, audit and broadcasts.';

create function private.take_hold(token uuid, org uuid, technician_ids uuid[], resource uuid, claim tstzrange)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
    -- The row itself decides between two bookings that name one token: a look at it before could not.
    update public.reservations set released_at = now(), updated_at = now()
    where org_id = org and hold_token = token and released_at is null and hold_expires_at > clock_timestamp();
    if not found then
        perform private.fail(
            409, 'hold_expired', 'This hold has run out or was released.', 'Look for a slot again with find_slots.'
        );
    end if;
end;
$$;

comment on function private.take_hold(uuid, uuid, uuid[], uuid, tstzrange) is
'Turns a hold''s claims free within the booking transaction that takes their place; refuses when it ran out.';

create function private.book_appointment(
    job uuid, technician_ids uuid[], starts_at timestamptz, ends_at timestamptz, resource uuid,
    window_start timestamptz, window_end timestamptz, hold uuid, override jsonb, segments jsonb, idempotency_key text
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
    work private.work := private.work_of_job(job);
    org public.orgs;
    placed private.placement;
    conflicts private.conflict[];
    known jsonb;
    appointment uuid;
    promised tstzrange;
    claimed uuid[];
    waits boolean;
begin
    if work.org_id is null or not private.may('view_jobs', work.org_id, work.facility_id) then
        perform private.fail(404, 'job_not_found', 'There is no such job, or you may not see it.', 'Check job_id.');
    end if;
    perform private.require('create_appointment', work.org_id, work.facility_id);
    known := private.recall(work.org_id, idempotency_key, 'book_appointment', jsonb_build_object(
        'job_id', job, 'technician_ids', technician_ids, 'starts_at', starts_at, 'ends_at', ends_at,
        'resource_id', resource, 'arrival_window_start', window_start, 'arrival_window_end', window_end,
        'hold_token', hold, 'override', override, 'segments', segments
    ));
    if known is not null then
        return known;
    end if;
    select o.* into org from public.orgs as o where o.id = work.org_id;
    perform private.check_override(override);
    perform private.check_times(starts_at, ends_at);
    technician_ids := private.staff_of_segments(work, technician_ids, segments);
    perform private.check_technicians(work.org_id, private.staff(work, technician_ids));
    perform private.check_resource(work.org_id, resource, 'create_appointment');
    if override -> 'codes' ? 'buffer' then
        perform private.require('override_scheduling_conflict', work.org_id, work.facility_id);
        work.buffer_before_minutes := 0;
        work.buffer_after_minutes := 0;
    end if;
    placed := private.place(work, technician_ids, starts_at, ends_at, resource, null, hold);
    promised := private.arrival_window(starts_at, org.arrival_window_minutes, org.time_zone);
    window_start := coalesce(window_start, lower(promised));
    window_end := coalesce(window_end, upper(promised));
    if not starts_at between window_start and window_end then
        perform private.fail(
            400, 'arrival_window_invalid', 'The visit must start within its arrival window.',
            'Leave the window out to promise the usual one.'
        );
    end if;

    claimed := technician_ids || resource || private.equipment_of(work.service_id);
    -- Mostly nobody else is there: judged once, under the locks. Else judged before waiting for them, so that whoever
    -- will be refused keeps nobody waiting, and again when they are had.
    foreach waits in array array[false, true]
    loop
        if waits then
            conflicts := private.conflicts_of(placed);
            exit when private.blocking(conflicts, override);
        end if;
        begin
            if waits then
                perform private.lock_jobs(array[job]);
                perform private.lock_claimants(claimed);
            elsif not (private.try_lock_job(job) and private.try_lock_claimants(claimed)) then
                -- The error gives back the locks that were had.
                raise lock_not_available;
            end if;
            -- Whoever held the locks before may have changed the answer.
            placed.work.inactive_because := private.inactive_because(job);
            conflicts := private.conflicts_of(placed);
            if private.blocking(conflicts, override) then
                -- Leaving the block by an error lets the locks go before the alternatives are searched.
                raise exclusion_violation;
            end if;
            perform private.require_for_override(conflicts, override, work.org_id, work.facility_id);
            if hold is not null then
                perform private.take_hold(hold, work.org_id, technician_ids, resource, placed.claim);
            end if;
            appointment := private.insert_visit(placed, window_start, window_end, override, conflicts);
            exit;
        exception
            when lock_not_available then
                if waits then
                    raise;
                end if;
            when exclusion_violation then
                appointment := null;
                -- The judge had nothing against it, the ledger had: look again what is there now.
                if not private.blocking(conflicts, override) then
                    conflicts := private.conflicts_of(placed);
                end if;
                exit;
        end;
    end loop;
    if appointment is null then
        perform private.refuse_placement(placed, conflicts);
    end if;
    return private.remember(work.org_id, idempotency_key, private.appointment_document(appointment));
end;
$$;

comment on function private.book_appointment(
    uuid, uuid[], timestamptz, timestamptz, uuid, timestamptz, timestamptz, uuid, jsonb, jsonb, text
) is
'Definer: visits and the ledger are written by RPCs only. Own check: create_appointment, and override_scheduling_conflict when conflicts are overridden.';

create function public.book_appointment(
    job_id uuid,
    technician_ids uuid[],
    starts_at timestamptz,
    ends_at timestamptz default null,
    resource_id uuid default null,
    arrival_window_start timestamptz default null,
    arrival_window_end timestamptz default null,
    hold_token uuid default null,
    override jsonb default null,
    segments jsonb default null,
    idempotency_key text default null
)
returns jsonb
language sql
volatile
set search_path = ''
as $$
    select private.book_appointment(
        job_id, technician_ids, starts_at, ends_at, resource_id, arrival_window_start, arrival_window_end, hold_token,
        override, segments, idempotency_key
    );
$$;

comment on function public.book_appointment(
    uuid, uuid[], timestamptz, timestamptz, uuid, timestamptz, timestamptz, uuid, jsonb, jsonb, text
) is
'Books a visit of a job: every technician of the crew and the bay or mobile unit, or nothing (BKG-2). The first technician is the primary one; composite work takes one technician for all segments, one for each in order, or `segments` [{"position": 2, "technician_id": …}] for those that differ (BKG-12). The end defaults to the job''s duration, the arrival window to the org''s. Answers the appointment with its assignments. 409 placement_conflict lists every conflict and alternatives. An override''s code `buffer` books without the service''s buffers. Needs create_appointment.';

revoke execute on function public.book_appointment(
    uuid, uuid[], timestamptz, timestamptz, uuid, timestamptz, timestamptz, uuid, jsonb, jsonb, text
) from public, anon;
grant execute on function public.book_appointment(
    uuid, uuid[], timestamptz, timestamptz, uuid, timestamptz, timestamptz, uuid, jsonb, jsonb, text
) to authenticated, service_role;
grant execute on function private.book_appointment(
    uuid, uuid[], timestamptz, timestamptz, uuid, timestamptz, timestamptz, uuid, jsonb, jsonb, text
) to authenticated, service_role;
