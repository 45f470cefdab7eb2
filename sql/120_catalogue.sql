create table public.skills (
    org_id uuid not null references public.orgs (id) on delete cascade,
    code text not null,
    name text not null,
    category text,
    is_active boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (org_id, code),
    constraint skills_code_is_snake_case check (code ~ '^[a-z0-9]+(_[a-z0-9]+)*$'),
    constraint skills_name_not_blank check (btrim(name) <> '')
);

comment on table public.skills is 'A qualification that work may require, e.g. hvac_service.';

create table public.services (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references public.orgs (id) on delete cascade,
    code text not null,
    name text not null,
    category text not null default 'general',
    description text,
    job_type public.job_type not null default 'repair',
    standard_duration_minutes integer not null default 60,
    buffer_before_minutes integer not null default 0,
    buffer_after_minutes integer not null default 0,
    crew_size integer not null default 1,
    place_kind public.place_kind not null default 'site',
    bay_types public.bay_type[] not null default '{}',
    mobile_eligible boolean not null default false,
    mobile_max_distance_m integer,
    pause_policy public.pause_policy not null default 'free',
    is_composite boolean not null default false,
    price_hint numeric(12, 2),
    is_active boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint services_org_id_id_key unique (org_id, id),
    constraint services_org_id_code_key unique (org_id, code),
    constraint services_code_is_snake_case check (code ~ '^[a-z0-9]+(_[a-z0-9]+)*$'),
    constraint services_duration_positive check (standard_duration_minutes between 1 and 10080),
    constraint services_buffers_sensible check (
        buffer_before_minutes between 0 and 1440 and buffer_after_minutes between 0 and 1440
    ),
    constraint services_crew_size_positive check (crew_size between 1 and 50),
    constraint services_mobile_distance_positive check (mobile_max_distance_m > 0),
    constraint services_price_hint_not_negative check (price_hint >= 0)
);

comment on table public.services is 'The service catalogue (CRM-6): what a customer can ask for and what it takes.';
comment on column public.services.place_kind is 'Where it is done by default: at the customer''s site, in a bay, or by a mobile unit.';
comment on column public.services.is_composite is 'Whether the service has segments; kept by trigger, as is its duration then.';
comment on column public.services.pause_policy is 'Composite: whether technicians are bookable in the pauses. flexible leaves it to each segment.';
comment on column public.services.bay_types is 'Bay types that suit it; empty means any bay.';

create table public.service_skills (
    org_id uuid not null references public.orgs (id) on delete cascade,
    service_id uuid not null,
    skill_code text not null,
    minimum_level smallint not null default 1,
    is_required boolean not null default true,
    created_at timestamptz not null default now(),
    primary key (service_id, skill_code),
    constraint service_skills_service_fkey foreign key (org_id, service_id)
    references public.services (org_id, id) on delete cascade,
    constraint service_skills_skill_fkey foreign key (org_id, skill_code)
    references public.skills (org_id, code) on update cascade,
    constraint service_skills_level_in_range check (minimum_level between 1 and 5)
);

create index service_skills_org_id_service_id_idx on public.service_skills (org_id, service_id);
create index service_skills_org_id_skill_code_idx on public.service_skills (org_id, skill_code);

comment on table public.service_skills is 'Skills a service requires, with the least level, or merely prefers (is_required = false).';

create table public.service_segments (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references public.orgs (id) on delete cascade,
    service_id uuid not null,
    position integer not null,
    name text not null,
    duration_minutes integer not null,
    pause_after_minutes integer not null default 0,
    pause_policy public.pause_policy,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint service_segments_org_id_id_key unique (org_id, id),
    constraint service_segments_service_fkey foreign key (org_id, service_id)
    references public.services (org_id, id) on delete cascade,
    constraint service_segments_position_key unique (service_id, position),
    constraint service_segments_position_positive check (position >= 1),
    constraint service_segments_duration_positive check (duration_minutes between 1 and 10080),
    constraint service_segments_pause_not_negative check (pause_after_minutes between 0 and 10080)
);

create index service_segments_org_id_service_id_idx on public.service_segments (org_id, service_id);

comment on table public.service_segments is 'The parts of a composite service in order, with the pause after each (BKG-12).';

create function private.check_category()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
    perform private.check_label(new.org_id, 'category', new.category);
    return new;
end;
$$;

comment on function private.check_category() is 'Refuses a category that is not in the org''s list (CRM-5).';

create trigger services_check_category before insert or update of category on public.services
for each row execute function private.check_category();
