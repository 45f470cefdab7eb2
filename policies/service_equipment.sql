alter table public.service_equipment enable row level security;
revoke all on table public.service_equipment from public, anon, authenticated, service_role;

grant select, delete on table public.service_equipment to authenticated;
grant insert (org_id, service_id, resource_id) on table public.service_equipment to authenticated;
grant select, insert, update, delete on table public.service_equipment to service_role;

create policy select_by_staff on public.service_equipment for select to authenticated
using (org_id = any(array(select private.member_org_ids())));

create policy insert_by_catalog_managers on public.service_equipment for insert to authenticated
with check (org_id = any(array(select private.org_ids_with_permission('manage_catalog'))));

create policy delete_by_catalog_managers on public.service_equipment for delete to authenticated
using (org_id = any(array(select private.org_ids_with_permission('manage_catalog'))));
