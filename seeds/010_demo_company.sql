-- A demo company: Four Lakes Home Services, heating, plumbing and electrical work and a small vehicle shop in Madison,
-- Wisconsin. People, phone numbers (the reserved 555-01xx) and houses are invented; streets, postal codes and
-- neighbourhoods are real. Run again, these seeds start the demo company afresh.

delete from public.orgs
where id = md5('four-lakes')::uuid;

insert into public.orgs (id, name, slug, time_zone, country, currency, arrival_window_minutes, travel_speed_kmh, travel_detour_factor)
values (md5('four-lakes')::uuid, 'Four Lakes Home Services', 'four-lakes', 'America/Chicago', 'US', 'USD', 120, 45, 1.4);

insert into public.service_zones (id, org_id, name, description, polygon, postal_codes)
select
    md5('four-lakes zone ' || z.name)::uuid, md5('four-lakes')::uuid, z.name, z.description, z.polygon::jsonb, z.postal_codes
from (values
    (
        'Isthmus', 'Downtown, Marquette and Tenney-Lapham, between the lakes',
        '[[-89.4010,43.0700],[-89.3800,43.0620],[-89.3460,43.0830],[-89.3560,43.0960],[-89.3860,43.0860],[-89.4010,43.0790]]',
        array['53703']
    ),
    ('East', 'Atwood, Eastmorland, Lake Edge, Monona', null, array['53714', '53716', '53718']),
    ('North', 'Sherman, Eken Park, East Towne', null, array['53704']),
    ('South', 'Bay Creek, South Park Street, Arbor Hills', null, array['53713', '53715']),
    ('West', 'Regent, Hilldale, Westmorland, Nakoma, West Towne', null, array['53705', '53711', '53717', '53719', '53726']),
    ('Middleton', 'Middleton and Waunakee', null, array['53562', '53597']),
    ('Sun Prairie', 'Sun Prairie and Cottage Grove', null, array['53590', '53527']),
    ('Verona', 'Verona and Fitchburg', null, array['53593', '53575']),
    ('McFarland', 'McFarland and Stoughton', null, array['53558', '53589'])
) as z (name, description, polygon, postal_codes);

insert into public.facilities (
    id, org_id, name, phone, address_line1, city, region, postal_code, country, latitude, longitude, time_zone, daily_capacity
)
select
    md5('four-lakes facility ' || f.name)::uuid, md5('four-lakes')::uuid,
    f.name, f.phone, f.address, 'Madison', 'WI', f.postal_code, 'US', f.latitude, f.longitude, 'America/Chicago', f.capacity
from (values
    ('East Washington', '+16085550180', '3825 East Washington Avenue', '53704', 43.1195, -89.3172, null),
    ('Odana Road', '+16085550181', '6410 Odana Road', '53719', 43.0531, -89.4885, 40)
) as f (name, phone, address, postal_code, latitude, longitude, capacity);

insert into public.operating_hours (org_id, facility_id, weekday, opens_at, closes_at)
select md5('four-lakes')::uuid, f.id, day.weekday, '07:00', case when day.weekday = 6 then time '13:00' else time '18:00' end
from public.facilities as f
cross join generate_series(1, 6) as day (weekday)
where f.org_id = md5('four-lakes')::uuid and (day.weekday < 6 or f.name = 'East Washington');

-- The vehicle shop is in East Washington Avenue; the mobile unit changes tires and oil where the car is.
insert into public.resources (id, org_id, facility_id, kind, name, bay_type)
select
    md5('four-lakes resource ' || r.name)::uuid, md5('four-lakes')::uuid, md5('four-lakes facility East Washington')::uuid,
    r.kind::public.resource_kind, r.name, r.bay_type::public.bay_type
from (values
    ('bay', 'Bay 1', 'general'),
    ('bay', 'Bay 2', 'lift'),
    ('bay', 'Bay 3', 'lift'),
    ('bay', 'Bay 4', 'tire'),
    ('bay', 'Bay 5', 'alignment'),
    ('bay', 'Bay 6', 'inspection'),
    ('mobile_unit', 'Mobile unit 1', null)
) as r (kind, name, bay_type);

insert into public.holidays (org_id, observed_on, name)
select md5('four-lakes')::uuid, h.observed_on::date, h.name
from (values
    ('2026-01-01', 'New Year''s Day'),
    ('2026-05-25', 'Memorial Day'),
    ('2026-07-03', 'Independence Day'),
    ('2026-09-07', 'Labor Day'),
    ('2026-11-26', 'Thanksgiving Day'),
    ('2026-12-25', 'Christmas Day'),
    ('2027-01-01', 'New Year''s Day'),
    ('2027-05-31', 'Memorial Day'),
    ('2027-07-05', 'Independence Day'),
    ('2027-09-06', 'Labor Day'),
    ('2027-11-25', 'Thanksgiving Day'),
    ('2027-12-24', 'Christmas Day'),
    ('2027-12-31', 'New Year''s Day')
) as h (observed_on, name);
