create function private.align_to_grid(instant timestamptz, minutes integer, time_zone text)
returns timestamptz
language sql
stable
parallel safe
return date_bin(
    make_interval(mins => minutes), instant + make_interval(mins => minutes) - interval '1 microsecond',
    timestamp '2000-01-01' at time zone time_zone
);

comment on function private.align_to_grid(timestamptz, integer, text) is 'The next time on a grid counted from local midnight.';

create function private.arrival_window(starts_at timestamptz, minutes integer, time_zone text)
returns tstzrange
language plpgsql
stable
parallel safe
set search_path = ''
as $$
declare
    opening constant timestamptz := case
        when minutes < 60 then starts_at
        else date_trunc('hour', starts_at at time zone time_zone) at time zone time_zone
    end;
begin
    return tstzrange(opening, opening + make_interval(mins => minutes), '[]');
end;
$$;

comment on function private.arrival_window(timestamptz, integer, text) is
'The window promised for a start: from the full hour, or from the start itself when the org promises less than an hour.';

create function private.qualified_technicians(work private.work, only_ids uuid[], earliest timestamptz)
returns table (technician_id uuid, skills_met integer, spare_level integer)
language plpgsql
stable
set search_path = ''
as $$
#variable_conflict use_column
begin
    return query
    with wanted as (
        select s.key as code, s.value::smallint as minimum_level from jsonb_each_text(work.required_skills) as s
    ),

    fit as (
        select
            t.id,
            count(k.id)::integer as skills_met,
            coalesce(sum(k.level - w.minimum_level), 0)::integer as spare_level
        from public.technician_profiles as t
        left join wanted as w on true
        left join public.technician_skills as k
            on
                k.org_id = t.org_id and k.technician_id = t.id and k.skill_code = w.code
                and k.level >= w.minimum_level
                and coalesce(k.certified_until >= (earliest at time zone t.time_zone)::date, true)
        where
            t.org_id = work.org_id and t.is_active
            and (only_ids is null or t.id = any(only_ids))
        group by t.id
    )

    select f.id, f.skills_met, f.spare_level
    from fit as f
    cross join (select count(*) as skills from wanted) as need
    inner join public.orgs as o on o.id = work.org_id
    where
        -- A crew covers the skills together, so each member needs one of them only.
        case when work.crew_size = 1 then f.skills_met = need.skills else f.skills_met > 0 or need.skills = 0 end
        and (
            o.out_of_zone_is_soft or work.location_id is null or work.place_kind = 'bay'
            or exists (select from private.works_in_zone(f.id, work.zone_id))
        );
end;
$$;

comment on function private.qualified_technicians(private.work, uuid[], timestamptz) is
'Technicians worth asking for this work: skills and zone. The judge has the last word.';

-- A stretch of work that somebody does without a break, and how long after the start of the whole it begins.
create type private.work_part as (
    lead_minutes integer, minutes integer, buffer_before_minutes integer, buffer_after_minutes integer
);

create function private.start_ranges(
    work private.work, technician_ids uuid[], earliest timestamptz, latest timestamptz, minutes integer,
    latitude double precision, longitude double precision, parts private.work_part[] default null
)
returns table (
    technician_id uuid, first_start timestamptz, last_start timestamptz,
    travel_before_s integer, travel_after_s integer, added_travel_s integer, own_minutes integer, turn integer
)
language plpgsql
stable
set search_path = ''
as $$
#variable_conflict use_column
declare
    whole constant private.work_part[] := coalesce(parts, array[
        row(0, minutes, work.buffer_before_minutes, work.buffer_after_minutes)::private.work_part
    ]);
