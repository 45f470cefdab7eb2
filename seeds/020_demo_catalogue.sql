insert into public.skills (org_id, code, name, category)
select md5('four-lakes')::uuid, s.code, s.name, s.category
from (values
    ('hvac_service', 'Heating and cooling service', 'hvac'),
    ('hvac_install', 'Heating and cooling installation', 'hvac'),
    ('refrigerant', 'Refrigerant handling (EPA 608)', 'hvac'),
    ('boiler', 'Boilers and hydronics', 'hvac'),
    ('duct_cleaning', 'Duct cleaning', 'hvac'),
    ('gas_fitting', 'Gas fitting', 'plumbing'),
    ('plumbing_service', 'Plumbing service', 'plumbing'),
    ('plumbing_install', 'Plumbing installation', 'plumbing'),
    ('drain_cleaning', 'Drain and sewer cleaning', 'plumbing'),
    ('backflow', 'Backflow testing (certified)', 'plumbing'),
    ('electrical_service', 'Electrical service', 'electrical'),
    ('electrical_install', 'Electrical installation', 'electrical'),
    ('panel', 'Service panels (licensed)', 'electrical'),
    ('generator', 'Standby generators', 'electrical'),
    ('solar', 'Solar inverters', 'electrical'),
    ('auto_maintenance', 'Vehicle maintenance', 'automotive'),
    ('auto_brakes', 'Brakes', 'automotive'),
    ('tires', 'Tires', 'automotive'),
    ('alignment', 'Wheel alignment', 'automotive'),
    ('auto_inspection', 'Vehicle inspection', 'automotive')
) as s (code, name, category);

-- Required skills are code:level; a question mark marks a skill that is merely preferred.
with catalogue (
    code, name, category, job_type, minutes, buffers, crew, place, bays, mobile, price, skills
) as (
    values
    ('furnace_repair', 'Furnace repair', 'hvac', 'repair', 90, 0, 1, 'site', '', false, 189, 'hvac_service:3 gas_fitting:1?'),
    ('no_heat', 'No heat call', 'hvac', 'repair', 75, 0, 1, 'site', '', false, 249, 'hvac_service:3'),
    ('furnace_tune_up', 'Furnace tune-up', 'hvac', 'maintenance', 60, 0, 1, 'site', '', false, 119, 'hvac_service:2'),
    ('heat_pump_service', 'Heat pump service', 'hvac', 'maintenance', 75, 0, 1, 'site', '', false, 159, 'hvac_service:3 refrigerant:2'),
    ('refrigerant_recharge', 'Refrigerant leak repair', 'hvac', 'repair', 120, 0, 1, 'site', '', false, 420, 'refrigerant:3'),
    ('boiler_service', 'Boiler service', 'hvac', 'maintenance', 90, 0, 1, 'site', '', false, 210, 'boiler:3'),
    ('boiler_install', 'Boiler replacement', 'hvac', 'install', 240, 15, 2, 'site', '', false, 7900, 'boiler:2 hvac_install:2'),
    ('furnace_install', 'Furnace replacement', 'hvac', 'install', 240, 15, 2, 'site', '', false, 5400, 'hvac_install:2'),
    ('thermostat_install', 'Thermostat installation', 'hvac', 'install', 45, 0, 1, 'site', '', false, 149, 'hvac_service:1'),
    ('duct_cleaning', 'Duct cleaning', 'hvac', 'maintenance', 150, 10, 1, 'site', '', false, 380, 'duct_cleaning:1'),
    ('leak_repair', 'Leak repair', 'plumbing', 'repair', 75, 0, 1, 'site', '', false, 175, 'plumbing_service:2'),
    ('toilet_repair', 'Toilet repair', 'plumbing', 'repair', 45, 0, 1, 'site', '', false, 139, 'plumbing_service:1'),
    ('faucet_install', 'Faucet installation', 'plumbing', 'install', 60, 0, 1, 'site', '', false, 165, 'plumbing_service:1'),
    ('drain_cleaning', 'Drain cleaning', 'plumbing', 'repair', 60, 10, 1, 'site', '', false, 199, 'drain_cleaning:2'),
    ('water_heater_install', 'Water heater replacement', 'plumbing', 'install', 180, 15, 2, 'site', '', false, 1950, 'plumbing_install:2 gas_fitting:1'),
    ('sump_pump', 'Sump pump replacement', 'plumbing', 'install', 105, 0, 1, 'site', '', false, 690, 'plumbing_install:2'),
    ('backflow_test', 'Backflow test', 'plumbing', 'inspection', 45, 0, 1, 'site', '', false, 129, 'backflow:3'),
    ('outlet_repair', 'Outlet or switch repair', 'electrical', 'repair', 60, 0, 1, 'site', '', false, 155, 'electrical_service:2'),
    ('lighting_install', 'Lighting installation', 'electrical', 'install', 90, 0, 1, 'site', '', false, 240, 'electrical_install:2'),
    ('panel_upgrade', 'Service panel upgrade', 'electrical', 'install', 270, 15, 2, 'site', '', false, 3200, 'panel:3'),
    ('ev_charger', 'EV charger installation', 'electrical', 'install', 150, 0, 1, 'site', '', false, 980, 'electrical_install:3'),
    ('generator_service', 'Standby generator service', 'electrical', 'maintenance', 75, 0, 1, 'site', '', false, 230, 'generator:2'),
    ('solar_inverter', 'Solar inverter repair', 'electrical', 'repair', 120, 0, 1, 'site', '', false, 340, 'solar:2'),
    ('oil_change', 'Oil change', 'automotive', 'maintenance', 30, 5, 1, 'bay', 'general lift', true, 69, 'auto_maintenance:1'),
    ('brake_service', 'Brake service', 'automotive', 'repair', 120, 10, 1, 'bay', 'lift', false, 380, 'auto_brakes:2'),
    ('tire_change', 'Seasonal tire change', 'automotive', 'maintenance', 45, 5, 1, 'bay', 'tire lift', true, 89, 'tires:1'),
    ('wheel_alignment', 'Wheel alignment', 'automotive', 'maintenance', 60, 5, 1, 'bay', 'alignment', false, 129, 'alignment:2'),
    ('safety_inspection', 'Safety inspection', 'automotive', 'inspection', 45, 5, 1, 'bay', 'inspection', false, 59, 'auto_inspection:2'),
    ('mobile_tire_change', 'Tire change at your place', 'automotive', 'maintenance', 60, 10, 1, 'mobile_unit', '', true, 149, 'tires:2')
),

added as (
    insert into public.services (
        id, org_id, code, name, category, job_type, standard_duration_minutes, buffer_after_minutes, crew_size, place_kind,
        bay_types, mobile_eligible, mobile_max_distance_m, price_hint
    )
    select
        md5('four-lakes service ' || c.code)::uuid, md5('four-lakes')::uuid, c.code, c.name, c.category,
        c.job_type::public.job_type, c.minutes, c.buffers, c.crew, c.place::public.place_kind,
        coalesce(string_to_array(nullif(c.bays, ''), ' '), '{}')::public.bay_type[], c.mobile,
        case when c.mobile then 25000 end, c.price
    from catalogue as c
    returning id, code
)

insert into public.service_skills (org_id, service_id, skill_code, minimum_level, is_required)
select
    md5('four-lakes')::uuid, a.id, split_part(wanted.skill, ':', 1),
    rtrim(split_part(wanted.skill, ':', 2), '?')::smallint, wanted.skill not like '%?'
from added as a
inner join catalogue as c on a.code = c.code
cross join string_to_table(c.skills, ' ') as wanted (skill);
