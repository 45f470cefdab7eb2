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
    where cardinality(p.technician_ids) between 1 and (p.work).crew_size - 1
    union all
    select 'inactive', format('%s is no longer active.', t.display_name), jsonb_build_object('technician_id', t.id)
    from public.technician_profiles as t
    where t.id = any(p.technician_ids) and not t.is_active;
end;
$$;

comment on function private.violations_of_crew(private.placement) is 'crew_incomplete, inactive.';

-- A crew covers the required skills together. What each lacks is told by the nearest miss within the crew:
-- expired before level, level before none at all.
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

    covered as (
        select
            w.code, w.minimum_level,
            max(k.level) as best_level,
            bool_or(k.level >= w.minimum_level) as has_level,
            bool_or(
                k.level >= w.minimum_level
                and coalesce(k.certified_until >= (p.ends_at at time zone t.time_zone)::date, true)
            ) as is_met,
            max(k.certified_until) filter (where k.level >= w.minimum_level) as certified_until
        from wanted as w
        left join public.technician_skills as k
            on k.org_id = (p.work).org_id and k.skill_code = w.code and k.technician_id = any(p.technician_ids)
        left join public.technician_profiles as t on k.technician_id = t.id
        group by w.code, w.minimum_level
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
        from public.technician_profiles as t where t.id = any(p.technician_ids)
    ) as who
    where not coalesce(c.is_met, false) and cardinality(p.technician_ids) > 0;
end;
$$;

comment on function private.violations_of_skills(private.placement) is 'skill_missing, skill_level, certification_expired.';

create function private.works_in_zone(technician uuid, zone uuid)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
    return coalesce((
        select
            coalesce(t.default_service_zone_id = zone, false)
            or exists (
                select from public.technician_service_zones as z
                where z.org_id = t.org_id and z.technician_id = t.id and z.service_zone_id = zone
            )
            -- No zone at all means everywhere, also outside of all zones.
            or (t.default_service_zone_id is null and not exists (
                select from public.technician_service_zones as z where z.org_id = t.org_id and z.technician_id = t.id
            ))
        from public.technician_profiles as t
        where t.id = technician
    ), true);
end;
$$;

comment on function private.works_in_zone(uuid, uuid) is
'Whether a technician works in a zone: the default one or another of theirs; anywhere when they have none.';

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
        and not private.works_in_zone(t.id, (p.work).zone_id);
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
        private.local_time(lower(p.claim), t.time_zone), private.local_time(upper(p.claim), t.time_zone)
    ), jsonb_build_object('technician_id', t.id)
    from public.technician_profiles as t
    left join private.working_time((p.work).org_id, p.technician_ids, p.claim) as w on t.id = w.technician_id
    where t.id = any(p.technician_ids) and not coalesce(w.during @> p.claim, false)
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
    where u.during && p.claim;
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
        select t.id, t.display_name as name, t.time_zone, t.max_concurrent_jobs as lanes, true as is_technician
        from public.technician_profiles as t where t.id = any(p.technician_ids)
        union all
        select r.id, r.name, f.time_zone, r.capacity, false
        from public.resources as r inner join public.facilities as f on r.facility_id = f.id
        where r.id = p.resource_id
    ),

    taken as (
        select
            c.id, c.name, c.time_zone, c.lanes, c.is_technician,
            count(distinct r.lane) as lanes_taken, min(lower(r.during)) as starts_at, max(upper(r.during)) as ends_at,
            array_agg(distinct r.appointment_id) filter (where r.appointment_id is not null) as appointment_ids
        from claimants as c
        inner join public.reservations as r on r.claimant_id = c.id
        where
            r.released_at is null and r.during && p.claim
            and not (r.kind = 'held' and r.hold_expires_at <= now())
            and (p.appointment_id is null or r.appointment_id is distinct from p.appointment_id)
            and (p.hold_token is null or r.hold_token is distinct from p.hold_token)
        group by c.id, c.name, c.time_zone, c.lanes, c.is_technician
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
    where t.lanes_taken >= t.lanes;
end;
$$;

comment on function private.violations_of_claims(private.placement) is 'technician_overlap, concurrent_limit, resource_overlap.';
