create type private.source as (
    org_id uuid, kind text, id uuid, number text, estimate_id uuid, work_order_id uuid, customer_id uuid, vehicle_id uuid,
    location_id uuid, service_id uuid, description text, status public.source_status, is_exclusive boolean,
    work_order_minutes integer, estimate_minutes integer, service_minutes integer
);

create function private.load_source(source_type text, source uuid)
returns private.source
language plpgsql
stable
set search_path = ''
as $$
declare
    loaded private.source;
begin
    if source_type = 'estimate' then
        select
            e.org_id, source_type, e.id, e.number, e.id, null, e.customer_id, e.vehicle_id, e.location_id, e.service_id,
            e.description, e.status, not e.allows_multiple_appointments, null, e.estimated_duration_minutes,
            private.planned_minutes(s)
        into loaded
        from public.estimates as e left join public.services as s on e.service_id = s.id
        where e.id = source;
    elsif source_type = 'work_order' then
        select
            w.org_id, source_type, w.id, w.number, null, w.id, w.customer_id, w.vehicle_id,
            coalesce(w.location_id, e.location_id), coalesce(w.service_id, e.service_id),
            coalesce(w.description, e.description), w.status, not w.allows_multiple_appointments,
            w.estimated_duration_minutes, e.estimated_duration_minutes, private.planned_minutes(s)
        into loaded
        from public.work_orders as w
        left join public.estimates as e on w.estimate_id = e.id
        left join public.services as s on s.id = coalesce(w.service_id, e.service_id)
        where w.id = source;
    else
        perform private.fail(
            400, 'source_type_unknown', 'An appointment comes from an estimate or a work_order.', 'Check source_type.'
        );
    end if;
    if loaded.id is null or not (
        private.is_service() or loaded.org_id in (select private.org_ids_with_permission_somewhere('view_jobs'))
    ) then
        perform private.fail(404, 'source_not_found', 'There is no such estimate or work order, or you may not see it.', 'Check source_id.');
    end if;
    return loaded;
end;
$$;

comment on function private.load_source(text, uuid) is 'An estimate or work order the caller may see, with every duration known of it; else 404.';

create function private.check_source(source private.source)
returns void
language plpgsql
stable
set search_path = ''
as $$
begin
    if source.status not in ('quoted', 'approved') and not (source.status in ('scheduled', 'in_progress') and not source.is_exclusive) then
        perform private.fail(
            409, case when source.status = 'scheduled' then 'source_already_scheduled' else 'source_not_eligible' end,
            format('%s is %s; appointments are made from quoted or approved ones.', source.number, source.status),
            'Approve it first, or use the appointment it already has.'
        );
    end if;
    if source.is_exclusive and exists (
        select from public.appointments as a
        where
            a.org_id = source.org_id and a.status not in ('canceled', 'no_show')
            and (a.estimate_id = source.estimate_id or a.work_order_id = source.work_order_id)
    ) then
        perform private.fail(
            409, 'source_already_scheduled', format('%s has an appointment already.', source.number),
            'Reschedule that one, or allow several appointments on the source.'
        );
    end if;
end;
$$;

comment on function private.check_source(private.source) is
'Refuses a source that is not eligible or has its appointment already (BKG-10). The unique indexes decide between racing callers.';

create function private.source_duration(source private.source, asked integer, reason text)
returns integer
language plpgsql
stable
set search_path = ''
as $$
declare
    authority constant integer := coalesce(source.work_order_minutes, source.estimate_minutes, source.service_minutes, 60);
begin
    if asked is null or asked = authority then
        return authority;
    end if;
    if asked not between 1 and 10080 then
        perform private.fail(400, 'duration_invalid', 'duration_minutes must be from 1 to 10080.', 'Leave it out to use the known duration.');
    end if;
    if coalesce(btrim(reason), '') = '' then
        perform private.fail(
            400, 'duration_reason_needed', format('The work takes %s minutes; another duration needs a reason.', authority),
            'Give duration_reason.'
        );
    end if;
    if abs(asked - authority) > 0.25 * authority then
        perform private.require('approve_duration_override', source.org_id);
    end if;
    return asked;
