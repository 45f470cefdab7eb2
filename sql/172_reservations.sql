create table public.reservations (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references public.orgs (id) on delete cascade,
    technician_id uuid,
    resource_id uuid,
    claimant_id uuid generated always as (coalesce(technician_id, resource_id)) stored,
    lane smallint not null default 1,
    during tstzrange not null,
    kind public.reservation_kind not null default 'booked',
    appointment_id uuid,
    assignment_id uuid,
    location_id uuid,
    latitude double precision,
    longitude double precision,
    hold_token uuid,
    hold_expires_at timestamptz,
    held_by_user_id uuid references auth.users (id) on delete set null,
    released_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint reservations_org_id_id_key unique (org_id, id),
    constraint reservations_technician_fkey foreign key (org_id, technician_id)
    references public.technician_profiles (org_id, id),
    constraint reservations_resource_fkey foreign key (org_id, resource_id) references public.resources (org_id, id),
    constraint reservations_appointment_fkey foreign key (org_id, appointment_id)
    references public.appointments (org_id, id) on delete cascade,
    constraint reservations_assignment_fkey foreign key (org_id, assignment_id)
    references public.job_assignments (org_id, id) on delete cascade,
    constraint reservations_location_fkey foreign key (org_id, location_id)
    references public.customer_locations (org_id, id) on delete set null (location_id),
    constraint reservations_claim_one_thing check (num_nonnulls(technician_id, resource_id) = 1),
    constraint reservations_range_bounded check (
        not isempty(during) and not lower_inf(during) and not upper_inf(during)
        and lower_inc(during) and not upper_inc(during)
    ),
    -- Beyond a hundred only for the moment in which claims change lanes.
    constraint reservations_lane_positive check (lane between 1 and 200),
    constraint reservations_hold_has_token check (
        (kind = 'held') = (hold_token is not null) and (kind = 'held') = (hold_expires_at is not null)
    ),
    constraint reservations_booked_has_appointment check (kind = 'held' or appointment_id is not null),
    constraint reservations_no_double_booking exclude using gist (
        claimant_id with =, lane with =, during with &&
    ) where (released_at is null)
);

create unique index reservations_assignment_id_key on public.reservations (assignment_id)
where released_at is null and kind = 'booked';
create index reservations_org_id_technician_id_idx on public.reservations (org_id, technician_id);
create index reservations_org_id_resource_id_idx on public.reservations (org_id, resource_id);
create index reservations_appointment_id_idx on public.reservations (appointment_id, org_id);
create index reservations_assignment_id_idx on public.reservations (assignment_id, org_id);
create index reservations_org_id_location_id_idx on public.reservations (org_id, location_id);
create index reservations_hold_token_idx on public.reservations (hold_token) where hold_token is not null;
create index reservations_held_by_user_id_idx on public.reservations (held_by_user_id);

comment on table public.reservations is
'The one ledger of claims on technicians, bays, mobile units and equipment (BKG-1). Written by triggers and RPCs only.';
comment on column public.reservations.lane is 'Which of the claimant''s parallel lanes is taken; more than one where max concurrent jobs or capacity allow it.';
comment on column public.reservations.during is 'Half-open; includes the visit''s buffers.';
comment on column public.reservations.latitude is 'Where the claim keeps the technician, for travel before and after it.';
comment on column public.reservations.released_at is 'Set when the claim ended; a released row no longer blocks anything.';
comment on constraint reservations_no_double_booking on public.reservations is
'Two active claims on one lane of one person or thing can never overlap: nothing can be double-booked, whoever writes.';

-- Statuses, visit numbers and who is on a visit follow from what several people write about one job. Whoever changes
-- any of it waits here for the others, before all other locks: what is read afterwards stays true until the end.
create function private.lock_jobs(job_ids uuid[])
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
    perform from public.dispatch_jobs as j where j.id = any(job_ids) order by j.id for no key update;
end;
$$;

comment on function private.lock_jobs(uuid[]) is
'Locks jobs in order of their ids. Locks are taken in the order jobs, claimants, visits, assignments, waitlist.';

