-- One job, placed by itself (OPT-1): the best slot that can still be had, booked in one call.

create function private.record_auto_schedule(job uuid, appointment uuid)
returns uuid
language plpgsql
volatile
set search_path = ''
as $$
declare
    run uuid;
begin
    insert into public.optimization_runs (
        org_id, kind, mode, status, starts_on, dispatch_job_id, stage, progress, requested_by_user_id, started_at,
        finished_at, applied_at
    )
    select
        a.org_id, 'auto_schedule', 'commit', 'applied', (a.starts_at at time zone o.time_zone)::date, job, 'done', 1,
        auth.uid(), now(), clock_timestamp(), clock_timestamp()
    from public.appointments as a inner join public.orgs as o on a.org_id = o.id
    where a.id = appointment
    returning id into run;
    update public.job_assignments as x set optimization_run_id = run where x.appointment_id = appointment;
    return run;
end;
$$;

comment on function private.record_auto_schedule(uuid, uuid) is 'Keeps that a visit was placed by auto_schedule, and for whom (OPT-6).';

create function private.auto_schedule(
    job uuid, earliest timestamptz, latest timestamptz, duration_minutes integer, technician_ids uuid[],
    idempotency_key text
)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set jit = 'off'
as $$
declare
    work constant private.work := private.work_of_job(job);
    known jsonb;
    slot public.slot;
    booked jsonb;
    run uuid;
begin
    if work.org_id is null or not private.may('view_jobs', work.org_id, work.facility_id) then
        perform private.fail(404, 'job_not_found', 'There is no such job, or you may not see it.', 'Check the id.');
    end if;
    perform private.require('create_appointment', work.org_id, work.facility_id);
    known := private.recall(work.org_id, idempotency_key, 'auto_schedule', jsonb_build_object(
        'job_id', job, 'earliest', earliest, 'latest', latest, 'duration_minutes', duration_minutes,
        'technician_ids', technician_ids
    ));
    if known is not null then
        return known;
    end if;
    for slot in
        select s.* from public.find_slots(
            job_id => job, earliest => auto_schedule.earliest, latest => auto_schedule.latest,
            duration_minutes => auto_schedule.duration_minutes, technician_ids => auto_schedule.technician_ids,
            max_results => 5
        ) as s
    loop
        begin
            booked := public.book_appointment(
                job_id => job, technician_ids => slot.technician_ids, starts_at => slot.starts_at,
                ends_at => slot.ends_at, resource_id => slot.resource_id,
                arrival_window_start => slot.arrival_window_start, arrival_window_end => slot.arrival_window_end
            );
        exception when sqlstate 'PT409' then
            -- Somebody was quicker; the next one may do.
            continue;
        end;
        run := private.record_auto_schedule(job, (booked ->> 'id')::uuid);
        return private.remember(work.org_id, idempotency_key, jsonb_build_object(
            'run_id', run, 'slot', to_jsonb(slot),
            'appointment', private.appointment_document((booked ->> 'id')::uuid)
        ));
    end loop;
    perform private.fail(
        422, 'no_slot', 'Nobody who may do this job has time for it in that period.',
        'Ask for a longer period, other technicians, or see suggest_assignments for what stands in the way.'
    );
    return null;
end;
$$;

comment on function private.auto_schedule(uuid, timestamptz, timestamptz, integer, uuid[], text) is
'Books the best slot find_slots offers, the next one when somebody was quicker. Definer: records its run; the search and the booking check the caller''s permissions.';

create type private.suggestion as (
    technician_id uuid,
    technician_name text,
    can_do boolean,
    score numeric,
    parts jsonb,
    slot jsonb,
    booked_minutes integer,
    reasons text[]
);

create function private.best_slots(work private.work, earliest timestamptz, latest timestamptz, max_results integer)
returns setof public.slot
language plpgsql
stable
set search_path = ''
as $$
begin
    return query
    with promising as (
        select c.technician_ids[1] as technician_id, max(c.score) as score
        from private.slot_candidates(
            work, earliest, latest, work.duration_minutes, null, work.latitude, work.longitude
        ) as c
        group by c.technician_ids[1]
        order by 2 desc, 1
        limit max_results
    )

    select s.*
    from promising as p
    cross join lateral public.find_slots(
        job_id => work.job_id, earliest => best_slots.earliest, latest => best_slots.latest,
        technician_ids => array[p.technician_id], max_results => 1
    ) as s;
