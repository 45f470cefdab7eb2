-- What the policies of child tables look up. Definers, since they read the tables whose policies call them; each
-- answers only for auth.uid(). Orgs are named as well as facilities or technicians because every index begins with
-- them, and as arrays, looked up once, because that is what an index can be searched with.

create function private.granted_job_ids(at_least public.grant_level)
returns setof uuid
language sql
stable
set search_path = ''
as $$
    select g.dispatch_job_id from private.granted_record_ids(at_least) as g where g.dispatch_job_id is not null;
$$;

comment on function private.granted_job_ids(public.grant_level) is 'Jobs shared with the caller at least at a level.';

create function private.granted_customer_ids(at_least public.grant_level)
returns setof uuid
language sql
stable
set search_path = ''
as $$
    select g.customer_id from private.granted_record_ids(at_least) as g where g.customer_id is not null;
$$;

comment on function private.granted_customer_ids(public.grant_level) is 'Customers shared with the caller at least at a level.';

create function private.granted_facility_ids(at_least public.grant_level)
returns setof uuid
language sql
stable
set search_path = ''
as $$
    select g.facility_id from private.granted_record_ids(at_least) as g where g.facility_id is not null;
$$;

comment on function private.granted_facility_ids(public.grant_level) is 'Facilities shared with the caller at least at a level.';

create function private.org_ids_to_share()
returns setof uuid
language sql
stable
set search_path = ''
as $$
    select private.org_ids_with_permission('manage_members')
    intersect select private.org_ids_with_permission('view_customers')
    intersect select private.org_ids_with_permission('manage_customers')
    intersect select private.org_ids_with_permission('view_availability')
    intersect select private.org_ids_with_permission('view_jobs')
    intersect select private.org_ids_with_permission('edit_job')
    intersect select private.org_ids_with_permission('view_assignments');
$$;

comment on function private.org_ids_to_share() is
'Orgs whose records the caller may share: who manages members and holds every permission that a grant can stand for.';

create function private.technician_ids_with_permission(wanted public.permission)
returns setof uuid
language sql
stable
security definer
set search_path = ''
as $$
    select t.id from public.technician_profiles as t
    where
        t.org_id = any(array(select private.member_org_ids()))
        and t.facility_id = any(array(select private.facility_ids_with_permission(wanted)));
$$;

comment on function private.technician_ids_with_permission(public.permission) is
'Technicians based at a facility for which the caller has the permission.';

create function private.job_ids_with_permission(wanted public.permission)
returns setof uuid
language sql
stable
security definer
set search_path = ''
as $$
    select j.id from public.dispatch_jobs as j
    where
        j.org_id = any(array(select private.member_org_ids()))
        and j.facility_id = any(array(select private.facility_ids_with_permission(wanted)));
$$;

comment on function private.job_ids_with_permission(public.permission) is
'Jobs of the facilities for which the caller has the permission.';

create function private.appointment_ids_with_permission(wanted public.permission)
returns setof uuid
language sql
stable
security definer
set search_path = ''
as $$
    select a.id from public.appointments as a
    where
        a.org_id = any(array(select private.member_org_ids()))
        and a.facility_id = any(array(select private.facility_ids_with_permission(wanted)));
$$;

comment on function private.appointment_ids_with_permission(public.permission) is
'Visits at the facilities for which the caller has the permission.';

create function private.my_appointment_ids()
returns setof uuid
language sql
stable
security definer
set search_path = ''
as $$
    select j.appointment_id
    from public.job_assignments as j
    inner join public.appointments as a on j.appointment_id = a.id
    where
        j.org_id = any(array(select private.member_org_ids()))
        and j.technician_id = any(array(select private.my_technician_ids()))
        -- A canceled visit stays with who had it; one taken over by a colleague doesn't.
        and (j.status not in ('declined', 'canceled') or (j.status = 'canceled' and a.status = 'canceled'));
$$;

comment on function private.my_appointment_ids() is 'Visits the caller is, or was until they were canceled, assigned to.';

grant execute on function private.granted_job_ids(public.grant_level) to authenticated, service_role;
grant execute on function private.granted_customer_ids(public.grant_level) to authenticated, service_role;
grant execute on function private.granted_facility_ids(public.grant_level) to authenticated, service_role;
grant execute on function private.org_ids_to_share() to authenticated, service_role;
grant execute on function private.technician_ids_with_permission(public.permission) to authenticated, service_role;
grant execute on function private.job_ids_with_permission(public.permission) to authenticated, service_role;
grant execute on function private.appointment_ids_with_permission(public.permission) to authenticated, service_role;
grant execute on function private.my_appointment_ids() to authenticated, service_role;
