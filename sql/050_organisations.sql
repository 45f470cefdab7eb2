create table public.orgs (
    id uuid primary key default gen_random_uuid(),
    name text not null,
    slug text not null,
    time_zone text not null default 'UTC',
    country text not null default 'US',
    currency text not null default 'USD',
    is_active boolean not null default true,
    slot_grid_minutes integer not null default 15,
    arrival_window_minutes integer not null default 120,
    hold_minutes integer not null default 5,
    travel_speed_kmh numeric not null default 40,
    travel_detour_factor numeric not null default 1.3,
    technicians_may_self_claim boolean not null default false,
    out_of_zone_is_soft boolean not null default false,
    reschedule_notice_minutes integer not null default 1440,
    reschedule_emergency_minutes integer not null default 240,
    reschedule_limit integer not null default 2,
    concurrent_runs integer not null default 2,
    reoptimization public.reoptimization not null default 'propose',
    reoptimization_days integer not null default 2,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint orgs_slug_key unique (slug),
    constraint orgs_name_not_blank check (btrim(name) <> ''),
    constraint orgs_slug_is_url_safe check (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'),
    constraint orgs_time_zone_known check (private.is_time_zone(time_zone)),
    constraint orgs_country_is_iso check (country ~ '^[A-Z]{2}$'),
    constraint orgs_currency_is_iso check (currency ~ '^[A-Z]{3}$'),
    constraint orgs_grid_divides_the_hour check (slot_grid_minutes in (5, 10, 15, 20, 30, 60)),
    constraint orgs_arrival_window_sensible check (arrival_window_minutes between 0 and 720),
    constraint orgs_hold_minutes_sensible check (hold_minutes between 1 and 60),
    constraint orgs_travel_speed_sensible check (travel_speed_kmh between 1 and 200),
    constraint orgs_reschedule_notice_sensible check (
        reschedule_emergency_minutes between 0 and reschedule_notice_minutes and reschedule_notice_minutes <= 43200
    ),
    constraint orgs_reschedule_limit_sensible check (reschedule_limit between 0 and 100),
    constraint orgs_concurrent_runs_sensible check (concurrent_runs between 1 and 20),
    constraint orgs_reoptimization_days_sensible check (reoptimization_days between 1 and 366),
    constraint orgs_detour_factor_sensible check (travel_detour_factor between 1 and 5)
);

comment on table public.orgs is 'A field-service company. Every other table belongs to exactly one of them.';
comment on column public.orgs.slot_grid_minutes is 'Bookable start times fall on this grid, counted from the local hour.';
comment on column public.orgs.arrival_window_minutes is 'Length of the arrival window promised to a customer when a booking names none; 0 promises the exact start.';
comment on column public.orgs.travel_speed_kmh is 'Average driving speed used where no travel-time provider answers, in km/h.';
comment on column public.orgs.reschedule_notice_minutes is 'Moving a visit later than this before its start needs approve_reschedule (BKG-9).';
comment on column public.orgs.reschedule_emergency_minutes is 'Moving it later than this needs approve_emergency_reschedule and a customer who confirmed.';
comment on column public.orgs.reschedule_limit is 'How often a visit may be moved before approve_reschedule is needed; moves by plans and emergency insertions are not counted.';
comment on column public.orgs.concurrent_runs is 'How many runs of the optimiser may work for the company at once (OPT-6); the others wait.';
comment on column public.orgs.reoptimization is
'What follows when a visit is canceled, a technician falls out, a job overruns or driving times change (OPT-8): nothing, a proposal, or a plan put in force at once.';
comment on column public.orgs.reoptimization_days is 'Only changes to so many days from today on are planned around.';
comment on column public.orgs.travel_detour_factor is 'Road distance divided by great-circle distance, for the same estimate.';

create table public.facilities (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references public.orgs (id) on delete cascade,
    name text not null,
    phone text,
    address_line1 text,
    address_line2 text,
    city text,
    region text,
    postal_code text,
    country text,
    latitude double precision,
    longitude double precision,
    time_zone text not null,
    daily_capacity integer,
    loading_minutes integer,
    is_active boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint facilities_org_id_id_key unique (org_id, id),
    constraint facilities_org_id_name_key unique (org_id, name),
    constraint facilities_time_zone_known check (private.is_time_zone(time_zone)),
    constraint facilities_phone_is_e164 check (private.is_e164(phone)),
    constraint facilities_coordinates_valid check (
        (latitude is null) = (longitude is null)
        and latitude between -90 and 90 and longitude between -180 and 180
    ),
    constraint facilities_daily_capacity_positive check (daily_capacity > 0),
    constraint facilities_loading_sensible check (loading_minutes between 0 and 480)
);

comment on table public.facilities is 'A branch, shop or depot of the company: bays and mobile units stand here, technicians may start here.';
comment on column public.facilities.daily_capacity is 'Visits the facility accepts per local day; null means no limit.';
comment on column public.facilities.loading_minutes is
'How long a technician takes to fetch what the van lacks, where this is a depot for that; null means nothing is fetched here.';

create table public.org_members (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references public.orgs (id) on delete cascade,
    user_id uuid not null references auth.users (id) on delete cascade,
    role public.member_role not null,
    is_active boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint org_members_org_id_id_key unique (org_id, id),
    constraint org_members_one_row_per_role unique (org_id, user_id, role)
);

create index org_members_user_id_idx on public.org_members (user_id, org_id);

comment on table public.org_members is
'One role of one user in one org (TEN-2). Access is looked up here at every statement, so removing a row takes effect at once.';

create table public.member_facilities (
    org_id uuid not null references public.orgs (id) on delete cascade,
    member_id uuid not null,
    facility_id uuid not null,
    primary key (member_id, facility_id),
    constraint member_facilities_member_fkey foreign key (org_id, member_id)
    references public.org_members (org_id, id) on delete cascade,
    constraint member_facilities_facility_fkey foreign key (org_id, facility_id)
    references public.facilities (org_id, id)
);

create index member_facilities_org_id_member_id_idx on public.member_facilities (org_id, member_id);
create index member_facilities_org_id_facility_id_idx on public.member_facilities (org_id, facility_id);

comment on table public.member_facilities is
'Limits a membership to certain facilities (service advisors, shop managers). A membership without rows here covers the whole org, which is why a facility that limits somebody cannot be deleted.';

create table public.role_permissions (
    org_id uuid not null references public.orgs (id) on delete cascade,
    role public.member_role not null,
    permission public.permission not null,
    created_at timestamptz not null default now(),
    primary key (org_id, role, permission)
);

comment on table public.role_permissions is
'What each role may do in an org (TEN-4). Filled with defaults when the org is created; the org may change it, except that an owner keeps everything.';

create function private.default_role_permissions()
returns table (role public.member_role, permission public.permission)
language sql
immutable
set search_path = ''
begin atomic
with office_work as (
    select unnest(array[
        'view_availability', 'view_customers', 'manage_customers', 'view_jobs', 'create_job', 'view_assignments'
    ]::public.permission[]) as permission
),

front_desk as (
    select unnest(array[
        'edit_job', 'create_appointment', 'reschedule_appointment', 'cancel_appointment'
    ]::public.permission[]) as permission
),

dispatching as (
    select unnest(array[
        'manage_availability', 'view_cancelled_appointments', 'assign_technician', 'override_scheduling_conflict',
        'approve_reschedule', 'approve_duration_override', 'edit_assignment_notes', 'optimize_schedule', 'view_positions'
    ]::public.permission[]) as permission
)

select r.role, p.permission
from unnest(array['owner', 'admin']::public.member_role[]) as r (role)
cross join unnest(enum_range(null::public.permission)) as p (permission)
union all
select r.role, p.permission
from unnest(array['dispatcher', 'shop_manager', 'service_advisor', 'office']::public.member_role[]) as r (role)
cross join office_work as p
union all
select r.role, p.permission
from unnest(array['dispatcher', 'shop_manager', 'service_advisor']::public.member_role[]) as r (role)
cross join front_desk as p
union all
select r.role, p.permission
from unnest(array['dispatcher', 'shop_manager']::public.member_role[]) as r (role)
cross join dispatching as p
union all
select 'shop_manager'::public.member_role, 'approve_emergency_reschedule'::public.permission;
end;

comment on function private.default_role_permissions() is
'The permissions a new org starts with. Technician, customer, cashier and parts clerk start with none: they see what is theirs, or nothing.';

create function private.start_org()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    insert into public.role_permissions (org_id, role, permission)
    select new.id, d.role, d.permission
    from private.default_role_permissions() as d;
    return new;
end;
$$;

comment on function private.start_org() is 'Gives a new org its default role permissions. Definer: the creator has no rights in the org yet.';

create trigger orgs_start after insert on public.orgs
for each row execute function private.start_org();

create function private.keep_owner_permissions()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
    -- The org itself being deleted takes its rows along.
    if old.role = 'owner' and exists (select from public.orgs as o where o.id = old.org_id) then
        perform private.fail(
            409, 'owner_permissions_are_fixed', 'An owner keeps every permission.', 'Change another role instead.'
        );
    end if;
    return old;
end;
$$;

comment on function private.keep_owner_permissions() is 'An org can never lock its owners out.';

create trigger role_permissions_keep_owner before delete on public.role_permissions
for each row execute function private.keep_owner_permissions();