end;
$$;

comment on function private.best_slots(private.work, timestamptz, timestamptz, integer) is
'The best slot of each of the most promising technicians.';

create function private.suggest_technicians(
    job uuid, earliest timestamptz, latest timestamptz, max_results integer
)
returns setof private.suggestion
language plpgsql
stable
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set jit = 'off'
as $$
declare
    work constant private.work := private.work_of_job(job);
begin
    if work.org_id is null or not private.may('view_availability', work.org_id, work.facility_id) then
        perform private.fail(404, 'job_not_found', 'There is no such job, or you may not see it.', 'Check the id.');
    end if;
    earliest := greatest(coalesce(earliest, now()), now());
    latest := coalesce(latest, earliest + interval '14 days');
    return query
    with people as (
        select
            t.id, t.display_name, t.time_zone, o as slot, (
                select coalesce(sum(extract(epoch from upper(r.during) - lower(r.during)) / 60), 0)::integer
                from public.reservations as r
                where
                    r.claimant_id = t.id and r.released_at is null and r.kind = 'booked'
                    and (lower(r.during) at time zone t.time_zone)::date
                    = (coalesce(o.starts_at, earliest) at time zone t.time_zone)::date
            ) as booked_minutes, array(
                select v.message from private.unfitness(work, t.id, earliest) as v where o.starts_at is null
            ) as obstacles, private.expected_work(t.org_id, work.service_id, t.id) as expected
        from public.technician_profiles as t
        left join private.best_slots(work, earliest, latest, max_results) as o on t.id = any(o.technician_ids)
        where t.org_id = work.org_id and t.is_active
    )

    select
        p.id, p.display_name, (p.slot).starts_at is not null, (p.slot).score + coalesce(past.points, 0),
        (p.slot).reasons || jsonb_strip_nulls(jsonb_build_object('past_performance', past.points)),
        to_jsonb(p.slot), p.booked_minutes,
        case
            when (p.slot).starts_at is not null then array[
                format('Could start %s.', private.local_time((p.slot).starts_at, p.time_zone)),
                format('Adds %s minutes of driving.', (p.slot).added_travel_minutes),
                format('Has %s minutes booked that day.', p.booked_minutes)
            ] || past.sentences
            when cardinality(p.obstacles) > 0 then p.obstacles
            else array[format('%s has no better time for it in that period.', p.display_name)]
        end
    from people as p
    left join public.performance_estimates as usual
        on usual.org_id = work.org_id and usual.service_id = work.service_id and usual.technician_id is null
    cross join lateral (
        select
            round(20 * ((p.expected).first_time_fix - usual.first_time_fix)::numeric) as points,
            case when (p.expected).visits + (p.expected).first_visits > 0 then array[format(
                'Has done this %s times: usually within %s minutes, and without a second visit %s times in ten.',
                greatest((p.expected).visits, (p.expected).first_visits), (p.expected).p70_minutes,
                round(10 * (p.expected).first_time_fix)
            )] else '{}' end as sentences
    ) as past
    order by (p.slot).score + coalesce(past.points, 0) desc nulls last, cardinality(p.obstacles), p.display_name
    limit max_results;
end;
$$;

comment on function private.suggest_technicians(uuid, timestamptz, timestamptz, integer) is
'Technicians for a job, best first, each with their best slot, the parts of its score and reasons; then those who can''t, and why (OPT-2, OPT-12). Definer: reads every technician''s day. Own check: view_availability.';

grant execute on function private.auto_schedule(uuid, timestamptz, timestamptz, integer, uuid[], text) to authenticated, service_role;
grant execute on function private.suggest_technicians(uuid, timestamptz, timestamptz, integer) to authenticated, service_role;
