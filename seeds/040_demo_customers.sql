-- A hundred and twenty customers with a house, or a few, in real neighbourhoods. Everything is made of the customer's
-- number by arithmetic, so that two seedings agree.
with neighbourhoods as (
    select n.*, row_number() over () - 1 as position
    from (values
        ('Marquette', 43.0826, -89.3643, 'Madison', '53703', array['Williamson Street', 'Jenifer Street', 'Spaight Street']),
        ('Tenney-Lapham', 43.0880, -89.3700, 'Madison', '53703', array['East Johnson Street', 'East Gorham Street', 'North Ingersoll Street']),
        ('Bassett', 43.0700, -89.3900, 'Madison', '53703', array['West Wilson Street', 'West Main Street', 'South Bassett Street']),
        ('Atwood', 43.0932, -89.3450, 'Madison', '53704', array['Atwood Avenue', 'Winnebago Street', 'Oakridge Avenue']),
        ('Eken Park', 43.1060, -89.3570, 'Madison', '53704', array['Union Street', 'Myrtle Street', 'Commercial Avenue']),
        ('Sherman', 43.1340, -89.3640, 'Madison', '53704', array['Northport Drive', 'Troy Drive', 'North Sherman Avenue']),
        ('East Towne', 43.1260, -89.3110, 'Madison', '53704', array['Portage Road', 'East Springs Drive', 'Independence Lane']),
        ('Eastmorland', 43.0970, -89.3150, 'Madison', '53714', array['Milwaukee Street', 'Hargrove Street', 'Walter Street']),
        ('Lake Edge', 43.0800, -89.3130, 'Madison', '53716', array['Cottage Grove Road', 'Buckeye Road', 'Maher Avenue']),
        ('Monona', 43.0600, -89.3260, 'Monona', '53716', array['Monona Drive', 'Nichols Road', 'Dean Avenue']),
        ('Grandview Commons', 43.1010, -89.2660, 'Madison', '53718', array['Sharpsburg Drive', 'Big Dipper Drive', 'Cottage Grove Road']),
        ('Bay Creek', 43.0520, -89.3950, 'Madison', '53715', array['South Park Street', 'Lakeside Street', 'Beld Street']),
        ('Arbor Hills', 43.0330, -89.4110, 'Madison', '53713', array['Post Road', 'Grandview Boulevard', 'Knollwood Way']),
        ('Regent', 43.0690, -89.4170, 'Madison', '53726', array['Regent Street', 'Chadbourne Avenue', 'Van Hise Avenue']),
        ('Vilas', 43.0620, -89.4160, 'Madison', '53711', array['Monroe Street', 'Madison Street', 'Grant Street']),
        ('Nakoma', 43.0480, -89.4440, 'Madison', '53711', array['Nakoma Road', 'Cherokee Drive', 'Manitou Way']),
        ('Westmorland', 43.0600, -89.4420, 'Madison', '53711', array['Mineral Point Road', 'Toepfer Avenue', 'Tokay Boulevard']),
        ('Hilldale', 43.0730, -89.4560, 'Madison', '53705', array['Sheboygan Avenue', 'North Segoe Road', 'Midvale Boulevard']),
        ('Meadowood', 43.0350, -89.4850, 'Madison', '53719', array['Raymond Road', 'Whitney Way', 'Loreen Drive']),
        ('West Towne', 43.0590, -89.5000, 'Madison', '53719', array['Gammon Road', 'Odana Road', 'Watts Road']),
        ('Junction Ridge', 43.0720, -89.5330, 'Madison', '53717', array['Old Sauk Road', 'Blackhawk Road', 'Westfield Road']),
        ('Middleton Hills', 43.1080, -89.5050, 'Middleton', '53562', array['Century Avenue', 'Frank Lloyd Wright Avenue', 'Pheasant Branch Road']),
        ('Waunakee', 43.1910, -89.4550, 'Waunakee', '53597', array['West Main Street', 'South Street', 'Division Street']),
        ('Sun Prairie', 43.1830, -89.2160, 'Sun Prairie', '53590', array['West Main Street', 'Columbus Street', 'Windsor Street']),
        ('Cottage Grove', 43.0760, -89.2000, 'Cottage Grove', '53527', array['Cottage Grove Road', 'Main Street', 'Vilas Road']),
        ('McFarland', 43.0130, -89.2890, 'McFarland', '53558', array['Farwell Street', 'Exchange Street', 'Broadhead Street']),
        ('Verona', 42.9910, -89.5330, 'Verona', '53593', array['South Main Street', 'West Verona Avenue', 'Silent Street']),
        ('Fitchburg', 43.0050, -89.4270, 'Fitchburg', '53575', array['Fish Hatchery Road', 'Lacy Road', 'East Cheryl Parkway'])
    ) as n (name, latitude, longitude, city, postal_code, streets)
),

numbers as (
    select
        i, 'C' || lpad(i::text, 3, '0') as reference,
        -- Two throws of a dice in -1 … 1 for where in the neighbourhood, one for the house number.
        ((i * 7919) % 2001 - 1000) / 1000.0 as east, ((i * 104729) % 2001 - 1000) / 1000.0 as north,
        100 + (i * 5153) % 3900 as house
    from generate_series(1, 120) as i
),

