-- Whoever enters a job enters what it needs.
alter table public.job_parts enable row level security;
revoke all on table public.job_parts from public, anon, authenticated, service_role;

grant select, delete on table public.job_parts to authenticated;
grant insert (org_id, dispatch_job_id, part_id, quantity) on table public.job_parts to authenticated;
grant update (quantity) on table public.job_parts to authenticated;
grant select, insert, update, delete on table public.job_parts to service_role;

create policy select_by_staff_who_may_view on public.job_parts for select to authenticated
using (
    org_id = any(array(select private.org_ids_with_permission('view_jobs')))
    or (
        org_id = any(array(select private.member_org_ids()))
        and (
            dispatch_job_id = any(array(select private.job_ids_with_permission('view_jobs')))
            or dispatch_job_id = any(array(select private.visible_job_ids()))
        )
    )
);

create policy insert_by_job_creators on public.job_parts for insert to authenticated
with check (
    org_id = any(array(select private.org_ids_with_permission('create_job')))
    or org_id = any(array(select private.org_ids_with_permission('edit_job')))
    or (
        org_id = any(array(select private.member_org_ids()))
        and (
            dispatch_job_id = any(array(select private.job_ids_with_permission('create_job')))
            or dispatch_job_id = any(array(select private.job_ids_with_permission('edit_job')))
            or dispatch_job_id = any(array(select private.granted_job_ids('edit')))
        )
    )
);

create policy update_by_job_editors on public.job_parts for update to authenticated
using (
    org_id = any(array(select private.org_ids_with_permission('edit_job')))
    or (
        org_id = any(array(select private.member_org_ids()))
        and (
            dispatch_job_id = any(array(select private.job_ids_with_permission('edit_job')))
            or dispatch_job_id = any(array(select private.granted_job_ids('edit')))
        )
    )
)
with check (
    org_id = any(array(select private.org_ids_with_permission('edit_job')))
    or (
        org_id = any(array(select private.member_org_ids()))
        and (
            dispatch_job_id = any(array(select private.job_ids_with_permission('edit_job')))
            or dispatch_job_id = any(array(select private.granted_job_ids('edit')))
        )
    )
);

create policy delete_by_job_editors on public.job_parts for delete to authenticated
using (
    org_id = any(array(select private.org_ids_with_permission('edit_job')))
    or (
        org_id = any(array(select private.member_org_ids()))
        and (
            dispatch_job_id = any(array(select private.job_ids_with_permission('edit_job')))
            or dispatch_job_id = any(array(select private.granted_job_ids('edit')))
        )
    )
);
