alter table public.datalabels enable row level security;
revoke all on table public.datalabels from public, anon, authenticated, service_role;

grant select, delete on table public.datalabels to authenticated;
grant insert (
    id, org_id, list, code, label, position, is_active, earliest_minutes, latest_minutes, weight
) on table public.datalabels to authenticated;
grant update (
    code, label, position, is_active, earliest_minutes, latest_minutes, weight
) on table public.datalabels to authenticated;
grant select, insert, update, delete on table public.datalabels to service_role;

create policy select_by_staff on public.datalabels for select to authenticated
using (org_id = any(array(select private.member_org_ids())));

create policy insert_by_catalog_managers on public.datalabels for insert to authenticated
with check (org_id = any(array(select private.org_ids_with_permission('manage_catalog'))));

create policy update_by_catalog_managers on public.datalabels for update to authenticated
using (org_id = any(array(select private.org_ids_with_permission('manage_catalog'))))
with check (org_id = any(array(select private.org_ids_with_permission('manage_catalog'))));

create policy delete_by_catalog_managers on public.datalabels for delete to authenticated
using (org_id = any(array(select private.org_ids_with_permission('manage_catalog'))));
