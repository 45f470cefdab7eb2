-- Who may give which role to whom: nobody hands out more than they have.

create type private.org_role as (org_id uuid, role public.member_role);
create type private.org_permission as (org_id uuid, permission public.permission);

create function private.permissions_to_give()
returns setof private.org_permission
language sql
stable
security definer
set search_path = ''
as $$
    select distinct m.org_id, p.permission
    from public.org_members as m
    inner join public.role_permissions as p on m.org_id = p.org_id and m.role = p.role
    where
        m.user_id = auth.uid() and m.is_active
        and m.org_id in (select private.org_ids_with_permission('manage_members'))
        and not exists (select from public.member_facilities as f where f.member_id = m.id);
$$;

comment on function private.permissions_to_give() is
'The caller''s own permissions in the orgs whose members the caller manages: those a role may be given, or lose. Definer: policies on role_permissions call it.';

create function private.roles_to_give()
returns setof private.org_role
language sql
stable
security definer
set search_path = ''
as $$
    select managed.org_id, given.role
    from private.org_ids_with_permission('manage_members') as managed (org_id)
    cross join unnest(enum_range(null::public.member_role)) as given (role)
    where
        case when given.role = 'owner' then exists (
            select from public.org_members as m
            where
                m.org_id = managed.org_id and m.user_id = auth.uid() and m.is_active and m.role = 'owner'
                and not exists (select from public.member_facilities as f where f.member_id = m.id)
        ) else not exists (
            select from public.role_permissions as p
            where
                p.org_id = managed.org_id and p.role = given.role
                and row(p.org_id, p.permission)::private.org_permission
                <> all(array(select private.permissions_to_give()))
        ) end;
$$;

comment on function private.roles_to_give() is
'Roles whose members the caller may add, change and remove: those with no permission the caller lacks; owners only for owners. Definer: policies on org_members call it.';

create function private.member_ids_to_limit()
returns setof uuid
language sql
stable
security definer
set search_path = ''
as $$
    select m.id from public.org_members as m
    where m.role <> 'owner' and row(m.org_id, m.role)::private.org_role = any(array(select private.roles_to_give()));
$$;

comment on function private.member_ids_to_limit() is
'Memberships whose facilities the caller may choose; an owner''s covers the whole company. Definer: policies on member_facilities call it.';

create function private.my_member_ids()
returns setof uuid
language sql
stable
security definer
set search_path = ''
as $$
    select m.id from public.org_members as m
    where m.user_id = auth.uid() and m.is_active and m.role <> 'customer';
$$;

comment on function private.my_member_ids() is 'The caller''s own memberships of the staff. Definer: policies on org_members call it.';

create function private.keep_an_owner()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    -- Two owners removing each other at the same moment queue up on the org's row.
    perform from public.orgs as o where o.id = old.org_id for update;
    if found and not exists (
        select from public.org_members as m
        where m.org_id = old.org_id and m.role = 'owner' and m.is_active
    ) then
        perform private.fail(
            409, 'last_owner', 'A company keeps at least one owner.', 'Make somebody else an owner first.'
        );
    end if;
    return null;
end;
$$;

comment on function private.keep_an_owner() is 'No org is left without an owner. Definer: counts owners whoever writes.';

create trigger org_members_keep_an_owner after update or delete on public.org_members
for each row when (old.role = 'owner' and old.is_active) execute function private.keep_an_owner();

grant execute on function private.permissions_to_give() to authenticated, service_role;
grant execute on function private.roles_to_give() to authenticated, service_role;
grant execute on function private.member_ids_to_limit() to authenticated, service_role;
grant execute on function private.my_member_ids() to authenticated, service_role;
