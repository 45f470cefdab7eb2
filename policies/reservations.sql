-- The ledger: written by triggers and RPCs only. A hold's token is as good as the hold, so nobody reads it here.
alter table public.reservations enable row level security;
revoke all on table public.reservations from public, anon, authenticated, service_role;

grant select (
    id, org_id, technician_id, claimant_id, resource_id, lane, during, kind, appointment_id, assignment_id,
    location_id, latitude, longitude, hold_expires_at, held_by_user_id, released_at, created_at, updated_at
) on table public.reservations to authenticated;
grant select on table public.reservations to service_role;

create policy select_by_schedulers_and_oneself on public.reservations for select to authenticated
using (
    org_id = any(array(select private.org_ids_with_permission('view_assignments')))
    or (
        org_id = any(array(select private.member_org_ids()))
        and (
            appointment_id = any(array(select private.appointment_ids_with_permission('view_assignments')))
            or technician_id = any(array(select private.technician_ids_with_permission('view_assignments')))
            or technician_id = any(array(select private.my_technician_ids()))
        )
    )
);
