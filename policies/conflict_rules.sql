alter table public.conflict_rules enable row level security;
revoke all on table public.conflict_rules from public, anon, authenticated, service_role;

grant select, delete on table public.conflict_rules to authenticated;
grant insert (org_id, code, severity), update (severity) on table public.conflict_rules to authenticated;
grant select, insert, update, delete on table public.conflict_rules to service_role;

create policy select_by_staff on public.conflict_rules for select to authenticated
using (org_id = any(array(select private.member_org_ids())));

create policy insert_by_managers on public.conflict_rules for insert to authenticated
with check (org_id = any(array(select private.org_ids_with_permission('manage_org'))));

create policy update_by_managers on public.conflict_rules for update to authenticated
using (org_id = any(array(select private.org_ids_with_permission('manage_org'))))
with check (org_id = any(array(select private.org_ids_with_permission('manage_org'))));

create policy delete_by_managers on public.conflict_rules for delete to authenticated
using (org_id = any(array(select private.org_ids_with_permission('manage_org'))));
