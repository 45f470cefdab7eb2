-- Technicians enter their own time off; from then on it is the availability managers' to change.
alter table public.technician_time_off enable row level security;
revoke all on table public.technician_time_off from public, anon, authenticated, service_role;

grant select, delete on table public.technician_time_off to authenticated;
grant insert (
    id, org_id, technician_id, starts_at, ends_at, time_zone, reason, minutes, recurrence_rule, excluded_on,
    notes
) on table public.technician_time_off to authenticated;
grant update (
    starts_at, ends_at, time_zone, reason, minutes, recurrence_rule, excluded_on, notes
) on table public.technician_time_off to authenticated;
grant select, insert, update, delete on table public.technician_time_off to service_role;

create policy select_by_schedulers_and_oneself on public.technician_time_off for select to authenticated
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

create policy insert_by_availability_managers_and_oneself on public.technician_time_off for insert to authenticated
with check (
    org_id = any(array(select private.org_ids_with_permission('manage_availability')))
    or (
        org_id = any(array(select private.member_org_ids()))
        and technician_id = any(array(select private.technician_ids_with_permission('manage_availability')))
    )
    or (
        org_id = any(array(select private.member_org_ids()))
        and technician_id = any(array(select private.my_technician_ids()))
        and reason in ('vacation', 'sick', 'personal', 'other')
    )
);

create policy update_by_availability_managers on public.technician_time_off for update to authenticated
using (
    org_id = any(array(select private.org_ids_with_permission('manage_availability')))
    or (
        org_id = any(array(select private.member_org_ids()))
        and technician_id = any(array(select private.technician_ids_with_permission('manage_availability')))
    )
)
with check (
    org_id = any(array(select private.org_ids_with_permission('manage_availability')))
    or (
        org_id = any(array(select private.member_org_ids()))
        and technician_id = any(array(select private.technician_ids_with_permission('manage_availability')))
    )
);

create policy delete_by_availability_managers on public.technician_time_off for delete to authenticated
using (
    org_id = any(array(select private.org_ids_with_permission('manage_availability')))
    or (
        org_id = any(array(select private.member_org_ids()))
        and technician_id = any(array(select private.technician_ids_with_permission('manage_availability')))
    )
);
