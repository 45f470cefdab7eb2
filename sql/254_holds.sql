create function private.hold_for(
    p private.placement, expires_at timestamptz, token uuid default gen_random_uuid(), route_plan_ids uuid[] default null
)
returns uuid
language plpgsql
volatile
set search_path = ''
as $$
begin
    insert into public.reservations (
        org_id, technician_id, resource_id, lane, during, kind, hold_token, hold_expires_at, held_by_user_id, location_id,
        latitude, longitude
    )
    select
        t.org_id, t.id, null::uuid,
        private.lane_if_free(t.id, c.during, t.max_concurrent_jobs, case when t.max_concurrent_jobs > 1 then (
            select s.lane
            from public.route_plans as r
            inner join public.route_stops as s on r.org_id = s.org_id and r.id = s.route_plan_id
            where
                r.id = any(route_plan_ids) and r.technician_id = t.id and s.dispatch_job_id = (p.work).job_id
            limit 1
        ) end), c.during, 'held'::public.reservation_kind, token, expires_at, auth.uid(), (p.work).location_id,
        p.latitude, p.longitude
    from private.personal_claims(p) as c
    inner join public.technician_profiles as t on c.technician_id = t.id
    union all
    select
        r.org_id, null, r.id, private.lane_made_free(r.id, p.claim, r.capacity), p.claim, 'held', token, expires_at,
        auth.uid(), null, null, null
    from public.resources as r where r.id = p.resource_id or r.id = any(private.equipment_of((p.work).service_id));
    return token;
end;
$$;

comment on function private.hold_for(private.placement, timestamptz, uuid, uuid[]) is
'Holds technicians, place and equipment for a placement, in the lanes that some routes of a plan have for it; answers the token.';

create function private.hold_slot(
    job uuid, service uuid, location uuid, technician_ids uuid[], starts_at timestamptz, ends_at timestamptz,
    resource uuid, minutes integer, idempotency_key text
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
    work private.work;
    org public.orgs;
    placed private.placement;
    conflicts private.conflict[];
    known jsonb;
    token uuid;
    expires_at timestamptz;
begin
    if num_nonnulls(job, service) <> 1 then
        perform private.fail(
            400, 'job_or_service_needed', 'Name either job_id or service_id, not both and not neither.',
            'A service usually comes with a location_id.'
        );
    end if;
    work := case when job is not null then private.work_of_job(job) else private.work_of_service(service, location) end;
    if work.org_id is null or not private.may('view_availability', work.org_id, work.facility_id) then
        perform private.fail(
            404, case when job is not null then 'job_not_found' else 'service_not_found' end,
            'There is no such record, or you may not see it.', 'Check the id and the company you are working for.'
        );
    end if;
    perform private.require('create_appointment', work.org_id, work.facility_id);
    known := private.recall(work.org_id, idempotency_key, 'hold_slot', jsonb_build_object(
        'job_id', job, 'service_id', service, 'location_id', location, 'technician_ids', technician_ids,
        'starts_at', starts_at, 'ends_at', ends_at, 'resource_id', resource, 'minutes', minutes
    ));
    if known is not null then
        return known;
    end if;
    select o.* into org from public.orgs as o where o.id = work.org_id;
    minutes := coalesce(minutes, org.hold_minutes);
    if minutes not between 1 and 60 then
        perform private.fail(400, 'minutes_invalid', 'A slot can be held for 1 to 60 minutes.', 'Leave minutes out for the usual time.');
    end if;
    perform private.check_times(starts_at, ends_at);
    perform private.check_technicians(work.org_id, private.staff(work, technician_ids));
    perform private.check_resource(work.org_id, resource, 'create_appointment');
    placed := private.place(work, technician_ids, starts_at, ends_at, resource, null, null);
    conflicts := private.conflicts_of(placed);
    if not private.blocking(conflicts, null) then
        begin
            perform private.lock_claimants(technician_ids || resource || private.equipment_of(work.service_id));
            conflicts := private.conflicts_of(placed);
            if private.blocking(conflicts, null) then
                raise exclusion_violation;
            end if;
            perform private.release_expired_holds(technician_ids || resource || private.equipment_of(work.service_id));
            expires_at := clock_timestamp() + make_interval(mins => minutes);
            token := private.hold_for(placed, expires_at);
        exception when exclusion_violation then
            token := null;
            conflicts := private.conflicts_of(placed);
        end;
    end if;
    if token is null then
        perform private.refuse_placement(placed, conflicts);
    end if;
    return private.remember(work.org_id, idempotency_key, jsonb_build_object(
        'hold_token', token, 'expires_at', expires_at, 'technician_ids', technician_ids, 'resource_id', resource,
        'starts_at', starts_at, 'ends_at', placed.ends_at
    ));
end;
$$;

comment on function private.hold_slot(
    uuid, uuid, uuid, uuid[], timestamptz, timestamptz, uuid, integer, text
) is 'Definer: the ledger is written by RPCs only. Own check: create_appointment.';

create function public.hold_slot(
    technician_ids uuid[],
    starts_at timestamptz,
    job_id uuid default null,
    service_id uuid default null,
    location_id uuid default null,
    ends_at timestamptz default null,
    resource_id uuid default null,
    minutes integer default null,
    idempotency_key text default null
)
returns jsonb
language sql
volatile
set search_path = ''
as $$
    select private.hold_slot(
        job_id, service_id, location_id, technician_ids, starts_at, ends_at, resource_id, minutes, idempotency_key
    );
$$;

comment on function public.hold_slot(
    uuid[], timestamptz, uuid, uuid, uuid, timestamptz, uuid, integer, text
) is
'Keeps a slot for some minutes (BKG-3): for a job, or for a service at a location before there is a job. Answers hold_token and expires_at; book_appointment takes the token, release_hold gives the time back, and it expires by itself. 409 placement_conflict when it cannot be had. Needs create_appointment.';

create function private.release_hold(token uuid)
returns void
language plpgsql
volatile
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set jit = 'off'
as $$
declare
    held public.reservations;
begin
    select r.* into held from public.reservations as r where r.hold_token = token limit 1;
    if held.id is null or not private.may('create_appointment', held.org_id) and held.held_by_user_id is distinct from auth.uid() then
        perform private.fail(404, 'hold_not_found', 'There is no such hold.', 'It may have been booked or released already.');
    end if;
    perform private.lock_claimants(array(select r.claimant_id from public.reservations as r where r.hold_token = token));
    update public.reservations set released_at = now(), updated_at = now()
    where hold_token = token and released_at is null;
end;
$$;

comment on function private.release_hold(uuid) is
'Definer: the ledger is written by RPCs only. Own check: the holder, or create_appointment.';

create function public.release_hold(hold_token uuid)
returns void
language sql
volatile
set search_path = ''
as $$
    select private.release_hold(hold_token);
$$;

comment on function public.release_hold(uuid) is 'Gives a held slot back. Doing so twice is no error.';

revoke execute on function public.hold_slot(
    uuid[], timestamptz, uuid, uuid, uuid, timestamptz, uuid, integer, text
) from public, anon;
grant execute on function public.hold_slot(
    uuid[], timestamptz, uuid, uuid, uuid, timestamptz, uuid, integer, text
) to authenticated, service_role;
grant execute on function private.hold_slot(
    uuid, uuid, uuid, uuid[], timestamptz, timestamptz, uuid, integer, text
) to authenticated, service_role;
revoke execute on function public.release_hold(uuid) from public, anon;
grant execute on function public.release_hold(uuid) to authenticated, service_role;
grant execute on function private.release_hold(uuid) to authenticated, service_role;
