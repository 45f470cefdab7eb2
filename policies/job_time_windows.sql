-- Whoever enters a job enters the times that suit the customer.
alter table public.job_time_windows enable row level security;
revoke all on table public.job_time_windows from public, anon, authenticated, service_role;

grant select, delete on table public.job_time_windows to authenticated;
grant insert (
    id, org_id, dispatch_job_id, window_start, window_end, source, is_selected
) on table public.job_time_windows to authenticated;
grant update (window_start, window_end, source, is_selected) on table public.job_time_windows to authenticated;
grant select, insert, update, delete on table public.job_time_windows to service_role;

create policy select_by_staff_who_may_view on public.job_time_windows for select to authenticated
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

create policy insert_by_job_creators on public.job_time_windows for insert to authenticated
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

create policy update_by_job_editors on public.job_time_windows for update to authenticated
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

create policy delete_by_job_editors on public.job_time_windows for delete to authenticated
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
