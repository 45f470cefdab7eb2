-- Written by triggers, sent by the processor.
alter table public.job_notifications enable row level security;
revoke all on table public.job_notifications from public, anon, authenticated, service_role;

grant select on table public.job_notifications to authenticated;
grant select, insert, update, delete on table public.job_notifications to service_role;

create policy select_by_schedulers on public.job_notifications for select to authenticated
using (
    org_id = any(array(select private.org_ids_with_permission('view_assignments')))
    or (
        org_id = any(array(select private.member_org_ids()))
        and appointment_id = any(array(select private.appointment_ids_with_permission('view_assignments')))
    )
);
