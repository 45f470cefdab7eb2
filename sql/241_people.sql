-- The two views of availability that clients see: one person's grid, and who is free (AVL-7).

create function private.visible_technician_ids(org uuid)
returns setof uuid
language sql
stable
set search_path = ''
as $$
    select t.id from public.technician_profiles as t
    where
        t.org_id = org
        and (
            private.is_service()
            or org in (select private.org_ids_with_permission('view_availability'))
            or org in (select private.member_org_ids()) and (
                t.facility_id in (select private.facility_ids_with_permission('view_availability'))
                or t.id in (select private.my_technician_ids())
            )
        );
$$;

comment on function private.visible_technician_ids(uuid) is
'Technicians of an org whose availability the caller may see: view_availability for the org or their facility, or oneself. For the definers below.';

create function private.check_period(earliest timestamptz, latest timestamptz)
returns void
language plpgsql
stable
set search_path = ''
as $$
begin
    if earliest is null or not earliest between now() - interval '10 years' and now() + interval '10 years' then
        perform private.fail(400, 'period_invalid', 'earliest is missing, or more than ten years away.', 'Check the year.');
    end if;
    if latest is null or latest <= earliest or latest > earliest + interval '92 days' then
        perform private.fail(
            400, 'period_invalid', 'latest must be after earliest, by at most 92 days.', 'Ask for a shorter period, or several.'
        );
    end if;
end;
$$;

comment on function private.check_period(timestamptz, timestamptz) is 'Refuses a period that is empty or longer than 92 days.';

create function private.period_ahead(earliest timestamptz, latest timestamptz, max_days integer)
returns tstzrange
language plpgsql
stable
set search_path = ''
as $$
begin
    earliest := greatest(coalesce(earliest, now()), now());
    if earliest > now() + interval '10 years' or coalesce(
        latest <= earliest or latest > earliest + make_interval(days => max_days), false
    ) then
        perform private.fail(
            400, 'period_invalid', format('latest must be after earliest and after now, by at most %s days.', max_days),
            'Ask for a period that lies ahead.'
        );
    end if;
    return tstzrange(earliest, coalesce(latest, earliest + interval '14 days'));
end;
$$;

comment on function private.period_ahead(timestamptz, timestamptz, integer) is
'The period a search covers: from now on unless later, 14 days unless told. Refuses one that is over, too long, or absurd.';

create function private.grid_cells(earliest timestamptz, latest timestamptz, grid_minutes integer, time_zone text)
returns table (starts_at timestamptz, ends_at timestamptz)
language sql
stable
rows 200
set search_path = ''
as $$
    select greatest(cell.at, earliest), least(cell.at + make_interval(mins => grid_minutes), midnight.next, latest)
    from generate_series((earliest at time zone time_zone)::date, (latest at time zone time_zone)::date, interval '1 day') as day (at)
    cross join lateral (
        select
            private.local_instant(day.at::date::timestamp, time_zone) as this,
            private.local_instant((day.at::date + 1)::timestamp, time_zone) as next
    ) as midnight
    cross join lateral generate_series(
        midnight.this, midnight.next - interval '1 second', make_interval(mins => grid_minutes)
    ) as cell (at)
    where cell.at < latest and least(cell.at + make_interval(mins => grid_minutes), midnight.next) > earliest;
$$;

comment on function private.grid_cells(timestamptz, timestamptz, integer, text) is
'The period cut along a grid that starts anew at each local midnight; no cell reaches beyond its day or the period.';

create function private.absences(org uuid, technician uuid, period tstzrange)
returns table (during tstzrange, why text, rank integer)
language plpgsql
stable
set search_path = ''
as $$
#variable_conflict use_column
begin
    return query
    select u.during, u.why, 1 from private.unavailable_time(org, array[technician], period) as u
    union all
    select training.during, 'training', 2
    from public.technician_shifts as s
    cross join lateral private.occurrences(
        s.recurrence, s.starts_at, s.ends_at, s.time_zone, s.excluded_on, period
    ) as training (during)
    where s.org_id = org and s.technician_id = technician and s.is_active and s.shift_type = 'training';
end;
$$;

comment on function private.absences(uuid, uuid, tstzrange) is
'Why a technician cannot be booked, other than by visits, in the period; training comes second.';

create function private.person_calendar(technician uuid, earliest timestamptz, latest timestamptz, grid_minutes integer)
returns table (starts_at timestamptz, ends_at timestamptz, available boolean, appointment_id uuid, why text)
language plpgsql
stable
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set jit = 'off'
as $$
#variable_conflict use_column
declare
    person public.technician_profiles;
    period tstzrange;
    free tstzmultirange;
    claimed tstzmultirange;
    away tstzmultirange;
    sees_visits boolean;