create function private.try_lock_job(job uuid)
returns boolean
language plpgsql
volatile
set search_path = ''
as $$
begin
    perform from public.dispatch_jobs as j where j.id = job for no key update skip locked;
    return found;
end;
$$;

comment on function private.try_lock_job(uuid) is 'Locks a job if nobody holds it.';

-- Everybody who claims takes these locks first, in one order, so that two bookings of crossing crews wait for each
-- other instead of deadlocking, and the exclusion constraint never has to wait for a stranger's transaction.
create function private.lock_claimants(claimant_ids uuid[])
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
    lock_key bigint;
begin
    for lock_key in
        select distinct hashtextextended(claimant.id::text, 7) as key
        from unnest(claimant_ids) as claimant (id)
        where claimant.id is not null
        order by key
    loop
        perform pg_advisory_xact_lock(lock_key);
    end loop;
end;
$$;

comment on function private.lock_claimants(uuid[]) is
'Takes the transaction-level advisory locks of technicians and resources in ascending order.';

create function private.try_lock_claimants(claimant_ids uuid[])
returns boolean
language plpgsql
volatile
set search_path = ''
as $$
begin
    return (
        select coalesce(bool_and(pg_try_advisory_xact_lock(hashtextextended(claimant.id::text, 7))), true)
        from unnest(claimant_ids) as claimant (id)
        where claimant.id is not null
    );
end;
$$;

comment on function private.try_lock_claimants(uuid[]) is
'Takes the locks of technicians and resources if nobody holds them, for work that touches many and can wait for another time.';

create function private.release_expired_holds(claimant_ids uuid[])
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
    update public.reservations
    set released_at = hold_expires_at, updated_at = now()
    where
        claimant_id = any(claimant_ids) and kind = 'held'
        and released_at is null and hold_expires_at <= clock_timestamp();
end;
$$;

comment on function private.release_expired_holds(uuid[]) is
'Ends holds that ran out. Called by whoever needs the time, so correctness never waits for a cleaner (BKG-3).';

create function private.free_lane(claimant uuid, wanted tstzrange, lanes integer)
returns smallint
language plpgsql
stable
set search_path = ''
as $$
begin
    if lanes = 1 then
        return 1;
    end if;
    return coalesce((
        select lane.number::smallint
        from generate_series(1, lanes) as lane (number)
        where not exists (
            select from public.reservations as r
            where
                r.claimant_id = claimant and r.lane = lane.number
                and r.released_at is null and r.during && wanted
        )
        -- The tightest gap that is wide enough: the others stay whole for what takes longer.
        order by (
            select min(lower(r.during)) from public.reservations as r
            where
                r.claimant_id = claimant and r.lane = lane.number
                and r.released_at is null and r.during >> wanted
        ), lane.number
        limit 1
    ), 1::smallint);
end;
$$;

comment on function private.free_lane(uuid, tstzrange, integer) is
'The lane free during a range that is taken again the soonest; lane 1 when none is free, so that the constraint refuses the claim.';

create function private.lane_made_free(thing uuid, wanted tstzrange, lanes integer)
returns smallint
language plpgsql
volatile
set search_path = ''
as $$
declare
    together tstzrange;
    claim record;
    free_from timestamptz[] := array_fill('-infinity'::timestamptz, array[lanes]);
    ids uuid[] := '{}';
    chosen smallint[] := '{}';
    own smallint;
    lane smallint;
begin
    own := private.free_lane(thing, wanted, lanes);
    if lanes = 1 or not exists (
        select from public.reservations as r
        where r.claimant_id = thing and r.lane = own and r.released_at is null and r.during && wanted
    ) then
        return own;
    end if;
    select span into together
    from (
        select range_agg(r.during) + tstzmultirange(wanted) as during
        from public.reservations as r where r.claimant_id = thing and r.released_at is null
    ) as claimed
    cross join lateral unnest(claimed.during) as span
    where span && wanted;
    -- Taken as they begin, claims need no more lanes than there are claims at once.
    for claim in
        select r.id, r.during from public.reservations as r
        where r.claimant_id = thing and r.released_at is null and r.during && together
        union all
        select null, wanted
        order by during, id
    loop
        lane := (
            select i from generate_series(1, lanes) as i where free_from[i] <= lower(claim.during) order by i limit 1
        );
        if lane is null then
            return own;
        end if;
        free_from[lane] := upper(claim.during);
        if claim.id is null then
            own := lane;
        else
            ids := ids || claim.id;
            chosen := chosen || lane;
        end if;
    end loop;
    -- Out of each other's way first.
    update public.reservations as r set lane = r.lane + lanes where r.id = any(ids);
    update public.reservations as r
    set lane = known.lane
    from unnest(ids, chosen) as known (id, lane)
    where r.id = known.id;
    return own;
