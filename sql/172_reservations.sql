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

create function private.most_claims_at_once(
    claimant uuid, wanted tstzrange, ignore_appointment uuid default null, ignore_hold uuid default null
)
returns integer
language plpgsql
stable
set search_path = ''
as $$
begin
    return (
        with claims as materialized (
            select r.during
            from public.reservations as r
            where
                r.claimant_id = claimant and r.released_at is null and r.during && wanted
                and not (r.kind = 'held' and r.hold_expires_at <= now())
                and (ignore_appointment is null or r.appointment_id is distinct from ignore_appointment)
                and (ignore_hold is null or r.hold_token is distinct from ignore_hold)
        )

        select coalesce(max(level.claims), 0)
        from claims as begun
        cross join lateral (
            select count(*)::integer as claims from claims as c
            where c.during @> greatest(lower(begun.during), lower(wanted))
        ) as level
    );
end;
$$;

comment on function private.most_claims_at_once(uuid, tstzrange, uuid, uuid) is
'How many claims on a thing there are within a range at the moment when there are most. With fewer than its capacity lane_made_free finds a lane, even where every lane is taken at some moment.';

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
