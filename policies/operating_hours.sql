alter table public.operating_hours enable row level security;
revoke all on table public.operating_hours from public, anon, authenticated, service_role;

grant select, delete on table public.operating_hours to authenticated;
grant insert (
    id, org_id, facility_id, service_zone_id, weekday, opens_at, closes_at
) on table public.operating_hours to authenticated;
grant update (facility_id, service_zone_id, weekday, opens_at, closes_at) on table public.operating_hours to authenticated;
grant select, insert, update, delete on table public.operating_hours to service_role;

create policy select_by_staff on public.operating_hours for select to authenticated
using (org_id = any(array(select private.member_org_ids())));

create policy insert_by_managers on public.operating_hours for insert to authenticated
with check (org_id = any(array(select private.org_ids_with_permission('manage_org'))));

create policy update_by_managers on public.operating_hours for update to authenticated
using (org_id = any(array(select private.org_ids_with_permission('manage_org'))))
with check (org_id = any(array(select private.org_ids_with_permission('manage_org'))));

create policy delete_by_managers on public.operating_hours for delete to authenticated
using (org_id = any(array(select private.org_ids_with_permission('manage_org'))));
