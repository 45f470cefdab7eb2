-- The rules of a placement (BKG-5), one function each. Every function returns all violations of its rule; severity
-- comes from one table, in 236_judge.sql.

create type private.violation as (code text, message text, data jsonb);

create function private.local_time(instant timestamptz, time_zone text)
returns text
language sql
immutable
parallel safe
return to_char(instant at time zone time_zone, 'Dy DD Mon HH24:MI');

comment on function private.local_time(timestamptz, text) is 'A time as a dispatcher would say it, in a time zone.';

create function private.violations_of_time(p private.placement)
returns setof private.violation
language plpgsql
stable
set search_path = ''
as $$
begin
    return query
    select 'in_the_past', 'The visit would start in the past.', jsonb_build_object('starts_at', p.starts_at)
    where p.starts_at < now()
    union all
    select 'inactive', (p.work).inactive_because, '{}'::jsonb
    where (p.work).inactive_because is not null
    union all
    select 'sla_missed', format(
        'The work must not start before %s.', private.local_time((p.work).sla_start_at, o.time_zone)
    ), jsonb_build_object('sla_start_at', (p.work).sla_start_at)
    from public.orgs as o
    where o.id = (p.work).org_id and p.starts_at < (p.work).sla_start_at
    union all
    select 'sla_missed', format(
        'The work must be finished by %s, %s minutes earlier.', private.local_time((p.work).sla_end_at, o.time_zone),
        ceil(extract(epoch from p.ends_at - (p.work).sla_end_at) / 60)
    ), jsonb_build_object(
        'sla_end_at', (p.work).sla_end_at,
        'minutes_late', ceil(extract(epoch from p.ends_at - (p.work).sla_end_at) / 60)
    )
    from public.orgs as o
    where o.id = (p.work).org_id and p.ends_at > (p.work).sla_end_at;
end;
$$;

comment on function private.violations_of_time(private.placement) is 'in_the_past, inactive, sla_missed.';

create function private.violations_of_customer(p private.placement)
returns setof private.violation
language plpgsql
stable
set search_path = ''
as $$
begin
    return query
    select 'customer_window', format(
        'The customer expects the visit to start between %s and %s.',
        private.local_time(promise.window_start, o.time_zone), private.local_time(promise.window_end, o.time_zone)
    ), jsonb_build_object(
        'window_start', promise.window_start, 'window_end', promise.window_end, 'is_promised', promise.is_promised
    )
    from (
        select a.arrival_window_start as window_start, a.arrival_window_end as window_end, true as is_promised
        from public.appointments as a
        where a.id = p.appointment_id and not p.starts_at between a.arrival_window_start and a.arrival_window_end
        union all
        (
            select w.window_start, w.window_end, w.is_promised
            from private.time_windows((p.work).job_id) as w
            where not exists (
                select from private.time_windows((p.work).job_id) as met
                where p.starts_at between met.window_start and met.window_end
            )
            order by least(
                abs(extract(epoch from w.window_start - p.starts_at)), abs(extract(epoch from w.window_end - p.starts_at))
            )
            limit 1
        )
    ) as promise
    inner join public.orgs as o on o.id = (p.work).org_id
    -- A promise is no obstacle to the customer who wants it changed.
    where not p.customer_agrees
    union all
    select 'customer_overlap', format(
        'The customer already has visit %s from %s to %s.', a.number,
        private.local_time(a.starts_at, o.time_zone), private.local_time(a.ends_at, o.time_zone)
    ), jsonb_build_object(
        'appointment_id', a.id, 'starts_at', a.starts_at, 'ends_at', a.ends_at, 'is_coordinated', (p.work).is_coordinated
    )
    from public.dispatch_jobs as j
    inner join public.appointments as a on a.org_id = j.org_id and a.dispatch_job_id = j.id
    inner join public.orgs as o on a.org_id = o.id
    where
        j.org_id = (p.work).org_id and j.customer_id = (p.work).customer_id
        and a.status not in ('completed', 'canceled', 'no_show')
        and a.id is distinct from p.appointment_id
        and a.starts_at < p.ends_at and a.ends_at > p.starts_at
    union all
    select 'preference', format('The customer prefers %s.', t.display_name), jsonb_build_object('technician_id', t.id)
    from public.technician_profiles as t
    where t.id = (p.work).preferred_technician_id and t.id <> all (p.technician_ids);
end;
$$;

comment on function private.violations_of_customer(private.placement) is 'customer_window, customer_overlap, preference.';

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

-- One look at the route serves four codes. A flexible break needs a gap that holds it inside its window and leaves
-- time for the driving as well.
create function private.violations_of_route(p private.placement)
returns setof private.violation
language plpgsql
stable
set search_path = ''
as $$
declare
    around constant tstzrange := tstzrange(lower(p.claim) - interval '12 hours', upper(p.claim) + interval '12 hours');
