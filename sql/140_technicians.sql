create table public.technician_profiles (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references public.orgs (id) on delete cascade,
    user_id uuid references auth.users (id) on delete set null,
    facility_id uuid,
    display_name text not null,
    phone text,
    email extensions.citext,
    photo_path text,
    employment_type public.employment_type not null default 'employee',
    is_active boolean not null default true,
    time_zone text not null,
    home_base_location_id uuid,
    default_service_zone_id uuid,
    max_daily_work_minutes integer,
    max_concurrent_jobs integer not null default 1,
    duration_factor numeric(4, 2) not null default 1,
    travel_speed_factor numeric(4, 2) not null default 1,
    vehicle_type public.vehicle_type,
    metadata jsonb,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint technician_profiles_org_id_id_key unique (org_id, id),
    constraint technician_profiles_org_id_user_id_key unique (org_id, user_id),
    constraint technician_profiles_facility_fkey foreign key (org_id, facility_id)
    references public.facilities (org_id, id) on delete set null (facility_id),
    constraint technician_profiles_home_base_fkey foreign key (org_id, home_base_location_id)
    references public.customer_locations (org_id, id) on delete set null (home_base_location_id),
    constraint technician_profiles_default_service_zone_fkey foreign key (org_id, default_service_zone_id)
    references public.service_zones (org_id, id) on delete set null (default_service_zone_id),
    constraint technician_profiles_name_not_blank check (btrim(display_name) <> ''),
    constraint technician_profiles_phone_is_e164 check (private.is_e164(phone)),
    constraint technician_profiles_email_has_at check (email ~ '^[^@\s]+@[^@\s]+$'),
    constraint technician_profiles_time_zone_known check (private.is_time_zone(time_zone)),
    constraint technician_profiles_daily_work_sensible check (max_daily_work_minutes between 1 and 1440),
    constraint technician_profiles_concurrency_sensible check (max_concurrent_jobs between 1 and 20),
    constraint technician_profiles_duration_factor_sensible check (duration_factor between 0.5 and 2),
    constraint technician_profiles_travel_speed_factor_sensible check (travel_speed_factor between 0.5 and 2)
);

create index technician_profiles_user_id_idx on public.technician_profiles (user_id) where user_id is not null;
create index technician_profiles_org_id_facility_id_idx on public.technician_profiles (org_id, facility_id);
create index technician_profiles_org_id_home_base_location_id_idx
on public.technician_profiles (org_id, home_base_location_id);
create index technician_profiles_org_id_default_service_zone_id_idx
on public.technician_profiles (org_id, default_service_zone_id);

comment on table public.technician_profiles is 'A person who does the work (AVL-1).';
comment on column public.technician_profiles.home_base_location_id is
'Where the working day starts and ends; driving from and to it counts as work. Without one, the day starts at the first visit.';
comment on column public.technician_profiles.max_daily_work_minutes is
'Visits plus driving per local day; null means as long as the shift.';
comment on column public.technician_profiles.max_concurrent_jobs is 'Lanes in the ledger: visits this person may have at once.';
comment on column public.technician_profiles.duration_factor is
'How long this person takes for work at a site done alone, against its standard duration: 1.25 takes a quarter longer, rounded up to whole minutes. Counts where nobody names an end; buffers, crews, bays and composite work keep theirs.';
comment on column public.technician_profiles.travel_speed_factor is
'How fast this person drives against what is usual: 1.25 gets there in four fifths of the time.';

create table public.technician_skills (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references public.orgs (id) on delete cascade,
    technician_id uuid not null,
    skill_code text not null,
    level smallint not null default 3,
    proficiency_level public.proficiency_level generated always as (
        case
            when level = 1 then 'junior'::public.proficiency_level
            when level = 2 then 'mid'::public.proficiency_level
            when level = 3 then 'senior'::public.proficiency_level
            else 'expert'::public.proficiency_level
        end
    ) stored,
    is_primary boolean not null default false,
    certified_until date,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint technician_skills_org_id_id_key unique (org_id, id),
    constraint technician_skills_org_id_technician_id_skill_code_key unique (org_id, technician_id, skill_code),
    constraint technician_skills_technician_fkey foreign key (org_id, technician_id)
    references public.technician_profiles (org_id, id) on delete cascade,
    constraint technician_skills_skill_fkey foreign key (org_id, skill_code)
    references public.skills (org_id, code) on update cascade,
    constraint technician_skills_level_in_range check (level between 1 and 5)
);

