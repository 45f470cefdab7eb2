create function private.free_resources(work private.work, kind public.resource_kind, claim tstzrange)
returns setof uuid
language plpgsql
stable
set search_path = ''
as $$
begin
    return query
    select free.id
    from (
        -- What speaks against one of a facility speaks against its others: hours, capacity, distance.
        select distinct on (r.facility_id) r.id, r.name
        from public.resources as r
        where
            r.org_id = work.org_id and r.kind = free_resources.kind and r.is_active
            and (work.facility_id is null or r.facility_id = work.facility_id)
            and (r.kind <> 'bay' or cardinality(work.bay_types) = 0 or r.bay_type = any(work.bay_types))
            and r.capacity > private.most_claims_at_once(r.id, claim, work.moved_appointment_id)
        order by r.facility_id, r.name
    ) as free
    order by free.name;
end;
$$;

comment on function private.free_resources(private.work, public.resource_kind, tstzrange) is
'A bay or mobile unit of each facility that suits the work and is free.';

create function private.free_resource(work private.work, kind public.resource_kind, claim tstzrange)
returns uuid
language sql
stable
set search_path = ''
as $$
    select r.id from private.free_resources(work, kind, claim) with ordinality as r (id, turn) order by r.turn limit 1;
$$;

comment on function private.free_resource(private.work, public.resource_kind, tstzrange) is
'A bay or mobile unit that suits the work and is free; null when there is none.';

create function private.sites_for(work private.work, kind public.resource_kind)
returns table (facility_id uuid, latitude double precision, longitude double precision)
language plpgsql
stable
set search_path = ''
as $$
begin
    return query
    select work.facility_id, work.latitude, work.longitude
    where kind is distinct from 'bay'
    union all
    (
        select f.id, f.latitude, f.longitude
        from public.facilities as f
        where
            kind = 'bay' and f.org_id = work.org_id and f.is_active
            and (work.facility_id is null or f.id = work.facility_id)
            and exists (
                select from public.resources as r
                where
                    r.org_id = f.org_id and r.facility_id = f.id and r.kind = 'bay' and r.is_active
                    and (cardinality(work.bay_types) = 0 or r.bay_type = any(work.bay_types))
            )
        -- Every technician's day is searched for each of them, and nobody drives past five branches to the sixth.
        order by private.distance_m(f.latitude, f.longitude, work.latitude, work.longitude, 1), f.name
        limit 5
    );
end;
$$;

comment on function private.sites_for(private.work, public.resource_kind) is
'Where the work could be done: at the five nearest facilities with a bay for it, else at the customer''s.';

create function private.candidates_at_sites(
    work private.work, earliest timestamptz, latest timestamptz, minutes integer, only_ids uuid[],
    kind public.resource_kind
)
returns table (
    facility_id uuid, technician_ids uuid[], starts_at timestamptz, travel_before_s integer, travel_after_s integer,
    added_travel_s integer, score double precision, soon double precision, travel double precision, skill_fit integer,
    preferred_technician integer, knows_customer integer, own_minutes integer
)
language plpgsql
stable
set search_path = ''
as $$
#variable_conflict use_column
begin
    return query
    select
        s.facility_id, c.technician_ids, c.starts_at, c.travel_before_s, c.travel_after_s, c.added_travel_s, c.score,
        c.soon, c.travel, c.skill_fit, c.preferred_technician, c.knows_customer, c.own_minutes
    from private.sites_for(work, kind) as s
    cross join lateral (
        select simple.*
        from private.slot_candidates(
            work, earliest, latest, minutes, only_ids, s.latitude, s.longitude
        ) with ordinality as simple (
            technician_ids, starts_at, travel_before_s, travel_after_s, added_travel_s, score, soon, travel, skill_fit,
            preferred_technician, knows_customer, own_minutes, turn
        )
        where not work.is_composite
        union all
        select
            composite.technician_ids, composite.starts_at, composite.travel_before_s, composite.travel_after_s,
            composite.added_travel_s, composite.score, composite.soon, composite.travel, composite.skill_fit,
            composite.preferred_technician, composite.knows_customer, minutes, composite.turn
        from private.composite_candidates(
            work, earliest, latest, only_ids, s.latitude, s.longitude
        ) with ordinality as composite (
            technician_ids, starts_at, travel_before_s, travel_after_s, added_travel_s, score, soon, travel, skill_fit,
            preferred_technician, knows_customer, turn
        )
        where work.is_composite
    ) as c
    order by c.turn, c.score desc, c.starts_at;
end;
$$;

comment on function private.candidates_at_sites(
    private.work, timestamptz, timestamptz, integer, uuid[], public.resource_kind
) is 'Placements worth judging at every place where the work could be done, the best of each first.';

create function private.offer_slots(
    work private.work, earliest timestamptz, latest timestamptz, minutes integer, technician_ids uuid[],
    resource_kind public.resource_kind, max_results integer
)
returns setof public.slot
language plpgsql
stable
set search_path = ''
as $$
declare
    candidate record;
    org public.orgs;
    here private.work := work;
    places uuid[];
    place uuid;
    placed private.placement;
    promised tstzrange;
    found_count integer := 0;
    finish timestamptz;