begin
    return query
    with gaps as materialized (
        select g.*, g.gap @> p.claim as is_cut
        from private.route_gaps(
            (p.work).org_id, p.technician_ids, around, p.latitude, p.longitude, p.appointment_id, p.hold_token
        ) as g
    ),

    cuts as materialized (
        select
            t.display_name, t.id as technician_id, g.before_appointment_id, g.after_appointment_id,
            ceil((g.travel_before_s - extract(epoch from lower(p.claim) - lower(g.gap))) / 60.0)::integer as short_before,
            ceil((g.travel_after_s - extract(epoch from upper(g.gap) - upper(p.claim))) / 60.0)::integer as short_after,
            ceil((
                g.day_work_s + g.added_travel_s + extract(epoch from upper(p.claim) - lower(p.claim))
                + p.other_work_s - g.day_limit_s
            ) / 60.0)::integer as minutes_over,
            g.day_limit_s / 60 as day_limit_minutes
        from gaps as g
        inner join public.technician_profiles as t on g.technician_id = t.id
        where g.is_cut
    ),

    breaks as (
        select b.technician_id, b.minutes, b.minutes * interval '1 minute' as length, occurrence as break_window
        from public.technician_time_off as b
        cross join lateral private.occurrences(
            b.recurrence, b.starts_at, b.ends_at, b.time_zone, b.excluded_on, around
        ) as occurrence
        where b.org_id = (p.work).org_id and b.technician_id = any(p.technician_ids) and b.minutes is not null
    ),

    -- The gap the visit goes into, cut in two by it, and the other gaps, each with the driving that happens in it.
    rests as (
        select
            g.technician_id, g.stretch, piece as gap,
            -- Between two segments of one visit nobody drives.
            make_interval(secs => case
                when lower(piece) = lower(g.gap) or upper(piece) = upper(g.gap) then cut.travel_s else 0
            end) as travel
        from gaps as g
        cross join lateral (
            select tstzrange(lower(g.gap), lower(p.claim)) as gap, g.travel_before_s as travel_s
            where g.is_cut and lower(g.gap) < lower(p.claim)
            union all
            select tstzrange(upper(p.claim), upper(g.gap)), g.travel_after_s
            where g.is_cut and upper(p.claim) < upper(g.gap)
            union all
            select g.gap, g.travel_before_s + g.travel_after_s - g.added_travel_s
            where not g.is_cut
        ) as cut
        cross join lateral unnest(tstzmultirange(cut.gap) - p.other_claims) as piece
    )

    select 'travel_before'::text, format(
        '%s would arrive %s minutes late from %s.', c.display_name, c.short_before,
        case when c.before_appointment_id is null then 'home' else 'the visit before' end
    ), jsonb_build_object(
        'technician_id', c.technician_id, 'appointment_id', c.before_appointment_id, 'minutes_short', c.short_before
    )
    from cuts as c where c.short_before > 0
    union all
    select 'travel_after', format(
        '%s would reach %s %s minutes late.', c.display_name,
        case when c.after_appointment_id is null then 'home' else 'the next visit' end, c.short_after
    ), jsonb_build_object(
        'technician_id', c.technician_id, 'appointment_id', c.after_appointment_id, 'minutes_short', c.short_after
    )
    from cuts as c where c.short_after > 0
    union all
    select 'daily_limit', format(
        '%s would work %s minutes more than the daily %s.', c.display_name, c.minutes_over, c.day_limit_minutes
    ), jsonb_build_object(
        'technician_id', c.technician_id, 'minutes_over', c.minutes_over, 'limit_minutes', c.day_limit_minutes
    )
    from cuts as c where c.minutes_over > 0
    union all
    select 'time_off', format(
        '%s would have no room left for a break of %s minutes between %s and %s.', t.display_name, b.minutes,
        private.local_time(lower(b.break_window), t.time_zone), private.local_time(upper(b.break_window), t.time_zone)
    ), jsonb_build_object(
        'technician_id', t.id, 'starts_at', lower(b.break_window), 'ends_at', upper(b.break_window),
        'minutes', b.minutes, 'why', 'break'
    )
    from breaks as b
    inner join public.technician_profiles as t on b.technician_id = t.id
    where
        -- The visit bears on this break: it goes into a gap that reaches into the window.
        exists (
            select from gaps as g
            where g.technician_id = b.technician_id and g.is_cut and g.gap && b.break_window
        )
        -- The break is owed: the working day covers the window, or enough of it.
        and exists (
            select from gaps as g
            where
                g.technician_id = b.technician_id and upper(g.stretch) >= lower(b.break_window) + b.length
                and lower(g.stretch) <= upper(b.break_window) - b.length
        )
        and not exists (
            select from rests as r
            where
                r.technician_id = b.technician_id and r.gap && b.break_window
                and upper(r.gap * b.break_window) - lower(r.gap * b.break_window) >= b.length
                and upper(r.gap) - lower(r.gap) >= b.length + r.travel
        );
