-- Rows without a customer are technicians' home bases and depots: those belong to the people, not to the customers.
alter table public.customer_locations enable row level security;
revoke all on table public.customer_locations from public, anon, authenticated, service_role;

grant select on table public.customer_locations to authenticated;
grant insert (
    id, org_id, customer_id, kind, label, address_line1, address_line2, city, region, postal_code, country,
    latitude, longitude, geocoded_at, service_zone_id, zone_is_manual, notes, access_instructions, parking,
    pets, is_active
) on table public.customer_locations to authenticated;
grant update (
    label, address_line1, address_line2, city, region, postal_code, country, latitude, longitude, geocoded_at,
    service_zone_id, zone_is_manual, notes, access_instructions, parking, pets, is_active
) on table public.customer_locations to authenticated;
grant select, insert, update, delete on table public.customer_locations to service_role;

create policy select_by_staff_who_may_view on public.customer_locations for select to authenticated
using (
    (
        customer_id is not null
        and org_id = any(array(select private.org_ids_with_permission_somewhere('view_customers')))
    )
    or (customer_id is null and org_id = any(array(select private.org_ids_with_permission('view_availability'))))
    or (
        org_id = any(array(select private.member_org_ids()))
        and id = any(array(select private.visible_location_ids()))
    )
);

create policy insert_by_customer_managers on public.customer_locations for insert to authenticated
with check (
    (
        customer_id is not null
        and org_id = any(array(select private.org_ids_with_permission_somewhere('manage_customers')))
    )
    or (customer_id is null and org_id = any(array(select private.org_ids_with_permission('manage_technicians'))))
    or (
        org_id = any(array(select private.member_org_ids()))
        and customer_id = any(array(select private.granted_customer_ids('edit')))
    )
);

create policy update_by_customer_managers on public.customer_locations for update to authenticated
using (
    (
        customer_id is not null
        and org_id = any(array(select private.org_ids_with_permission_somewhere('manage_customers')))
    )
    or (customer_id is null and org_id = any(array(select private.org_ids_with_permission('manage_technicians'))))
    or (
        org_id = any(array(select private.member_org_ids()))
        and customer_id = any(array(select private.granted_customer_ids('edit')))
    )
)
with check (
    (
        customer_id is not null
        and org_id = any(array(select private.org_ids_with_permission_somewhere('manage_customers')))
    )
    or (customer_id is null and org_id = any(array(select private.org_ids_with_permission('manage_technicians'))))
    or (
        org_id = any(array(select private.member_org_ids()))
        and customer_id = any(array(select private.granted_customer_ids('edit')))
    )
);
