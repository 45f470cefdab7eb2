-- Home bases are spread over the city. Hours are weekday hours unless `days` says otherwise.
with people (
    reference, name, facility, employment, latitude, longitude, street, city, postal_code,
    starts, ends, days, vehicle, daily_minutes, zones, skills
) as (
    values
    ('T01', 'Marta Lindqvist', 'East Washington', 'employee', 43.0936, -89.3461, '2112 Atwood Avenue', 'Madison', '53704', '07:00', '15:30', 'MO,TU,WE,TH,FR', 'van', 480, 'Isthmus,East,North,South,McFarland', 'hvac_service:5 refrigerant:4 boiler:3 hvac_install:2 gas_fitting:3'),
    ('T02', 'Devon Achebe', 'East Washington', 'employee', 43.1278, -89.3105, '4518 Portage Road', 'Madison', '53704', '07:30', '16:00', 'MO,TU,WE,TH,FR', 'van', 480, 'North,East,Sun Prairie', 'hvac_service:3 hvac_install:3 boiler:2 gas_fitting:2'),
    ('T03', 'Pilar Montoya', 'East Washington', 'employee', 43.0824, -89.3652, '1133 Jenifer Street', 'Madison', '53703', '08:00', '17:00', 'MO,TU,WE,TH,FR', 'van', 480, 'Isthmus,East,South,North,McFarland', 'hvac_service:4 hvac_install:2 duct_cleaning:3'),
    ('T04', 'Owen Brandt', 'Odana Road', 'employee', 43.0594, -89.4402, '410 Toepfer Avenue', 'Madison', '53711', '08:00', '16:30', 'MO,TU,WE,TH,FR', 'van', 480, 'West,South,Middleton', 'hvac_service:4 boiler:4 hvac_install:3 gas_fitting:2'),
    ('T05', 'Yara Haddad', 'Odana Road', 'employee', 43.0975, -89.5102, '1908 Parmenter Street', 'Middleton', '53562', '07:30', '16:30', 'MO,TU,WE,TH,FR', 'van', 510, 'Middleton,West', 'hvac_service:3 refrigerant:3 duct_cleaning:2'),
    ('T06', 'Karl Novak', 'Odana Road', 'employee', 42.9925, -89.5349, '312 South Main Street', 'Verona', '53593', '08:00', '17:00', 'MO,TU,WE,TH,FR', 'truck', 510, 'Verona,West,South', 'hvac_install:4 boiler:2 hvac_service:3 gas_fitting:3'),
    ('T07', 'Simone Okafor', 'East Washington', 'employee', 43.1841, -89.2169, '540 West Main Street', 'Sun Prairie', '53590', '07:00', '15:30', 'MO,TU,WE,TH,FR', 'van', 480, 'Sun Prairie,North,East', 'plumbing_service:4 plumbing_install:3 gas_fitting:3 drain_cleaning:3'),
    ('T08', 'Henrik Dahl', 'East Washington', 'employee', 43.1062, -89.3584, '2410 Union Street', 'Madison', '53704', '08:00', '17:00', 'MO,TU,WE,TH,FR', 'van', 480, 'Isthmus,North,East,South,West', 'plumbing_service:3 drain_cleaning:4 backflow:3'),
    ('T09', 'Lucía Ferrer', 'Odana Road', 'employee', 43.0727, -89.4561, '4702 Sheboygan Avenue', 'Madison', '53705', '08:00', '16:30', 'MO,TU,WE,TH,FR', 'van', 480, 'West,South,Middleton,Verona', 'plumbing_service:4 plumbing_install:4 gas_fitting:2 drain_cleaning:2 backflow:2'),
    ('T10', 'Amos Tillman', 'Odana Road', 'employee', 43.0403, -89.3958, '1605 Beld Street', 'Madison', '53715', '09:00', '17:30', 'MO,TU,WE,TH,FR', 'van', 480, 'South,Isthmus,Verona,McFarland', 'plumbing_service:2 drain_cleaning:3 plumbing_install:2'),
    ('T11', 'Grace Whitefeather', 'East Washington', 'employee', 43.0790, -89.3126, '514 Cottage Grove Road', 'Madison', '53716', '07:30', '16:00', 'MO,TU,WE,TH,FR', 'van', 480, 'East,McFarland,Sun Prairie,South', 'plumbing_service:3 plumbing_install:3 drain_cleaning:2 gas_fitting:2 backflow:4'),
    ('T12', 'Tomasz Zielinski', 'East Washington', 'employee', 43.1362, -89.3676, '1810 Northport Drive', 'Madison', '53704', '07:00', '15:30', 'MO,TU,WE,TH,FR', 'van', 480, 'North,Isthmus,East,Sun Prairie,West', 'electrical_service:4 electrical_install:4 panel:4'),
    ('T13', 'Bea Lindgren', 'Odana Road', 'employee', 43.0575, -89.5032, '7102 Gammon Lane', 'Madison', '53719', '08:00', '17:00', 'MO,TU,WE,TH,FR', 'van', 480, 'West,Middleton,Verona', 'electrical_service:4 electrical_install:3 panel:3 generator:2'),
    ('T14', 'Raj Subramanian', 'East Washington', 'employee', 43.0583, -89.3338, '5904 Winnequah Road', 'Monona', '53716', '08:00', '16:30', 'MO,TU,WE,TH,FR', 'van', 480, 'East,South,McFarland,Isthmus,North', 'electrical_service:3 electrical_install:3 panel:3 generator:3'),
    ('T15', 'Ingrid Solberg', 'Odana Road', 'employee', 43.0692, -89.4153, '1809 Regent Street', 'Madison', '53726', '10:00', '18:30', 'MO,TU,WE,TH,FR', 'car', 480, 'West,Isthmus,South', 'electrical_service:2 electrical_install:2'),
    -- Part time, mornings.
    ('T16', 'Nora Castellano', 'East Washington', 'employee', 43.0959, -89.3122, '3502 Milwaukee Street', 'Madison', '53714', '08:00', '13:00', 'MO,WE,TH', 'car', 300, 'East,North,Isthmus', 'hvac_service:2 plumbing_service:2'),
    -- A contractor for installations.
    ('T17', 'Bill Kowalczyk', 'Odana Road', 'contractor', 43.0125, -89.2905, '4711 Farwell Street', 'McFarland', '53558', '07:00', '17:00', 'MO,TU,WE,TH', 'truck', 600, 'McFarland,South,East,Verona,West', 'hvac_install:5 plumbing_install:4 boiler:3 gas_fitting:4'),
    -- Overnight.
    ('T18', 'Dmitri Volkov', 'East Washington', 'employee', 43.0531, -89.3935, '922 South Park Street', 'Madison', '53715', '22:00', '06:00', 'SU,MO,TU,WE,TH', 'van', 480, 'Isthmus,South,East,West,North', 'hvac_service:4 plumbing_service:3 drain_cleaning:3 electrical_service:2'),
    -- The vehicle shop.
    ('T19', 'Ruth Abernathy', 'East Washington', 'employee', 43.1191, -89.3320, '2902 Hoard Street', 'Madison', '53704', '07:00', '16:00', 'MO,TU,WE,TH,FR', 'other', 510, 'North,East,Isthmus', 'auto_maintenance:4 auto_brakes:4 alignment:3 auto_inspection:3 tires:3'),
    ('T20', 'Cole Jefferson', 'East Washington', 'employee', 43.1475, -89.3602, '1517 Wheeler Road', 'Madison', '53704', '08:00', '17:00', 'MO,TU,WE,TH,FR', 'van', 510, 'North,East,Isthmus,Sun Prairie', 'tires:4 auto_maintenance:3 auto_brakes:2 auto_inspection:2'),
    ('T21', 'Wen Zhao', 'East Washington', 'employee', 43.0922, -89.3733, '1210 Sherman Avenue', 'Madison', '53703', '09:00', '18:00', 'TU,WE,TH,FR,SA', 'other', 510, 'North,East,Isthmus', 'auto_maintenance:2 auto_inspection:4 alignment:2 tires:2')
),

