create function private.times_moved(appointment uuid)
returns bigint
language plpgsql
stable
set search_path = ''
as $$
begin
    return (
        select count(*)
        from public.appointments as a
        inner join public.appointment_reschedules as r on r.org_id = a.org_id and r.appointment_id = a.id
        where a.id = times_moved.appointment and r.optimization_run_id is null
    );
end;
$$;

comment on function private.times_moved(uuid) is
'How often people moved a visit: what counts towards reschedule_limit. Plans and emergency insertions are the company''s own doing.';

create function private.conflicts_of_move(p private.placement, visit public.appointments)
returns private.conflict[]
language plpgsql
stable
set search_path = ''
as $$
declare
    org public.orgs;
    minutes_left constant integer := (extract(epoch from visit.starts_at - now()) / 60)::integer;
    moved_before constant bigint := private.times_moved(visit.id);
begin
    select o.* into org from public.orgs as o where o.id = visit.org_id;
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

create function private.fit_move(p private.placement, conflicts private.conflict[], keeps_crew boolean)
returns private.placement
language plpgsql
stable
set search_path = ''
as $$
declare
    another uuid;
begin
    if exists (select from unnest(conflicts) as c where c.code = 'resource_overlap') then
        another := private.free_resource(
            p.work, (select r.kind from public.resources as r where r.id = p.resource_id), p.claim
        );
        p.resource_id := case when keeps_crew then coalesce(another, p.resource_id) else another end;
    elsif exists (select from unnest(conflicts) as c where c.code = 'place_kind') and p.resource_id is null then
        -- Its bay was taken from it by an earlier move: the new time may have one.
        p.resource_id := private.free_resource(p.work, (p.work).place_kind::text::public.resource_kind, p.claim);
        select f.latitude, f.longitude into p.latitude, p.longitude
        from public.resources as r
        inner join public.facilities as f on r.facility_id = f.id
        where r.id = p.resource_id and r.kind = 'bay';
        if not found then
            p.latitude := (p.work).latitude;
            p.longitude := (p.work).longitude;
        end if;
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

comment on function private.fit_move(private.placement, private.conflict[], boolean) is
'A move takes another bay of the facility where its own is taken or missing. One that names nobody keeps its technicians where they are free at the new time, and clears them where not (BKG-9).';

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
    if reason = 'optimization' then
        perform private.fail(
            400, 'reason_reserved', 'Only a plan that is applied moves visits for this reason.',
            'Name why people move it, for example shop_capacity.'
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

    conflicts := private.conflicts_of_move(asked, visit);
    placed := private.fit_move(asked, conflicts, technician_ids is not null);
    if placed is distinct from asked then
        conflicts := private.conflicts_of_move(placed, visit);
    end if;
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
            conflicts := private.conflicts_of_move(asked, visit);
            placed := private.fit_move(asked, conflicts, technician_ids is not null);
            if placed is distinct from asked then
                conflicts := private.conflicts_of_move(placed, visit);
            end if;
            if private.blocking(conflicts, override) then
                raise exclusion_violation;
            end if;
            perform private.require_for_override(conflicts, override, visit.org_id, visit.facility_id);
            insert into public.appointment_reschedules (
                org_id, appointment_id, from_starts_at, from_ends_at, from_technician_ids, to_starts_at, to_ends_at,
                to_technician_ids, reason, notes, customer_confirmed, rescheduled_by_user_id
            )
            values (
                visit.org_id, appointment, visit.starts_at, visit.ends_at, private.engaged_technicians(appointment),
                starts_at, ends_at, placed.technician_ids, reason, notes, coalesce(customer_confirmed, false), auth.uid()
            );
            perform private.record_override(appointment, visit.org_id, override, conflicts);
            perform set_config('truckroll.reason', reason::text, true);
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
        if not private.blocking(conflicts, override) then
            conflicts := private.conflicts_of_move(placed, visit);
        end if;
        perform private.refuse_placement(placed, conflicts);
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
