-- The state machines of JOB-5, declared as data and enforced by one trigger, whoever writes.

create table private.state_transitions (
    machine text not null,
    from_state text not null,
    to_state text not null,
    primary key (machine, from_state, to_state)
);

comment on table private.state_transitions is 'Allowed changes of status; everything else is refused.';

insert into private.state_transitions (machine, from_state, to_state)
select t.machine, t.from_state, unnest(t.to_states)
from (values
    ('dispatch_jobs', 'unscheduled', array['scheduled', 'dispatched', 'in_progress', 'on_hold', 'completed', 'canceled']),
    ('dispatch_jobs', 'scheduled', array['unscheduled', 'dispatched', 'in_progress', 'on_hold', 'completed', 'canceled']),
    ('dispatch_jobs', 'dispatched', array['unscheduled', 'scheduled', 'in_progress', 'on_hold', 'completed', 'canceled']),
    ('dispatch_jobs', 'in_progress', array['unscheduled', 'scheduled', 'dispatched', 'on_hold', 'completed', 'canceled']),
    ('dispatch_jobs', 'on_hold', array['unscheduled', 'scheduled', 'dispatched', 'in_progress', 'completed', 'canceled']),
    ('appointments', 'scheduled',
        array['confirmed', 'awaiting_parts', 'en_route', 'in_progress', 'paused', 'completed', 'canceled', 'no_show']),
    ('appointments', 'confirmed',
        array['scheduled', 'awaiting_parts', 'en_route', 'in_progress', 'paused', 'completed', 'canceled', 'no_show']),
    ('appointments', 'awaiting_parts', array['scheduled', 'confirmed', 'en_route', 'in_progress', 'canceled', 'no_show']),
    ('appointments', 'en_route', array['scheduled', 'confirmed', 'in_progress', 'paused', 'completed', 'canceled', 'no_show']),
    ('appointments', 'in_progress', array['paused', 'completed', 'canceled', 'no_show']),
    ('appointments', 'paused', array['in_progress', 'completed', 'canceled', 'no_show']),
    ('job_assignments', 'assigned', array['accepted', 'declined', 'en_route', 'on_site', 'no_show', 'canceled']),
    ('job_assignments', 'accepted', array['assigned', 'declined', 'en_route', 'on_site', 'no_show', 'canceled']),
    ('job_assignments', 'en_route', array['accepted', 'on_site', 'no_show', 'canceled']),
    ('job_assignments', 'on_site', array['paused', 'completed', 'no_show', 'canceled']),
    ('job_assignments', 'paused', array['on_site', 'completed', 'canceled'])
) as t (machine, from_state, to_states);

create function private.enforce_transition()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    if new.status is not distinct from old.status then
        return new;
    end if;
    if not exists (
        select from private.state_transitions as t
        where t.machine = tg_table_name and t.from_state = old.status::text and t.to_state = new.status::text
    ) then
        perform private.fail(
            409, 'transition_not_allowed',
            format('This %s is %s and cannot become %s.', replace(rtrim(tg_table_name, 's'), '_', ' '), old.status, new.status),
            coalesce('From here it can become: ' || (
                select string_agg(t.to_state, ', ' order by t.to_state) from private.state_transitions as t
                where t.machine = tg_table_name and t.from_state = old.status::text
            ) || '.', 'It is final.')
        );
    end if;
    new.status_changed_at := now();
    return new;
end;
$$;

comment on function private.enforce_transition() is
'Refuses a change of status that the state machine does not know (JOB-5). Definer: the machine is not exposed.';

create trigger dispatch_jobs_enforce_transition before update of status on public.dispatch_jobs
for each row execute function private.enforce_transition();
create trigger appointments_enforce_transition before update of status on public.appointments
for each row execute function private.enforce_transition();
create trigger job_assignments_enforce_transition before update of status on public.job_assignments
for each row execute function private.enforce_transition();

-- Appointment status follows from its assignments, job status from its appointments.

