alter table public.assignment_strategies enable row level security;
revoke all on table public.assignment_strategies from public, anon, authenticated, service_role;

grant select, delete on table public.assignment_strategies to authenticated;
grant insert (org_id, facility_id, service_id, strategy), update (strategy) on table public.assignment_strategies to authenticated;
grant select, insert, update, delete on table public.assignment_strategies to service_role;

create policy select_by_staff on public.assignment_strategies for select to authenticated
using (org_id = any(array(select private.member_org_ids())));

create policy insert_by_managers on public.assignment_strategies for insert to authenticated
with check (org_id = any(array(select private.org_ids_with_permission('manage_org'))));

create policy update_by_managers on public.assignment_strategies for update to authenticated
using (org_id = any(array(select private.org_ids_with_permission('manage_org'))))
with check (org_id = any(array(select private.org_ids_with_permission('manage_org'))));

create policy delete_by_managers on public.assignment_strategies for delete to authenticated
using (org_id = any(array(select private.org_ids_with_permission('manage_org'))));
