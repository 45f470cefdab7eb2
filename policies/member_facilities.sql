-- Taking a limit away widens a membership, so it needs as much as giving the whole role.
alter table public.member_facilities enable row level security;
revoke all on table public.member_facilities from public, anon, authenticated, service_role;

grant select, insert, delete on table public.member_facilities to authenticated;
grant select, insert, update, delete on table public.member_facilities to service_role;

create policy select_by_member_managers_and_oneself on public.member_facilities for select to authenticated
using (
    org_id = any(array(select private.org_ids_with_permission('manage_members')))
    or member_id = any(array(select private.my_member_ids()))
);

create policy insert_by_member_managers on public.member_facilities for insert to authenticated
with check (member_id = any(array(select private.member_ids_to_limit())));

create policy delete_by_member_managers on public.member_facilities for delete to authenticated
using (member_id = any(array(select private.member_ids_to_limit())));
