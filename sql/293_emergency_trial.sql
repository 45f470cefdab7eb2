-- An emergency option is judged before anybody sees it: its moves are made under holds, looked at, and undone (OPT-7).

create function private.blocking_codes(p private.placement, accepted text[])
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
    return (
        select coalesce(jsonb_agg(jsonb_build_object(
            'code', c.code, 'severity', c.severity, 'message', c.message, 'job_id', (p.work).job_id, 'data', c.data
        )), '[]')
        from private.judge(p) as c
        where c.severity = 'hard' or (c.severity = 'hard_overridable' and c.code <> all (accepted))
    );
end;
$$;

comment on function private.blocking_codes(private.placement, text[]) is
'What the judge has against a placement, warnings and accepted codes aside.';

create function private.too_far_away(work private.work, technician uuid, starts_at timestamptz, tolerance interval)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    begins constant timestamptz := starts_at - make_interval(mins => work.buffer_before_minutes);
    needed integer;
    here record;
begin
    -- Whoever has something to do before it comes from there; the judge knows that way.
    if exists (
        select from public.reservations as r
        where
            r.claimant_id = technician and r.released_at is null and upper(r.during) > now() and lower(r.during) < begins
            and r.hold_token is distinct from work.job_id
            and not (r.kind = 'held' and r.hold_expires_at <= now())
    ) then
        return '[]';
    end if;
    select n.* into here from private.technicians_now(work.org_id, array[technician]) as n;
    if here.technician_id is null or here.source = 'last_planned_visit' then
        return '[]';
    end if;
    needed := private.driven_s(
        private.way_s(work.org_id, here.latitude, here.longitude, work.latitude, work.longitude),
        (select t.travel_speed_factor::float8 from public.technician_profiles as t where t.id = technician)
    );
    if here.ready_at + make_interval(secs => needed) <= begins + tolerance then
        return '[]';
    end if;
    return jsonb_build_array(jsonb_build_object(
        'code', 'travel_before', 'severity', 'hard_overridable', 'job_id', work.job_id,
        'message', format('%s could not be there in time any more.', (
            select t.display_name from public.technician_profiles as t where t.id = technician
        )),
        'data', jsonb_build_object('technician_id', technician, 'travel_minutes', ceil(needed / 60.0))
    ));
end;
$$;

comment on function private.too_far_away(private.work, uuid, timestamptz, interval) is
'travel_before, when the technician cannot get there from where they are now: the one thing the ledger does not know.';

create function private.try_emergency(work private.work, candidate jsonb, budget private.emergency_budget)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
declare
    technician constant uuid := (candidate ->> 'technician_id')::uuid;
    starts_at constant timestamptz := to_timestamp((candidate ->> 'starts_s')::bigint);
    ends_at constant timestamptz := starts_at
        + make_interval(mins => private.own_minutes(work, work.duration_minutes, array[technician]));
    evicted constant uuid[] := array(select e.id::uuid from jsonb_array_elements_text(candidate -> 'evicted') as e (id));
    rest private.emergency_budget := budget;
    used private.emergency_budget;
    moves private.emergency_move[] := '{}';
    move private.emergency_move;
    visit public.appointments;
    sla_kept boolean;
    conflicts jsonb;
begin
    select coalesce(array_agg(row(
        v.id, 'delay', technician, technician, to_timestamp(d.starts_s), to_timestamp(d.starts_s) + (v.ends_at - v.starts_at),
        false, 0
    )::private.emergency_move order by d.starts_s), '{}') into moves
    from jsonb_to_recordset(candidate -> 'delays') as d (appointment_id uuid, starts_s bigint)
    inner join public.appointments as v on d.appointment_id = v.id and v.org_id = work.org_id;

    perform private.lock_claimants(array[technician]);
    delete from public.reservations as r
    where
        r.org_id = work.org_id and r.released_at is null
        and r.appointment_id = any(evicted || array(select m.appointment_id from unnest(moves) as m));
    perform private.hold_visit(
        work, technician, starts_at, ends_at, work.buffer_before_minutes, work.buffer_after_minutes, work.job_id
    );
    foreach move in array moves
    loop
        select v.* into visit from public.appointments as v where v.id = move.appointment_id;
        perform private.hold_visit(
            private.work_of_job(visit.dispatch_job_id), technician, move.to_starts_at, move.to_ends_at,
            visit.buffer_before_minutes, visit.buffer_after_minutes, visit.id
        );
    end loop;

    sla_kept := ends_at <= coalesce(work.sla_end_at, 'infinity') and starts_at >= coalesce(work.sla_start_at, '-infinity');
    conflicts := private.blocking_codes(
        private.place(work, array[technician], starts_at, ends_at, null, null, work.job_id), '{sla_missed}'
    ) || private.too_far_away(work, technician, starts_at, interval '0');
    foreach move in array moves
    loop
        exit when conflicts <> '[]';
        select v.* into visit from public.appointments as v where v.id = move.appointment_id;
        conflicts := conflicts || private.blocking_codes(private.place(
            private.work_of_job(visit.dispatch_job_id), array[technician], move.to_starts_at, move.to_ends_at, null,
            visit.id, visit.id
        ), '{}');
    end loop;

    for visit in
        select v.* from public.appointments as v where v.id = any(evicted) and v.org_id = work.org_id order by v.starts_at
    loop
        exit when conflicts <> '[]';
        used := private.spent(moves);
        rest.promises := budget.promises - used.promises;
        rest.unassigned := budget.unassigned - used.unassigned;
        move := private.new_place(visit, technician, rest);
        if move.appointment_id is null then
            conflicts := conflicts || jsonb_build_object(
                'code', 'no_room_for_others', 'severity', 'hard', 'job_id', visit.dispatch_job_id,
                'message', format('Nobody could take over visit %s within the disruption allowed.', visit.number),
                'data', jsonb_build_object('appointment_id', visit.id)
            );
        else
            moves := moves || move;
        end if;
    end loop;
    used := private.spent(moves);
    if conflicts = '[]' and (
        used.moves > budget.moves or used.minutes > budget.minutes or used.promises > budget.promises
        or used.unassigned > budget.unassigned
    ) then
        conflicts := jsonb_build_array(jsonb_build_object(
            'code', 'over_budget', 'severity', 'hard', 'job_id', work.job_id,
            'message', 'This would disrupt more than is allowed.', 'data', to_jsonb(used)
        ));
    end if;
    return jsonb_build_object('conflicts', conflicts, 'sla_kept', sla_kept, 'moves', to_jsonb(moves));
end;
$$;

comment on function private.try_emergency(private.work, jsonb, private.emergency_budget) is
'Makes the moves of a candidate under holds and judges all of them in that state, finding places for visits that make room. The caller undoes it.';

create function private.trial_of_emergency(work private.work, candidate jsonb, budget private.emergency_budget)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
declare
    found jsonb;
begin
    found := private.try_emergency(work, candidate, budget);
    raise exception using errcode = 'TRNEV', message = 'only tried';
exception
    when sqlstate 'TRNEV' then
        return found;
    when exclusion_violation then
        return jsonb_build_object('conflicts', private.overlap_in_plan());
end;
$$;

comment on function private.trial_of_emergency(private.work, jsonb, private.emergency_budget) is
'What try_emergency finds, with everything undone again.';
