-- Has no facility: a quote may be carried out in any of them.
alter table public.estimates enable row level security;
revoke all on table public.estimates from public, anon, authenticated, service_role;

grant select on table public.estimates to authenticated;
grant insert (
    id, org_id, customer_id, vehicle_id, location_id, service_id, description, estimated_duration_minutes,
    status, allows_multiple_appointments
) on table public.estimates to authenticated;
grant update (
    vehicle_id, location_id, service_id, description, estimated_duration_minutes, status,
    allows_multiple_appointments
) on table public.estimates to authenticated;
grant select, insert, update, delete on table public.estimates to service_role;

create policy select_by_staff_who_may_view on public.estimates for select to authenticated
using (org_id = any(array(select private.org_ids_with_permission_somewhere('view_jobs'))));

create policy insert_by_job_creators on public.estimates for insert to authenticated
with check (org_id = any(array(select private.org_ids_with_permission_somewhere('create_job'))));

create policy update_by_job_editors on public.estimates for update to authenticated
using (org_id = any(array(select private.org_ids_with_permission_somewhere('edit_job'))))
with check (org_id = any(array(select private.org_ids_with_permission_somewhere('edit_job'))));
