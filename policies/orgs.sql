-- Made by create_org only; what is left to a client is the company's settings.
alter table public.orgs enable row level security;
revoke all on table public.orgs from public, anon, authenticated, service_role;

grant select on table public.orgs to authenticated;
grant update (
    name, slug, time_zone, country, currency, slot_grid_minutes, arrival_window_minutes, hold_minutes,
    travel_speed_kmh, travel_detour_factor, technicians_may_self_claim, out_of_zone_is_soft,
    reschedule_notice_minutes, reschedule_emergency_minutes, reschedule_limit,
    concurrent_runs, reoptimization, reoptimization_days, durations_from_history, duration_percentile,
    plan_unserved_minutes, plan_move_minutes, plan_move_minutes_after_event, plan_continuity_minutes,
    plan_km_minutes, plan_waiting_weight, plan_balance_weight, emergency_promise_minutes
) on table public.orgs to authenticated;
grant select, insert, update, delete on table public.orgs to service_role;

create policy select_by_staff on public.orgs for select to authenticated
using (id = any(array(select private.member_org_ids())));

create policy update_by_managers on public.orgs for update to authenticated
using (id = any(array(select private.org_ids_with_permission('manage_org'))))
with check (id = any(array(select private.org_ids_with_permission('manage_org'))));
