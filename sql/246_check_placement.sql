create type public.placement_conflict as (code text, severity public.conflict_severity, message text, data jsonb);

create function private.check_placement(
    job uuid, technician_ids uuid[], starts_at timestamptz, ends_at timestamptz, resource uuid, appointment uuid
)
returns setof public.placement_conflict
language plpgsql
stable
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set jit = 'off'
as $$
declare
    work private.work := private.work_of_job(job);
begin
    if work.org_id is null or not private.may('view_availability', work.org_id, work.facility_id) then
        perform private.fail(404, 'job_not_found', 'There is no such job, or you may not see it.', 'Check job_id.');
    end if;
    if appointment is not null and not exists (
        select from public.appointments as a where a.id = appointment and a.dispatch_job_id = job
    ) then
        perform private.fail(404, 'appointment_not_found', 'This job has no such appointment.', 'Check appointment_id.');
    end if;
    perform private.check_technicians(work.org_id, private.staff(work, technician_ids, appointment));
    perform private.check_resource(work.org_id, resource, 'view_availability');
    perform private.check_times(starts_at, ends_at);
    return query
    select j.code, j.severity, j.message, j.data
    from private.placement_conflicts(job, technician_ids, starts_at, ends_at, resource, appointment) as j;
end;
$$;

comment on function private.check_placement(uuid, uuid[], timestamptz, timestamptz, uuid, uuid) is
'Definer: the judge reads every rule''s tables, of which the caller sees the conflicts only. Own check: view_availability.';

create function public.check_placement(
    job_id uuid,
    technician_ids uuid[],
    starts_at timestamptz,
    ends_at timestamptz default null,
    resource_id uuid default null,
    appointment_id uuid default null
)
returns setof public.placement_conflict
language sql
stable
set search_path = ''
as $$
    select * from private.check_placement(job_id, technician_ids, starts_at, ends_at, resource_id, appointment_id);
$$;

comment on function public.check_placement(uuid, uuid[], timestamptz, timestamptz, uuid, uuid) is
'All conflicts of a placement at once, worst first, before anything is written (BKG-5); no row means it can be booked. Name appointment_id when moving that visit. Needs view_availability.';

revoke execute on function public.check_placement(uuid, uuid[], timestamptz, timestamptz, uuid, uuid) from public, anon;
grant execute on function public.check_placement(uuid, uuid[], timestamptz, timestamptz, uuid, uuid)
to authenticated, service_role;
grant execute on function private.check_placement(uuid, uuid[], timestamptz, timestamptz, uuid, uuid)
to authenticated, service_role;
