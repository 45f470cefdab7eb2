-- What explanations are made of (OPT-12): who could do a job but for one rule, how much longer shifts could be, what
-- the judge says of a change that was tried, and one job's story out of a run.

create function private.able_but_for(job_ids uuid[], technician_ids uuid[], day timestamptz)
returns table (requirement text, rule text, able uuid[])
language plpgsql
stable
set search_path = ''
as $$
#variable_conflict use_column
declare
    job uuid;
    work private.work;
    lenient private.work;
    rules constant text[] := '{certification_expired,out_of_zone,skill_level,skill_missing}';
    known text[] := '{}';
    rest uuid[];
    found uuid[];
    one text;
begin
    foreach job in array job_ids
    loop
        work := private.work_of_job(job);
        continue when private.requirement(work) = any(known);
        known := known || private.requirement(work);
        rest := array(
            select t.id from unnest(technician_ids) as t (id)
            except
            select q.technician_id from private.qualified_technicians(work, technician_ids, day) as q
            order by 1
        );
        foreach one in array rules
        loop
            -- The rule itself is asked again, of a work that does not fall under it.
            lenient := work;
            if one = 'out_of_zone' then
                lenient.location_id := null;
            elsif one = 'skill_level' then
                lenient.required_skills := coalesce((
                    select jsonb_object_agg(s.key, 1) from jsonb_each(work.required_skills) as s
                ), '{}');
            elsif one = 'skill_missing' then
                lenient.required_skills := '{}';
            end if;
            found := array(
                select q.technician_id
                from private.qualified_technicians(
                    lenient, rest, case when one = 'certification_expired' then '-infinity' else day end
                ) as q
                order by q.technician_id
            );
            rest := array(select t.id from unnest(rest) as t (id) where t.id <> all (found) order by t.id);
            requirement := private.requirement(work);
            rule := one;
            able := found;
            return next;
        end loop;
        requirement := private.requirement(work);
        rule := 'several';
        able := rest;
        return next;
    end loop;
end;
$$;

comment on function private.able_but_for(uuid[], uuid[], timestamptz) is
'For every kind of requirement among the jobs: the technicians kept from it by a single rule, by the rule slot search uses; several means by more than one.';

create function private.shift_margins(
    org uuid, technician_ids uuid[], starts_at timestamptz[], ends_at timestamptz[], most interval
)
returns table (before_s integer, after_s integer)
language sql
stable
set search_path = ''
as $$
    with stretches as materialized (
        select s.technician_id, s.starts_at, s.ends_at, s.turn
        from unnest(technician_ids, starts_at, ends_at) with ordinality as s (technician_id, starts_at, ends_at, turn)
    ),

    horizon as materialized (
        select tstzrange(min(s.starts_at) - most, max(s.ends_at) + most) as period from stretches as s
    ),

    taken as materialized (
        select u.technician_id, u.during
        from horizon as h
        cross join private.unavailable_time(org, technician_ids, h.period) as u
        union all
        select w.technician_id, unnest(w.during)
        from horizon as h
        cross join private.working_time(org, technician_ids, h.period) as w
        union all
        select r.claimant_id, r.during
        from horizon as h
        inner join public.reservations as r
            on r.claimant_id = any(technician_ids) and r.released_at is null and r.during && h.period
    )

    select
        extract(epoch from least(most, s.starts_at - greatest(s.starts_at - most, max(upper(t.during)) filter (
            where upper(t.during) <= s.starts_at or lower(t.during) < s.starts_at
        ))))::integer,
        extract(epoch from least(most, least(s.ends_at + most, min(lower(t.during)) filter (
            where lower(t.during) >= s.ends_at or upper(t.during) > s.ends_at
        )) - s.ends_at))::integer
    from stretches as s
    left join taken as t on s.technician_id = t.technician_id
    group by s.turn, s.starts_at, s.ends_at
    order by s.turn;
$$;

comment on function private.shift_margins(uuid, uuid[], timestamptz[], timestamptz[], interval) is
'How many seconds each working stretch could begin earlier and end later before it met another stretch, time off or a claim; at most so much. In the order asked.';

