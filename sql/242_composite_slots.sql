create function private.segment_list(segments private.segment[])
returns jsonb
language sql
immutable
set search_path = ''
return (
    select jsonb_agg(jsonb_build_object(
        'position', s.position, 'name', format('%s of %s: %s', s.turn, cardinality(segments), s.name),
        'technician_id', s.technician_id, 'starts_at', s.starts_at, 'ends_at', s.ends_at,
        'pause_after_minutes', s.pause_after_minutes, 'pause_policy', s.pause_policy
    ) order by s.turn)
    from unnest(segments) with ordinality as s (
        "position", name, technician_id, starts_at, ends_at, pause_after_minutes, pause_policy, booked, pause_blocked, turn
    )
);

comment on function private.segment_list(private.segment[]) is 'Segments as clients see them, named "1 of 3: …".';

create function private.segment_ranges(
    work private.work, earliest timestamptz, latest timestamptz, only_ids uuid[],
    latitude double precision, longitude double precision
)
returns table (
    turn integer, technician_id uuid, first_start timestamptz, last_start timestamptz, travel_before_s integer,
    travel_after_s integer, added_travel_s integer
)
language plpgsql
stable
set search_path = ''
as $$
#variable_conflict use_column
declare
    -- Whoever does everything blocks every blocked pause; the judge settles the rest.
    model constant private.segment[] := private.segments_of(work, '{}', earliest);
    parts constant private.work_part[] := array(
        select row(
            extract(epoch from m.starts_at - earliest) / 60, extract(epoch from m.ends_at - m.starts_at) / 60,
            case when m.turn = 1 then work.buffer_before_minutes else 0 end,
            case when m.turn = cardinality(model) then work.buffer_after_minutes else 0 end
            + case when m.pause_policy = 'free' then 0 else m.pause_after_minutes end
        )::private.work_part
        from unnest(model) with ordinality as m (
            position, name, technician_id, starts_at, ends_at, pause_after_minutes, pause_policy, booked, pause_blocked, turn
        )
        order by m.turn
    );
begin
    work.crew_size := 1;
    work.sla_start_at := null;
    work.sla_end_at := null;
    return query
    select r.turn, r.technician_id, r.first_start, r.last_start, r.travel_before_s, r.travel_after_s, r.added_travel_s
    from private.start_ranges(
        work, array(select q.technician_id from private.qualified_technicians(work, only_ids, earliest) as q),
        earliest, latest, null, latitude, longitude, parts
    ) as r;
end;
$$;

comment on function private.segment_ranges(
    private.work, timestamptz, timestamptz, uuid[], double precision, double precision
) is
'For each segment of composite work, when each technician could do it, told as starts of the whole visit.';

create function private.composite_candidates(
    work private.work, earliest timestamptz, latest timestamptz, only_ids uuid[],
    latitude double precision, longitude double precision
)
returns table (
    technician_ids uuid[], starts_at timestamptz, travel_before_s integer, travel_after_s integer,
    added_travel_s integer, score double precision, soon double precision, travel double precision, skill_fit integer,
    preferred_technician integer, knows_customer integer
)
language plpgsql
stable
set search_path = ''
as $$
#variable_conflict use_column
declare
    org public.orgs;
    parts integer;
begin
    select o.* into org from public.orgs as o where o.id = work.org_id;
    select count(*) into parts from public.service_segments as s where s.service_id = work.service_id;
    return query
    with ranges as materialized (
        select * from private.segment_ranges(work, earliest, latest, only_ids, latitude, longitude)
    ),

    starts as (
        select distinct start.at
        from ranges as r
        cross join lateral (
            select private.align_to_grid(r.first_start, org.slot_grid_minutes, org.time_zone) as at
            union all
            select mark.at
            from generate_series(
                private.align_to_grid(r.first_start, 120, org.time_zone), r.last_start, interval '2 hours'
            ) as mark (at)
            where r.turn = 1
        ) as start
        where start.at <= r.last_start and start.at >= earliest
    ),

    -- Day by day: every start against every range of two weeks would be millions.
    able as (
        select s.at, r.turn, r.technician_id, r.travel_before_s, r.travel_after_s, r.added_travel_s
        from (select s.at, floor(date_part('epoch', s.at) / 86400)::integer as day from starts as s) as s
        inner join (
            select r.*, d.day
            from ranges as r
            cross join lateral generate_series(
                floor(date_part('epoch', r.first_start) / 86400)::integer,
                floor(date_part('epoch', r.last_start) / 86400)::integer
            ) as d (day)
        ) as r on s.day = r.day and s.at between r.first_start and r.last_start
    ),

    -- One person for everything where there is one; otherwise the nearest for each segment.
    alone as (
        select
            a.at, array[a.technician_id] as technician_ids, max(a.travel_before_s) as before_s, max(a.travel_after_s) as after_s,
            max(a.added_travel_s) as added_s, 5 as bonus
        from able as a
        group by a.at, a.technician_id
        having count(distinct a.turn) = parts
    ),

    shared as (
        select
            n.at, array_agg(n.technician_id order by n.turn) as technician_ids, max(n.travel_before_s) as before_s,
            max(n.travel_after_s) as after_s, sum(n.added_travel_s)::integer as added_s, 0 as bonus
        from (
            select distinct on (a.at, a.turn) a.at, a.turn, a.technician_id, a.travel_before_s, a.travel_after_s, a.added_travel_s
            from able as a
            order by a.at, a.turn, a.added_travel_s, a.technician_id
        ) as n
        group by n.at
        having count(*) = parts and count(distinct n.technician_id) > 1
    ),

    parts_of_score as (
        select
            c.*,
            50 * (1 - date_part('epoch', c.at - earliest) / greatest(1, date_part('epoch', latest - earliest))) as soon,
            30 * exp(-greatest(0, c.added_s) / 1800.0::double precision) as travel,
            case when work.preferred_technician_id = any(c.technician_ids) then 10 else 0 end as preferred
        from (select * from alone union all select * from shared) as c
    )

    select
        p.technician_ids, p.at, p.before_s, p.after_s, p.added_s, p.soon + p.travel + p.bonus + p.preferred, p.soon, p.travel,
        p.bonus, p.preferred, 0
    from parts_of_score as p
    order by
        row_number() over (partition by p.at order by p.soon + p.travel + p.bonus + p.preferred desc) > 1,
        p.soon + p.travel + p.bonus + p.preferred desc, p.at, p.technician_ids;
end;
$$;

comment on function private.composite_candidates(
    private.work, timestamptz, timestamptz, uuid[], double precision, double precision
) is
'Placements of composite work worth judging, best first: one technician for all segments, or one for each.';
