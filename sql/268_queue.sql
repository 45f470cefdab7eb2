create function private.own_org(wanted public.permission, org uuid)
returns uuid
language plpgsql
stable
set search_path = ''
as $$
declare
    orgs uuid[];
begin
    if org is not null then
        if not (private.is_service() or org in (select private.org_ids_with_permission_somewhere(wanted))) then
            perform private.require(wanted, org);
        end if;
        return org;
    end if;
    orgs := array(select private.org_ids_with_permission_somewhere(wanted) limit 2);
    if cardinality(orgs) = 0 then
        raise exception using
            errcode = '42501', message = 'permission_missing', detail = format('This needs the permission %s.', wanted),
            hint = 'Ask an owner or admin of the company to grant it to your role.';
    elsif cardinality(orgs) > 1 then
        perform private.fail(
            400, 'org_needed', 'You belong to several companies.', 'Name the one you mean in org_id.'
        );
    end if;
    return orgs[1];
end;
$$;

comment on function private.own_org(public.permission, uuid) is
'The org a call is about: the one named, or the only one where the caller has the permission.';

create type public.queued_job as (
    job_id uuid, number text, title text, priority public.job_priority, customer_name text, service_zone_id uuid,
    estimated_duration_minutes integer, required_skills jsonb, required_crew_size integer, sla_start_at timestamptz,
    sla_end_at timestamptz, created_at timestamptz, score numeric, parts jsonb
);

create function private.queue(org uuid, facility uuid, zone uuid, at timestamptz, max_results integer)
returns setof public.queued_job
language plpgsql
stable
set search_path = ''
as $$
begin
    return query
    select
        q.id, q.number, q.title, q.priority, q.customer_name, q.service_zone_id, q.estimated_duration_minutes,
        q.required_skills, q.required_crew_size, q.sla_start_at, q.sla_end_at, q.created_at,
        round((q.urgency + q.deadline + q.waiting) * q.tier_weight, 1),
        jsonb_build_object(
            'priority', q.urgency, 'sla', round(q.deadline, 1), 'waiting', round(q.waiting, 1), 'tier', q.tier_weight
        )
    from (
        select
            j.*, c.name as customer_name,
            case j.priority when 'emergency' then 1000 when 'high' then 600 when 'normal' then 300 else 100 end::numeric as urgency,
            case
                when j.sla_end_at is null then 0
                when j.sla_end_at <= at then 400
                else 300 * greatest(0, 1 - extract(epoch from j.sla_end_at - at) / 172800)
            end::numeric as deadline,
            least(100, extract(epoch from at - j.created_at) / 3600)::numeric as waiting,
            coalesce(tier.weight, 1) as tier_weight
        from public.dispatch_jobs as j
        left join public.customers as c on j.customer_id = c.id
        left join public.datalabels as tier
            on tier.org_id = j.org_id and tier.list = 'tier' and tier.code = c.tier
        where
            j.org_id = org and j.status = 'unscheduled'
            and (facility is null or j.facility_id = facility) and (zone is null or j.service_zone_id = zone)
    ) as q
    order by 13 desc, q.created_at, q.id
    limit max_results;
end;
$$;

comment on function private.queue(uuid, uuid, uuid, timestamptz, integer) is
'Unscheduled jobs, most urgent first (OPT-9): priority up to 1000, a deadline within 48 h up to 300 and a missed one 400, a point an hour of waiting up to 100, times the customer tier''s weight.';

create function private.job_queue(org uuid, max_results integer)
returns setof public.queued_job
language plpgsql
stable
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set jit = 'off'
as $$
declare
    own uuid := private.own_org('view_jobs', org);
begin
    if max_results is null or max_results not between 1 and 1000 then
        perform private.fail(400, 'max_results_invalid', 'max_results must be from 1 to 1000.', 'Ask for fewer.');
    end if;
    return query
    select q.*
    from private.queue(own, null, null, now(), max_results) as q
    where
        private.may('view_jobs', own) or exists (
            select from public.dispatch_jobs as j
            where j.id = q.job_id and j.facility_id in (select private.facility_ids_with_permission('view_jobs'))
        );
end;
$$;

comment on function private.job_queue(uuid, integer) is
'Definer: the score reads customers and tiers. Own check: view_jobs, limited to the caller''s facilities.';

create function public.job_queue(max_results integer default 100, org_id uuid default null)
returns setof public.queued_job
language sql
stable
set search_path = ''
as $$
    select * from private.job_queue(org_id, max_results);
$$;

comment on function public.job_queue(integer, uuid) is
'Unscheduled jobs, most urgent first, each with its score and the parts of it (OPT-9). Needs view_jobs.';

revoke execute on function public.job_queue(integer, uuid) from public, anon;
grant execute on function public.job_queue(integer, uuid) to authenticated, service_role;
grant execute on function private.job_queue(uuid, integer) to authenticated, service_role;
