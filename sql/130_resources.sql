create table public.resources (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references public.orgs (id) on delete cascade,
    facility_id uuid not null,
    kind public.resource_kind not null,
    name text not null,
    bay_type public.bay_type,
    capacity integer not null default 1,
    is_active boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint resources_org_id_id_key unique (org_id, id),
    constraint resources_facility_fkey foreign key (org_id, facility_id)
    references public.facilities (org_id, id) on delete cascade,
    constraint resources_facility_id_name_key unique (facility_id, name),
    constraint resources_bay_has_type check ((kind = 'bay') = (bay_type is not null)),
    constraint resources_capacity_positive check (capacity between 1 and 100),
    constraint resources_bays_hold_one_visit check (kind = 'equipment' or capacity = 1)
);

create index resources_org_id_facility_id_idx on public.resources (org_id, facility_id);

comment on table public.resources is 'What a visit can claim besides technicians (AVL-2): bays, mobile units, equipment.';
comment on column public.resources.capacity is 'How many visits may use it at once; more than one only for equipment.';