begin
    perform private.check_period(earliest, latest);
    if grid_minutes is null or grid_minutes not between 5 and 240 then
        perform private.fail(400, 'grid_invalid', 'grid_minutes must be from 5 to 240.', 'Leave it out for 15.');
    end if;
    select t.* into person from public.technician_profiles as t where t.id = technician;
    if person.id is null or technician not in (select private.visible_technician_ids(person.org_id)) then
        perform private.fail(
            404, 'technician_not_found', 'There is no such technician, or you may not see them.', 'Check the id.'
        );
    end if;
    period := tstzrange(earliest, latest);
    free := coalesce((select f.during from private.free_time(person.org_id, array[technician], period) as f), '{}');
    claimed := coalesce((select c.during from private.claimed_time(person.org_id, array[technician], period) as c), '{}');
    away := coalesce((
        select range_agg(u.during) from private.absences(person.org_id, technician, period) as u
    ), '{}');
    sees_visits := private.may('view_assignments', person.org_id, person.facility_id)
        or technician in (select private.my_technician_ids());
    return query
    with claims as materialized (
        select r.during, r.kind::text as why, r.appointment_id
        from public.reservations as r
        where
            r.claimant_id = technician and r.released_at is null and r.during && period
            and not (r.kind = 'held' and r.hold_expires_at <= now())
    ),

    absences as materialized (
        select a.during, a.why, a.rank from private.absences(person.org_id, technician, period) as a
    )

    select
        cell.starts_at, cell.ends_at, cell.available, case when sees_visits then claim.appointment_id end,
        case
            when cell.available then null
            when claimed && cell.during then claim.why
            else coalesce(absence.why, 'off_shift')
        end
    from (
        select c.*, tstzrange(c.starts_at, c.ends_at) as during, free @> tstzrange(c.starts_at, c.ends_at) as available
        from private.grid_cells(earliest, latest, grid_minutes, person.time_zone) as c
    ) as cell
    left join lateral (
        select c.why, c.appointment_id from claims as c
        -- The multiranges know at once that most cells have nothing to look for.
        where (person.max_concurrent_jobs > 1 or claimed && cell.during) and c.during && cell.during
        order by c.during
        limit 1
    ) as claim on true
    left join lateral (
        select a.why from absences as a
        where not cell.available and away && cell.during and a.during && cell.during
        order by a.rank, a.during
        limit 1
    ) as absence on true
    order by cell.starts_at;
end;
$$;

comment on function private.person_calendar(uuid, timestamptz, timestamptz, integer) is
'Definer: reads shifts, time off, claims and busy times together, of which the caller may see free and booked. Own check: visible_technician_ids; visits only with view_assignments or one''s own.';

create function public.person_calendar(
    technician_id uuid, earliest timestamptz, latest timestamptz, grid_minutes integer default 15
)
returns table (starts_at timestamptz, ends_at timestamptz, available boolean, appointment_id uuid, why text)
language sql
stable
set search_path = ''
as $$
    select c.* from private.person_calendar(technician_id, earliest, latest, grid_minutes) as c;
$$;

comment on function public.person_calendar(uuid, timestamptz, timestamptz, integer) is
'A technician''s time on a grid counted from local midnight (AVL-7), in order: `available`, else `why`: `booked`, `held`, `pause_blocked`, the time off''s reason, `holiday`, `busy`, `training` or `off_shift`. `appointment_id` is the first visit in the cell. Periods up to 92 days. Needs view_availability, or being that technician; visits show to who has view_assignments.';

create function private.available_people(
    service uuid, skills text[], earliest timestamptz, latest timestamptz, minutes integer, max_results integer, org uuid
)
returns table (technician_id uuid, display_name text, next_free_at timestamptz, free_minutes integer)
language plpgsql
stable
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set jit = 'off'
as $$
#variable_conflict use_column
declare
    work private.work;
    period tstzrange;
