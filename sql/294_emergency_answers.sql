-- How emergency options are told: why each ranks where it does, and why there is none (OPT-7, OPT-12).

create function private.position_in_words(source text, age_minutes integer)
returns text
language sql
immutable
set search_path = ''
as $$
    select case source
        when 'live_position' then format('Comes from the position reported %s minutes ago.', age_minutes)
            || case when age_minutes > 30 then ' That is old; ask before relying on it.' else '' end
        when 'visit_under_way' then 'Comes from the visit under way.'
        when 'last_visit' then format('Comes from the visit finished %s minutes ago.', age_minutes)
        when 'last_planned_visit' then 'No recent position; taken to be where the last visit was planned.'
        else 'No recent position; taken to start from home.'
    end;
$$;

comment on function private.position_in_words(text, integer) is 'Where a technician is taken to be, as a sentence (AVL-8).';

create function private.emergency_reasons(
    technician uuid, starts_at timestamptz, response_minutes integer, candidate jsonb, moves private.emergency_move[],
    sla_kept boolean
)
returns text[]
language plpgsql
stable
set search_path = ''
as $$
begin
    return (
        select array_remove(array[
            format(
                '%s can start %s, in %s minutes, with %s minutes more driving.', t.display_name,
                private.local_time(starts_at, t.time_zone), response_minutes, ceil((candidate ->> 'added_travel_s')::numeric / 60)
            ),
            private.position_in_words(candidate ->> 'position_source', (candidate ->> 'position_age_minutes')::integer),
            case when cardinality(moves) = 0 then 'Nobody has to wait.' end
        ] || array(
            select case m.change
                when 'delay' then format(
                    'Visit %s starts %s minutes later, as promised still.', v.number,
                    ceil(extract(epoch from m.to_starts_at - v.starts_at) / 60)
                )
                when 'hand_over' then format(
                    '%s takes over visit %s at %s.', other.display_name, v.number, private.local_time(m.to_starts_at, t.time_zone)
                )
                when 'postpone' then format(
                    'Visit %s has to wait until %s, with %s; its customer was promised another time.', v.number,
                    private.local_time(m.to_starts_at, t.time_zone), other.display_name
                )
                else format('Visit %s is left without a technician; its customer was promised to be served.', v.number)
            end
            from unnest(moves) as m
            inner join public.appointments as v on m.appointment_id = v.id
            left join public.technician_profiles as other on m.to_technician_id = other.id
            order by v.starts_at
        ) || case when not sla_kept then 'The job''s SLA is missed.' end, null)
        from public.technician_profiles as t where t.id = technician
    );
end;
$$;

comment on function private.emergency_reasons(
    uuid, timestamptz, integer, jsonb, private.emergency_move[], boolean
) is 'Why an option ranks where it does, in sentences (OPT-12).';

