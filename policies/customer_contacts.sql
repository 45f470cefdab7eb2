alter table public.customer_contacts enable row level security;
revoke all on table public.customer_contacts from public, anon, authenticated, service_role;

grant select, delete on table public.customer_contacts to authenticated;
grant insert (
    id, org_id, customer_id, name, relation, phone, email, preferred_channel, is_primary
) on table public.customer_contacts to authenticated;
grant update (name, relation, phone, email, preferred_channel, is_primary) on table public.customer_contacts to authenticated;
grant select, insert, update, delete on table public.customer_contacts to service_role;

create policy select_by_staff_who_may_view on public.customer_contacts for select to authenticated
using (
    org_id = any(array(select private.org_ids_with_permission_somewhere('view_customers')))
    or (
        org_id = any(array(select private.member_org_ids()))
        and customer_id = any(array(select private.visible_customer_ids()))
    )
);

create policy insert_by_customer_managers on public.customer_contacts for insert to authenticated
with check (
    org_id = any(array(select private.org_ids_with_permission_somewhere('manage_customers')))
    or (
        org_id = any(array(select private.member_org_ids()))
        and customer_id = any(array(select private.granted_customer_ids('edit')))
    )
);

create policy update_by_customer_managers on public.customer_contacts for update to authenticated
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

create policy delete_by_customer_managers on public.customer_contacts for delete to authenticated
using (
    org_id = any(array(select private.org_ids_with_permission_somewhere('manage_customers')))
    or (
        org_id = any(array(select private.member_org_ids()))
        and customer_id = any(array(select private.granted_customer_ids('edit')))
    )
);
