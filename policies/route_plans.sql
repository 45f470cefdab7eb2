-- Written through RPCs and workers only. A technician sees routes in force, not what is merely proposed.
alter table public.route_plans enable row level security;
revoke all on table public.route_plans from public, anon, authenticated, service_role;

grant select on table public.route_plans to authenticated;
grant select, insert, update, delete on table public.route_plans to service_role;

create policy select_by_schedulers_and_oneself on public.route_plans for select to authenticated
using (
    org_id = any(array(select private.org_ids_with_permission('view_assignments')))
    or (
        org_id = any(array(select private.member_org_ids()))
        and technician_id = any(array(select private.technician_ids_with_permission('view_assignments')))
    )
    or (
        org_id = any(array(select private.member_org_ids()))
        and technician_id = any(array(select private.my_technician_ids()))
        and status in ('finalized', 'in_progress', 'completed')
    )
);