begin
    return query
    with length as materialized (
        select
            t.id, part.turn::integer as turn, own.minutes as own_minutes,
            make_interval(mins => part.lead_minutes) as lead_time, make_interval(mins => own.minutes) as visit,
            make_interval(mins => part.buffer_before_minutes) as before,
            make_interval(mins => part.buffer_after_minutes) as after
        from public.technician_profiles as t
        cross join unnest(whole) with ordinality as part (
            lead_minutes, minutes, buffer_before_minutes, buffer_after_minutes, turn
        )
        cross join lateral (
            select case when work.own_pace then private.paced(part.minutes, t.duration_factor) else part.minutes end as minutes
        ) as own
        where t.org_id = work.org_id and t.id = any(technician_ids)
    ),

    away as materialized (
        select u.technician_id, range_agg(u.during) as during
        from private.unavailable_time(
            work.org_id, technician_ids, tstzrange(earliest - interval '1 day', latest + interval '1 day')
        ) as u
        group by u.technician_id
    ),

    gaps as (
        select
            n.*, g.travel_before_s, g.travel_after_s, g.added_travel_s,
            tstzmultirange(tstzrange(
                lower(g.gap) + make_interval(secs => g.travel_before_s),
                upper(g.gap) - make_interval(secs => g.travel_after_s)
            )) as free
        from private.route_gaps(
            work.org_id, technician_ids, tstzrange(
                earliest - make_interval(mins => work.buffer_before_minutes),
                latest + make_interval(mins => work.buffer_after_minutes)
            ), latitude, longitude, work.moved_appointment_id
        ) as g
        inner join length as n on g.technician_id = n.id
        where
            upper(g.gap) - lower(g.gap)
            >= n.before + n.visit + n.after + make_interval(secs => g.travel_before_s + g.travel_after_s)
            and coalesce(
                g.day_work_s + g.added_travel_s + extract(epoch from n.before + n.visit + n.after) <= g.day_limit_s, true
            )
    ),

    windows as (
        select w.window_start, w.window_end from private.time_windows(work.job_id) as w
        union all
        select '-infinity'::timestamptz, 'infinity'::timestamptz
        where not exists (select from private.time_windows(work.job_id))
    ),

    ranges as (
        select
            g.id, g.turn, g.travel_before_s, g.travel_after_s, g.added_travel_s, g.own_minutes,
            greatest(
                lower(piece.free) + g.before - g.lead_time, earliest, w.window_start, work.sla_start_at
            ) as first_start,
            least(
                upper(piece.free) - g.after - g.visit - g.lead_time, latest - g.visit - g.lead_time, w.window_end,
                work.sla_end_at - g.visit - g.lead_time
            ) as last_start
        from gaps as g
        left join away as a on g.id = a.technician_id
        cross join lateral unnest(g.free - coalesce(a.during, '{}')) as piece (free)
        cross join windows as w
    )

    select
        r.id, r.first_start, r.last_start, r.travel_before_s, r.travel_after_s, r.added_travel_s, r.own_minutes, r.turn
    from ranges as r
    where r.first_start <= r.last_start;
end;
$$;

comment on function private.start_ranges(
    private.work, uuid[], timestamptz, timestamptz, integer, double precision, double precision, private.work_part[]
) is
'When each technician could start the work, or do each of its parts, told as starts of the whole: closed ranges between their other visits, driving included; and how long each takes.';

-- The row find_slots answers with.
create type public.slot as (
    technician_ids uuid[],
    resource_id uuid,
    starts_at timestamptz,
    ends_at timestamptz,
    arrival_window_start timestamptz,
    arrival_window_end timestamptz,
    travel_minutes_before integer,
    travel_minutes_after integer,
    added_travel_minutes integer,
    score numeric,
    reasons jsonb,
    segments jsonb
);

