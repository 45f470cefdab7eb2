-- One gives permissions one has; owners keep all of theirs, and customers have none.
alter table public.role_permissions enable row level security;
revoke all on table public.role_permissions from public, anon, authenticated, service_role;

grant select, delete on table public.role_permissions to authenticated;
grant insert (org_id, role, permission) on table public.role_permissions to authenticated;
grant select, insert, update, delete on table public.role_permissions to service_role;

create policy select_by_staff on public.role_permissions for select to authenticated
using (org_id = any(array(select private.member_org_ids())));

create policy insert_by_member_managers on public.role_permissions for insert to authenticated
with check (
    role not in ('owner', 'customer')
    and row(org_id, permission)::private.org_permission = any(array(select private.permissions_to_give()))
);

create policy delete_by_member_managers on public.role_permissions for delete to authenticated
using (
    row(org_id, permission)::private.org_permission = any(array(select private.permissions_to_give()))
    and row(org_id, role)::private.org_role = any(array(select private.roles_to_give()))
);
