alter table public.services enable row level security;
revoke all on table public.services from public, anon, authenticated, service_role;

grant select, delete on table public.services to authenticated;
grant insert (
    id, org_id, code, name, category, description, job_type, standard_duration_minutes, buffer_before_minutes,
    buffer_after_minutes, crew_size, place_kind, bay_types, mobile_eligible, mobile_max_distance_m,
    pause_policy, price_hint, is_active
) on table public.services to authenticated;
grant update (
    code, name, category, description, job_type, standard_duration_minutes, buffer_before_minutes,
    buffer_after_minutes, crew_size, place_kind, bay_types, mobile_eligible, mobile_max_distance_m,
    pause_policy, price_hint, is_active
) on table public.services to authenticated;
grant select, insert, update, delete on table public.services to service_role;

create policy select_by_staff on public.services for select to authenticated
using (org_id = any(array(select private.member_org_ids())));

create policy insert_by_catalog_managers on public.services for insert to authenticated
with check (org_id = any(array(select private.org_ids_with_permission('manage_catalog'))));

create policy update_by_catalog_managers on public.services for update to authenticated
using (org_id = any(array(select private.org_ids_with_permission('manage_catalog'))))
with check (org_id = any(array(select private.org_ids_with_permission('manage_catalog'))));

create policy delete_by_catalog_managers on public.services for delete to authenticated
using (org_id = any(array(select private.org_ids_with_permission('manage_catalog'))));