people as (
    select
        n.*,
        (array[
            'Anna', 'Benjamin', 'Camila', 'Daniel', 'Elena', 'Felix', 'Hannah', 'Ibrahim', 'Julia', 'Kevin', 'Laura',
            'Marcus', 'Nadia', 'Oliver', 'Priya', 'Quentin', 'Rosa', 'Samuel', 'Tanya', 'Victor', 'Wendy', 'Xavier', 'Zoe'
        ])[1 + n.i % 23] || ' ' || (array[
            'Andersen', 'Brooks', 'Chen', 'Diaz', 'Engel', 'Foster', 'Garcia', 'Hansen', 'Iverson', 'Johnson', 'Khan',
            'Larson', 'Meyer', 'Nguyen', 'Olson', 'Peterson', 'Ruiz', 'Schmidt', 'Thompson'
        ])[1 + n.i % 19] as person,
        case when n.i % 6 = 0 then (array[
            'Lakeside Bakery', 'Capitol Dental Group', 'Yahara Property Management', 'Regent Street Pub',
            'Arboretum Veterinary Clinic', 'Badger Print Shop', 'Willy Street Cafe', 'Monona Terrace Catering',
            'Hilldale Family Practice', 'Picnic Point Apartments', 'Sun Prairie Child Care', 'Middleton Hardware',
            'Dane County Book House', 'East Side Laundry', 'Fitchburg Fitness', 'Verona Garden Center',
            'Olbrich Flower Shop', 'Tenney Park Condominiums', 'Camp Randall Sports Bar', 'Nakoma Senior Living'
        ])[n.i / 6] end as business
    from numbers as n
),

added as (
    insert into public.customers (
        id, org_id, name, contact_name, phone, email, preferred_channel, customer_type, tier, external_reference, sms_consent_at
    )
    select
        md5('four-lakes customer ' || p.reference)::uuid, md5('four-lakes')::uuid,
        coalesce(p.business, p.person), case when p.business is not null then p.person end,
        -- 555-0100 to 555-0199 are reserved for fiction in every area code.
        (array['+1608', '+1262'])[1 + (p.i - 1) / 60] || '55501' || lpad(((p.i - 1) % 60)::text, 2, '0'),
        case when p.i % 4 <> 3 then replace(lower(p.person), ' ', '.') || p.i || '@customers.truckroll.example' end,
        (array['sms', 'email', 'sms', 'phone'])[1 + p.i % 4]::public.contact_channel,
        (case
            when p.business is null then 'residential'
            when p.business ~ 'Property|Apartments|Condominiums|Living' then 'property_manager'
            else 'commercial'
        end)::public.customer_type,
        case when p.i % 17 = 0 then 'premium' when p.i % 7 = 0 or p.business is not null then 'plus' else 'standard' end,
        p.reference, now() - interval '90 days'
    from people as p
    returning id
)

insert into public.customer_locations (
    id, org_id, customer_id, label, address_line1, city, region, postal_code, country, latitude, longitude, geocoded_at,
    access_instructions, parking, pets
)
select
    md5('four-lakes site ' || p.reference || '-' || extra.number)::uuid, md5('four-lakes')::uuid,
    md5('four-lakes customer ' || p.reference)::uuid,
    case
        when extra.number > 1 then 'Building ' || extra.number
        when p.business is not null then 'Business'
        else 'Home'
    end,
    (p.house + 40 * (extra.number - 1)) || ' ' || n.streets[1 + p.i % 3], n.city, 'WI', n.postal_code, 'US',
    round((n.latitude + p.north * 0.0042)::numeric, 6)::double precision,
    round((n.longitude + p.east * 0.0058)::numeric, 6)::double precision, now(),
    case when p.i % 9 = 0 then 'Side door; ring twice' when p.i % 13 = 0 then 'Lockbox at the back entrance' end,
    case when n.postal_code = '53703' then 'Street parking, two hours' end,
    case when p.i % 8 = 0 and p.business is null then 'Friendly dog' when p.i % 15 = 0 then 'Two cats' end
from people as p
-- Property managers have three buildings, in neighbourhoods of their own.
cross join generate_series(
    1, case when p.business ~ 'Property|Apartments|Condominiums|Living' then 3 else 1 end
) as extra (number)
inner join neighbourhoods as n on n.position = (p.i * 11 + 5 * extra.number) % 28;

-- Two sites that no zone covers.
insert into public.customer_locations (
    id, org_id, customer_id, label, address_line1, city, region, postal_code, country, latitude, longitude, geocoded_at
)
select
    md5('four-lakes site ' || s.reference || '-cabin')::uuid, md5('four-lakes')::uuid,
    md5('four-lakes customer ' || s.reference)::uuid,
    'Cabin', s.street, s.city, 'WI', s.postal_code, 'US', s.latitude, s.longitude, now()
from (values
    ('C010', '1240 Vine Street', 'Wisconsin Dells', '53965', 43.6290, -89.7790),
    ('C025', '508 East Court Street', 'Janesville', '53545', 42.6830, -89.0170)
) as s (reference, street, city, postal_code, latitude, longitude);

insert into public.vehicles (id, org_id, customer_id, make, model, model_year, license_plate)
select
    md5('four-lakes vehicle ' || i)::uuid, md5('four-lakes')::uuid,
    md5('four-lakes customer C' || lpad((3 * i + 1)::text, 3, '0'))::uuid,
    (array['Toyota', 'Ford', 'Subaru', 'Honda', 'Chevrolet'])[1 + i % 5],
    (array['RAV4', 'F-150', 'Outback', 'Civic', 'Equinox'])[1 + i % 5], 2012 + (i * 7) % 13,
    'DEMO-' || lpad(i::text, 3, '0')
from generate_series(1, 30) as i;
