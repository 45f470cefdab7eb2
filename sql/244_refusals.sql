-- What a writing RPC checks before it claims anything, and how it refuses: with every conflict and with alternatives.

create function private.alternatives(p private.placement)
returns jsonb
language sql
stable
set search_path = ''
as $$
    with length as (
        select (extract(epoch from p.ends_at - p.starts_at) / 60)::integer as minutes, o.time_zone
        from public.orgs as o where o.id = (p.work).org_id
    ),

    day as (
        select
            n.minutes,
            greatest(now(), date_trunc('day', p.starts_at at time zone n.time_zone) at time zone n.time_zone) as starts_at,
            (date_trunc('day', p.starts_at at time zone n.time_zone) + interval '1 day') at time zone n.time_zone as ends_at
        from length as n
    ),

    kind as (
        select r.kind from public.resources as r where r.id = p.resource_id
    )

    select jsonb_build_object(
        'same_day', coalesce((
            select jsonb_agg(to_jsonb(s) order by s.score desc)
            from day as d
            cross join lateral private.offer_slots(
                p.work, d.starts_at, d.ends_at, d.minutes, null, (select k.kind from kind as k), 3
            ) as s
            where d.ends_at > d.starts_at
        ), '[]'),
        'other_technicians', coalesce((
            select jsonb_agg(jsonb_build_object('technician_ids', array[f.technician_id], 'display_name', f.display_name))
            from (
                select r.technician_id, t.display_name
                from length as n
                cross join lateral private.start_ranges(
                    p.work, array(
                        select q.technician_id from private.qualified_technicians(p.work, null, p.starts_at) as q
                        where q.technician_id <> all (p.technician_ids)
                    ), p.starts_at, p.ends_at, n.minutes, p.latitude, p.longitude
                ) as r
                inner join public.technician_profiles as t on r.technician_id = t.id
                where
                    (p.work).crew_size = 1 and p.starts_at between r.first_start and r.last_start
                    and not exists (
                        select from private.judge(private.place(
                            p.work, array[r.technician_id], p.starts_at, p.ends_at, p.resource_id, p.appointment_id,
                            p.hold_token, p.customer_agrees
                        )) as j
                        where j.severity <> 'soft'
                    )
                order by r.added_travel_s
                limit 3
            ) as f
        ), '[]'),
        'next_available', (
            select to_jsonb(s)
            from day as d
            cross join lateral private.offer_slots(
                p.work, greatest(now(), p.starts_at), greatest(now(), p.starts_at) + interval '14 days', d.minutes, null,
                (select k.kind from kind as k), 1
            ) as s
        )
    );
$$;

comment on function private.alternatives(private.placement) is
'What a refusal offers instead (BKG-6): slots the same day, other technicians at the same time, the next available time. All of them judged.';

create function private.refuse_placement(p private.placement, conflicts private.conflict[])
returns void
language plpgsql
set search_path = ''
as $$
begin
    perform private.fail(
        409, 'placement_conflict',
        jsonb_build_object(
            'message', (select string_agg(c.message, ' ') from unnest(conflicts) as c where c.severity <> 'soft'),
            'conflicts', to_jsonb(conflicts), 'alternatives', private.alternatives(p)
        )::text,
        'Take one of the alternatives, or book with an override if your role may and every conflict allows it.'
    );
end;
$$;

comment on function private.refuse_placement(private.placement, private.conflict[]) is
'409 with every conflict and with alternatives, as JSON in the detail.';

create function private.check_override(override jsonb)
returns void
language plpgsql
set search_path = ''
as $$
begin
    if override is not null and (
        jsonb_typeof(override) <> 'object' or jsonb_typeof(override -> 'codes') is distinct from 'array'
        or coalesce(btrim(override ->> 'reason'), '') = ''
    ) then
        perform private.fail(
            400, 'override_invalid', 'An override needs a reason and the list of conflict codes it accepts.',
            'For example {"reason": "customer insists", "codes": ["outside_shift"]}.'
        );
    end if;
