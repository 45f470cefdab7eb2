-- Technicians read their own profile; it is changed by who manages technicians.
alter table public.technician_profiles enable row level security;
revoke all on table public.technician_profiles from public, anon, authenticated, service_role;

grant select on table public.technician_profiles to authenticated;
grant insert (
    id, org_id, user_id, facility_id, display_name, phone, email, photo_path, employment_type, is_active,
    time_zone, home_base_location_id, default_service_zone_id, max_daily_work_minutes, max_concurrent_jobs,
    duration_factor, travel_speed_factor, vehicle_type, metadata
) on table public.technician_profiles to authenticated;
grant update (
    user_id, facility_id, display_name, phone, email, photo_path, employment_type, is_active, time_zone,
    home_base_location_id, default_service_zone_id, max_daily_work_minutes, max_concurrent_jobs,
    duration_factor, travel_speed_factor, vehicle_type, metadata
) on table public.technician_profiles to authenticated;
grant select, insert, update, delete on table public.technician_profiles to service_role;

create policy select_by_schedulers_and_oneself on public.technician_profiles for select to authenticated
using (
    org_id = any(array(select private.org_ids_with_permission('view_availability')))
    or (
        org_id = any(array(select private.member_org_ids()))
        and (
            facility_id = any(array(select private.facility_ids_with_permission('view_availability')))
            or id = any(array(select private.my_technician_ids()))
        )
    )
);

create policy insert_by_technician_managers on public.technician_profiles for insert to authenticated
with check (
    org_id = any(array(select private.org_ids_with_permission('manage_technicians')))
    or (
        org_id = any(array(select private.member_org_ids()))
        and facility_id = any(array(select private.facility_ids_with_permission('manage_technicians')))
    )
);

create policy update_by_technician_managers on public.technician_profiles for update to authenticated
using (
    org_id = any(array(select private.org_ids_with_permission('manage_technicians')))
    or (
        org_id = any(array(select private.member_org_ids()))
        and facility_id = any(array(select private.facility_ids_with_permission('manage_technicians')))
    )
)
with check (
    org_id = any(array(select private.org_ids_with_permission('manage_technicians')))
    or (
        org_id = any(array(select private.member_org_ids()))
        and facility_id = any(array(select private.facility_ids_with_permission('manage_technicians')))
    )
);