end;
$$;

comment on function private.source_duration(private.source, integer, text) is
'Minutes to plan (BKG-10): work execution before estimate before the service''s standard; the scheduler may change it by a quarter with a reason, by more with approve_duration_override.';

create function private.duration_warnings(source private.source, minutes integer)
returns jsonb
language sql
immutable
set search_path = ''
return coalesce((
    select jsonb_agg(jsonb_build_object(
        'code', 'duration_mismatch',
        'message', format('%s says %s minutes, %s are planned.', other.name, other.minutes, minutes),
        'source', other.name, 'minutes', other.minutes, 'planned_minutes', minutes
    ))
    from (values
        ('work_order', source.work_order_minutes), ('estimate', source.estimate_minutes), ('service', source.service_minutes)
    ) as other (name, minutes)
    where abs(other.minutes - duration_warnings.minutes) > least(0.2 * other.minutes, 30)
), '[]');

comment on function private.duration_warnings(private.source, integer) is
'Durations that differ by more than 20 % or 30 minutes from what is planned.';

create function private.job_of_source(source private.source, minutes integer)
returns uuid
language plpgsql
volatile
set search_path = ''
as $$
declare
    job uuid;
begin
    select j.id into job
    from public.dispatch_jobs as j
    where
        j.org_id = source.org_id and j.status not in ('completed', 'canceled')
        and (j.related_estimate_id = source.estimate_id or j.related_work_order_id = source.work_order_id)
    order by j.created_at
    limit 1
    for no key update;
    if job is null then
        insert into public.dispatch_jobs (
            org_id, customer_id, location_id, vehicle_id, service_id, related_estimate_id, related_work_order_id, title,
            description, estimated_duration_minutes, source, created_by_user_id
        )
        values (
            source.org_id, source.customer_id, source.location_id, source.vehicle_id, source.service_id, source.estimate_id,
            source.work_order_id, coalesce((select s.name from public.services as s where s.id = source.service_id), source.number),
            source.description, minutes, source.kind::public.job_source, auth.uid()
        )
        returning id into job;
    else
        update public.dispatch_jobs set estimated_duration_minutes = minutes where id = job and estimated_duration_minutes <> minutes;
    end if;
    return job;
end;
$$;

comment on function private.job_of_source(private.source, integer) is 'The open job of an estimate or work order, made and prefilled when there is none (BKG-10).';

create function private.best_technicians(work private.work, starts_at timestamptz, ends_at timestamptz, resource uuid)
returns uuid[]
language plpgsql
stable
set search_path = ''
as $$
declare
    candidate uuid[];
    site constant private.placement := private.place(work, '{}', starts_at, ends_at, resource, null, null);
begin
    work.own_pace := false;
    -- The crew the search would offer for exactly this start.
    for candidate in
        select c.technician_ids
        from private.slot_candidates(
            work, starts_at, ends_at, (extract(epoch from ends_at - starts_at) / 60)::integer, null, site.latitude, site.longitude
        ) as c
        where c.starts_at = best_technicians.starts_at and not work.is_composite
        union all
        select c.technician_ids
        from private.composite_candidates(work, starts_at, ends_at, null, site.latitude, site.longitude) as c
        where c.starts_at = best_technicians.starts_at and work.is_composite
    loop
        if not private.blocking(private.conflicts_of(
            private.place(work, candidate, starts_at, ends_at, resource, null, null)
        ), null) then
            return candidate;
        end if;
    end loop;
    return '{}';
end;
$$;

comment on function private.best_technicians(private.work, timestamptz, timestamptz, uuid) is
'Who should do the work at a given time; nobody when nobody can.';
