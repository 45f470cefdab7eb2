create table public.estimates (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references public.orgs (id) on delete cascade,
    number text not null,
    customer_id uuid not null,
    vehicle_id uuid,
    location_id uuid,
    service_id uuid,
    description text,
    estimated_duration_minutes integer,
    status public.source_status not null default 'draft',
    allows_multiple_appointments boolean not null default false,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint estimates_org_id_id_key unique (org_id, id),
    constraint estimates_org_id_number_key unique (org_id, number),
    constraint estimates_customer_fkey foreign key (org_id, customer_id) references public.customers (org_id, id),
    constraint estimates_vehicle_fkey foreign key (org_id, vehicle_id) references public.vehicles (org_id, id),
    constraint estimates_location_fkey foreign key (org_id, location_id) references public.customer_locations (org_id, id),
    constraint estimates_service_fkey foreign key (org_id, service_id) references public.services (org_id, id),
    constraint estimates_duration_positive check (estimated_duration_minutes between 1 and 10080)
);

create index estimates_org_id_customer_id_idx on public.estimates (org_id, customer_id);
create index estimates_org_id_vehicle_id_idx on public.estimates (org_id, vehicle_id);
create index estimates_org_id_location_id_idx on public.estimates (org_id, location_id);
create index estimates_org_id_service_id_idx on public.estimates (org_id, service_id);

comment on table public.estimates is 'A quote that can become an appointment (BKG-10).';

create table public.work_orders (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references public.orgs (id) on delete cascade,
    number text not null,
    estimate_id uuid,
    customer_id uuid not null,
    vehicle_id uuid,
    location_id uuid,
    service_id uuid,
    description text,
    estimated_duration_minutes integer,
    planned_start_at timestamptz,
    planned_end_at timestamptz,
    status public.source_status not null default 'draft',
    allows_multiple_appointments boolean not null default false,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint work_orders_org_id_id_key unique (org_id, id),
    constraint work_orders_org_id_number_key unique (org_id, number),
    constraint work_orders_estimate_fkey foreign key (org_id, estimate_id) references public.estimates (org_id, id),
    constraint work_orders_customer_fkey foreign key (org_id, customer_id) references public.customers (org_id, id),
    constraint work_orders_vehicle_fkey foreign key (org_id, vehicle_id) references public.vehicles (org_id, id),
    constraint work_orders_location_fkey foreign key (org_id, location_id)
    references public.customer_locations (org_id, id),
    constraint work_orders_service_fkey foreign key (org_id, service_id) references public.services (org_id, id),
    constraint work_orders_duration_positive check (estimated_duration_minutes between 1 and 10080)
);

create index work_orders_org_id_estimate_id_idx on public.work_orders (org_id, estimate_id);
create index work_orders_org_id_customer_id_idx on public.work_orders (org_id, customer_id);
create index work_orders_org_id_vehicle_id_idx on public.work_orders (org_id, vehicle_id);
create index work_orders_org_id_location_id_idx on public.work_orders (org_id, location_id);
create index work_orders_org_id_service_id_idx on public.work_orders (org_id, service_id);

comment on table public.work_orders is 'Approved work, with the duration the people who execute it stand for (BKG-10).';
comment on column public.work_orders.planned_start_at is 'When the first of its visits starts; follows them, null without any.';
comment on column public.work_orders.planned_end_at is 'When the last of its visits ends.';

create function private.number_source()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
    new.number := coalesce(new.number, private.next_number(tg_argv[0]));
    return new;
end;
$$;

comment on function private.number_source() is 'Numbers a new estimate or work order (CRM-8).';

create trigger estimates_number before insert on public.estimates
for each row execute function private.number_source('estimate');
create trigger work_orders_number before insert on public.work_orders
for each row execute function private.number_source('work_order');
