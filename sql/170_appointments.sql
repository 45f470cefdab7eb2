create table public.appointments (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references public.orgs (id) on delete cascade,
    number text not null,
    dispatch_job_id uuid not null,
    visit_number integer not null,
    location_id uuid,
    facility_id uuid,
    bay_id uuid,
    mobile_unit_id uuid,
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    arrival_window_start timestamptz,
    arrival_window_end timestamptz,
    buffer_before_minutes integer not null default 0,
    buffer_after_minutes integer not null default 0,
    crew_size integer not null default 1,
    estimate_id uuid,
    work_order_id uuid,
    source_is_exclusive boolean not null default true,
    assign_by timestamptz,
    status public.appointment_status not null default 'scheduled',
    status_changed_at timestamptz not null default now(),
    assignment_status public.appointment_assignment_status not null default 'unassigned',
    cancel_reason text,
    cancel_notes text,
    version integer not null default 1,
    created_by_user_id uuid references auth.users (id) on delete set null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint appointments_org_id_id_key unique (org_id, id),
    constraint appointments_org_id_number_key unique (org_id, number),
    constraint appointments_visit_number_key unique (dispatch_job_id, visit_number),
    constraint appointments_of_job_key unique (org_id, dispatch_job_id, id),
    constraint appointments_job_fkey foreign key (org_id, dispatch_job_id)
    references public.dispatch_jobs (org_id, id) on delete cascade,
    constraint appointments_location_fkey foreign key (org_id, location_id)
    references public.customer_locations (org_id, id),
    constraint appointments_facility_fkey foreign key (org_id, facility_id) references public.facilities (org_id, id),
    constraint appointments_bay_fkey foreign key (org_id, bay_id) references public.resources (org_id, id),
    constraint appointments_mobile_unit_fkey foreign key (org_id, mobile_unit_id)
    references public.resources (org_id, id),
    constraint appointments_estimate_fkey foreign key (org_id, estimate_id) references public.estimates (org_id, id),
    constraint appointments_work_order_fkey foreign key (org_id, work_order_id)
    references public.work_orders (org_id, id),
    constraint appointments_ordered check (ends_at > starts_at),
    constraint appointments_arrival_window_ordered check (
        (arrival_window_start is null) = (arrival_window_end is null)
        and arrival_window_end >= arrival_window_start
    ),
    constraint appointments_starts_in_arrival_window check (
        starts_at >= arrival_window_start and starts_at <= arrival_window_end
    ),
    constraint appointments_bay_or_mobile_unit check (num_nonnulls(bay_id, mobile_unit_id) <= 1),
    constraint appointments_bay_has_facility check (bay_id is null or facility_id is not null),
    constraint appointments_buffers_sensible check (
        buffer_before_minutes between 0 and 1440 and buffer_after_minutes between 0 and 1440
    ),
    constraint appointments_crew_size_positive check (crew_size between 1 and 50),
    constraint appointments_canceled_with_reason check (status <> 'canceled' or btrim(cancel_reason) <> '')
);

create index appointments_org_id_starts_at_idx on public.appointments (org_id, starts_at);
create index appointments_org_id_dispatch_job_id_idx on public.appointments (org_id, dispatch_job_id);
create index appointments_org_id_location_id_idx on public.appointments (org_id, location_id);
create index appointments_org_id_facility_id_starts_at_idx on public.appointments (org_id, facility_id, starts_at);
create index appointments_org_id_bay_id_idx on public.appointments (org_id, bay_id);
create index appointments_org_id_mobile_unit_id_idx on public.appointments (org_id, mobile_unit_id);
create index appointments_org_id_estimate_id_idx on public.appointments (org_id, estimate_id);
create index appointments_org_id_work_order_id_idx on public.appointments (org_id, work_order_id);
create unique index appointments_one_per_estimate_key on public.appointments (estimate_id)
where source_is_exclusive and status not in ('canceled', 'no_show');
create unique index appointments_one_per_work_order_key on public.appointments (work_order_id)
where source_is_exclusive and status not in ('canceled', 'no_show');
create index appointments_org_id_assign_by_idx on public.appointments (org_id, assign_by) where assign_by is not null;
create index appointments_created_by_user_id_idx on public.appointments (created_by_user_id);

comment on table public.appointments is
'One visit of a job (JOB-3): planned time, arrival window promised to the customer, and the place. Written through RPCs only.';
comment on column public.appointments.source_is_exclusive is
'Whether the estimate or work order allows this one active appointment only (BKG-10).';
comment on column public.appointments.assign_by is 'When technicians must be named at the latest, for a deferred assignment (BKG-11).';
comment on column public.appointments.version is 'Counts every change; notifications and clients refer to it.';
comment on column public.appointments.arrival_window_end is 'Latest arrival promised; the visit starts within the window, inclusive.';
comment on constraint appointments_bay_or_mobile_unit on public.appointments is
'A visit is in a bay or with a mobile unit, never both (AVL-2).';

