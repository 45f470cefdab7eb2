alter table public.waitlist_entries enable row level security;
revoke all on table public.waitlist_entries from public, anon, authenticated, service_role;

grant select on table public.waitlist_entries to authenticated;
grant select, insert, update, delete on table public.waitlist_entries to service_role;

create policy select_by_schedulers on public.waitlist_entries for select to authenticated
using (org_id = any(array(select private.org_ids_with_permission('view_jobs'))));
