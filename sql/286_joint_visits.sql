-- The visits of a plan that claim more than one technician's time: crews, visits in a bay or with a mobile unit or
-- equipment, composite visits. Held, judged and booked whole, by what books them for a dispatcher.

create function private.joint_visits(route_plan_ids uuid[])
returns table (
    stop_id uuid, job_id uuid, technician_ids uuid[], starts_at timestamptz, ends_at timestamptz, resource_id uuid,
    appointment_id uuid
)
language sql
stable
set search_path = ''
as $$
    select
        (array_agg(s.id order by s.id))[1], s.dispatch_job_id,
        -- Composite work names one for each segment; in a crew whom the customer prefers is in charge.
        array_agg(p.technician_id order by
            s.segment_position, p.technician_id is distinct from j.preferred_technician_id, p.technician_id
        ),
        min(s.service_starts_at), max(s.planned_departure_at), (array_agg(s.resource_id))[1],
        (array_agg(a.appointment_id))[1]
    from public.route_plans as p
    inner join public.route_stops as s on p.org_id = s.org_id and p.id = s.route_plan_id
    inner join public.dispatch_jobs as j on s.org_id = j.org_id and s.dispatch_job_id = j.id
    left join public.job_assignments as a on s.org_id = a.org_id and s.job_assignment_id = a.id
    left join public.services as c on j.org_id = c.org_id and j.service_id = c.id
    where p.id = any(route_plan_ids) and s.is_joint and s.change = 'book'
    group by s.dispatch_job_id
    -- As their claims begin: taken in that order, as many lanes are enough as there are visits at once.
    order by
        min(s.service_starts_at - make_interval(mins => coalesce(c.buffer_before_minutes, 0))), s.dispatch_job_id;
$$;

comment on function private.joint_visits(uuid[]) is
'The visits of these routes that are booked whole or not at all, each once: the first of its stops by id stands for it. The appointment is there once it is booked.';

create function private.claimants_of_joint_visits(route_plan_ids uuid[])
returns uuid[]
language sql
stable
set search_path = ''
as $$
    select array(
        select s.resource_id from public.route_stops as s
        where s.route_plan_id = any(route_plan_ids) and s.resource_id is not null
        union
        select e.resource_id
        from public.route_stops as s
        inner join public.dispatch_jobs as j on s.org_id = j.org_id and s.dispatch_job_id = j.id
        inner join public.service_equipment as e on j.org_id = e.org_id and j.service_id = e.service_id
        where s.route_plan_id = any(route_plan_ids)
    );
$$;

comment on function private.claimants_of_joint_visits(uuid[]) is
'The bays, mobile units and equipment that the visits of these routes claim.';

create function private.hold_joint_visits(route_plan_ids uuid[])
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
    visit record;
begin
    perform private.release_expired_holds(private.claimants_of_joint_visits(route_plan_ids));
    -- One after the other: which lane is free depends on the visits before.
    for visit in select * from private.joint_visits(route_plan_ids)
    loop
        perform private.hold_for(
            private.place(
                private.work_of_job(visit.job_id), visit.technician_ids, visit.starts_at, visit.ends_at,
                visit.resource_id, null, visit.stop_id
            ), now() + interval '1 hour', visit.stop_id, route_plan_ids
        );
    end loop;
exception when exclusion_violation then
    -- The planner can leave this visit out and plan the others.
    raise exception using errcode = 'TRTKN', message = visit.job_id::text;
end;
$$;

comment on function private.hold_joint_visits(uuid[]) is
'Holds all that the joint visits of these routes claim, each under the id of the stop that stands for it. What the ledger has no room for is raised as TRTKN, with the job as its message.';

create function private.book_joint_visits(run public.optimization_runs, route_plan_ids uuid[])
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
    visit record;
    placed private.placement;
    promise tstzrange;
    appointment uuid;
begin
    for visit in select * from private.joint_visits(route_plan_ids)
    loop
        placed := private.place(
            private.work_of_job(visit.job_id), visit.technician_ids, visit.starts_at, visit.ends_at,
            visit.resource_id, null, null
        );
        select private.promised_window(j, visit.starts_at) into promise
        from public.dispatch_jobs as j where j.id = visit.job_id;
        appointment := private.insert_visit(placed, lower(promise), upper(promise), null, '{}', run.id);
        update public.route_stops as s
        set job_assignment_id = a.id
        from public.route_plans as p
        inner join public.job_assignments as a
            on p.org_id = a.org_id and p.technician_id = a.technician_id
        where
            p.id = any(route_plan_ids) and s.org_id = p.org_id and s.route_plan_id = p.id
            and s.dispatch_job_id = visit.job_id and s.change = 'book'
            and a.appointment_id = appointment and a.scheduled_start_at = s.service_starts_at;
    end loop;
exception when exclusion_violation then
    raise exception using errcode = 'TRTKN', message = visit.job_id::text;
end;
$$;

comment on function private.book_joint_visits(public.optimization_runs, uuid[]) is
'Books the joint visits of these routes for the first time, the way book_appointment writes them; TRTKN as for hold_joint_visits.';
