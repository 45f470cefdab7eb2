-- Written through RPCs and workers only.
alter table public.optimization_runs enable row level security;
revoke all on table public.optimization_runs from public, anon, authenticated, service_role;

grant select on table public.optimization_runs to authenticated;
grant select, insert, update, delete on table public.optimization_runs to service_role;

create policy select_by_planners on public.optimization_runs for select to authenticated
using (
    org_id = any(array(select private.org_ids_with_permission('optimize_schedule')))
    or (
        org_id = any(array(select private.org_ids_with_permission_somewhere('optimize_schedule')))
        and requested_by_user_id = (select auth.uid())
    )
);