create index technician_skills_org_id_skill_code_idx on public.technician_skills (org_id, skill_code, level);

comment on table public.technician_skills is 'What a technician can do, at level 1 to 5, and until when it is certified.';
comment on column public.technician_skills.certified_until is 'Last day of the certificate, inclusive; null never expires.';

create table public.technician_service_zones (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references public.orgs (id) on delete cascade,
    technician_id uuid not null,
    service_zone_id uuid not null,
    is_primary boolean not null default false,
    created_at timestamptz not null default now(),
    constraint technician_service_zones_org_id_id_key unique (org_id, id),
    constraint technician_service_zones_org_id_technician_id_zone_key unique (org_id, technician_id, service_zone_id),
    constraint technician_service_zones_technician_fkey foreign key (org_id, technician_id)
    references public.technician_profiles (org_id, id) on delete cascade,
    constraint technician_service_zones_zone_fkey foreign key (org_id, service_zone_id)
    references public.service_zones (org_id, id) on delete cascade
);

create index technician_service_zones_org_id_service_zone_id_idx
on public.technician_service_zones (org_id, service_zone_id);

comment on table public.technician_service_zones is
'Zones a technician works in, beside the default one. A technician with no zone at all works everywhere.';

create table public.technician_shifts (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references public.orgs (id) on delete cascade,
    technician_id uuid not null,
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    time_zone text not null,
    shift_type public.shift_type not null default 'regular',
    recurrence_rule text,
    excluded_on date[] not null default '{}',
    recurrence private.recurrence,
    is_active boolean not null default true,
    created_by_user_id uuid default auth.uid() references auth.users (id) on delete set null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint technician_shifts_org_id_id_key unique (org_id, id),
    constraint technician_shifts_technician_fkey foreign key (org_id, technician_id)
    references public.technician_profiles (org_id, id) on delete cascade,
    constraint technician_shifts_ordered check (ends_at > starts_at),
    constraint technician_shifts_at_most_a_day check (ends_at <= starts_at + interval '24 hours'),
    constraint technician_shifts_time_zone_known check (private.is_time_zone(time_zone)),
    constraint technician_shifts_rule_valid check (private.check_recurrence_rule(recurrence_rule))
);

create index technician_shifts_org_id_technician_id_ends_at_idx
on public.technician_shifts (org_id, technician_id, ends_at);
create index technician_shifts_created_by_user_id_idx on public.technician_shifts (created_by_user_id);

comment on table public.technician_shifts is
'Working time (AVL-3), once or recurring. Bookings may fall into every type but training.';
comment on column public.technician_shifts.recurrence_rule is 'RFC 5545 RRULE in the shift''s own time zone, e.g. FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR; null for a single shift.';
comment on column public.technician_shifts.excluded_on is 'Local dates on which a recurring shift does not take place (EXDATE).';
comment on column public.technician_shifts.time_zone is 'Filled with the technician''s time zone when left out.';

create table public.technician_time_off (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references public.orgs (id) on delete cascade,
    technician_id uuid not null,
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    time_zone text not null,
    reason public.time_off_reason not null default 'other',
    minutes integer,
    recurrence_rule text,
    excluded_on date[] not null default '{}',
    recurrence private.recurrence,
    notes text,
    created_by_user_id uuid default auth.uid() references auth.users (id) on delete set null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint technician_time_off_org_id_id_key unique (org_id, id),
    constraint technician_time_off_technician_fkey foreign key (org_id, technician_id)
    references public.technician_profiles (org_id, id) on delete cascade,
    constraint technician_time_off_ordered check (ends_at > starts_at),
    constraint technician_time_off_time_zone_known check (private.is_time_zone(time_zone)),
    constraint technician_time_off_rule_valid check (private.check_recurrence_rule(recurrence_rule)),
    constraint technician_time_off_flexible_break_fits check (
        minutes is null
        or (reason = 'break' and minutes > 0 and make_interval(mins => minutes) <= ends_at - starts_at)
    )
);

create index technician_time_off_org_id_technician_id_starts_at_idx
on public.technician_time_off (org_id, technician_id, starts_at);
create index technician_time_off_org_id_technician_id_ends_at_idx
on public.technician_time_off (org_id, technician_id, ends_at);
create index technician_time_off_created_by_user_id_idx on public.technician_time_off (created_by_user_id);

