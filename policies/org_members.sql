-- Nobody gives, changes or takes away a role with more permissions than their own; owners are made and unmade by
-- owners.
alter table public.org_members enable row level security;
revoke all on table public.org_members from public, anon, authenticated, service_role;

grant select, delete on table public.org_members to authenticated;
grant insert (id, org_id, user_id, role, is_active) on table public.org_members to authenticated;
grant update (role, is_active) on table public.org_members to authenticated;
grant select, insert, update, delete on table public.org_members to service_role;

create policy select_by_member_managers_and_oneself on public.org_members for select to authenticated
using (
    org_id = any(array(select private.org_ids_with_permission('manage_members')))
    or (org_id = any(array(select private.member_org_ids())) and user_id = (select auth.uid()))
);

create policy insert_by_member_managers on public.org_members for insert to authenticated
with check (row(org_id, role)::private.org_role = any(array(select private.roles_to_give())));

create policy update_by_member_managers on public.org_members for update to authenticated
using (row(org_id, role)::private.org_role = any(array(select private.roles_to_give())))
with check (row(org_id, role)::private.org_role = any(array(select private.roles_to_give())));

create policy delete_by_member_managers on public.org_members for delete to authenticated
using (row(org_id, role)::private.org_role = any(array(select private.roles_to_give())));
