-- Written through RPCs only. A technician keeps seeing a visit that was canceled, not one that a colleague took over.
alter table public.appointments enable row level security;
revoke all on table public.appointments from public, anon, authenticated, service_role;

grant select on table public.appointments to authenticated;
grant select, insert, update, delete on table public.appointments to service_role;

create policy select_by_schedulers_and_assigned on public.appointments for select to authenticated
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
                    facility_id = any(array(select private.facility_ids_with_permission('view_assignments')))
                    or dispatch_job_id = any(array(select private.granted_job_ids('view')))
                )
            )
        )
    )
    or (
        org_id = any(array(select private.member_org_ids()))
        and id = any(array(select private.my_appointment_ids()))
    )
);
