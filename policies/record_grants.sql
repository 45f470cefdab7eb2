-- Shared by who manages members and may see and edit what is shared, or by who was made the record's owner, who cannot
-- raise or prolong a grant of their own.
alter table public.record_grants enable row level security;
revoke all on table public.record_grants from public, anon, authenticated, service_role;

grant select, delete on table public.record_grants to authenticated;
grant insert (
    id, org_id, user_id, dispatch_job_id, customer_id, facility_id, level, expires_at
) on table public.record_grants to authenticated;
grant update (level, expires_at) on table public.record_grants to authenticated;
grant select, insert, update, delete on table public.record_grants to service_role;

create policy select_by_sharers_and_oneself on public.record_grants for select to authenticated
using (
    org_id = any(array(select private.org_ids_with_permission('manage_members')))
    or (org_id = any(array(select private.member_org_ids())) and user_id = (select auth.uid()))
    or (
        org_id = any(array(select private.member_org_ids()))
        and user_id <> (select auth.uid())
        and (
            dispatch_job_id = any(array(select private.granted_job_ids('owner')))
            or customer_id = any(array(select private.granted_customer_ids('owner')))
            or facility_id = any(array(select private.granted_facility_ids('owner')))
        )
    )
);

create policy insert_by_sharers on public.record_grants for insert to authenticated
with check (
    org_id = any(array(select private.org_ids_to_share()))
    or (
        org_id = any(array(select private.member_org_ids()))
        and user_id <> (select auth.uid())
        and (
            dispatch_job_id = any(array(select private.granted_job_ids('owner')))
            or customer_id = any(array(select private.granted_customer_ids('owner')))
            or facility_id = any(array(select private.granted_facility_ids('owner')))
        )
    )
);

create policy update_by_sharers on public.record_grants for update to authenticated
using (
    org_id = any(array(select private.org_ids_to_share()))
    or (
        org_id = any(array(select private.member_org_ids()))
        and user_id <> (select auth.uid())
        and (
            dispatch_job_id = any(array(select private.granted_job_ids('owner')))
            or customer_id = any(array(select private.granted_customer_ids('owner')))
            or facility_id = any(array(select private.granted_facility_ids('owner')))
        )
    )
)
with check (
    org_id = any(array(select private.org_ids_to_share()))
    or (
        org_id = any(array(select private.member_org_ids()))
        and user_id <> (select auth.uid())
        and (
            dispatch_job_id = any(array(select private.granted_job_ids('owner')))
            or customer_id = any(array(select private.granted_customer_ids('owner')))
            or facility_id = any(array(select private.granted_facility_ids('owner')))
        )
    )
);

create policy delete_by_sharers on public.record_grants for delete to authenticated
using (
    org_id = any(array(select private.org_ids_to_share()))
    or (
        org_id = any(array(select private.member_org_ids()))
        and user_id <> (select auth.uid())
        and (
            dispatch_job_id = any(array(select private.granted_job_ids('owner')))
            or customer_id = any(array(select private.granted_customer_ids('owner')))
            or facility_id = any(array(select private.granted_facility_ids('owner')))
        )
    )
);
