alter table public.skills enable row level security;
revoke all on table public.skills from public, anon, authenticated, service_role;

grant select, delete on table public.skills to authenticated;
grant insert (org_id, code, name, category, is_active) on table public.skills to authenticated;
grant update (code, name, category, is_active) on table public.skills to authenticated;
grant select, insert, update, delete on table public.skills to service_role;

create policy select_by_staff on public.skills for select to authenticated
using (org_id = any(array(select private.member_org_ids())));

create policy insert_by_catalog_managers on public.skills for insert to authenticated
with check (org_id = any(array(select private.org_ids_with_permission('manage_catalog'))));

create policy update_by_catalog_managers on public.skills for update to authenticated
using (org_id = any(array(select private.org_ids_with_permission('manage_catalog'))))
with check (org_id = any(array(select private.org_ids_with_permission('manage_catalog'))));

create policy delete_by_catalog_managers on public.skills for delete to authenticated
using (org_id = any(array(select private.org_ids_with_permission('manage_catalog'))));
