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
            or private.works_in_zone(f.id, work.zone_id)
        );
end;
$$;

comment on function private.qualified_technicians(private.work, uuid[], timestamptz) is
'Technicians worth asking for this work: skills and zone. The judge has the last word.';

create function private.start_ranges(
    work private.work, technician_ids uuid[], earliest timestamptz, latest timestamptz, minutes integer,
    latitude double precision, longitude double precision
)
returns table (
    technician_id uuid, first_start timestamptz, last_start timestamptz,
    travel_before_s integer, travel_after_s integer, added_travel_s integer
)
language plpgsql
stable
set search_path = ''
as $$
#variable_conflict use_column
begin
    return query
    with length as (
        select
            make_interval(mins => minutes) as visit,
            make_interval(mins => work.buffer_before_minutes) as before,
            make_interval(mins => work.buffer_after_minutes) as after
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
            g.technician_id, g.travel_before_s, g.travel_after_s, g.added_travel_s,
            lower(g.gap) + make_interval(secs => g.travel_before_s) as free_from,
            upper(g.gap) - make_interval(secs => g.travel_after_s) as free_until
        from length as n
        cross join private.route_gaps(
            work.org_id, technician_ids, tstzrange(earliest - n.before, latest + n.after), latitude, longitude,
            work.moved_appointment_id
        ) as g
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
            g.technician_id, g.travel_before_s, g.travel_after_s, g.added_travel_s,
            greatest(lower(piece.free) + n.before, earliest, w.window_start, work.sla_start_at) as first_start,
            least(upper(piece.free) - n.after - n.visit, latest - n.visit, w.window_end, work.sla_end_at - n.visit) as last_start
        from gaps as g
        cross join length as n
        cross join windows as w
        left join away as a on g.technician_id = a.technician_id
        cross join lateral unnest(
            tstzmultirange(tstzrange(g.free_from, g.free_until)) - coalesce(a.during, '{}')
        ) as piece (free)
    )

    select r.technician_id, r.first_start, r.last_start, r.travel_before_s, r.travel_after_s, r.added_travel_s
    from ranges as r
    where r.first_start <= r.last_start;
end;
$$;

