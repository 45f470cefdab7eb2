create function private.violations_of_crew(p private.placement)
returns setof private.violation
language plpgsql
stable
set search_path = ''
as $$
begin
    return query
    select 'crew_incomplete', format(
        'The work needs %s technicians, %s are named.', (p.work).crew_size, cardinality(p.technician_ids)
    ), jsonb_build_object('needed', (p.work).crew_size, 'named', cardinality(p.technician_ids))
    -- A visit without anybody is waiting for its assignment, which is no conflict.
    where p.segments is null and cardinality(p.technician_ids) between 1 and (p.work).crew_size - 1
    union all
    select 'inactive', format('%s is no longer active.', t.display_name), jsonb_build_object('technician_id', t.id)
    from public.technician_profiles as t
    where t.id = any(p.technician_ids) and not t.is_active;
end;
$$;

comment on function private.violations_of_crew(private.placement) is 'crew_incomplete, inactive.';

-- A crew covers the required skills together; of composite work each does a part alone, and needs them all. What is
-- lacking is told by the nearest miss within the crew: expired before level, level before none at all.
create function private.violations_of_skills(p private.placement)
returns setof private.violation
language plpgsql
stable
set search_path = ''
as $$
begin
    return query
    with wanted as (
        select s.key as code, s.value::smallint as minimum_level
        from jsonb_each_text((p.work).required_skills) as s
    ),

    crews as (
        select
            case when p.segments is null then p.technician_ids else array[s.technician_id] end as members,
            max(s.ends_at) as ends_at
        from unnest(p.staff) as s
        group by 1
    ),

    covered as (
        select
            c.members, w.code, w.minimum_level,
            max(k.level) as best_level,
            bool_or(k.level >= w.minimum_level) as has_level,
            bool_or(
                k.level >= w.minimum_level
                and coalesce(k.certified_until >= (c.ends_at at time zone t.time_zone)::date, true)
            ) as is_met,
            max(k.certified_until) filter (where k.level >= w.minimum_level) as certified_until
        from crews as c
        cross join wanted as w
        left join public.technician_skills as k
            on k.org_id = (p.work).org_id and k.skill_code = w.code and k.technician_id = any(c.members)
        left join public.technician_profiles as t on k.technician_id = t.id
        group by c.members, w.code, w.minimum_level
    )

    select
        case
            when c.best_level is null then 'skill_missing'
            when not c.has_level then 'skill_level'
            else 'certification_expired'
        end,
        case
            when c.best_level is null then format('%s lacks the skill %s.', who.names, s.name)
            when not c.has_level
                then format('%s has %s at level %s; level %s is needed.', who.names, s.name, c.best_level, c.minimum_level)
            else format('The %s certificate of %s ended on %s.', s.name, who.names, c.certified_until)
        end,
        jsonb_strip_nulls(jsonb_build_object(
            'skill_code', c.code, 'minimum_level', c.minimum_level, 'best_level', c.best_level,
            'certified_until', c.certified_until
        ))
    from covered as c
    inner join public.skills as s on s.org_id = (p.work).org_id and s.code = c.code
    cross join lateral (
        select string_agg(t.display_name, ', ' order by t.display_name) as names
        from public.technician_profiles as t where t.id = any(c.members)
    ) as who
    where not coalesce(c.is_met, false);
end;
$$;

comment on function private.violations_of_skills(private.placement) is 'skill_missing, skill_level, certification_expired.';

-- A set that is inlined, since slot search asks for everybody of a company.
create function private.works_in_zone(technician uuid, zone uuid)
returns table (technician_id uuid)
language sql
stable
parallel safe
begin atomic
    select t.id
    from public.technician_profiles as t
    where
        t.id = technician
        and (
            t.default_service_zone_id = zone
            or exists (
                select from public.technician_service_zones as z
                where z.org_id = t.org_id and z.technician_id = t.id and z.service_zone_id = zone
            )
            -- No zone at all means everywhere, also outside of all zones.
            or (t.default_service_zone_id is null and not exists (
                select from public.technician_service_zones as z where z.org_id = t.org_id and z.technician_id = t.id
            ))
        );
end;

comment on function private.works_in_zone(uuid, uuid) is
'One row when a technician works in a zone: the default one or another of theirs; anywhere when they have none. Else none.';

