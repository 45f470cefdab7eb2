-- Append-only, written by triggers only, also for the service.
alter table public.domain_events enable row level security;
revoke all on table public.domain_events from public, anon, authenticated, service_role;

grant select on table public.domain_events to authenticated;
grant select on table public.domain_events to service_role;

create policy select_by_auditors on public.domain_events for select to authenticated
using (org_id = any(array(select private.org_ids_with_permission('view_audit'))));