create function private.derive_appointment(appointment uuid)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
    with parts as (
        select
            count(*) filter (where j.status not in ('declined', 'canceled')) as engaged,
            count(distinct j.technician_id) filter (where j.status not in ('declined', 'canceled', 'no_show')) as people,
            count(*) filter (where j.status = 'completed') as completed,
            count(*) filter (where j.status = 'no_show') as no_show,
            bool_or(j.status = 'on_site') as on_site,
            bool_or(j.status = 'paused') as paused,
            bool_or(j.status = 'en_route') as en_route
        from public.job_assignments as j
        where j.appointment_id = appointment
    ),

    derived as (
        select
            a.id,
            case
                when a.status in ('canceled', 'completed', 'no_show') then a.status
                when p.engaged > 0 and p.no_show = p.engaged then 'no_show'
                when p.completed > 0 and p.completed + p.no_show = p.engaged then 'completed'
                when p.on_site then 'in_progress'
                when p.paused then 'paused'
                -- One of a crew is done, the others are still coming: the visit is under way.
                when p.completed > 0 then 'in_progress'
                when p.en_route then case when a.status in ('in_progress', 'paused') then a.status else 'en_route' end
                when a.status = 'en_route' then 'scheduled'
                else a.status
            end::public.appointment_status as status,
            case
                when a.assignment_status in ('awaiting_skill_fulfillment', 'deferred') and p.people = 0
                    then a.assignment_status
                when p.people = 0 then 'unassigned'
                when p.people < a.crew_size or exists (
                    select from public.appointment_segments as g
                    where g.appointment_id = a.id and not exists (
                        select from public.job_assignments as j
                        where j.segment_id = g.id and j.status not in ('declined', 'canceled', 'no_show')
                    )
                ) then 'partly_assigned'
                else 'assigned'
            end::public.appointment_assignment_status as assignment_status
        from public.appointments as a cross join parts as p
        where a.id = appointment
    )

    update public.appointments as a
    set status = d.status, assignment_status = d.assignment_status
    from derived as d
    where a.id = d.id and (a.status, a.assignment_status) is distinct from (d.status, d.assignment_status);
end;
$$;

comment on function private.derive_appointment(uuid) is 'Appointment status and assignment status as its assignments say (JOB-5).';

create function private.derive_job(job uuid)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
    with visits as (
        select
            count(*) filter (where a.status = 'completed') as completed,
            count(*) filter (where a.status not in ('completed', 'canceled', 'no_show')) as ahead,
            bool_or(a.status in ('in_progress', 'paused')) as in_progress,
            bool_or(
                a.status = 'en_route' or (a.status in ('scheduled', 'confirmed', 'awaiting_parts') and exists (
                    select from public.job_assignments as x where x.appointment_id = a.id and x.status = 'accepted'
                ))
            ) as dispatched
        from public.appointments as a
        where a.dispatch_job_id = job
    ),

    derived as (
        select
            j.id,
            case
                when j.status = 'canceled' then j.status
                when v.in_progress then 'in_progress'
                when j.status = 'on_hold' and v.ahead > 0 then j.status
                when v.completed >= j.visits_planned and v.ahead = 0 then 'completed'
                when v.dispatched then 'dispatched'
                when v.ahead > 0 then 'scheduled'
                when j.status = 'on_hold' then j.status
                when j.status = 'completed' then j.status
                else 'unscheduled'
            end::public.job_status as status
        from public.dispatch_jobs as j cross join visits as v
        where j.id = job
    )

    update public.dispatch_jobs as j
    set status = d.status
    from derived as d
    where j.id = d.id and j.status is distinct from d.status;
end;
$$;

comment on function private.derive_job(uuid) is 'Job status as its appointments say (JOB-5). A multi-visit job is complete with its last planned visit (JOB-3).';

create function private.derive_from_assignment()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    perform private.derive_appointment(new.appointment_id);
    -- An acceptance dispatches the job without changing the appointment; all else reaches the job through it.
    if new.status = 'accepted' or (tg_op = 'UPDATE' and old.status = 'accepted') then
        perform private.derive_job(new.dispatch_job_id);
    end if;
    return null;
end;
$$;

comment on function private.derive_from_assignment() is 'Carries an assignment''s status up. Definer: technicians do not write appointments.';

create trigger job_assignments_derive after insert or update of status on public.job_assignments
for each row execute function private.derive_from_assignment();

create function private.derive_from_appointment()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    perform private.derive_job(new.dispatch_job_id);
    return null;
end;
$$;

comment on function private.derive_from_appointment() is 'Carries an appointment''s status up. Definer: technicians do not write jobs.';

create trigger appointments_derive after insert or update of status on public.appointments
for each row execute function private.derive_from_appointment();

create function private.cancel_visits_of_job()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    update public.appointments
    set status = 'canceled', cancel_reason = new.cancel_reason
    where dispatch_job_id = new.id and status not in ('completed', 'canceled', 'no_show');
    return null;
end;
$$;

comment on function private.cancel_visits_of_job() is 'A canceled job cancels the visits still ahead. Definer: see derive_job.';

create trigger dispatch_jobs_cancel_visits after update of status on public.dispatch_jobs
for each row when (new.status = 'canceled' and old.status <> 'canceled')
execute function private.cancel_visits_of_job();

create function private.cancel_assignments_of_appointment()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    update public.job_assignments
    set status = 'canceled'
    where appointment_id = new.id and status not in ('completed', 'declined', 'canceled', 'no_show');
    return null;
end;
$$;

comment on function private.cancel_assignments_of_appointment() is
'A canceled visit cancels its assignments, which releases their reservations. Definer: see derive_appointment.';

create trigger appointments_cancel_assignments after update of status on public.appointments
for each row when (new.status = 'canceled' and old.status <> 'canceled')
execute function private.cancel_assignments_of_appointment();