end;
$$;

comment on function private.lane_made_free(uuid, tstzrange, integer) is
'A lane of equipment for a claim; where none is free though there is enough of it at any moment, others change lanes, which are nobody''s. Lane 1, for the constraint to refuse, when there is not.';

create function private.lane_if_free(claimant uuid, wanted tstzrange, lanes integer, planned smallint)
returns smallint
language plpgsql
stable
set search_path = ''
as $$
begin
    if lanes = 1 then
        return 1;
    elsif planned <= lanes and not exists (
        select from public.reservations as r
        where r.claimant_id = claimant and r.lane = planned and r.released_at is null and r.during && wanted
    ) then
        return planned;
    end if;
    return private.free_lane(claimant, wanted, lanes);
end;
$$;

comment on function private.lane_if_free(uuid, tstzrange, integer, smallint) is
'The lane a plan has for a claim, when it is free; any other else.';

create function private.lane_for(assignment public.job_assignments, wanted tstzrange, lanes integer)
returns smallint
language plpgsql
stable
set search_path = ''
as $$
begin
    return private.lane_if_free(assignment.technician_id, wanted, lanes, case when lanes > 1 then (
        select s.lane
        from public.route_plans as p
        inner join public.route_stops as s on p.org_id = s.org_id and p.id = s.route_plan_id
        where
            p.optimization_run_id = assignment.optimization_run_id and p.technician_id = assignment.technician_id
            and s.dispatch_job_id = assignment.dispatch_job_id
        order by s.sequence
        limit 1
    ) end);
end;
$$;

comment on function private.lane_for(public.job_assignments, tstzrange, integer) is
'The lane in which an assignment claims its technician: the one its plan has for it, when it is free. Taken one by one as they come, a plan''s visits might need more lanes than there are.';

create function private.buffered(starts_at timestamptz, ends_at timestamptz, before_minutes integer, after_minutes integer)
returns tstzrange
language sql
stable
parallel safe
return tstzrange(
    starts_at - make_interval(mins => before_minutes), ends_at + make_interval(mins => after_minutes), '[)'
);

comment on function private.buffered(timestamptz, timestamptz, integer, integer) is 'What a visit claims: its time and its buffers.';

create function private.place_of_appointment(appointment uuid)
returns table (location_id uuid, latitude double precision, longitude double precision)
language plpgsql
stable
set search_path = ''
as $$
begin
    return query
    select
        case when a.bay_id is null then a.location_id end,
        case when a.bay_id is null then l.latitude else f.latitude end,
        case when a.bay_id is null then l.longitude else f.longitude end
    from public.appointments as a
    left join public.customer_locations as l on a.location_id = l.id
    left join public.facilities as f on a.facility_id = f.id
    where a.id = appointment;
end;
$$;

comment on function private.place_of_appointment(uuid) is 'Where a visit happens: in its facility when it has a bay, else at the site.';

create function private.lanes(technician uuid, appointment uuid)
returns integer
language plpgsql
stable
set search_path = ''
as $$
begin
    return (
        select case when exists (
            select from public.scheduling_overrides as o
            where o.appointment_id = lanes.appointment and 'concurrent_limit' = any(o.codes)
        ) then 100 else t.max_concurrent_jobs end
        from public.technician_profiles as t where t.id = technician
    );
end;
$$;

comment on function private.lanes(uuid, uuid) is
'In how many visits at once a technician may be for this one: as the profile says, or any number where somebody overrode it.';

