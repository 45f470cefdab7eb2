-- Append-only, written by triggers only, also for the service.
alter table public.audit_log enable row level security;
revoke all on table public.audit_log from public, anon, authenticated, service_role;

grant select on table public.audit_log to authenticated;
grant select on table public.audit_log to service_role;

create policy select_by_auditors on public.audit_log for select to authenticated
using (org_id = any(array(select private.org_ids_with_permission('view_audit'))));
