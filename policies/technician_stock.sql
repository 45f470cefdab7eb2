alter table public.technician_stock enable row level security;
revoke all on table public.technician_stock from public, anon, authenticated, service_role;

grant select, delete on table public.technician_stock to authenticated;
grant insert (org_id, technician_id, part_id, quantity) on table public.technician_stock to authenticated;
grant update (quantity) on table public.technician_stock to authenticated;
grant select, insert, update, delete on table public.technician_stock to service_role;

create policy select_by_schedulers_and_oneself on public.technician_stock for select to authenticated
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

create policy insert_by_technician_managers on public.technician_stock for insert to authenticated
with check (
    org_id = any(array(select private.org_ids_with_permission('manage_technicians')))
    or (
        org_id = any(array(select private.member_org_ids()))
        and technician_id = any(array(select private.technician_ids_with_permission('manage_technicians')))
    )
);

create policy update_by_technician_managers on public.technician_stock for update to authenticated
using (
    org_id = any(array(select private.org_ids_with_permission('manage_technicians')))
    or (
        org_id = any(array(select private.member_org_ids()))
        and technician_id = any(array(select private.technician_ids_with_permission('manage_technicians')))
    )
)
with check (
    org_id = any(array(select private.org_ids_with_permission('manage_technicians')))
    or (
        org_id = any(array(select private.member_org_ids()))
        and technician_id = any(array(select private.technician_ids_with_permission('manage_technicians')))
    )
);

create policy delete_by_technician_managers on public.technician_stock for delete to authenticated
using (
    org_id = any(array(select private.org_ids_with_permission('manage_technicians')))
    or (
        org_id = any(array(select private.member_org_ids()))
        and technician_id = any(array(select private.technician_ids_with_permission('manage_technicians')))
    )
);
