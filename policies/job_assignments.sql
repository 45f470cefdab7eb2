-- Written through RPCs only. A technician sees every assignment of their own, whatever became of it, and nobody
-- else's.
alter table public.job_assignments enable row level security;
revoke all on table public.job_assignments from public, anon, authenticated, service_role;

grant select on table public.job_assignments to authenticated;
grant select, insert, update, delete on table public.job_assignments to service_role;

create policy select_by_schedulers_and_oneself on public.job_assignments for select to authenticated
using (
    (
        (
            status <> 'canceled'
            or org_id = any(array(select private.org_ids_with_permission_somewhere('view_cancelled_appointments')))
        )
        and (
            org_id = any(array(select private.org_ids_with_permission('view_assignments')))
            or (
                org_id = any(array(select private.member_org_ids()))
                and (
                    appointment_id = any(array(select private.appointment_ids_with_permission('view_assignments')))
                    or dispatch_job_id = any(array(select private.granted_job_ids('view')))
                )
            )
        )
    )
    or (
        org_id = any(array(select private.member_org_ids()))
        and technician_id = any(array(select private.my_technician_ids()))
    )
);
