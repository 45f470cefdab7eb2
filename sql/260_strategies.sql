create type public.assignment_strategy as enum ('automatic', 'deferred', 'manual');

create table public.assignment_strategies (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references public.orgs (id) on delete cascade,
    facility_id uuid,
    service_id uuid,
    strategy public.assignment_strategy not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint assignment_strategies_org_id_id_key unique (org_id, id),
    constraint assignment_strategies_facility_fkey foreign key (org_id, facility_id)
    references public.facilities (org_id, id) on delete cascade,
    constraint assignment_strategies_service_fkey foreign key (org_id, service_id)
    references public.services (org_id, id) on delete cascade,
    constraint assignment_strategies_once unique nulls not distinct (org_id, facility_id, service_id)
);

create index assignment_strategies_org_id_facility_id_idx on public.assignment_strategies (org_id, facility_id);
create index assignment_strategies_org_id_service_id_idx on public.assignment_strategies (org_id, service_id);

comment on table public.assignment_strategies is
'How technicians come to an appointment made from an estimate or work order (BKG-11): at once, later by a deadline, or by hand. The most specific row counts: facility and service, service, facility, company. Without a row: automatic.';

create function private.assignment_strategy(org uuid, facility uuid, service uuid)
returns public.assignment_strategy
language sql
stable
set search_path = ''
as $$
    select coalesce((
        select s.strategy
        from public.assignment_strategies as s
        where
            s.org_id = org and (s.facility_id is null or s.facility_id = facility)
            and (s.service_id is null or s.service_id = service)
        order by (s.service_id is not null) desc, (s.facility_id is not null) desc
        limit 1
    ), 'automatic');
$$;

comment on function private.assignment_strategy(uuid, uuid, uuid) is 'The assignment strategy of a facility and service.';

create function private.assign_by(starts_at timestamptz, facility uuid, org uuid)
returns timestamptz
language plpgsql
stable
set search_path = ''
as $$
declare
    zone text := coalesce(
        (select f.time_zone from public.facilities as f where f.id = facility),
        (select o.time_zone from public.orgs as o where o.id = org)
    );
    day date := (starts_at at time zone zone)::date - 1;
    today constant date := (now() at time zone zone)::date;
    deadline timestamptz;
begin
    if day < today then
        return least(starts_at, now() + interval '2 hours');
    end if;
    while extract(isodow from day) > 5 or exists (
        select from public.holidays as h
        where h.org_id = org and h.observed_on = day and (h.facility_id is null or h.facility_id = facility)
    )
    loop
        day := day - 1;
    end loop;
    select private.local_instant(max(day + h.closes_at), zone) into deadline
    from public.operating_hours as h
    where h.org_id = org and h.facility_id = facility and h.weekday = extract(isodow from day);
    return greatest(
        coalesce(deadline, private.local_instant(day + time '17:00', zone)), least(starts_at, now() + interval '2 hours')
    );
end;
$$;

comment on function private.assign_by(timestamptz, uuid, uuid) is
'The deadline of a deferred assignment (BKG-11): close of the business day before (17:00 where no hours are known), or two hours from now for the same day.';
