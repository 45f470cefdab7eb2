create function private.is_skill_levels(skills jsonb)
returns boolean
language sql
immutable
parallel safe
set search_path = ''
-- An expression, which is put in place of the call: constraints are checked at every change of a job.
return coalesce(jsonb_typeof(skills) = 'object' and not jsonb_path_exists(
    skills, 'strict $.* ? (@.type() != "number" || (@ != 1 && @ != 2 && @ != 3 && @ != 4 && @ != 5))'
), false);

comment on function private.is_skill_levels(jsonb) is 'True for an object of skill code to least level 1 to 5.';

grant execute on function private.is_skill_levels(jsonb) to authenticated, service_role;

create table public.dispatch_jobs (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references public.orgs (id) on delete cascade,
    number text not null,
    customer_id uuid,
    location_id uuid,
    contact_phone text,
    vehicle_id uuid,
    facility_id uuid,
    service_id uuid,
    related_work_order_id uuid,
    related_estimate_id uuid,
    title text not null,
    description text,
    job_type public.job_type not null default 'repair',
    category text,
    priority public.job_priority not null default 'normal',
    status public.job_status not null default 'unscheduled',
    status_changed_at timestamptz not null default now(),
    cancel_reason text,
    estimated_duration_minutes integer not null,
    required_skills jsonb not null default '{}',
    required_crew_size integer not null,
    visits_planned integer not null default 1,
    service_zone_id uuid,
    preferred_technician_id uuid,
    sla_start_at timestamptz,
    sla_end_at timestamptz,
    source public.job_source not null default 'phone',
    is_customer_booked boolean not null default false,
    notes_internal text,
    notes_customer_visible text,
    version integer not null default 1,
    created_by_user_id uuid default auth.uid() references auth.users (id) on delete set null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint dispatch_jobs_org_id_id_key unique (org_id, id),
    constraint dispatch_jobs_org_id_number_key unique (org_id, number),
    constraint dispatch_jobs_customer_fkey foreign key (org_id, customer_id) references public.customers (org_id, id),
    constraint dispatch_jobs_location_fkey foreign key (org_id, location_id)
    references public.customer_locations (org_id, id),
    constraint dispatch_jobs_vehicle_fkey foreign key (org_id, vehicle_id) references public.vehicles (org_id, id),
    constraint dispatch_jobs_facility_fkey foreign key (org_id, facility_id) references public.facilities (org_id, id),
    constraint dispatch_jobs_service_fkey foreign key (org_id, service_id) references public.services (org_id, id),
    constraint dispatch_jobs_work_order_fkey foreign key (org_id, related_work_order_id)
    references public.work_orders (org_id, id),
    constraint dispatch_jobs_estimate_fkey foreign key (org_id, related_estimate_id)
    references public.estimates (org_id, id),
    constraint dispatch_jobs_service_zone_fkey foreign key (org_id, service_zone_id)
    references public.service_zones (org_id, id) on delete set null (service_zone_id),
    constraint dispatch_jobs_preferred_technician_fkey foreign key (org_id, preferred_technician_id)
    references public.technician_profiles (org_id, id) on delete set null (preferred_technician_id),
    constraint dispatch_jobs_title_not_blank check (btrim(title) <> ''),
    constraint dispatch_jobs_contact_phone_is_e164 check (private.is_e164(contact_phone)),
    constraint dispatch_jobs_has_someone_to_reach check (num_nonnulls(customer_id, contact_phone) >= 1),
    constraint dispatch_jobs_duration_positive check (estimated_duration_minutes between 1 and 10080),
    constraint dispatch_jobs_crew_size_positive check (required_crew_size between 1 and 50),
    constraint dispatch_jobs_visits_planned_positive check (visits_planned between 1 and 100),
    constraint dispatch_jobs_skills_have_levels check (private.is_skill_levels(required_skills)),
    constraint dispatch_jobs_sla_ordered check (sla_end_at > sla_start_at),
    constraint dispatch_jobs_canceled_with_reason check (status <> 'canceled' or btrim(cancel_reason) <> '')
);

create index dispatch_jobs_org_id_status_priority_idx on public.dispatch_jobs (org_id, status, priority);
create index dispatch_jobs_org_id_sla_end_at_idx on public.dispatch_jobs (org_id, sla_end_at);
create index dispatch_jobs_org_id_customer_id_idx on public.dispatch_jobs (org_id, customer_id);
create index dispatch_jobs_org_id_location_id_idx on public.dispatch_jobs (org_id, location_id);
create index dispatch_jobs_org_id_vehicle_id_idx on public.dispatch_jobs (org_id, vehicle_id);
create index dispatch_jobs_org_id_facility_id_idx on public.dispatch_jobs (org_id, facility_id);
create index dispatch_jobs_org_id_service_id_idx on public.dispatch_jobs (org_id, service_id);
create index dispatch_jobs_org_id_work_order_id_idx on public.dispatch_jobs (org_id, related_work_order_id);
create index dispatch_jobs_org_id_estimate_id_idx on public.dispatch_jobs (org_id, related_estimate_id);
create index dispatch_jobs_org_id_service_zone_id_idx on public.dispatch_jobs (org_id, service_zone_id);
create index dispatch_jobs_org_id_preferred_technician_id_idx
on public.dispatch_jobs (org_id, preferred_technician_id);
create index dispatch_jobs_created_by_user_id_idx on public.dispatch_jobs (created_by_user_id);