begin
    period := private.period_ahead(earliest, latest, 92);
    if num_nonnulls(service, skills) <> 1 then
        perform private.fail(
            400, 'service_or_skills_needed', 'Name either service_id or skill_codes, not both and not neither.',
            'An empty list of skill_codes asks for everybody.'
        );
    end if;
    if exists (select from unnest(skills) as code where code is null) then
        perform private.fail(400, 'skill_codes_invalid', 'skill_codes holds a null.', 'Name codes of the table skills.');
    end if;
    if minutes not between 1 and 10080 then
        perform private.fail(400, 'duration_invalid', 'duration_minutes must be from 1 to 10080.', 'Leave it out to use the service''s own.');
    end if;
    if max_results not between 1 and 100 then
        perform private.fail(400, 'max_results_invalid', 'max_results must be from 1 to 100.', 'Ask for fewer.');
    end if;
    if service is not null then
        work := private.work_of_service(service, null);
    else
        work := private.work_of_skills(skills, org);
    end if;
    if work.org_id is null or not exists (select private.visible_technician_ids(work.org_id)) then
        perform private.fail(
            404, case when service is not null then 'service_not_found' else 'org_not_found' end,
            'There is no such record, or you may not see it.', 'Check the id and the company you are working for.'
        );
    end if;
    return query
    with qualified as materialized (
        select q.technician_id
        from private.qualified_technicians(work, array(select private.visible_technician_ids(work.org_id)), lower(period)) as q
    )

    select t.id, t.display_name, room.next_free_at, room.free_minutes
    from private.free_time(work.org_id, array(select q.technician_id from qualified as q), period) as f
    inner join public.technician_profiles as t on f.technician_id = t.id
    cross join lateral (
        select
            min(lower(stretch)) + make_interval(mins => work.buffer_before_minutes) as next_free_at,
            floor(sum(extract(epoch from upper(stretch) - lower(stretch))) / 60)::integer as free_minutes
        from unnest(f.during) as stretch
        where
            upper(stretch) - lower(stretch) >= make_interval(
                mins => work.buffer_before_minutes + coalesce(minutes, work.duration_minutes) + work.buffer_after_minutes
            )
    ) as room
    where room.next_free_at is not null
    order by room.next_free_at, room.free_minutes desc, t.display_name, t.id
    limit coalesce(max_results, 10);
end;
$$;

comment on function private.available_people(uuid, text[], timestamptz, timestamptz, integer, integer, uuid) is
'Definer: the search reads every technician''s day, of which the caller sees sums only. Own check: visible_technician_ids.';

create function private.work_of_skills(skills text[], org uuid)
returns private.work
language plpgsql
stable
set search_path = ''
as $$
declare
    work private.work;
    org_ids uuid[] := array(select private.org_ids_with_permission_somewhere('view_availability'));
begin
    if org is null and cardinality(org_ids) <> 1 then
        perform private.fail(400, 'org_needed', 'Name the company with org_id.', 'You work for none or for several.');
    end if;
    work.org_id := coalesce(org, org_ids[1]);
    work.crew_size := 1;
    work.duration_minutes := 60;
    work.buffer_before_minutes := 0;
    work.buffer_after_minutes := 0;
    work.required_skills := coalesce((select jsonb_object_agg(code, 1) from unnest(skills) as code), '{}');
    return work;
end;
$$;

comment on function private.work_of_skills(text[], uuid) is
'An hour''s work for one person with these skills, at any level; in the caller''s only company unless one is named.';

create function public.available_people(
    service_id uuid default null,
    skill_codes text[] default null,
    earliest timestamptz default null,
    latest timestamptz default null,
    duration_minutes integer default null,
    max_results integer default 10,
    org_id uuid default null
)
returns table (technician_id uuid, display_name text, next_free_at timestamptz, free_minutes integer)
language sql
stable
set search_path = ''
as $$
    select p.*
    from private.available_people(service_id, skill_codes, earliest, latest, duration_minutes, max_results, org_id) as p;
$$;

comment on function public.available_people(uuid, text[], timestamptz, timestamptz, integer, integer, uuid) is
'Who is free for a service, or with these skills, in a period (AVL-7), the soonest first: when the work first fits, its buffers included, and the minutes in which it would fit. Without `earliest` from now, without `latest` 14 days on; the duration is the service''s, else 60. Name org_id with skill_codes when working for several companies. Travel is not looked at: find_slots does. Needs view_availability.';

revoke execute on function public.person_calendar(uuid, timestamptz, timestamptz, integer) from public, anon;
revoke execute on function public.available_people(uuid, text[], timestamptz, timestamptz, integer, integer, uuid) from public, anon;
grant execute on function public.person_calendar(uuid, timestamptz, timestamptz, integer) to authenticated, service_role;
grant execute on function public.available_people(uuid, text[], timestamptz, timestamptz, integer, integer, uuid)
to authenticated, service_role;
grant execute on function private.person_calendar(uuid, timestamptz, timestamptz, integer) to authenticated, service_role;
grant execute on function private.available_people(uuid, text[], timestamptz, timestamptz, integer, integer, uuid)
to authenticated, service_role;
