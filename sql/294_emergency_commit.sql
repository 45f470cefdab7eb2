-- Putting an emergency option in force: the visits move, the job is booked, all of it or nothing (OPT-7).

create function private.apply_emergency_move(move public.emergency_moves, run uuid, reason text)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
    visit public.appointments;
    placed private.placement;
    promised tstzrange;
    accepted private.conflict[];
begin
    select v.* into visit from public.appointments as v where v.id = move.appointment_id;
    placed := private.place(
        private.work_of_job(visit.dispatch_job_id),
        array_remove(array[move.to_technician_id], null),
        move.to_starts_at, move.to_ends_at, null, visit.id, null, false
    );
    if move.breaks_promise and move.change <> 'unassign' then
        accepted := array(
            select c from unnest(private.conflicts_of_move(placed, visit)) as c
            where c.code in ('customer_window', 'notice_too_short', 'reschedule_limit')
        );
        perform private.record_override(visit.id, visit.org_id, jsonb_build_object(
            'reason', reason, 'codes', '["customer_window", "notice_too_short", "reschedule_limit"]'::jsonb
        ), accepted);
        select private.arrival_window(move.to_starts_at, o.arrival_window_minutes, o.time_zone) into promised
        from public.orgs as o where o.id = visit.org_id;
    end if;
    insert into public.appointment_reschedules (
        org_id, appointment_id, from_starts_at, from_ends_at, from_technician_ids, to_starts_at, to_ends_at,
        to_technician_ids, reason, notes, rescheduled_by_user_id, optimization_run_id
    )
    values (
        visit.org_id, visit.id, visit.starts_at, visit.ends_at, array[move.from_technician_id], move.to_starts_at,
        move.to_ends_at, placed.technician_ids, 'emergency', reason, auth.uid(), run
    );
    perform private.move_visit(
        visit.id, placed, coalesce(lower(promised), visit.arrival_window_start),
        coalesce(upper(promised), visit.arrival_window_end), run
    );
end;
$$;

comment on function private.apply_emergency_move(public.emergency_moves, uuid, text) is
'Moves one visit for an emergency, with its history, the override when a promise is broken, and by triggers the notices and events (BKG-9).';

create function private.emergency_obstacles(option public.emergency_options, work private.work)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
begin
    return (
        select coalesce(jsonb_agg(jsonb_build_object(
            'code', obstacle.code, 'severity', 'hard', 'message', obstacle.message, 'job_id', obstacle.job_id
        )), '[]')
        from (
            select 'job_changed' as code, 'The job has been changed or booked since.' as message, j.id as job_id
            from public.dispatch_jobs as j
            where j.id = work.job_id and (j.version <> option.job_version or work.inactive_because is not null)
            union all
            select 'not_reschedulable', format('Visit %s has changed since, or may not be moved any more.', v.number), j.id
            from public.emergency_moves as m
            inner join public.appointments as v on m.appointment_id = v.id
            inner join public.dispatch_jobs as j on v.dispatch_job_id = j.id
            inner join public.dispatch_jobs as own on own.id = work.job_id
            where
                m.emergency_option_id = option.id and (
                    v.version <> m.appointment_version or j.priority >= own.priority
                    or not exists (
                        select from public.job_assignments as a
                        where
                            a.appointment_id = v.id and a.technician_id = m.from_technician_id
                            and private.emergency_movable(a)
                    )
                )
            union all
            select 'over', 'This option is no longer fresh: the technician should have left by now.', work.job_id
            where option.expires_at < now() or option.starts_at <= now()
        ) as obstacle
    );
end;
$$;

comment on function private.emergency_obstacles(public.emergency_options, private.work) is
'What has changed since an option was made, so that it may not be committed.';

