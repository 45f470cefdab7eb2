alter table public.vehicles enable row level security;
revoke all on table public.vehicles from public, anon, authenticated, service_role;

grant select on table public.vehicles to authenticated;
grant insert (
    id, org_id, customer_id, make, model, model_year, vin, license_plate, notes
) on table public.vehicles to authenticated;
grant update (make, model, model_year, vin, license_plate, notes) on table public.vehicles to authenticated;
grant select, insert, update, delete on table public.vehicles to service_role;

create policy select_by_staff_who_may_view on public.vehicles for select to authenticated
using (
    org_id = any(array(select private.org_ids_with_permission_somewhere('view_customers')))
    or (
        org_id = any(array(select private.member_org_ids()))
        and customer_id = any(array(select private.visible_customer_ids()))
    )
);

create policy insert_by_customer_managers on public.vehicles for insert to authenticated
with check (
    org_id = any(array(select private.org_ids_with_permission_somewhere('manage_customers')))
    or (
        org_id = any(array(select private.member_org_ids()))
        and customer_id = any(array(select private.granted_customer_ids('edit')))
    )
);

create policy update_by_customer_managers on public.vehicles for update to authenticated
using (
    org_id = any(array(select private.org_ids_with_permission_somewhere('manage_customers')))
    or (
        org_id = any(array(select private.member_org_ids()))
        and customer_id = any(array(select private.granted_customer_ids('edit')))
    )
)
with check (
    org_id = any(array(select private.org_ids_with_permission_somewhere('manage_customers')))
    or (
        org_id = any(array(select private.member_org_ids()))
        and customer_id = any(array(select private.granted_customer_ids('edit')))
    )
);
