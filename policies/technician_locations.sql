-- Technicians report where they are; positions are never changed, and old ones are removed by the service.
alter table public.technician_locations enable row level security;
revoke all on table public.technician_locations from public, anon, authenticated, service_role;

grant select on table public.technician_locations to authenticated;
grant insert (
    org_id, technician_id, latitude, longitude, accuracy_m, recorded_at
) on table public.technician_locations to authenticated;
grant select, insert, delete on table public.technician_locations to service_role;

create policy select_by_position_viewers_and_oneself on public.technician_locations for select to authenticated
using (
    org_id = any(array(select private.org_ids_with_permission('view_positions')))
    or (
        org_id = any(array(select private.member_org_ids()))
        and (
            technician_id = any(array(select private.technician_ids_with_permission('view_positions')))
            or technician_id = any(array(select private.my_technician_ids()))
        )
    )
);

create policy insert_by_oneself on public.technician_locations for insert to authenticated
with check (
    org_id = any(array(select private.member_org_ids()))
    and technician_id = any(array(select private.my_technician_ids()))
);
