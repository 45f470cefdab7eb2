-- Never deleted by a client: visits and memberships refer to it. A closed one is set inactive.
alter table public.facilities enable row level security;
revoke all on table public.facilities from public, anon, authenticated, service_role;

grant select on table public.facilities to authenticated;
grant insert (
    id, org_id, name, phone, address_line1, address_line2, city, region, postal_code, country, latitude,
    longitude, time_zone, daily_capacity, loading_minutes, is_active
) on table public.facilities to authenticated;
grant update (
    name, phone, address_line1, address_line2, city, region, postal_code, country, latitude, longitude,
    time_zone, daily_capacity, loading_minutes, is_active
) on table public.facilities to authenticated;
grant select, insert, update, delete on table public.facilities to service_role;

create policy select_by_staff on public.facilities for select to authenticated
using (org_id = any(array(select private.member_org_ids())));

create policy insert_by_managers on public.facilities for insert to authenticated
with check (org_id = any(array(select private.org_ids_with_permission('manage_org'))));

create policy update_by_managers on public.facilities for update to authenticated
using (org_id = any(array(select private.org_ids_with_permission('manage_org'))))
with check (org_id = any(array(select private.org_ids_with_permission('manage_org'))));
