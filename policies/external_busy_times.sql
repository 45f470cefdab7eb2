alter table public.external_busy_times enable row level security;
revoke all on table public.external_busy_times from public, anon, authenticated, service_role;

grant select on table public.external_busy_times to authenticated;
grant select, insert, update, delete on table public.external_busy_times to service_role;

create policy select_by_schedulers_and_oneself on public.external_busy_times for select to authenticated
using (
    org_id = any(array(select private.org_ids_with_permission('view_availability')))
    or (
        org_id = any(array(select private.member_org_ids()))
        and (
            technician_id = any(array(select private.technician_ids_with_permission('view_availability')))
            or technician_id = any(array(select private.my_technician_ids()))
        )
    )
);
