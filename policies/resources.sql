-- Never deleted by a client: the ledger refers to it. What is gone is set inactive.
alter table public.resources enable row level security;
revoke all on table public.resources from public, anon, authenticated, service_role;

grant select on table public.resources to authenticated;
grant insert (
    id, org_id, facility_id, kind, name, bay_type, capacity, is_active
) on table public.resources to authenticated;
grant update (facility_id, name, bay_type, capacity, is_active) on table public.resources to authenticated;
grant select, insert, update, delete on table public.resources to service_role;

create policy select_by_staff on public.resources for select to authenticated
using (org_id = any(array(select private.member_org_ids())));

create policy insert_by_managers on public.resources for insert to authenticated
with check (org_id = any(array(select private.org_ids_with_permission('manage_org'))));

create policy update_by_managers on public.resources for update to authenticated
using (org_id = any(array(select private.org_ids_with_permission('manage_org'))))
with check (org_id = any(array(select private.org_ids_with_permission('manage_org'))));
