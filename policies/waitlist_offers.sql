-- The digest of the claiming token stays out of reach even of those who see the offer.
alter table public.waitlist_offers enable row level security;
revoke all on table public.waitlist_offers from public, anon, authenticated, service_role;

grant select (
    id, org_id, waitlist_entry_id, technician_ids, resource_id, starts_at, ends_at, status, expires_at, appointment_id,
    created_at, updated_at
) on table public.waitlist_offers to authenticated;
grant select, insert, update, delete on table public.waitlist_offers to service_role;

create policy select_by_schedulers on public.waitlist_offers for select to authenticated
using (org_id = any(array(select private.org_ids_with_permission('view_jobs'))));
