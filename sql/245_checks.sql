-- What a writing RPC checks before it claims anything.

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
    perform private.check_length(override ->> 'reason', 'The override''s reason');
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
    -- Elements are looked at by unnest: a nested array is an array of technicians to uuid[] as well.
    if coalesce(array_ndims(technician_ids), 0) <> 1 or exists (select from unnest(technician_ids) as id where id is null)
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
    -- First of all that it can be reckoned with: adding to an infinite or extreme time is an error of its own.
    if starts_at not between now() - interval '3 years' and now() + interval '3 years' then
        perform private.fail(400, 'times_invalid', 'starts_at is more than three years away.', 'Check the year.');
    end if;
    if starts_at is null or ends_at <= starts_at or ends_at > starts_at + interval '7 days' then
        perform private.fail(
            400, 'times_invalid', 'starts_at is needed, and ends_at must be after it by at most 7 days.',
            'Give ISO 8601 times with an offset, e.g. 2026-02-18T09:00:00-06:00.'
        );
    end if;
end;
$$;

comment on function private.check_times(timestamptz, timestamptz) is 'Refuses missing, reversed and absurd times.';

create function private.check_resource(org uuid, resource uuid, wanted public.permission)
returns void
language plpgsql
stable
set search_path = ''
as $$
declare
    facility uuid;
begin
    if resource is null then
        return;
    end if;
    select r.facility_id into facility from public.resources as r
    where r.org_id = org and r.id = resource and r.kind <> 'equipment';
    if facility is null then
        perform private.fail(
            404, 'resource_not_found', 'There is no such bay or mobile unit in this company.', 'Check resource_id.'
        );
    end if;
    -- Whoever works for one facility does not fill another's bays.
    perform private.require(wanted, org, facility);
end;
$$;

comment on function private.check_resource(uuid, uuid, public.permission) is
'Refuses a bay or mobile unit that is not the org''s, or of a facility where the caller lacks the permission.';

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