begin
    if work.is_composite and work.moved_appointment_id is null then
        -- Its segments say how long it takes, whatever was estimated.
        minutes := (select s.standard_duration_minutes from public.services as s where s.id = work.service_id);
    end if;
    -- Else every slot before the job's other visits would be judged, and refused.
    select greatest(earliest, t.opens), least(latest, t.closes) into earliest, latest
    from private.turn_of(work.org_id, work.job_id, work.moved_appointment_id) as t;
    if latest - earliest < make_interval(mins => case when work.own_pace then minutes / 2 else minutes end) then
        return;
    end if;
    select o.* into org from public.orgs as o where o.id = work.org_id;
    resource_kind := coalesce(resource_kind, nullif(work.place_kind, 'site')::text::public.resource_kind);
    for candidate in
        select c.* from private.candidates_at_sites(work, earliest, latest, minutes, technician_ids, resource_kind) as c
    loop
        exit when found_count >= max_results;
        finish := candidate.starts_at + make_interval(mins => candidate.own_minutes);
        here.facility_id := candidate.facility_id;
        places := case when resource_kind is null then array[null::uuid] else array(
            select r.id from private.free_resources(here, resource_kind, private.buffered(
                candidate.starts_at, finish, work.buffer_before_minutes, work.buffer_after_minutes
            )) with ordinality as r (id, turn) order by r.turn
        ) end;
        foreach place in array places
        loop
            placed := private.place(
                work, candidate.technician_ids, candidate.starts_at, finish, place, work.moved_appointment_id, null,
                work.customer_agrees
            );
            continue when not private.passes(placed);
            found_count := found_count + 1;
            promised := private.arrival_window(candidate.starts_at, org.arrival_window_minutes, org.time_zone);
            return next row(
                candidate.technician_ids, place, candidate.starts_at, finish, lower(promised), upper(promised),
                ceil(candidate.travel_before_s / 60.0), ceil(candidate.travel_after_s / 60.0),
                round(candidate.added_travel_s / 60.0),
                round(candidate.score::numeric, 1),
                jsonb_build_object(
                    'soon', round(candidate.soon::numeric, 1), 'travel', round(candidate.travel::numeric, 1),
                    'skill_fit', candidate.skill_fit, 'preferred_technician', candidate.preferred_technician,
                    'knows_customer', candidate.knows_customer
                ), private.segment_list(placed.segments)
            )::public.slot;
            exit;
        end loop;
    end loop;
end;
$$;

comment on function private.offer_slots(
    private.work, timestamptz, timestamptz, integer, uuid[], public.resource_kind, integer
) is 'The best placements the judge lets pass.';

create function private.find_slots(
    job uuid, service uuid, location uuid, earliest timestamptz, latest timestamptz, duration_minutes integer,
    technician_ids uuid[], resource_kind public.resource_kind, max_results integer
)
returns setof public.slot
language plpgsql
stable
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set jit = 'off'
as $$
declare
    work private.work;
    period tstzrange;
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
    period := private.period_ahead(earliest, latest, 92);
    work.own_pace := work.own_pace and duration_minutes is null;
    if duration_minutes not between 1 and 10080 then
        perform private.fail(400, 'duration_invalid', 'duration_minutes must be from 1 to 10080.', 'Leave it out to use the job''s own.');
    end if;
    if max_results not between 1 and 100 then
        perform private.fail(400, 'max_results_invalid', 'max_results must be from 1 to 100.', 'Ask for fewer.');
    end if;
    return query
    select * from private.offer_slots(
        work, lower(period), upper(period), coalesce(duration_minutes, work.duration_minutes), technician_ids, resource_kind,
        coalesce(max_results, 10)
    );
end;
$$;

comment on function private.find_slots(
    uuid, uuid, uuid, timestamptz, timestamptz, integer, uuid[], public.resource_kind, integer
) is
'Definer: the search reads every technician''s day, of which the caller sees offers only. Own check: view_availability.';

create function public.find_slots(
    job_id uuid default null,
    service_id uuid default null,
    location_id uuid default null,
    earliest timestamptz default null,
    latest timestamptz default null,
    duration_minutes integer default null,
    technician_ids uuid[] default null,
    resource_kind public.resource_kind default null,
    max_results integer default 10
)
returns setof public.slot
language sql
stable
set search_path = ''
as $$
    select s.*
    from private.find_slots(
        job_id, service_id, location_id, earliest, latest, duration_minutes, technician_ids, resource_kind, max_results
    ) as s;
$$;

comment on function public.find_slots(
    uuid, uuid, uuid, timestamptz, timestamptz, integer, uuid[], public.resource_kind, integer
) is
'Ranked offers of technicians and a time for a job, or for a service at a location (BKG-8), best first. Everything offered can be booked. Without `earliest` from now; without `latest` 14 days on: the first row by time is the next available one. Travel in whole minutes; `score` up to 100, its parts in `reasons`. Needs view_availability.';

revoke execute on function public.find_slots(
    uuid, uuid, uuid, timestamptz, timestamptz, integer, uuid[], public.resource_kind, integer
) from public, anon;
grant execute on function public.find_slots(
    uuid, uuid, uuid, timestamptz, timestamptz, integer, uuid[], public.resource_kind, integer
) to authenticated, service_role;
grant execute on function private.find_slots(
    uuid, uuid, uuid, timestamptz, timestamptz, integer, uuid[], public.resource_kind, integer
) to authenticated, service_role;
