-- Written through RPCs and workers only; seen by who sees the route.
alter table public.route_stops enable row level security;
revoke all on table public.route_stops from public, anon, authenticated, service_role;

grant select on table public.route_stops to authenticated;
grant select, insert, update, delete on table public.route_stops to service_role;

create policy select_by_who_sees_the_route on public.route_stops for select to authenticated
using (
    exists (
        select from public.route_plans as p
        where p.org_id = route_stops.org_id and p.id = route_stops.route_plan_id
    )
);
