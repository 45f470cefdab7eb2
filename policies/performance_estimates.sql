-- Made by a cron; how somebody performs is for who plans, not for colleagues.
alter table public.performance_estimates enable row level security;
revoke all on table public.performance_estimates from public, anon, authenticated, service_role;

grant select on table public.performance_estimates to authenticated;
grant select, insert, update, delete on table public.performance_estimates to service_role;

create policy select_by_planners on public.performance_estimates for select to authenticated
using (org_id = any(array(select private.org_ids_with_permission('optimize_schedule'))));