create function private.slot_candidates(
    work private.work, earliest timestamptz, latest timestamptz, minutes integer, only_ids uuid[],
    latitude double precision, longitude double precision
)
returns table (
    technician_ids uuid[], starts_at timestamptz, travel_before_s integer, travel_after_s integer,
    added_travel_s integer, score double precision, soon double precision, travel double precision, skill_fit integer,
    preferred_technician integer, knows_customer integer, own_minutes integer
)
language plpgsql
stable
set search_path = ''
as $$
#variable_conflict use_column
begin
    return query
    with qualified as materialized (
        select * from private.qualified_technicians(work, only_ids, earliest)
    ),

    ranges as materialized (
        select r.*, q.skills_met, q.spare_level
        from private.start_ranges(
            work, array(select technician_id from qualified), earliest, latest, minutes, latitude, longitude
        ) as r
        inner join qualified as q on r.technician_id = q.technician_id
    ),

    -- Of each range the first start on the grid, and one in every two hours after it; every one where few fit.
    starts as (
        select
            start.at as starts_at, r.technician_id, r.travel_before_s, r.travel_after_s, r.added_travel_s, r.spare_level,
            r.own_minutes
        from ranges as r
        cross join public.orgs as o
        cross join lateral (
            select case
                when latest - earliest <= make_interval(mins => minutes + 240) then o.slot_grid_minutes else 120
            end as minutes
        ) as pace
        cross join lateral (
            select private.align_to_grid(r.first_start, o.slot_grid_minutes, o.time_zone) as at
            union
            select mark.at
            from generate_series(
                private.align_to_grid(r.first_start, pace.minutes, o.time_zone), r.last_start,
                make_interval(mins => pace.minutes)
            ) as mark (at)
        ) as start
        where o.id = work.org_id and start.at <= r.last_start
    ),

    -- The members of a crew are those who can start at the same time, most skilled and nearest first.
    members as (
        select
            s.starts_at, r.technician_id, r.travel_before_s, r.travel_after_s, r.added_travel_s, r.spare_level,
            row_number() over (
                partition by s.starts_at
                order by r.skills_met desc, r.added_travel_s, r.technician_id
            ) as turn
        from (select distinct e.starts_at from starts as e where work.crew_size > 1) as s
        inner join ranges as r on s.starts_at between r.first_start and r.last_start
    ),

    crews as (
        select
            s.starts_at, array[s.technician_id] as technician_ids, s.travel_before_s, s.travel_after_s,
            s.added_travel_s, s.spare_level, s.own_minutes
        from starts as s
        where work.crew_size = 1
        union all
        select
            m.starts_at, array_agg(m.technician_id order by m.turn), max(m.travel_before_s), max(m.travel_after_s),
            sum(m.added_travel_s)::integer, sum(m.spare_level)::integer, minutes
        from members as m
        where m.turn <= work.crew_size
        group by m.starts_at
        having count(*) = work.crew_size
    ),

    parts as (
        select
            c.*,
            50 * (1 - date_part('epoch', c.starts_at - earliest) / greatest(1, date_part('epoch', latest - earliest))) as soon,
            30 * exp(-greatest(0, c.added_travel_s) / 1800.0::double precision) as travel,
            least(5, c.spare_level) as fit,
            case when work.preferred_technician_id = any(c.technician_ids) then 10 else 0 end as preferred,
            case when known.technician_id = any(c.technician_ids) then 5 else 0 end as known
        from crews as c
        left join (
            select a.technician_id
            from public.dispatch_jobs as j
            inner join public.job_assignments as a on j.org_id = a.org_id and j.id = a.dispatch_job_id
            where j.org_id = work.org_id and j.customer_id = work.customer_id and a.status = 'completed'
            order by a.scheduled_start_at desc
            limit 1
        ) as known on true
    ),

    scored as (
        select p.*, p.soon + p.travel + p.fit + p.preferred + p.known as score from parts as p
    )

    select
        s.technician_ids, s.starts_at, s.travel_before_s, s.travel_after_s, s.added_travel_s,
        s.score, s.soon, s.travel, s.fit, s.preferred, s.known, s.own_minutes
    from scored as s
    order by
        row_number() over (partition by s.starts_at order by s.score desc) > 1,
        s.score desc, s.starts_at, s.technician_ids;
end;
$$;

comment on function private.slot_candidates(
    private.work, timestamptz, timestamptz, integer, uuid[], double precision, double precision
) is
'Placements worth judging, best first: different start times before other technicians at the same time. Score: up to 50 for soon, 30 for little added driving, 5 for skill, 10 for the preferred technician, 5 for one who served the customer before.';
