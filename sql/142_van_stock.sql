-- What vans carry and work needs: tools that stay in the van, parts that are used up.

create table public.parts (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references public.orgs (id) on delete cascade,
    code text not null,
    name text not null,
    is_tool boolean not null default false,
    is_active boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint parts_org_id_id_key unique (org_id, id),
    constraint parts_org_id_code_key unique (org_id, code),
    constraint parts_code_is_slug check (code ~ '^[a-z0-9][a-z0-9_-]*$'),
    constraint parts_name_not_blank check (btrim(name) <> '')
);

comment on table public.parts is
'Parts and tools that matter for planning (OPT-4): what is on every van anyway need not be listed.';
comment on column public.parts.is_tool is 'A tool must be there and stays in the van; a part is used up.';
comment on column public.parts.is_active is 'What is no longer active is needed nowhere.';

create table public.technician_stock (
    org_id uuid not null references public.orgs (id) on delete cascade,
    technician_id uuid not null,
    part_id uuid not null,
    quantity integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (technician_id, part_id),
    constraint technician_stock_technician_fkey foreign key (org_id, technician_id)
    references public.technician_profiles (org_id, id) on delete cascade,
    constraint technician_stock_part_fkey foreign key (org_id, part_id)
    references public.parts (org_id, id) on delete cascade,
    constraint technician_stock_quantity_sensible check (quantity between 0 and 10000)
);

create index technician_stock_org_id_technician_id_idx on public.technician_stock (org_id, technician_id);
create index technician_stock_org_id_part_id_idx on public.technician_stock (org_id, part_id);

comment on table public.technician_stock is
'What a technician''s van holds as each working day begins; a plan counts what its visits use up during the day.';

create table public.service_parts (
    org_id uuid not null references public.orgs (id) on delete cascade,
    service_id uuid not null,
    part_id uuid not null,
    quantity integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (service_id, part_id),
    constraint service_parts_service_fkey foreign key (org_id, service_id)
    references public.services (org_id, id) on delete cascade,
    constraint service_parts_part_fkey foreign key (org_id, part_id)
    references public.parts (org_id, id) on delete cascade,
    constraint service_parts_quantity_sensible check (quantity between 1 and 10000)
);

create index service_parts_org_id_service_id_idx on public.service_parts (org_id, service_id);
create index service_parts_org_id_part_id_idx on public.service_parts (org_id, part_id);

comment on table public.service_parts is 'Tools and parts a visit of this service needs; a job may say otherwise in job_parts.';

create function private.depot_of(technician uuid)
returns uuid
language plpgsql
stable
set search_path = ''
as $$
begin
    return (
        select f.id
        from public.technician_profiles as t
        inner join public.facilities as f on t.org_id = f.org_id
        left join public.customer_locations as home on t.home_base_location_id = home.id
        where t.id = technician and f.is_active and f.loading_minutes is not null and f.latitude is not null
        order by
            (f.id is not distinct from t.facility_id) desc,
            private.distance_m(home.latitude, home.longitude, f.latitude, f.longitude, 1) nulls last, f.name
        limit 1
    );
end;
$$;

comment on function private.depot_of(uuid) is
'Where a technician fetches what the van lacks: the own facility if vans are loaded there, else the one nearest to home; null if there is none.';
