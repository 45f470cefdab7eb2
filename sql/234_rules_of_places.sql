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
        and (
            not e.is_active
            or e.capacity <= private.most_claims_at_once(e.id, p.claim, p.appointment_id, p.hold_token)
        );
end;
$$;

comment on function private.violations_of_place(private.placement) is
'place_kind, bay_type, inactive, outside_operating_hours, capacity_full, capacity_near_limit, equipment_missing.';
