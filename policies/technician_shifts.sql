alter table public.technician_shifts enable row level security;
revoke all on table public.technician_shifts from public, anon, authenticated, service_role;

grant select, delete on table public.technician_shifts to authenticated;
grant insert (
    id, org_id, technician_id, starts_at, ends_at, time_zone, shift_type, recurrence_rule, excluded_on,
    is_active
) on table public.technician_shifts to authenticated;
grant update (
    starts_at, ends_at, time_zone, shift_type, recurrence_rule, excluded_on, is_active
) on table public.technician_shifts to authenticated;
grant select, insert, update, delete on table public.technician_shifts to service_role;

create policy select_by_schedulers_and_oneself on public.technician_shifts for select to authenticated
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

create policy insert_by_availability_managers on public.technician_shifts for insert to authenticated
with check (
    org_id = any(array(select private.org_ids_with_permission('manage_availability')))
    or (
        org_id = any(array(select private.member_org_ids()))
        and technician_id = any(array(select private.technician_ids_with_permission('manage_availability')))
    )
);

create policy update_by_availability_managers on public.technician_shifts for update to authenticated
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

create policy delete_by_availability_managers on public.technician_shifts for delete to authenticated
using (
    org_id = any(array(select private.org_ids_with_permission('manage_availability')))
    or (
        org_id = any(array(select private.member_org_ids()))
        and technician_id = any(array(select private.technician_ids_with_permission('manage_availability')))
    )
);