comment on table public.technician_time_off is
'Time a technician is not available (AVL-3): vacation, sickness, breaks, blocked time; once or recurring.';
comment on column public.technician_time_off.minutes is
'Flexible break: this many minutes somewhere between starts_at and ends_at. Null: the whole time is off.';

create table public.external_busy_times (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references public.orgs (id) on delete cascade,
    technician_id uuid not null,
    during tstzrange not null,
    source text not null,
    external_id text not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint external_busy_times_org_id_id_key unique (org_id, id),
    constraint external_busy_times_source_external_id_key unique (org_id, technician_id, source, external_id),
    constraint external_busy_times_technician_fkey foreign key (org_id, technician_id)
    references public.technician_profiles (org_id, id) on delete cascade,
    constraint external_busy_times_bounded check (
        not isempty(during) and not lower_inf(during) and not upper_inf(during)
    )
);

create index external_busy_times_technician_id_during_idx
on public.external_busy_times using gist (technician_id, during);

comment on table public.external_busy_times is
'Busy time imported from a technician''s own calendar (AVL-6). No title or place is kept.';

create table public.technician_locations (
    id bigint generated always as identity primary key,
    org_id uuid not null references public.orgs (id) on delete cascade,
    technician_id uuid,
    resource_id uuid,
    latitude double precision not null,
    longitude double precision not null,
    accuracy_m real,
    recorded_at timestamptz not null default now(),
    created_at timestamptz not null default now(),
    constraint technician_locations_technician_fkey foreign key (org_id, technician_id)
    references public.technician_profiles (org_id, id) on delete cascade,
    constraint technician_locations_resource_fkey foreign key (org_id, resource_id)
    references public.resources (org_id, id) on delete cascade,
    constraint technician_locations_of_one check (num_nonnulls(technician_id, resource_id) = 1),
    constraint technician_locations_coordinates_valid check (
        latitude between -90 and 90 and longitude between -180 and 180
    ),
    constraint technician_locations_not_from_the_future check (recorded_at <= created_at + interval '5 minutes')
);

create index technician_locations_org_id_technician_id_recorded_at_idx
on public.technician_locations (org_id, technician_id, recorded_at desc);
create index technician_locations_org_id_resource_id_recorded_at_idx
on public.technician_locations (org_id, resource_id, recorded_at desc);

comment on table public.technician_locations is 'Reported positions of technicians and mobile units (AVL-8), append-only.';

create function private.set_technician_time_zone()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    new.time_zone := coalesce(
        new.time_zone,
        (select t.time_zone from public.technician_profiles as t where t.org_id = new.org_id and t.id = new.technician_id),
        'UTC'
    );
    return new;
end;
$$;

comment on function private.set_technician_time_zone() is
'A shift or time off without a time zone takes the technician''s. Definer: a technician asking for time off need not read the profile table.';

-- Trigger names decide the order: the zone must be known before the recurrence is parsed.
create trigger technician_shifts_a_time_zone before insert or update on public.technician_shifts
for each row execute function private.set_technician_time_zone();
create trigger technician_shifts_b_recurrence before insert or update on public.technician_shifts
for each row execute function private.set_recurrence();
create trigger technician_time_off_a_time_zone before insert or update on public.technician_time_off
for each row execute function private.set_technician_time_zone();
create trigger technician_time_off_b_recurrence before insert or update on public.technician_time_off
for each row execute function private.set_recurrence();

create function private.default_technician_time_zone()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    new.time_zone := coalesce(
        new.time_zone,
        (select f.time_zone from public.facilities as f where f.org_id = new.org_id and f.id = new.facility_id),
        (select o.time_zone from public.orgs as o where o.id = new.org_id)
    );
    return new;
end;
$$;

comment on function private.default_technician_time_zone() is
'A technician without a time zone takes the facility''s, else the company''s. Definer: reads both whoever writes.';

create trigger technician_profiles_time_zone before insert or update of time_zone on public.technician_profiles
for each row execute function private.default_technician_time_zone();

create function private.my_technician_ids()
returns setof uuid
language sql
stable
security definer
set search_path = ''
as $$
    select t.id
    from public.technician_profiles as t
    where
        t.user_id = auth.uid() and t.is_active
        and exists (
            select from public.org_members as m
            where m.org_id = t.org_id and m.user_id = t.user_id and m.is_active and m.role = 'technician'
        );
$$;

comment on function private.my_technician_ids() is
'The caller''s own technician profiles, one per org. Definer: policies on the profile table call it.';

grant execute on function private.my_technician_ids() to anon, authenticated, service_role;
