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
as $$
declare
    work constant private.work := private.work_of_job(job);
    known jsonb;
    slot public.slot;
    booked jsonb;
    answer jsonb;
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
        select s.* from private.find_slots(
            job, null, null, earliest, latest, duration_minutes, auto_schedule.technician_ids, null, 5
        ) as s
    loop
        begin
            booked := private.book_appointment(
                job, slot.technician_ids, slot.starts_at, slot.ends_at, slot.resource_id,
                slot.arrival_window_start, slot.arrival_window_end, null, null, null
            );
        exception when sqlstate 'PT409' then
            -- Somebody was quicker; the next one may do.
            continue;
        end;
        answer := jsonb_build_object(
            'run_id', private.record_auto_schedule(job, (booked ->> 'id')::uuid), 'slot', to_jsonb(slot),
            'appointment', private.appointment_document((booked ->> 'id')::uuid)
        );
        return private.remember(work.org_id, idempotency_key, answer);
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

create function private.suggest_technicians(
    job uuid, earliest timestamptz, latest timestamptz, max_results integer
)
returns table (
    technician_id uuid, technician_name text, can_do boolean, score numeric, parts jsonb, slot jsonb,
    booked_minutes integer, reasons text[]
)
language sql
stable
security definer
set search_path = ''
as $$
    with work as materialized (
        select private.work_of_job(job) as work
    ),

    offers as materialized (
        select distinct on (s.technician_ids[1]) s.technician_ids[1] as technician_id, s as slot
        from private.find_slots(job, null, null, earliest, latest, null, null, null, 40) as s
        order by s.technician_ids[1], s.score desc, s.starts_at
    ),

    people as (
        select
            t.id, t.display_name, t.time_zone, o.slot, (
                select coalesce(sum(extract(epoch from upper(r.during) - lower(r.during)) / 60), 0)::integer
                from public.reservations as r
                where
                    r.claimant_id = t.id and r.released_at is null and r.kind = 'booked'
                    and (lower(r.during) at time zone t.time_zone)::date
                        = (coalesce((o.slot).starts_at, earliest, now()) at time zone t.time_zone)::date
            ) as booked_minutes, array(
                select v.message
                from work as w
                cross join lateral (
                    select private.place(
                        w.work, array[t.id], coalesce(earliest, now()), null, null, null, null
                    ) as placement
                ) as p
                cross join lateral (
                    select * from private.violations_of_skills(p.placement)
                    union all
                    select * from private.violations_of_zone(p.placement)
                ) as v
                where o.slot is null
            ) as obstacles
        from work as w
        inner join public.technician_profiles as t on t.org_id = (w.work).org_id and t.is_active
        left join offers as o on t.id = o.technician_id
    )

    select
        p.id, p.display_name, p.slot is not null, (p.slot).score, (p.slot).reasons, to_jsonb(p.slot), p.booked_minutes,
        case
            when p.slot is not null then array[
                format('Could start %s.', private.local_time((p.slot).starts_at, p.time_zone)),
                format('Adds %s minutes of driving.', (p.slot).added_travel_minutes),
                format('Has %s minutes booked that day.', p.booked_minutes)
            ]
            when cardinality(p.obstacles) > 0 then p.obstacles
            else array[format('%s has no time for it in that period.', p.display_name)]
        end
    from people as p
    order by (p.slot).score desc nulls last, cardinality(p.obstacles), p.display_name
    limit max_results;
$$;

comment on function private.suggest_technicians(uuid, timestamptz, timestamptz, integer) is
'Technicians for a job, best first, each with its earliest good slot, the parts of its score and reasons; then those who can''t, and why (OPT-2, OPT-12). Definer: reads every technician''s day; find_slots checks the caller''s permission first.';

grant execute on function private.auto_schedule(uuid, timestamptz, timestamptz, integer, uuid[], text) to authenticated, service_role;
grant execute on function private.suggest_technicians(uuid, timestamptz, timestamptz, integer) to authenticated, service_role;
