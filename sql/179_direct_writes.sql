-- Jobs are rows that clients write. Their status is not: it follows from the visits, except that people put a job on
-- hold, take it up again, or cancel it.

create function private.guard_job_status()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
    -- Triggers that derive the status, and RPCs, run as the owner of the schema.
    if current_user not in ('anon', 'authenticated') then
        return new;
    end if;
    if not (
        new.status in ('on_hold', 'canceled') or (old.status = 'on_hold' and new.status = 'unscheduled')
    ) then
        perform private.fail(
            409, 'status_is_derived', 'A job''s status follows from its visits.',
            'Set on_hold, canceled, or unscheduled to take up a job on hold; book or complete visits for the rest.'
        );
    end if;
    if new.status = 'canceled' and private.has_visits_ahead(old.id) then
        perform private.require('cancel_appointment', old.org_id, old.facility_id);
    end if;
    return new;
end;
$$;

comment on function private.guard_job_status() is
'What a client may do to a job''s status by a plain update; cancelling visits along with the job needs cancel_appointment.';

create function private.has_visits_ahead(job uuid)
returns boolean
language sql
stable
security definer
set search_path = ''
as $$
    select exists (
        select from public.appointments as a
        where a.dispatch_job_id = job and a.status not in ('completed', 'canceled', 'no_show')
    );
$$;

comment on function private.has_visits_ahead(uuid) is
'Whether cancelling a job cancels visits too. Definer: who edits jobs need not see the schedule.';

create function private.guard_job_links()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
    -- A job makes its customer and site visible to whom it is shared with or assigned to.
    if current_user in ('anon', 'authenticated') then
        perform private.require('view_customers', old.org_id, old.facility_id);
    end if;
    return new;
end;
$$;

comment on function private.guard_job_links() is
'Only who may see customers puts another customer, site or vehicle on a job.';

create trigger dispatch_jobs_guard_links before update of customer_id, location_id, vehicle_id on public.dispatch_jobs
for each row when (
    (new.customer_id, new.location_id, new.vehicle_id) is distinct from (old.customer_id, old.location_id, old.vehicle_id)
) execute function private.guard_job_links();

create trigger dispatch_jobs_guard_status before update of status on public.dispatch_jobs
for each row when (new.status <> old.status) execute function private.guard_job_status();

create function private.take_up_job()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    perform private.derive_job(new.id);
    return null;
end;
$$;

comment on function private.take_up_job() is
'A job taken off hold gets the status its visits give it. Definer: see derive_job.';

create trigger dispatch_jobs_take_up after update of status on public.dispatch_jobs
for each row when (old.status = 'on_hold' and new.status = 'unscheduled') execute function private.take_up_job();

grant execute on function private.has_visits_ahead(uuid) to authenticated, service_role;
