alter table public.service_segments enable row level security;
revoke all on table public.service_segments from public, anon, authenticated, service_role;

grant select, delete on table public.service_segments to authenticated;
grant insert (
    id, org_id, service_id, position, name, duration_minutes, pause_after_minutes, pause_policy
) on table public.service_segments to authenticated;
grant update (
    service_id, position, name, duration_minutes, pause_after_minutes, pause_policy
) on table public.service_segments to authenticated;
grant select, insert, update, delete on table public.service_segments to service_role;

create policy select_by_staff on public.service_segments for select to authenticated
using (org_id = any(array(select private.member_org_ids())));

create policy insert_by_catalog_managers on public.service_segments for insert to authenticated
with check (org_id = any(array(select private.org_ids_with_permission('manage_catalog'))));

create policy update_by_catalog_managers on public.service_segments for update to authenticated
using (org_id = any(array(select private.org_ids_with_permission('manage_catalog'))))
with check (org_id = any(array(select private.org_ids_with_permission('manage_catalog'))));

create policy delete_by_catalog_managers on public.service_segments for delete to authenticated
using (org_id = any(array(select private.org_ids_with_permission('manage_catalog'))));
