-- Written through RPCs only.
alter table public.appointment_reschedules enable row level security;
revoke all on table public.appointment_reschedules from public, anon, authenticated, service_role;

grant select on table public.appointment_reschedules to authenticated;
grant select, insert, update, delete on table public.appointment_reschedules to service_role;

create policy select_by_schedulers on public.appointment_reschedules for select to authenticated
using (
    org_id = any(array(select private.org_ids_with_permission('view_assignments')))
    or (
        org_id = any(array(select private.member_org_ids()))
        and appointment_id = any(array(select private.appointment_ids_with_permission('view_assignments')))
    )
);