create function private.emergency_option_document(option uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
    return (
        with moves as (
            select
                m.*, v.number, v.starts_at as now_at, v.arrival_window_start, v.arrival_window_end, j.number as job_number, j.title,
                j.priority, j.customer_id, c.name as customer_name, was.display_name as from_name, becomes.display_name as to_name
            from public.emergency_moves as m
            inner join public.appointments as v on m.appointment_id = v.id
            inner join public.dispatch_jobs as j on m.dispatch_job_id = j.id
            left join public.customers as c on j.customer_id = c.id
            inner join public.technician_profiles as was on m.from_technician_id = was.id
            left join public.technician_profiles as becomes on m.to_technician_id = becomes.id
            where m.emergency_option_id = option
        )

        select jsonb_build_object(
            'id', o.id, 'rank', o.rank, 'kind', o.kind, 'technician_id', o.technician_id, 'technician_name', t.display_name,
            'starts_at', o.starts_at, 'ends_at', o.ends_at, 'leave_at', o.leave_at, 'expires_at', o.expires_at,
            'response_minutes', o.response_minutes, 'added_travel_minutes', o.added_travel_minutes, 'sla_kept', o.sla_kept,
            'cost', o.cost, 'reasons', o.reasons, 'committed_at', o.committed_at,
            'moves', coalesce((
                select jsonb_agg(jsonb_build_object(
                    'appointment_id', m.appointment_id, 'number', m.number, 'job_id', m.dispatch_job_id,
                    'job_number', m.job_number, 'title', m.title, 'priority', m.priority, 'change', m.change,
                    'from', jsonb_build_object(
                        'technician_id', m.from_technician_id, 'technician_name', m.from_name, 'starts_at', m.from_starts_at
                    ),
                    'to', jsonb_build_object(
                        'technician_id', m.to_technician_id, 'technician_name', m.to_name, 'starts_at', m.to_starts_at,
                        'ends_at', m.to_ends_at
                    ),
                    'delay_minutes', ceil(extract(epoch from m.to_starts_at - m.from_starts_at) / 60),
                    'breaks_promise', m.breaks_promise
                ) order by m.position) from moves as m
            ), '[]'),
            'promises_broken', coalesce((
                select jsonb_agg(jsonb_build_object(
                    'appointment_id', m.appointment_id, 'number', m.number, 'window_start', m.arrival_window_start,
                    'window_end', m.arrival_window_end
                ) order by m.position) from moves as m where m.breaks_promise
            ), '[]'),
            'customers_to_tell', coalesce((
                select jsonb_agg(jsonb_build_object(
                    'customer_id', m.customer_id, 'name', m.customer_name, 'appointment_id', m.appointment_id,
                    'number', m.number, 'starts_at', case when m.change <> 'unassign' then m.to_starts_at end
                ) order by m.position)
                from moves as m where m.customer_id is not null and (m.to_starts_at <> m.from_starts_at or m.breaks_promise)
            ), '[]')
        )
        from public.emergency_options as o
        inner join public.technician_profiles as t on o.technician_id = t.id
        where o.id = option
    );
end;
$$;

comment on function private.emergency_option_document(uuid) is
'An option as the function answers it: who, when, how much driving, who is moved where, whose promise is broken, who must be told, and why it ranks there.';

create function private.soonest_offer(work private.work, earliest timestamptz)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
    if not private.may('view_availability', work.org_id, work.facility_id) then
        return null;
    end if;
    return (
        select jsonb_build_object(
            'technician_ids', s.technician_ids, 'resource_id', s.resource_id, 'starts_at', s.starts_at, 'ends_at', s.ends_at,
            'starts_local', private.local_time(s.starts_at, o.time_zone)
        )
        from public.orgs as o
        cross join private.offer_slots(
            work, earliest, earliest + interval '3 days', work.duration_minutes, null, null, 100
        ) as s
        where o.id = work.org_id
        order by s.starts_at, s.score desc
        limit 1
    );
end;
$$;

comment on function private.soonest_offer(private.work, timestamptz) is
'The first time within three days that slot search offers for a job, as book_appointment takes it; null when there is none, or the caller may not see free times.';

create function private.nobody_for_emergency(work private.work, refused jsonb, moment timestamptz)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    able constant uuid[] := array(
        select q.technician_id from private.qualified_technicians(work, null, moment) as q
    );
    offer jsonb;
begin
    if work.inactive_because is not null then
        return jsonb_build_array(jsonb_build_object('code', 'inactive', 'message', work.inactive_because));
    elsif work.crew_size > 1 or work.is_composite or work.place_kind <> 'site' then
        offer := private.soonest_offer(work, moment);
        return jsonb_build_array(jsonb_build_object(
            'code', case
                when work.crew_size > 1 then 'needs_crew' when work.is_composite then 'composite'
                else 'needs_' || work.place_kind
            end,
            'message', 'Nobody is moved for work that takes more than one technician at a site. ' || case
                when offer is null then 'No time is free for it within three days; move other visits by hand.'
                else format('It can be booked from %s on, as data says.', offer ->> 'starts_local')
            end,
            'data', jsonb_build_object('soonest', offer)
        ));
    elsif work.latitude is null then
        return jsonb_build_array(jsonb_build_object(
            'code', 'location_missing', 'message', 'It is not known where this job is; give its site coordinates.'
        ));
    elsif able = '{}' then
        return (
            select coalesce(jsonb_agg(jsonb_build_object('code', e.code, 'message', e.message, 'data', e.data)), '[]')
            from private.explain_ineligible(work.job_id, array(
                select t.id from public.technician_profiles as t where t.org_id = work.org_id and t.is_active
            ), moment) as e
        );
    elsif refused <> '[]' then
        return (
            select jsonb_agg(distinct jsonb_build_object('code', c ->> 'code', 'message', c ->> 'message'))
            from jsonb_array_elements(refused) as c
        );
    end if;
    return jsonb_build_array(jsonb_build_object(
        'code', 'no_time_in_window', 'message', format(
            'None of the %s technicians who may do it is at work, or could get there and be done, in that period.',
            cardinality(able)
        )
    ));
end;
$$;

comment on function private.nobody_for_emergency(private.work, jsonb, timestamptz) is
'Why there is no option: nobody qualified (the nearest miss), nobody at work, or what the judge had against those who are (OPT-12).';

-- Read with the run, by who sees it.
grant execute on function private.emergency_option_document(uuid) to authenticated, service_role;