create function private.put_emergency_in_force(option public.emergency_options, work private.work)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
declare
    conflicts jsonb := private.emergency_obstacles(option, work);
    reason constant text := format('Emergency: %s', (select j.number from public.dispatch_jobs as j where j.id = work.job_id));
    accepted constant text[] := case when option.sla_kept then '{}' else '{sla_missed}' end::text[];
    placed private.placement;
    promised tstzrange;
    appointment uuid;
    move public.emergency_moves;
begin
    if conflicts <> '[]' then
        return jsonb_build_object('conflicts', conflicts);
    end if;
    -- Everything that moves lets go first: one visit may take the time of another.
    update public.reservations as r set released_at = now(), updated_at = now()
    from public.emergency_moves as m
    where m.emergency_option_id = option.id and r.appointment_id = m.appointment_id and r.released_at is null;
    for move in select m.* from public.emergency_moves as m where m.emergency_option_id = option.id order by m.position
    loop
        perform private.apply_emergency_move(move, option.optimization_run_id, reason);
    end loop;
    placed := private.place(work, array[option.technician_id], option.starts_at, option.ends_at, null, null, null);
    promised := private.promised_window((select j from public.dispatch_jobs as j where j.id = work.job_id), option.starts_at);
    appointment := private.insert_visit(
        placed, lower(promised), upper(promised), jsonb_build_object('reason', reason, 'codes', to_jsonb(accepted)),
        private.conflicts_of(placed), option.optimization_run_id
    );
    placed.appointment_id := appointment;
    conflicts := private.blocking_codes(placed, accepted)
        || private.too_far_away(work, option.technician_id, option.starts_at, interval '5 minutes');
    for move in
        select m.* from public.emergency_moves as m
        where m.emergency_option_id = option.id and m.change <> 'unassign' order by m.position
    loop
        conflicts := conflicts || private.blocking_codes(private.place(
            private.work_of_job(move.dispatch_job_id), array[move.to_technician_id], move.to_starts_at, move.to_ends_at, null,
            move.appointment_id, null
        ), case when move.breaks_promise then '{customer_window}' else '{}' end::text[]);
    end loop;
    return jsonb_build_object('conflicts', conflicts, 'appointment_id', appointment);
exception when exclusion_violation then
    return jsonb_build_object('conflicts', private.overlap_in_plan());
end;
$$;

comment on function private.put_emergency_in_force(public.emergency_options, private.work) is
'Moves the visits, books the job, and has the judge look at all of it where it now stands. The caller undoes it when there are conflicts.';

create function private.require_for_emergency(option public.emergency_options, work private.work)
returns void
language plpgsql
stable
set search_path = ''
as $$
begin
    perform private.require('create_appointment', work.org_id, work.facility_id);
    if exists (
        select from public.emergency_moves as m
        inner join public.appointments as v on m.appointment_id = v.id
        where m.emergency_option_id = option.id and not private.may('optimize_schedule', v.org_id, v.facility_id)
    ) then
        perform private.require('optimize_schedule', work.org_id);
    end if;
    if not option.sla_kept then
        perform private.require('override_scheduling_conflict', work.org_id, work.facility_id);
    end if;
    if exists (
        select from public.emergency_moves as m
        inner join public.appointments as v on m.appointment_id = v.id
        where
            m.emergency_option_id = option.id and m.breaks_promise and not case
                when m.change = 'unassign' then private.may('assign_technician', v.org_id, v.facility_id)
                -- What the judge has against the new place is told apart, as a conflict.
                else not exists (
                    select from unnest(private.conflicts_of_move(private.place(
                        private.work_of_job(v.dispatch_job_id), array[m.to_technician_id], m.to_starts_at, m.to_ends_at,
                        null, v.id, null
                    ), v)) as c
                    where
                        c.code in ('customer_window', 'notice_too_short', 'reschedule_limit') and not private.may(
                            coalesce(c.data ->> 'needs', 'override_scheduling_conflict')::public.permission, v.org_id,
                            v.facility_id
                        )
                )
            end
    ) then
        raise exception using errcode = '42501', message = 'permission_missing',
            detail = 'This option breaks promises that you may not break.',
            hint = 'Choose another option, or ask somebody who may approve it.';
    end if;