create function private.violations_of_zone(p private.placement)
returns setof private.violation
language plpgsql
stable
set search_path = ''
as $$
begin
    return query
    select 'out_of_zone', format(
        '%s does not work in %s.', t.display_name, coalesce('the zone ' || z.name, 'places outside of every zone')
    ), jsonb_build_object('technician_id', t.id, 'service_zone_id', (p.work).zone_id)
    from public.technician_profiles as t
    left join public.service_zones as z on z.id = (p.work).zone_id
    where
        t.id = any(p.technician_ids) and (p.work).place_kind <> 'bay'
        and (p.work).location_id is not null
        and not exists (select from private.works_in_zone(t.id, (p.work).zone_id));
end;
$$;

comment on function private.violations_of_zone(private.placement) is 'out_of_zone.';

create function private.violations_of_availability(p private.placement)
returns setof private.violation
language plpgsql
stable
set search_path = ''
as $$
begin
    return query
    select 'outside_shift', format(
        '%s does not work the whole time from %s to %s.', t.display_name,
        private.local_time(lower(s.claim), t.time_zone), private.local_time(upper(s.claim), t.time_zone)
    ), jsonb_build_object('technician_id', t.id)
    from unnest(p.staff) as s
    inner join public.technician_profiles as t on s.technician_id = t.id
    left join private.working_time((p.work).org_id, p.technician_ids, p.claim) as w on t.id = w.technician_id
    where not coalesce(w.during @> s.claim, false)
    union all
    select
        case when u.why = 'busy' then 'busy_externally' else 'time_off' end,
        format(
            '%s is not available from %s to %s (%s).', t.display_name,
            private.local_time(lower(u.during), t.time_zone), private.local_time(upper(u.during), t.time_zone), u.why
        ),
        jsonb_build_object(
            'technician_id', t.id, 'starts_at', lower(u.during), 'ends_at', upper(u.during), 'why', u.why
        )
    from private.unavailable_time((p.work).org_id, p.technician_ids, p.claim) as u
    inner join public.technician_profiles as t on u.technician_id = t.id
    where exists (
        select from unnest(p.staff) as s where s.technician_id = u.technician_id and s.claim && u.during
    );
end;
$$;

comment on function private.violations_of_availability(private.placement) is 'outside_shift, time_off, busy_externally.';

create function private.violations_of_claims(p private.placement)
returns setof private.violation
language plpgsql
stable
set search_path = ''
as $$
begin
    return query
    with claimants as (
        select t.id, t.display_name as name, t.time_zone, t.max_concurrent_jobs as lanes, true as is_technician, s.claim
        from unnest(p.staff) as s
        inner join public.technician_profiles as t on s.technician_id = t.id
        union all
        select r.id, r.name, f.time_zone, r.capacity, false, p.claim
        from public.resources as r inner join public.facilities as f on r.facility_id = f.id
        where r.id = p.resource_id
    ),

    taken as (
        select
            c.id, c.name, c.time_zone, c.lanes, c.is_technician,
            count(distinct r.lane) as lanes_taken, min(lower(r.during)) as starts_at, max(upper(r.during)) as ends_at,
            array_agg(distinct r.appointment_id) filter (where r.appointment_id is not null) as appointment_ids
        from claimants as c
        inner join public.reservations as r on r.claimant_id = c.id and r.during && c.claim
        where
            r.released_at is null
            and not (r.kind = 'held' and r.hold_expires_at <= now())
            and (p.appointment_id is null or r.appointment_id is distinct from p.appointment_id)
            and (p.hold_token is null or r.hold_token is distinct from p.hold_token)
        group by c.id, c.name, c.time_zone, c.lanes, c.is_technician, c.claim
    )

    select
        case when not t.is_technician then 'resource_overlap' when t.lanes = 1 then 'technician_overlap' else 'concurrent_limit' end,
        format(
            case when t.lanes = 1 then '%s is taken from %s to %s.' else '%s has no room left from %s to %s.' end,
            t.name, private.local_time(t.starts_at, t.time_zone), private.local_time(t.ends_at, t.time_zone)
        ),
        jsonb_build_object(
            case when t.is_technician then 'technician_id' else 'resource_id' end, t.id, 'starts_at', t.starts_at,
            'ends_at', t.ends_at, 'appointment_ids', coalesce(to_jsonb(t.appointment_ids), '[]')
        )
    from taken as t
    where case
        -- Each lane of a technician is driven by itself; those of a thing are nobody's, and change where that makes room.
        when t.is_technician or t.lanes = 1 then t.lanes_taken
        else private.most_claims_at_once(t.id, p.claim, p.appointment_id, p.hold_token)
    end >= t.lanes;
end;
$$;

comment on function private.violations_of_claims(private.placement) is 'technician_overlap, concurrent_limit, resource_overlap.';
