alter table public.service_zones enable row level security;
revoke all on table public.service_zones from public, anon, authenticated, service_role;

grant select, delete on table public.service_zones to authenticated;
grant insert (
    id, org_id, name, description, polygon, postal_codes, time_zone, is_active
) on table public.service_zones to authenticated;
grant update (
    name, description, polygon, postal_codes, time_zone, is_active
) on table public.service_zones to authenticated;
grant select, insert, update, delete on table public.service_zones to service_role;

create policy select_by_staff on public.service_zones for select to authenticated
using (org_id = any(array(select private.member_org_ids())));

create policy insert_by_managers on public.service_zones for insert to authenticated
with check (org_id = any(array(select private.org_ids_with_permission('manage_org'))));

create policy update_by_managers on public.service_zones for update to authenticated
using (org_id = any(array(select private.org_ids_with_permission('manage_org'))))
with check (org_id = any(array(select private.org_ids_with_permission('manage_org'))));

create policy delete_by_managers on public.service_zones for delete to authenticated
using (org_id = any(array(select private.org_ids_with_permission('manage_org'))));
