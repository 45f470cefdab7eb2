alter table public.holidays enable row level security;
revoke all on table public.holidays from public, anon, authenticated, service_role;

grant select, delete on table public.holidays to authenticated;
grant insert (id, org_id, facility_id, observed_on, name) on table public.holidays to authenticated;
grant update (facility_id, observed_on, name) on table public.holidays to authenticated;
grant select, insert, update, delete on table public.holidays to service_role;

create policy select_by_staff on public.holidays for select to authenticated
using (org_id = any(array(select private.member_org_ids())));

create policy insert_by_managers on public.holidays for insert to authenticated
with check (org_id = any(array(select private.org_ids_with_permission('manage_org'))));

create policy update_by_managers on public.holidays for update to authenticated
using (org_id = any(array(select private.org_ids_with_permission('manage_org'))))
with check (org_id = any(array(select private.org_ids_with_permission('manage_org'))));

create policy delete_by_managers on public.holidays for delete to authenticated
using (org_id = any(array(select private.org_ids_with_permission('manage_org'))));