end;
$$;

comment on function private.check_override(jsonb) is 'Refuses an override without reason or codes.';

create function private.blocking(conflicts private.conflict[], override jsonb)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
    return exists (
        select from unnest(conflicts) as c
        where
            c.severity = 'hard'
            or (c.severity = 'hard_overridable' and not coalesce(override -> 'codes' ? c.code, false))
    );
end;
$$;

comment on function private.blocking(private.conflict[], jsonb) is
'Whether conflicts stand in the way: hard ones always, overridable ones unless the override names their code.';

create function private.conflicts_of(p private.placement)
returns private.conflict[]
language plpgsql
stable
set search_path = ''
as $$
begin
    return (select coalesce(array_agg(j), '{}') from private.judge(p) as j);
end;
$$;

comment on function private.conflicts_of(private.placement) is 'All conflicts of a placement as one array.';

create function private.check_technicians(org uuid, technician_ids uuid[])
returns void
language plpgsql
stable
set search_path = ''
as $$
begin
    if coalesce(cardinality(technician_ids), 0) = 0 or array_position(technician_ids, null) is not null
        or cardinality(technician_ids) <> (select count(distinct id) from unnest(technician_ids) as id) then
        perform private.fail(
            400, 'technicians_invalid', 'technician_ids must name at least one technician, each once.',
            'find_slots and available_people tell who is free.'
        );
    end if;
    if cardinality(technician_ids) <> (
        select count(*) from public.technician_profiles as t where t.org_id = org and t.id = any(technician_ids)
    ) then
        perform private.fail(404, 'technician_not_found', 'One of the technicians does not exist in this company.', 'Check technician_ids.');
    end if;
end;
$$;

comment on function private.check_technicians(uuid, uuid[]) is 'Refuses an empty list, a technician named twice, and strangers.';

create function private.check_times(starts_at timestamptz, ends_at timestamptz)
returns void
language plpgsql
stable
set search_path = ''
as $$
begin
    if starts_at is null or ends_at <= starts_at or ends_at > starts_at + interval '7 days' then
        perform private.fail(
            400, 'times_invalid', 'starts_at is needed, and ends_at must be after it by at most 7 days.',
            'Give ISO 8601 times with an offset, e.g. 2026-02-18T09:00:00-06:00.'
        );
    end if;
    if starts_at > now() + interval '3 years' then
        perform private.fail(400, 'times_invalid', 'starts_at is more than three years ahead.', 'Check the year.');
    end if;
end;
$$;

comment on function private.check_times(timestamptz, timestamptz) is 'Refuses missing, reversed and absurd times.';

create function private.check_resource(org uuid, resource uuid)
returns void
language plpgsql
stable
set search_path = ''
as $$
begin
    if resource is not null and not exists (
        select from public.resources as r where r.org_id = org and r.id = resource and r.kind <> 'equipment'
    ) then
        perform private.fail(
            404, 'resource_not_found', 'There is no such bay or mobile unit in this company.', 'Check resource_id.'
        );
    end if;
end;
$$;

comment on function private.check_resource(uuid, uuid) is 'Refuses a bay or mobile unit that is not the org''s.';

create function private.require_for_override(conflicts private.conflict[], override jsonb, org uuid, facility uuid)
returns void
language plpgsql
stable
set search_path = ''
as $$
declare
    accepted private.conflict;
begin
    foreach accepted in array conflicts
    loop
        if accepted.severity = 'hard_overridable' and coalesce(override -> 'codes' ? accepted.code, false) then
            perform private.require(
                coalesce(accepted.data ->> 'needs', 'override_scheduling_conflict')::public.permission, org, facility
            );
        end if;
    end loop;
end;
$$;

comment on function private.require_for_override(private.conflict[], jsonb, uuid, uuid) is
'Refuses with 42501 unless the caller may accept each overridden conflict: override_scheduling_conflict, or the approval the conflict names.';
