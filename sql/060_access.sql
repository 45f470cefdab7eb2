-- Who may do what, looked up at every statement (TEN-2). Each function here is a SECURITY DEFINER because the
-- policies that call it guard the very tables it reads; each answers only for auth.uid().

create function private.org_ids_with_permission_somewhere(wanted public.permission)
returns setof uuid
language sql
stable
security definer
set search_path = ''
as $$
    select distinct m.org_id
    from public.org_members as m
    inner join public.role_permissions as p on m.org_id = p.org_id and m.role = p.role
    where m.user_id = auth.uid() and m.is_active and p.permission = wanted;
$$;

comment on function private.org_ids_with_permission_somewhere(public.permission) is
'Orgs in which the caller has the permission for at least one facility.';

create function private.org_ids_with_permission(wanted public.permission)
returns setof uuid
language sql
stable
security definer
set search_path = ''
as $$
    select distinct m.org_id
    from public.org_members as m
    inner join public.role_permissions as p on m.org_id = p.org_id and m.role = p.role
    where
        m.user_id = auth.uid() and m.is_active and p.permission = wanted
        and not exists (select from public.member_facilities as f where f.member_id = m.id);
$$;

comment on function private.org_ids_with_permission(public.permission) is
'Orgs in which the caller has the permission for the whole org.';

-- plpgsql, because a sql function could not name record_grants before that table is there.
create function private.facility_ids_with_permission(wanted public.permission)
returns setof uuid
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    return query
    select distinct f.facility_id
    from public.org_members as m
    inner join public.role_permissions as p on m.org_id = p.org_id and m.role = p.role
    inner join public.member_facilities as f on m.id = f.member_id
    where m.user_id = auth.uid() and m.is_active and p.permission = wanted
    union
    select shared.id from private.granted_facility_ids(
        case
            when wanted in ('view_availability', 'view_jobs', 'view_assignments') then 'view'
            when wanted = 'edit_job' then 'edit'
        end::public.grant_level
    ) as shared (id);
end;
$$;

comment on function private.facility_ids_with_permission(public.permission) is
'Facilities for which the caller has the permission through a membership limited to them, or because one was shared (TEN-5).';

create function private.member_org_ids()
returns setof uuid
language sql
stable
security definer
set search_path = ''
as $$
    select distinct m.org_id from public.org_members as m
    where m.user_id = auth.uid() and m.is_active and m.role <> 'customer';
$$;

comment on function private.member_org_ids() is
'Orgs the caller works for in any role; customers are not members of the staff.';

create function private.is_service()
returns boolean
language sql
stable
set search_path = ''
return case coalesce(nullif(current_setting('role', true), ''), 'none')
    when 'service_role' then true
    -- The owner outside the API: migrations, imports, cron. An API request always carries a role and claims.
    when 'none' then coalesce(current_setting('request.jwt.claims', true), '') = '' and session_user <> 'authenticator'
    else false
end;

comment on function private.is_service() is
'True for the service key, and for the database owner outside the API (migrations, imports, cron).';

create function private.may(wanted public.permission, org uuid, facility uuid default null)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
    return private.is_service()
        or org in (select private.org_ids_with_permission(wanted))
        -- A facility of one company gives no rights in another, whatever ids a caller puts together.
        or (
            facility is not null and org in (select private.member_org_ids())
            and facility in (select private.facility_ids_with_permission(wanted))
        );
end;
$$;

comment on function private.may(public.permission, uuid, uuid) is
'Whether the caller has a permission in an org, or for one facility of it.';

create function private.require(wanted public.permission, org uuid, facility uuid default null)
returns void
language plpgsql
stable
set search_path = ''
as $$
begin
    if not private.may(wanted, org, facility) then
        raise exception using
            errcode = '42501',
            message = 'permission_missing',
            detail = format('This needs the permission %s.', wanted),
            hint = 'Ask an owner or admin of the company to grant it to your role.';
    end if;
end;
$$;

comment on function private.require(public.permission, uuid, uuid) is
'Refuses with 42501 unless the caller has the permission.';

grant execute on function private.org_ids_with_permission_somewhere(public.permission) to anon, authenticated, service_role;
grant execute on function private.org_ids_with_permission(public.permission) to anon, authenticated, service_role;
grant execute on function private.facility_ids_with_permission(public.permission) to anon, authenticated, service_role;
grant execute on function private.member_org_ids() to anon, authenticated, service_role;
grant execute on function private.is_service() to anon, authenticated, service_role;
grant execute on function private.may(public.permission, uuid, uuid) to anon, authenticated, service_role;
grant execute on function private.require(public.permission, uuid, uuid) to anon, authenticated, service_role;