end;
$$;

comment on function private.violations_of_route(private.placement) is
'travel_before, travel_after, daily_limit, and time_off for flexible breaks.';

create function private.violations_of_place(p private.placement)
returns setof private.violation
language plpgsql
stable
set search_path = ''
as $$
begin
    return query
    with resource as (
        select r.*, f.time_zone, f.daily_capacity, f.name as facility_name, f.is_active as facility_is_active,
            f.latitude as facility_latitude, f.longitude as facility_longitude
        from public.resources as r inner join public.facilities as f on r.facility_id = f.id
        where r.id = p.resource_id
    ),

    load as (
        select count(*) as visits
        from resource as r
        inner join public.appointments as a on a.org_id = r.org_id and a.facility_id = r.facility_id
        where
            a.status not in ('canceled', 'no_show') and a.id is distinct from p.appointment_id
            and (a.starts_at at time zone r.time_zone)::date = (p.starts_at at time zone r.time_zone)::date
            and a.starts_at between p.starts_at - interval '25 hours' and p.starts_at + interval '25 hours'
    )

    select 'place_kind', case (p.work).place_kind
        when 'bay' then 'This service is done in a bay; none is named.'
        else 'This service needs a mobile unit; none is named.'
    end, jsonb_build_object('needed', (p.work).place_kind)
    where (p.work).place_kind <> 'site' and p.resource_id is null and cardinality(p.technician_ids) > 0
    union all
    select 'place_kind', format('%s is a %s, which does not suit this service.', r.name, replace(r.kind::text, '_', ' ')),
        jsonb_build_object('resource_id', r.id, 'needed', (p.work).place_kind)
    from resource as r
    where
        not (r.kind::text = (p.work).place_kind::text)
        and not (r.kind = 'mobile_unit' and (p.work).mobile_eligible)
    union all
    select 'place_kind', format('The site is farther from %s than this service''s mobile limit.', r.facility_name),
        jsonb_build_object('resource_id', r.id, 'limit_m', (p.work).mobile_max_distance_m)
    from resource as r
    where
        r.kind = 'mobile_unit' and private.distance_m(
            r.facility_latitude, r.facility_longitude, (p.work).latitude, (p.work).longitude, 1
        ) > (p.work).mobile_max_distance_m
    union all
    select 'bay_type', format('%s is a %s bay; the service needs %s.', r.name, r.bay_type, array_to_string((p.work).bay_types, ' or ')),
        jsonb_build_object('resource_id', r.id, 'needed', (p.work).bay_types)
    from resource as r
    where r.kind = 'bay' and cardinality((p.work).bay_types) > 0 and r.bay_type <> all ((p.work).bay_types)
    union all
    select 'inactive', format('%s is out of service.', r.name), jsonb_build_object('resource_id', r.id)
    from resource as r
    where not (r.is_active and r.facility_is_active)
    union all
    select 'outside_operating_hours', format('%s is closed for part of that time.', r.facility_name),
        jsonb_build_object('facility_id', r.facility_id)
    from resource as r
    where r.kind = 'bay' and not private.opening_time(r.facility_id, p.claim) @> p.claim
    union all
    select 'capacity_full', format('%s already has its %s visits for that day.', r.facility_name, r.daily_capacity),
        jsonb_build_object('facility_id', r.facility_id, 'limit', r.daily_capacity)
    from resource as r cross join load as l
    where l.visits >= r.daily_capacity
    union all
    select 'capacity_near_limit', format(
        '%s has %s of %s visits for that day.', r.facility_name, l.visits, r.daily_capacity
    ), jsonb_build_object('facility_id', r.facility_id, 'visits', l.visits, 'limit', r.daily_capacity)
    from resource as r cross join load as l
    where l.visits < r.daily_capacity and l.visits + 1 > 0.9 * r.daily_capacity
    union all
    select 'equipment_missing', format(
        case when e.is_active then '%s is in use at that time.' else '%s is out of service.' end, e.name
    ), jsonb_build_object('resource_id', e.id)
    from public.service_equipment as needed
    inner join public.resources as e on needed.resource_id = e.id
    where
        needed.service_id = (p.work).service_id
        and (not e.is_active or e.capacity <= (
            select count(distinct r.lane) from public.reservations as r
            where
                r.claimant_id = e.id and r.released_at is null and r.during && p.claim
                and not (r.kind = 'held' and r.hold_expires_at <= now())
                and (p.appointment_id is null or r.appointment_id is distinct from p.appointment_id)
                and (p.hold_token is null or r.hold_token is distinct from p.hold_token)
        ));
end;
$$;

comment on function private.violations_of_place(private.placement) is
'place_kind, bay_type, inactive, outside_operating_hours, capacity_full, capacity_near_limit, equipment_missing.';