create function private.rules_against(
    job_ids uuid[], technician_ids uuid[], starts_at timestamptz[], ends_at timestamptz[]
)
returns table (turn integer, codes text[], messages text[], starts_local text)
language sql
stable
security definer
set search_path = ''
as $$
    select
        tried.turn::integer, coalesce(against.codes, '{}'), coalesce(against.messages, '{}'),
        private.local_time(tried.starts_at, t.time_zone)
    from unnest(job_ids, technician_ids, starts_at, ends_at) with ordinality
        as tried (job_id, technician_id, starts_at, ends_at, turn)
    inner join public.technician_profiles as t on tried.technician_id = t.id
    inner join public.orgs as o on t.org_id = o.id
    cross join lateral private.place(
        private.work_of_job(tried.job_id), array[t.id], tried.starts_at, tried.ends_at, null, null, null
    ) as p
    cross join lateral (
        select array_agg(v.code order by v.code) as codes, array_agg(v.message order by v.code) as messages
        from (
            select * from private.violations_of_time(p)
            union all
            select * from private.violations_of_customer(p)
            union all
            select * from private.violations_of_skills(p)
            union all
            select * from private.violations_of_zone(p)
            union all
            select * from private.violations_of_stock(p)
        ) as v
        -- A wish the customer has is no obstacle, a window is one to whoever plans.
        where v.code = 'customer_window' or private.severity(o, v.code, v.data) <> 'soft'
    ) as against
    order by tried.turn;
$$;

comment on function private.rules_against(uuid[], uuid[], timestamptz[], timestamptz[]) is
'What the judge has against a job done by somebody at a time, as far as the rest of the plan has no part in it: SLA, windows, skills, zone, stock. In the order asked, from 1, with the start as a dispatcher would say it. Definer: severities are not exposed; for the worker.';

create function private.explain_job(run uuid, job uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    planned constant public.optimization_runs := private.visible_run(run);
    work constant private.work := private.work_of_job(job);
    story jsonb;
begin
    select jsonb_build_object(
        'outcome', 'placed', 'technician_id', p.technician_id, 'technician', t.display_name,
        'starts_at', s.service_starts_at, 'ends_at', s.planned_departure_at, 'change', s.change
    ) || coalesce(s.explanation, '{}')
    into story
    from public.route_plans as p
    inner join public.route_stops as s on p.org_id = s.org_id and p.id = s.route_plan_id
    inner join public.technician_profiles as t on p.technician_id = t.id
    where p.optimization_run_id = run and s.dispatch_job_id = job
    order by s.service_starts_at
    limit 1;
    if story is null then
        select jsonb_build_object(
            'outcome', 'left_out', 'reason', u.reason, 'sentence', u.explanation
        ) || u.detail
        into story
        from public.unserved_jobs as u where u.optimization_run_id = run and u.dispatch_job_id = job;
    end if;
    if story is null then
        perform private.fail(
            404, 'job_not_in_run', 'This run neither placed that job nor left it out.', 'Take job ids from the run.'
        );
    end if;
    return jsonb_build_object('run_id', run, 'job_id', job) || story || jsonb_build_object(
        'unfit', coalesce((
            select jsonb_agg(jsonb_build_object(
                'technician_id', t.id, 'technician', t.display_name, 'code', v.code, 'sentence', v.message
            ) order by t.display_name, v.code)
            from public.technician_profiles as t
            cross join lateral private.unfitness(
                work, t.id, private.local_instant(planned.starts_on + time '12:00', t.time_zone)
            ) as v
            where
                t.org_id = planned.org_id and t.is_active
                and (planned.technician_ids is null or t.id = any(planned.technician_ids))
        ), '[]')
    );
end;
$$;

comment on function private.explain_job(uuid, uuid) is
'Why a run put a job where it did, with the next best places, or why it left the job out and what would serve it; and who may not do it at all, by the judge as it is now (OPT-12). Definer: reads every technician''s skills. visible_run checks who asks.';

grant execute on function private.able_but_for(uuid[], uuid[], timestamptz) to service_role;
grant execute on function private.shift_margins(uuid, uuid[], timestamptz[], timestamptz[], interval) to service_role;
grant execute on function private.rules_against(uuid[], uuid[], timestamptz[], timestamptz[]) to service_role;
grant execute on function private.local_time(timestamptz, text) to service_role;
grant execute on function private.unavailable_time(uuid, uuid[], tstzrange) to service_role;
grant execute on function private.working_time(uuid, uuid[], tstzrange) to service_role;
grant execute on function private.explain_job(uuid, uuid) to authenticated, service_role;