create function private.reserve_technician()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    claim tstzrange;
begin
    if new.status in ('declined', 'canceled', 'no_show') then
        update public.reservations set released_at = now(), updated_at = now()
        where assignment_id = new.id and released_at is null;
        if new.segment_id is not null then
            perform private.reserve_other_segments(new.appointment_id, new.id);
        end if;
        return null;
    elsif new.segment_id is not null then
        perform private.reserve_segment(new);
        return null;
    end if;
    select private.buffered(
        new.scheduled_start_at,
        -- Work that ended early gives the rest of its time back.
        case when new.status = 'completed' then greatest(
            least(new.actual_end_at, new.scheduled_end_at), new.scheduled_start_at + interval '1 minute'
        ) else new.scheduled_end_at end,
        a.buffer_before_minutes, a.buffer_after_minutes
    ) into claim
    from public.appointments as a where a.id = new.appointment_id;
    if tg_op = 'UPDATE' then
        if exists (
            select from public.reservations as r
            where
                r.assignment_id = new.id and r.released_at is null
                and r.technician_id = new.technician_id and r.during = claim
        ) then
            return null;
        end if;
        delete from public.reservations where assignment_id = new.id and released_at is null;
    end if;
    perform private.release_expired_holds(array[new.technician_id]);
    insert into public.reservations (
        org_id, technician_id, lane, during, appointment_id, assignment_id, location_id, latitude, longitude
    )
    select
        new.org_id, new.technician_id, private.lane_for(new, claim, private.lanes(new.technician_id, new.appointment_id)), claim,
        new.appointment_id, new.id, place.location_id, place.latitude, place.longitude
    from private.place_of_appointment(new.appointment_id) as place;
    return null;
end;
$$;

comment on function private.reserve_technician() is
'Keeps the ledger equal to the assignments. Definer: nobody writes the ledger directly.';

create trigger job_assignments_reserve
after insert or update of technician_id, scheduled_start_at, scheduled_end_at, status on public.job_assignments
for each row execute function private.reserve_technician();

create function private.reserve_place()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    things constant uuid[] := array_remove(coalesce(new.bay_id, new.mobile_unit_id) || private.equipment_of((
        select j.service_id from public.dispatch_jobs as j where j.id = new.dispatch_job_id
    )), null);
    claim constant tstzrange := private.buffered(
        new.starts_at, new.ends_at, new.buffer_before_minutes, new.buffer_after_minutes
    );
begin
    if tg_op = 'UPDATE' then
        if new.status not in ('canceled', 'no_show') and things <@ array(
            select r.resource_id from public.reservations as r
            where r.appointment_id = new.id and r.resource_id is not null and r.released_at is null and r.during = claim
        ) and not exists (
            select from public.reservations as r
            where r.appointment_id = new.id and r.resource_id is not null and r.released_at is null
            and r.resource_id <> all (things)
        ) then
            return null;
        end if;
        update public.reservations set released_at = now(), updated_at = now()
        where appointment_id = new.id and resource_id is not null and released_at is null;
    end if;
    if things = '{}' or new.status in ('canceled', 'no_show') then
        return null;
    end if;
    perform private.release_expired_holds(things);
    insert into public.reservations (org_id, resource_id, lane, during, appointment_id)
    select new.org_id, r.id, private.lane_made_free(r.id, claim, r.capacity), claim, new.id
    from public.resources as r where r.id = any(things);
    return null;
end;
$$;

comment on function private.reserve_place() is
'Keeps the ledger equal to the appointment''s bay or mobile unit and its equipment. Definer: nobody writes the ledger directly.';

create trigger appointments_reserve_place
after insert or update of bay_id, mobile_unit_id, starts_at, ends_at, buffer_before_minutes, buffer_after_minutes, status
on public.appointments
for each row execute function private.reserve_place();

create function private.move_claims_with_site()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    update public.reservations
    set latitude = new.latitude, longitude = new.longitude, updated_at = now()
    where org_id = new.org_id and location_id = new.id and released_at is null;
    return null;
end;
$$;

comment on function private.move_claims_with_site() is
'A corrected address moves the claims made for it. Definer: nobody writes the ledger directly.';

create trigger customer_locations_move_claims after update of latitude, longitude on public.customer_locations
for each row when ((new.latitude, new.longitude) is distinct from (old.latitude, old.longitude))
execute function private.move_claims_with_site();