homes as (
    insert into public.customer_locations (
        id, org_id, kind, label, address_line1, city, region, postal_code, country, latitude, longitude, geocoded_at
    )
    select
        md5('four-lakes home ' || p.reference)::uuid, md5('four-lakes')::uuid, 'home_base', 'Home base',
        p.street, p.city, 'WI', p.postal_code, 'US', p.latitude, p.longitude, now()
    from people as p
    returning id
),

profiles as (
    insert into public.technician_profiles (
        id, org_id, facility_id, display_name, phone, email, employment_type, time_zone, home_base_location_id,
        default_service_zone_id, max_daily_work_minutes, vehicle_type
    )
    select
        md5('four-lakes technician ' || p.reference)::uuid, md5('four-lakes')::uuid,
        md5('four-lakes facility ' || p.facility)::uuid, p.name, '+192055501' || substr(p.reference, 2),
        translate(lower(split_part(p.name, ' ', 1)), 'í', 'i') || '@demo.truckroll.example',
        p.employment::public.employment_type, 'America/Chicago', md5('four-lakes home ' || p.reference)::uuid,
        md5('four-lakes zone ' || split_part(p.zones, ',', 1))::uuid, p.daily_minutes, p.vehicle::public.vehicle_type
    from people as p
    returning id
),

zones as (
    insert into public.technician_service_zones (org_id, technician_id, service_zone_id, is_primary)
    select
        md5('four-lakes')::uuid, md5('four-lakes technician ' || p.reference)::uuid,
        md5('four-lakes zone ' || wanted.zone)::uuid, wanted.position = 1
    from people as p
    cross join string_to_table(p.zones, ',') with ordinality as wanted (zone, position)
    returning id
),