create table public.appointment_segments (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references public.orgs (id) on delete cascade,
    appointment_id uuid not null,
    position integer not null,
    name text not null,
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    pause_after_minutes integer not null default 0,
    pause_policy public.pause_policy not null default 'free',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint appointment_segments_org_id_id_key unique (org_id, id),
    constraint appointment_segments_appointment_fkey foreign key (org_id, appointment_id)
    references public.appointments (org_id, id) on delete cascade,
    constraint appointment_segments_position_key unique (appointment_id, position),
    constraint appointment_segments_ordered check (ends_at > starts_at)
);

create index appointment_segments_org_id_appointment_id_idx on public.appointment_segments (org_id, appointment_id);

comment on table public.appointment_segments is 'The parts of a composite visit with the pauses between (BKG-12).';

create table public.job_assignments (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references public.orgs (id) on delete cascade,
    dispatch_job_id uuid not null,
    appointment_id uuid not null,
    segment_id uuid,
    technician_id uuid not null,
    assigned_by_user_id uuid references auth.users (id) on delete set null,
    scheduled_start_at timestamptz not null,
    scheduled_end_at timestamptz not null,
    arrival_window_start timestamptz,
    arrival_window_end timestamptz,
    status public.assignment_status not null default 'assigned',
    status_changed_at timestamptz not null default now(),
    actual_start_at timestamptz,
    actual_end_at timestamptz,
    tech_eta_at timestamptz,
    sequence_in_route integer,
    is_primary_technician boolean not null default true,
    is_locked boolean not null default false,
    locked_by_user_id uuid references auth.users (id) on delete set null,
    optimization_run_id uuid,
    notes text,
    version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint job_assignments_org_id_id_key unique (org_id, id),
    constraint job_assignments_appointment_fkey foreign key (org_id, dispatch_job_id, appointment_id)
    references public.appointments (org_id, dispatch_job_id, id) on delete cascade,
    constraint job_assignments_segment_fkey foreign key (org_id, segment_id)
    references public.appointment_segments (org_id, id) on delete cascade,
    constraint job_assignments_technician_fkey foreign key (org_id, technician_id)
    references public.technician_profiles (org_id, id),
    constraint job_assignments_ordered check (scheduled_end_at > scheduled_start_at),
    constraint job_assignments_notes_short check (char_length(notes) <= 500),
    constraint job_assignments_sequence_positive check (sequence_in_route >= 1)
);

create index job_assignments_org_id_technician_id_scheduled_start_at_idx
on public.job_assignments (org_id, technician_id, scheduled_start_at);
create index job_assignments_org_id_dispatch_job_id_idx
on public.job_assignments (org_id, dispatch_job_id, appointment_id);
-- Of one visit, whose org goes without saying wherever it is asked for.
create index job_assignments_appointment_id_idx on public.job_assignments (appointment_id, org_id);
create index job_assignments_org_id_segment_id_idx on public.job_assignments (org_id, segment_id);
create index job_assignments_org_id_optimization_run_id_idx
on public.job_assignments (org_id, optimization_run_id);
create index job_assignments_assigned_by_user_id_idx on public.job_assignments (assigned_by_user_id);
create index job_assignments_locked_by_user_id_idx on public.job_assignments (locked_by_user_id);
create unique index job_assignments_once_per_visit_key
on public.job_assignments (appointment_id, technician_id, segment_id) nulls not distinct
where status not in ('declined', 'canceled');
create unique index job_assignments_one_primary_key
on public.job_assignments (appointment_id, segment_id) nulls not distinct
where is_primary_technician and status not in ('declined', 'canceled');

comment on table public.job_assignments is
'One technician''s part in a visit (JOB-4). Written through RPCs only; the ledger of reservations follows by trigger.';
comment on column public.job_assignments.is_locked is 'A locked assignment is never moved by an optimiser or a plan.';
comment on column public.job_assignments.optimization_run_id is 'The run whose plan put it here (OPT-6).';

create trigger appointments_bump_version before update on public.appointments
for each row execute function private.bump_version();
create trigger job_assignments_bump_version before update on public.job_assignments
for each row execute function private.bump_version();

create function private.number_appointment()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    new.number := coalesce(new.number, private.next_number('appointment', (
        select (new.starts_at at time zone o.time_zone)::date from public.orgs as o where o.id = new.org_id
    )));
    new.visit_number := coalesce(new.visit_number, (
        select coalesce(max(a.visit_number), 0) + 1 from public.appointments as a
        where a.org_id = new.org_id and a.dispatch_job_id = new.dispatch_job_id
    ));
    return new;
end;
$$;

comment on function private.number_appointment() is
'Numbers a visit, within its org by the local day and within its job. Definer: counts all visits of the job whoever books.';

create trigger appointments_number before insert on public.appointments
for each row execute function private.number_appointment();

create function private.keep_source()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
    if (old.estimate_id is not null and new.estimate_id is distinct from old.estimate_id)
        or (old.work_order_id is not null and new.work_order_id is distinct from old.work_order_id) then
        perform private.fail(
            409, 'source_link_is_immutable', 'An appointment stays linked to the estimate or work order it came from.',
            'Cancel it and make a new one from the other source.'
        );
    end if;
    return new;
end;
$$;

comment on function private.keep_source() is 'Links to estimates and work orders are made once (BKG-10).';

create trigger appointments_keep_source before update of estimate_id, work_order_id on public.appointments
for each row execute function private.keep_source();