comment on table public.dispatch_jobs is
'Work a customer asked for (JOB-2). It may exist before its customer does, as long as there is a phone number to call back (JOB-1).';
comment on column public.dispatch_jobs.required_skills is
'Object of skill code to least level, e.g. {"hvac_service": 3}. An array of codes is accepted and stored with level 1. Empty on insert: taken from the service.';
comment on column public.dispatch_jobs.visits_planned is 'Completed visits after which the job is complete (JOB-3).';
comment on column public.dispatch_jobs.sla_start_at is 'Work may not start earlier.';
comment on column public.dispatch_jobs.sla_end_at is 'Work must be finished by then.';
comment on column public.dispatch_jobs.version is 'Counts every change of the row.';

create function private.prepare_job()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    service public.services;
    unknown text;
begin
    if jsonb_typeof(new.required_skills) = 'array' then
        new.required_skills := (
            select coalesce(jsonb_object_agg(code, 1), '{}') from jsonb_array_elements_text(new.required_skills) as code
        );
    end if;
    if tg_op = 'INSERT' then
        new.number := coalesce(new.number, private.next_number('job'));
        if new.service_id is not null then
            select s.* into service from public.services as s where s.org_id = new.org_id and s.id = new.service_id;
            new.category := coalesce(new.category, service.category);
            new.title := coalesce(nullif(btrim(new.title), ''), service.name);
            if new.required_skills = '{}' then
                new.required_skills := coalesce((
                    select jsonb_object_agg(k.skill_code, k.minimum_level)
                    from public.service_skills as k
                    where k.service_id = new.service_id and k.is_required
                ), '{}');
            end if;
            new.estimated_duration_minutes := coalesce(new.estimated_duration_minutes, private.planned_minutes(service));
            new.required_crew_size := coalesce(new.required_crew_size, service.crew_size);
        end if;
        new.estimated_duration_minutes := coalesce(new.estimated_duration_minutes, 60);
        new.required_crew_size := coalesce(new.required_crew_size, 1);
    end if;
    perform private.check_label(new.org_id, 'category', new.category);
    if private.is_skill_levels(new.required_skills) then
        select string_agg(wanted.code, ', ') into unknown
        from jsonb_object_keys(new.required_skills) as wanted (code)
        where not exists (select from public.skills as s where s.org_id = new.org_id and s.code = wanted.code);
    end if;
    if unknown is not null then
        perform private.fail(
            400, 'unknown_skill', format('This company has no skill called %s.', unknown),
            'Add it to skills first, or correct the code.'
        );
    end if;
    if new.location_id is not null then
        select l.service_zone_id into new.service_zone_id
        from public.customer_locations as l where l.org_id = new.org_id and l.id = new.location_id;
    end if;
    return new;
end;
$$;

comment on function private.prepare_job() is
'Numbers a job, fills what it leaves open from its service and site, checks category and skills. Definer: reads the catalogue whoever asks for service.';

create trigger dispatch_jobs_prepare before insert
or update of required_skills, category, location_id, service_zone_id on public.dispatch_jobs
for each row execute function private.prepare_job();

create trigger dispatch_jobs_bump_version before update on public.dispatch_jobs
for each row execute function private.bump_version();

create table public.job_time_windows (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references public.orgs (id) on delete cascade,
    dispatch_job_id uuid not null,
    window_start timestamptz not null,
    window_end timestamptz not null,
    source public.window_source not null default 'dispatcher_selected',
    is_selected boolean not null default false,
    created_at timestamptz not null default now(),
    constraint job_time_windows_org_id_id_key unique (org_id, id),
    constraint job_time_windows_job_fkey foreign key (org_id, dispatch_job_id)
    references public.dispatch_jobs (org_id, id) on delete cascade,
    constraint job_time_windows_ordered check (window_end > window_start)
);

create index job_time_windows_org_id_dispatch_job_id_idx on public.job_time_windows (org_id, dispatch_job_id);
create unique index job_time_windows_one_selected_key on public.job_time_windows (dispatch_job_id) where is_selected;

comment on table public.job_time_windows is
'Times at which the visit may start (JOB-6): offered ones, or the one that was chosen. Once one is selected only it counts; with none at all any time will do.';