skills as (
    insert into public.technician_skills (org_id, technician_id, skill_code, level, is_primary, certified_until)
    select
        md5('four-lakes')::uuid, md5('four-lakes technician ' || p.reference)::uuid,
        split_part(wanted.skill, ':', 1), split_part(wanted.skill, ':', 2)::smallint, wanted.position = 1,
        case
            -- Yara Haddad's certificate ran out last week.
            when p.reference = 'T05' and wanted.skill like 'refrigerant:%' then (now() - interval '7 days')::date
            when wanted.skill like 'refrigerant:%' or wanted.skill like 'backflow:%' then (now() + interval '14 months')::date
        end
    from people as p
    cross join string_to_table(p.skills, ' ') with ordinality as wanted (skill, position)
    returning id
),

-- A recurring shift starts on the first day that its rule names, on or after Thursday, 1 January 2026.
shifts as (
    insert into public.technician_shifts (org_id, technician_id, starts_at, ends_at, time_zone, recurrence_rule)
    select
        md5('four-lakes')::uuid, md5('four-lakes technician ' || p.reference)::uuid,
        (first.day + p.starts::time) at time zone 'America/Chicago',
        (first.day + case when p.ends > p.starts then 0 else 1 end + p.ends::time) at time zone 'America/Chicago',
        'America/Chicago', 'FREQ=WEEKLY;BYDAY=' || p.days
    from people as p
    cross join lateral (
        select min(day.day::date) as day
        from generate_series(date '2026-01-01', date '2026-01-07', interval '1 day') as day (day)
        where p.days like '%' || upper(left(to_char(day.day, 'Dy'), 2)) || '%'
    ) as first
    returning id
),

-- Thirty minutes for lunch, whenever it suits between half past eleven and half past one; at night around two.
breaks as (
    insert into public.technician_time_off (
        org_id, technician_id, starts_at, ends_at, time_zone, reason, minutes, recurrence_rule
    )
    select
        md5('four-lakes')::uuid, md5('four-lakes technician ' || p.reference)::uuid,
        (date '2026-01-01' + case when p.starts = '22:00' then time '01:00' else time '11:30' end) at time zone 'America/Chicago',
        (date '2026-01-01' + case when p.starts = '22:00' then time '03:00' else time '13:30' end) at time zone 'America/Chicago',
        'America/Chicago', 'break', 30, 'FREQ=DAILY'
    from people as p
    where p.reference <> 'T16'
    returning id
)

select count(*) from profiles;

-- On call in turns: one week in four each, evenings and the weekend.
insert into public.technician_shifts (org_id, technician_id, starts_at, ends_at, time_zone, shift_type, recurrence_rule)
select
    md5('four-lakes')::uuid, md5('four-lakes technician ' || turn.reference)::uuid,
    (date '2026-01-05' + 7 * turn.week::integer + hours.first_day + hours.starts) at time zone 'America/Chicago',
    (date '2026-01-05' + 7 * turn.week::integer + hours.first_day + hours.ends) at time zone 'America/Chicago',
    'America/Chicago', 'on_call', 'FREQ=WEEKLY;INTERVAL=4;BYDAY=' || hours.days
from (values ('T01', 0), ('T04', 1), ('T07', 2), ('T12', 3)) as turn (reference, week)
cross join (values
    (0, time '17:30', time '22:00', 'MO,TU,WE,TH,FR'),
    (5, time '08:00', time '20:00', 'SA,SU')
) as hours (first_day, starts, ends, days);

-- One day of vacation a technician has asked for long ago, two people away on the demo day, an appointment of one's own.
with next_days as (
    select
        days.day::date as day, row_number() over (order by days.day) as position
    from generate_series(
        (now() at time zone 'America/Chicago')::date + 1, (now() at time zone 'America/Chicago')::date + 21, interval '1 day'
    ) as days (day)
    where
        extract(isodow from days.day) < 6
        and not exists (
            select from public.holidays as h
            where h.org_id = md5('four-lakes')::uuid and h.facility_id is null and h.observed_on = days.day::date
        )
),

absences (reference, reason, first_position, last_position, starts, ends, notes) as (
    values
    ('T15', 'vacation', 1, 5, time '00:00', time '00:00', 'Visiting family'),
    ('T10', 'sick', 1, 1, time '00:00', time '00:00', 'Called in'),
    ('T08', 'personal', 1, 1, time '14:00', time '16:00', 'Dentist'),
    ('T14', 'blocked', 1, 1, time '08:00', time '09:00', 'Van in the shop'),
    ('T02', 'vacation', 4, 4, time '00:00', time '00:00', null)
)

insert into public.technician_time_off (org_id, technician_id, starts_at, ends_at, time_zone, reason, notes)
select
    md5('four-lakes')::uuid, md5('four-lakes technician ' || a.reference)::uuid,
    (f.day + a.starts) at time zone 'America/Chicago',
    (l.day + case when a.ends = '00:00' then 1 else 0 end + a.ends) at time zone 'America/Chicago',
    'America/Chicago', a.reason::public.time_off_reason, a.notes
from absences as a
inner join next_days as f on a.first_position = f.position
inner join next_days as l on a.last_position = l.position;