comment on function private.start_ranges(
    private.work, uuid[], timestamptz, timestamptz, integer, double precision, double precision
) is
'When each technician could start the work: closed ranges of start times between their other visits, driving included.';

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
    preferred_technician integer, knows_customer integer
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
            start.at as starts_at, r.technician_id, r.travel_before_s, r.travel_after_s, r.added_travel_s, r.spare_level
        from ranges as r
        cross join public.orgs as o
        cross join lateral (
            select case
                when latest - earliest <= make_interval(mins => minutes + 240) then o.slot_grid_minutes else 120
            end as minutes
        ) as pace
        cross join lateral (
            select private.align_to_grid(r.first_start, o.slot_grid_minutes, o.time_zone) as at
            union all
            select mark.at
            from generate_series(
                private.align_to_grid(r.first_start + interval '1 minute', pace.minutes, o.time_zone), r.last_start,
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
            s.added_travel_s, s.spare_level
        from starts as s
        where work.crew_size = 1
        union all
        select
            m.starts_at, array_agg(m.technician_id order by m.turn), max(m.travel_before_s), max(m.travel_after_s),
            sum(m.added_travel_s)::integer, sum(m.spare_level)::integer
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
        s.score, s.soon, s.travel, s.fit, s.preferred, s.known
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

create function private.free_resources(work private.work, kind public.resource_kind, claim tstzrange)
returns setof uuid
language plpgsql
stable
set search_path = ''
as $$
begin
    return query
    select free.id
    from (
        -- What speaks against one of a facility speaks against its others: hours, capacity, distance.
        select distinct on (r.facility_id) r.id, r.name
        from public.resources as r
        where
            r.org_id = work.org_id and r.kind = free_resources.kind and r.is_active
            and (work.facility_id is null or r.facility_id = work.facility_id)
            and (r.kind <> 'bay' or cardinality(work.bay_types) = 0 or r.bay_type = any(work.bay_types))
            and r.capacity > (
                select count(distinct v.lane) from public.reservations as v
                where
                    v.claimant_id = r.id and v.released_at is null and v.during && claim
                    and not (v.kind = 'held' and v.hold_expires_at <= now())
                    and (work.moved_appointment_id is null or v.appointment_id is distinct from work.moved_appointment_id)
            )
        order by r.facility_id, r.name
    ) as free
    order by free.name;
end;
$$;

comment on function private.free_resources(private.work, public.resource_kind, tstzrange) is
'A bay or mobile unit of each facility that suits the work and is free.';

create function private.free_resource(work private.work, kind public.resource_kind, claim tstzrange)
returns uuid
language sql
stable
set search_path = ''
as $$
    select r.id from private.free_resources(work, kind, claim) with ordinality as r (id, turn) order by r.turn limit 1;
$$;

comment on function private.free_resource(private.work, public.resource_kind, tstzrange) is
'A bay or mobile unit that suits the work and is free; null when there is none.';

create function private.sites_for(work private.work, kind public.resource_kind)
returns table (facility_id uuid, latitude double precision, longitude double precision)
language plpgsql
stable
set search_path = ''
as $$
begin
    return query
    select work.facility_id, work.latitude, work.longitude
    where kind is distinct from 'bay'
    union all
    (
        select f.id, f.latitude, f.longitude
        from public.facilities as f
        where
            kind = 'bay' and f.org_id = work.org_id and f.is_active
            and (work.facility_id is null or f.id = work.facility_id)
            and exists (
                select from public.resources as r
                where
                    r.org_id = f.org_id and r.facility_id = f.id and r.kind = 'bay' and r.is_active
                    and (cardinality(work.bay_types) = 0 or r.bay_type = any(work.bay_types))
            )
        order by f.name
    );
end;
$$;

comment on function private.sites_for(private.work, public.resource_kind) is
'Where the work could be done: at each facility with a bay for it, else at the customer''s.';

create function private.candidates_at_sites(
    work private.work, earliest timestamptz, latest timestamptz, minutes integer, only_ids uuid[],
    kind public.resource_kind
)
returns table (
    facility_id uuid, technician_ids uuid[], starts_at timestamptz, travel_before_s integer, travel_after_s integer,
    added_travel_s integer, score double precision, soon double precision, travel double precision, skill_fit integer,
    preferred_technician integer, knows_customer integer
)
language plpgsql
stable
set search_path = ''
as $$
#variable_conflict use_column
begin
    return query
    select
        s.facility_id, c.technician_ids, c.starts_at, c.travel_before_s, c.travel_after_s, c.added_travel_s, c.score,
        c.soon, c.travel, c.skill_fit, c.preferred_technician, c.knows_customer
    from private.sites_for(work, kind) as s
    cross join lateral (
        select simple.*
        from private.slot_candidates(
            work, earliest, latest, minutes, only_ids, s.latitude, s.longitude
        ) with ordinality as simple (
            technician_ids, starts_at, travel_before_s, travel_after_s, added_travel_s, score, soon, travel, skill_fit,
            preferred_technician, knows_customer, turn
        )
        where not work.is_composite
        union all
        select composite.*
        from private.composite_candidates(
            work, earliest, latest, only_ids, s.latitude, s.longitude
        ) with ordinality as composite (
            technician_ids, starts_at, travel_before_s, travel_after_s, added_travel_s, score, soon, travel, skill_fit,
            preferred_technician, knows_customer, turn
        )
        where work.is_composite
    ) as c
    order by c.turn, c.score desc, c.starts_at;
end;
$$;

comment on function private.candidates_at_sites(
    private.work, timestamptz, timestamptz, integer, uuid[], public.resource_kind
) is 'Placements worth judging at every place where the work could be done, the best of each first.';

create function private.offer_slots(
    work private.work, earliest timestamptz, latest timestamptz, minutes integer, technician_ids uuid[],
    resource_kind public.resource_kind, max_results integer
)
returns setof public.slot
language plpgsql
stable
set search_path = ''
as $$
declare
    candidate record;
    org public.orgs;
    here private.work := work;
    places uuid[];
    place uuid;
    placed private.placement;
    promised tstzrange;
    found_count integer := 0;
    finish timestamptz;
begin
    if work.is_composite and work.moved_appointment_id is null then
        -- Its segments say how long it takes, whatever was estimated.
        minutes := (select s.standard_duration_minutes from public.services as s where s.id = work.service_id);
    end if;
    if latest - earliest < make_interval(mins => minutes) then
        return;
    end if;
    select o.* into org from public.orgs as o where o.id = work.org_id;
    resource_kind := coalesce(resource_kind, nullif(work.place_kind, 'site')::text::public.resource_kind);
    for candidate in
        select c.* from private.candidates_at_sites(work, earliest, latest, minutes, technician_ids, resource_kind) as c
    loop
        exit when found_count >= max_results;
        finish := candidate.starts_at + make_interval(mins => minutes);
        here.facility_id := candidate.facility_id;
        places := case when resource_kind is null then array[null::uuid] else array(
            select r.id from private.free_resources(here, resource_kind, private.buffered(
                candidate.starts_at, finish, work.buffer_before_minutes, work.buffer_after_minutes
            )) with ordinality as r (id, turn) order by r.turn
        ) end;
        foreach place in array places
        loop
            placed := private.place(
                work, candidate.technician_ids, candidate.starts_at, finish, place, work.moved_appointment_id, null,
                work.customer_agrees
            );
            continue when exists (select from private.judge(placed) as j where j.severity <> 'soft');
            found_count := found_count + 1;
            promised := private.arrival_window(candidate.starts_at, org.arrival_window_minutes, org.time_zone);
            return next row(
                candidate.technician_ids, place, candidate.starts_at, finish, lower(promised), upper(promised),
                ceil(candidate.travel_before_s / 60.0), ceil(candidate.travel_after_s / 60.0),
                round(candidate.added_travel_s / 60.0),
                round(candidate.score::numeric, 1),
                jsonb_build_object(
                    'soon', round(candidate.soon::numeric, 1), 'travel', round(candidate.travel::numeric, 1),
                    'skill_fit', candidate.skill_fit, 'preferred_technician', candidate.preferred_technician,
                    'knows_customer', candidate.knows_customer
                ), private.segment_list(placed.segments)
            )::public.slot;
            exit;
        end loop;
    end loop;
end;
$$;

comment on function private.offer_slots(
    private.work, timestamptz, timestamptz, integer, uuid[], public.resource_kind, integer
) is 'The best placements the judge lets pass.';

create function private.find_slots(
    job uuid, service uuid, location uuid, earliest timestamptz, latest timestamptz, duration_minutes integer,
    technician_ids uuid[], resource_kind public.resource_kind, max_results integer
)
returns setof public.slot
language plpgsql
stable
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set jit = 'off'
as $$
declare
    work private.work;
    period tstzrange;
begin
    if num_nonnulls(job, service) <> 1 then
        perform private.fail(
            400, 'job_or_service_needed', 'Name either job_id or service_id, not both and not neither.',
            'A service usually comes with a location_id.'
        );
    end if;
    work := case when job is not null then private.work_of_job(job) else private.work_of_service(service, location) end;
    if work.org_id is null or not private.may('view_availability', work.org_id, work.facility_id) then
        perform private.fail(
            404, case when job is not null then 'job_not_found' else 'service_not_found' end,
            'There is no such record, or you may not see it.', 'Check the id and the company you are working for.'
        );
    end if;
    period := private.period_ahead(earliest, latest, 92);
    if duration_minutes not between 1 and 10080 then
        perform private.fail(400, 'duration_invalid', 'duration_minutes must be from 1 to 10080.', 'Leave it out to use the job''s own.');
    end if;
    if max_results not between 1 and 100 then
        perform private.fail(400, 'max_results_invalid', 'max_results must be from 1 to 100.', 'Ask for fewer.');
    end if;
    return query
    select * from private.offer_slots(
        work, lower(period), upper(period), coalesce(duration_minutes, work.duration_minutes), technician_ids, resource_kind,
        coalesce(max_results, 10)
    );
end;
$$;

comment on function private.find_slots(
    uuid, uuid, uuid, timestamptz, timestamptz, integer, uuid[], public.resource_kind, integer
) is
'Definer: the search reads every technician''s day, of which the caller sees offers only. Own check: view_availability.';

create function public.find_slots(
    job_id uuid default null,
    service_id uuid default null,
    location_id uuid default null,
    earliest timestamptz default null,
    latest timestamptz default null,
    duration_minutes integer default null,
    technician_ids uuid[] default null,
    resource_kind public.resource_kind default null,
    max_results integer default 10
)
returns setof public.slot
language sql
stable
set search_path = ''
as $$
    select s.*
    from private.find_slots(
        job_id, service_id, location_id, earliest, latest, duration_minutes, technician_ids, resource_kind, max_results
    ) as s;
$$;

comment on function public.find_slots(
    uuid, uuid, uuid, timestamptz, timestamptz, integer, uuid[], public.resource_kind, integer
) is
'Ranked offers of technicians and a time for a job, or for a service at a location (BKG-8), best first. Everything offered can be booked. Without `earliest` from now; without `latest` 14 days on: the first row by time is the next available one. Travel in whole minutes; `score` up to 100, its parts in `reasons`. Needs view_availability.';

revoke execute on function public.find_slots(
    uuid, uuid, uuid, timestamptz, timestamptz, integer, uuid[], public.resource_kind, integer
) from public, anon;
grant execute on function public.find_slots(
    uuid, uuid, uuid, timestamptz, timestamptz, integer, uuid[], public.resource_kind, integer
) to authenticated, service_role;
grant execute on function private.find_slots(
    uuid, uuid, uuid, timestamptz, timestamptz, integer, uuid[], public.resource_kind, integer
) to authenticated, service_role;
