-- A customer is the whole company's: whoever is limited to a facility must still recognise a caller. The portal
-- account is linked by the service, never by hand.
alter table public.customers enable row level security;
revoke all on table public.customers from public, anon, authenticated, service_role;

grant select on table public.customers to authenticated;
grant insert (
    id, org_id, name, contact_name, phone, email, preferred_channel, customer_type, tier, billing_address_line1,
    billing_address_line2, billing_city, billing_region, billing_postal_code, billing_country,
    external_reference, language, time_zone, sms_consent_at, sms_opted_out_at, email_consent_at,
    email_opted_out_at, is_active
) on table public.customers to authenticated;
grant update (
    name, contact_name, phone, email, preferred_channel, customer_type, tier, billing_address_line1,
    billing_address_line2, billing_city, billing_region, billing_postal_code, billing_country,
    external_reference, language, time_zone, sms_consent_at, sms_opted_out_at, email_consent_at,
    email_opted_out_at, is_active
) on table public.customers to authenticated;
grant select, insert, update, delete on table public.customers to service_role;

create policy select_by_staff_who_may_view on public.customers for select to authenticated
using (
    org_id = any(array(select private.org_ids_with_permission_somewhere('view_customers')))
    or (
        org_id = any(array(select private.member_org_ids()))
        and id = any(array(select private.visible_customer_ids()))
    )
);

create policy insert_by_customer_managers on public.customers for insert to authenticated
with check (org_id = any(array(select private.org_ids_with_permission_somewhere('manage_customers'))));

create policy update_by_customer_managers on public.customers for update to authenticated
using (
    org_id = any(array(select private.org_ids_with_permission_somewhere('manage_customers')))
    or (
        org_id = any(array(select private.member_org_ids()))
        and id = any(array(select private.granted_customer_ids('edit')))
    )
)
with check (
    org_id = any(array(select private.org_ids_with_permission_somewhere('manage_customers')))
    or (
        org_id = any(array(select private.member_org_ids()))
        and id = any(array(select private.granted_customer_ids('edit')))
    )
);
