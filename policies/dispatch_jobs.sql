-- Status follows from the visits; which changes of it a client may make, a trigger says.
alter table public.dispatch_jobs enable row level security;
revoke all on table public.dispatch_jobs from public, anon, authenticated, service_role;

grant select on table public.dispatch_jobs to authenticated;
grant insert (
    id, org_id, customer_id, location_id, contact_phone, vehicle_id, facility_id, service_id,
    related_work_order_id, related_estimate_id, title, description, job_type, category, priority,
    estimated_duration_minutes, required_skills, required_crew_size, visits_planned, service_zone_id,
    preferred_technician_id, sla_start_at, sla_end_at, source, is_customer_booked, notes_internal,
    notes_customer_visible
) on table public.dispatch_jobs to authenticated;
grant update (
    customer_id, location_id, contact_phone, vehicle_id, facility_id, title, description, job_type, category,
    priority, status, cancel_reason, estimated_duration_minutes, required_skills, required_crew_size,
    visits_planned, preferred_technician_id, sla_start_at, sla_end_at, notes_internal, notes_customer_visible
) on table public.dispatch_jobs to authenticated;
grant select, insert, update, delete on table public.dispatch_jobs to service_role;

create policy select_by_staff_who_may_view on public.dispatch_jobs for select to authenticated
using (
    org_id = any(array(select private.org_ids_with_permission('view_jobs')))
    or (
        org_id = any(array(select private.member_org_ids()))
        and (
            facility_id = any(array(select private.facility_ids_with_permission('view_jobs')))
            or id = any(array(select private.visible_job_ids()))
        )
    )
);

create policy insert_by_job_creators on public.dispatch_jobs for insert to authenticated
with check (
    org_id = any(array(select private.org_ids_with_permission('create_job')))
    or (
        org_id = any(array(select private.member_org_ids()))
        and facility_id = any(array(select private.facility_ids_with_permission('create_job')))
    )
);

create policy update_by_job_editors on public.dispatch_jobs for update to authenticated
using (
    org_id = any(array(select private.org_ids_with_permission('edit_job')))
    or (
        org_id = any(array(select private.member_org_ids()))
        and (
            facility_id = any(array(select private.facility_ids_with_permission('edit_job')))
            or id = any(array(select private.granted_job_ids('edit')))
        )
    )
)
with check (
    org_id = any(array(select private.org_ids_with_permission('edit_job')))
    or (
        org_id = any(array(select private.member_org_ids()))
        and (
            facility_id = any(array(select private.facility_ids_with_permission('edit_job')))
            or id = any(array(select private.granted_job_ids('edit')))
        )
    )
);
