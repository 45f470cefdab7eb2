alter table public.service_parts enable row level security;
revoke all on table public.service_parts from public, anon, authenticated, service_role;

grant select, delete on table public.service_parts to authenticated;
grant insert (org_id, service_id, part_id, quantity) on table public.service_parts to authenticated;
grant update (quantity) on table public.service_parts to authenticated;
grant select, insert, update, delete on table public.service_parts to service_role;

create policy select_by_staff on public.service_parts for select to authenticated
using (org_id = any(array(select private.member_org_ids())));

create policy insert_by_catalog_managers on public.service_parts for insert to authenticated
with check (org_id = any(array(select private.org_ids_with_permission('manage_catalog'))));

create policy update_by_catalog_managers on public.service_parts for update to authenticated
using (org_id = any(array(select private.org_ids_with_permission('manage_catalog'))))
with check (org_id = any(array(select private.org_ids_with_permission('manage_catalog'))));

create policy delete_by_catalog_managers on public.service_parts for delete to authenticated
using (org_id = any(array(select private.org_ids_with_permission('manage_catalog'))));
