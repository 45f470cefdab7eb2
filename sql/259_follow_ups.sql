insert into private.state_transitions (machine, from_state, to_state) values ('dispatch_jobs', 'completed', 'unscheduled');

create function private.plan_follow_up(job uuid, reason text, idempotency_key text)
returns public.dispatch_jobs
language plpgsql
volatile
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set jit = 'off'
as $$
declare
    work private.work := private.work_of_job(job);
    planned public.dispatch_jobs;
    known jsonb;
begin
    if work.org_id is null or not private.may('view_jobs', work.org_id, work.facility_id) then
        perform private.fail(404, 'job_not_found', 'There is no such job, or you may not see it.', 'Check job_id.');
    end if;
    perform private.require('create_appointment', work.org_id, work.facility_id);
    known := private.recall(work.org_id, idempotency_key, 'plan_follow_up', jsonb_build_object('job_id', job, 'reason', reason));
    if known is not null then
        return jsonb_populate_record(null::public.dispatch_jobs, known);
    end if;
    if coalesce(btrim(reason), '') = '' then
        perform private.fail(400, 'reason_needed', 'A follow-up visit needs a reason.', 'For example: part ordered.');
    end if;
    perform private.check_length(reason, 'reason');
    perform set_config('truckroll.reason', reason, true);
    update public.dispatch_jobs as j
    set
        visits_planned = j.visits_planned + 1,
        status = case when j.status = 'completed' then 'unscheduled' else j.status end
    where j.id = job and j.status <> 'canceled'
    returning * into planned;
    if planned.id is null then
        perform private.fail(409, 'transition_not_allowed', 'A canceled job has no further visits.', 'Make a new job.');
    end if;
    perform private.remember(work.org_id, idempotency_key, to_jsonb(planned));
    return planned;
end;
$$;

comment on function private.plan_follow_up(uuid, text, text) is
'Definer: the number of visits and the status of a job follow rules. Own check: create_appointment.';

create function public.plan_follow_up(job_id uuid, reason text, idempotency_key text default null)
returns public.dispatch_jobs
language sql
volatile
set search_path = ''
as $$
    select private.plan_follow_up(job_id, reason, idempotency_key);
$$;

comment on function public.plan_follow_up(uuid, text, text) is
'Plans one visit more for a job (JOB-3): after work that could not be finished, or when the customer was not there. A completed job is open again until that visit is done. Needs create_appointment.';

revoke execute on function public.plan_follow_up(uuid, text, text) from public, anon;
grant execute on function public.plan_follow_up(uuid, text, text) to authenticated, service_role;
grant execute on function private.plan_follow_up(uuid, text, text) to authenticated, service_role;
