create table public.record_grants (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references public.orgs (id) on delete cascade,
    user_id uuid not null references auth.users (id) on delete cascade,
    dispatch_job_id uuid,
    customer_id uuid,
    facility_id uuid,
    level public.grant_level not null default 'view',
    expires_at timestamptz,
    granted_by_user_id uuid default auth.uid() references auth.users (id) on delete set null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint record_grants_org_id_id_key unique (org_id, id),
    constraint record_grants_job_fkey foreign key (org_id, dispatch_job_id)
    references public.dispatch_jobs (org_id, id) on delete cascade,
    constraint record_grants_customer_fkey foreign key (org_id, customer_id)
    references public.customers (org_id, id) on delete cascade,
    constraint record_grants_facility_fkey foreign key (org_id, facility_id)
    references public.facilities (org_id, id) on delete cascade,
    -- Who owns a record shares it on; what they shared would outlive them.
    constraint record_grants_ownership_does_not_expire check (level <> 'owner' or expires_at is null),
    constraint record_grants_on_one_record check (num_nonnulls(dispatch_job_id, customer_id, facility_id) = 1),
    constraint record_grants_once_per_record unique nulls not distinct (
        user_id, dispatch_job_id, customer_id, facility_id
    )
);

create index record_grants_org_id_user_id_idx on public.record_grants (org_id, user_id);
create index record_grants_org_id_dispatch_job_id_idx on public.record_grants (org_id, dispatch_job_id);
create index record_grants_org_id_customer_id_idx on public.record_grants (org_id, customer_id);
create index record_grants_org_id_facility_id_idx on public.record_grants (org_id, facility_id);
create index record_grants_granted_by_user_id_idx on public.record_grants (granted_by_user_id);

comment on table public.record_grants is
'One job, customer or facility shared with one member of the org (TEN-5), e.g. with a subcontractor. It ends with the membership.';
comment on column public.record_grants.level is
'view reads; comment may also write the notes of a job''s assignments; edit changes the record; owner shares it on.';

create function private.granted_record_ids(at_least public.grant_level)
returns table (dispatch_job_id uuid, customer_id uuid, facility_id uuid)
language sql
stable
security definer
set search_path = ''
as $$
    select g.dispatch_job_id, g.customer_id, g.facility_id
    from public.record_grants as g
    where
        g.user_id = auth.uid() and g.level >= at_least and coalesce(g.expires_at > now(), true)
        and exists (
            select from public.org_members as m
            where m.org_id = g.org_id and m.user_id = g.user_id and m.is_active
        );
$$;

comment on function private.granted_record_ids(public.grant_level) is
'Records shared with the caller at least at a level, for as long as the caller is a member of the org.';

create function private.my_job_ids()
returns setof uuid
language sql
stable
security definer
set search_path = ''
as $$
    select a.dispatch_job_id from public.job_assignments as a
    where
        a.org_id = any(array(select private.member_org_ids()))
        and a.technician_id = any(array(select private.my_technician_ids()))
        and a.status not in ('declined', 'canceled')
    union
    select g.dispatch_job_id from private.granted_record_ids('view') as g
    where g.dispatch_job_id is not null;
$$;

comment on function private.my_job_ids() is 'Jobs assigned to the caller or shared with the caller (TEN-5, TEN-6).';

create function private.visible_job_ids()
returns setof uuid
language sql
stable
security definer
set search_path = ''
as $$
    select private.my_job_ids()
    union
    select j.id from public.dispatch_jobs as j
    inner join public.orgs as o on j.org_id = o.id
    inner join public.technician_profiles as t on j.org_id = t.org_id
    where
        o.technicians_may_self_claim and j.status = 'unscheduled'
        and t.id = any(array(select private.my_technician_ids()));
$$;

comment on function private.visible_job_ids() is
'Jobs the caller may see without a permission: assigned to them, shared with them, or open for self-claim (TEN-5, TEN-6).';

create function private.visible_customer_ids()
returns setof uuid
language sql
stable
security definer
set search_path = ''
as $$
    select j.customer_id from public.dispatch_jobs as j
    where j.id = any(array(select private.my_job_ids())) and j.customer_id is not null
    union
    select g.customer_id from private.granted_record_ids('view') as g
    where g.customer_id is not null;
$$;

comment on function private.visible_customer_ids() is 'Customers behind the caller''s jobs, and those shared with the caller. Who may claim a job does not know its customer yet.';

create function private.visible_location_ids()
returns setof uuid
language sql
stable
security definer
set search_path = ''
as $$
    select j.location_id from public.dispatch_jobs as j
    where j.id = any(array(select private.my_job_ids())) and j.location_id is not null
    union
    select t.home_base_location_id from public.technician_profiles as t
    where t.id = any(array(select private.my_technician_ids())) and t.home_base_location_id is not null
    union
    select l.id from public.customer_locations as l
    where
        l.org_id = any(array(select private.member_org_ids()))
        and l.customer_id = any(array(select g.customer_id from private.granted_record_ids('view') as g));
$$;

comment on function private.visible_location_ids() is 'Sites behind the caller''s jobs, the caller''s own home base, and the sites of shared customers.';

grant execute on function private.granted_record_ids(public.grant_level) to authenticated, service_role;
grant execute on function private.my_job_ids() to authenticated, service_role;
grant execute on function private.visible_job_ids() to authenticated, service_role;
grant execute on function private.visible_customer_ids() to authenticated, service_role;
grant execute on function private.visible_location_ids() to authenticated, service_role;