end;
$$;

comment on function private.require_for_emergency(public.emergency_options, private.work) is
'Refuses with 42501 unless the caller may book, plan for every visit that moves, and break the promises an option breaks.';

create function private.recall_emergency(job uuid, payload jsonb, idempotency_key text)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    work constant private.work := private.emergency_work(job);
begin
    return private.recall(work.org_id, idempotency_key, 'insert_emergency', payload || jsonb_build_object('job_id', job));
end;
$$;

comment on function private.recall_emergency(uuid, jsonb, text) is
'The stored answer to a commit repeated with its key. Definer: keys are nobody''s to read. Own check: optimize_schedule.';

create function private.commit_emergency(job uuid, option_id uuid, idempotency_key text)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set jit = 'off'
as $$
declare
    work private.work := private.emergency_work(job);
    option public.emergency_options;
    run public.optimization_runs;
    told jsonb;
    done jsonb;
begin
    select o.* into option from public.emergency_options as o
    inner join public.optimization_runs as r on o.optimization_run_id = r.id
    where o.id = option_id and r.dispatch_job_id = job;
    if option.id is null then
        perform private.fail(
            404, 'option_not_found', 'This job has no such option.', 'Take the id from an answer in mode propose.'
        );
    end if;
    perform private.require_for_emergency(option, work);
    select r.* into run from public.optimization_runs as r where r.id = option.optimization_run_id for update;
    if run.status <> 'proposed' then
        perform private.fail(
            409, 'emergency_option_gone', jsonb_build_object('conflicts', jsonb_build_array(jsonb_build_object(
                'code', 'over', 'severity', 'hard', 'message', format('These options are %s already.', run.status)
            )))::text, 'Ask for options again.'
        );
    end if;
    perform private.lock_jobs(array(
        select job union select m.dispatch_job_id from public.emergency_moves as m where m.emergency_option_id = option_id
    ));
    perform private.lock_claimants(array(
        select option.technician_id
        union
        select unnest(array[m.from_technician_id, m.to_technician_id])
        from public.emergency_moves as m where m.emergency_option_id = option_id
    ));
    -- Read again: whoever held the locks before may have changed it.
    work := private.work_of_job(job);
    told := private.emergency_option_document(option_id);
    perform set_config('truckroll.reason', format('optimization run %s', run.id), true);
    done := private.put_emergency_in_force(option, work);
    if done -> 'conflicts' <> '[]' then
        perform private.fail(
            409, 'emergency_option_gone', jsonb_build_object('conflicts', done -> 'conflicts')::text,
            'Nothing was changed. Ask for options again.'
        );
    end if;
    update public.optimization_runs as r
    set status = 'applied', applied_at = now(), mode = 'commit' where r.id = run.id;
    update public.emergency_options as o set committed_at = now() where o.id = option_id;
    perform private.raise_event(run.org_id, 'plan.applied', 'optimization_run', run.id, jsonb_build_object(
        'run_id', run.id, 'status', 'applied', 'booked', 1, 'moved', jsonb_array_length(told -> 'moves'),
        'starts_on', run.starts_on, 'days', run.days
    ));
    return private.remember(run.org_id, idempotency_key, jsonb_build_object(
        'run_id', run.id, 'option', told,
        'appointment', private.appointment_document((done ->> 'appointment_id')::uuid)
    ));
end;
$$;

comment on function private.commit_emergency(uuid, uuid, text) is
'Books an option and moves what it moves, all of it or nothing; 409 emergency_option_gone with the conflicts when the world has changed. Definer: visits and the ledger are written by RPCs only. Own check: optimize_schedule, create_appointment, and the approvals that broken promises need.';

grant execute on function private.recall_emergency(uuid, jsonb, text) to authenticated, service_role;
grant execute on function private.commit_emergency(uuid, uuid, text) to authenticated, service_role;
