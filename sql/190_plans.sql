create function private.are_assumptions(given jsonb)
returns boolean
language sql
immutable
parallel safe
set search_path = ''
as $$
    select coalesce(
        jsonb_typeof(given) = 'object'
        and given - array['without_technician_ids', 'overtime_minutes', 'without_job_ids'] = '{}'
        and jsonb_typeof(coalesce(given -> 'without_technician_ids', '[]')) = 'array'
        and jsonb_typeof(coalesce(given -> 'without_job_ids', '[]')) = 'array'
        and jsonb_typeof(coalesce(given -> 'overtime_minutes', '0')) = 'number'
        and coalesce((given ->> 'overtime_minutes')::numeric between 0 and 480, true), false
    );
$$;

comment on function private.are_assumptions(jsonb) is 'Whether a document says what a what-if plan may assume, and nothing else.';

grant execute on function private.are_assumptions(jsonb) to authenticated, service_role;

create table public.optimization_runs (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references public.orgs (id) on delete cascade,
    kind public.run_kind not null,
    mode public.run_mode not null default 'propose',
    status public.run_status not null default 'queued',
    starts_on date not null,
    days integer not null default 1,
    technician_ids uuid[],
    assignment_ids uuid[],
    dispatch_job_id uuid,
    strategy public.optimization_strategy not null default 'balanced',
    time_limit_s integer not null default 10,
    iteration_limit bigint,
    seed bigint not null default 1,
    label text,
    assumptions jsonb not null default '{}',
    causes jsonb not null default '[]',
    replays_run_id uuid,
    stage text not null default 'queued',
    progress real not null default 0,
    best_objective double precision,
    objective_curve jsonb not null default '[]',
    iterations bigint,
    cancel_requested boolean not null default false,
    base_revision text,
    metrics_before jsonb,
    metrics_after jsonb,
    error_code text,
    error_message text,
    requested_by_user_id uuid references auth.users (id) on delete set null,
    worker text,
    lease_until timestamptz,
    attempts integer not null default 0,
    started_at timestamptz,
    finished_at timestamptz,
    applied_at timestamptz,
    expires_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint optimization_runs_org_id_id_key unique (org_id, id),
    constraint optimization_runs_job_fkey foreign key (org_id, dispatch_job_id)
    references public.dispatch_jobs (org_id, id) on delete cascade,
    constraint optimization_runs_replayed_fkey foreign key (org_id, replays_run_id)
    references public.optimization_runs (org_id, id) on delete set null (replays_run_id),
    constraint optimization_runs_iteration_limit_sensible check (iteration_limit between 1 and 1000000000),
    constraint optimization_runs_assumptions_known check (private.are_assumptions(assumptions)),
    constraint optimization_runs_days_sensible check (days between 1 and 14),
    constraint optimization_runs_time_limit_sensible check (time_limit_s between 1 and 600),
    constraint optimization_runs_progress_is_fraction check (progress between 0 and 1),
    constraint optimization_runs_one_job_when_scheduling check (
        (kind in ('auto_schedule', 'emergency_insertion')) = (dispatch_job_id is not null)
    ),
    constraint optimization_runs_technicians_named check (kind <> 'optimize_route' or cardinality(technician_ids) = 1),
    constraint optimization_runs_one_at_a_time exclude using gist (
        org_id with =, daterange(starts_on, starts_on + days) with &&
    ) where (status = 'running')
);

create index optimization_runs_org_id_starts_on_idx on public.optimization_runs (org_id, starts_on);
create index optimization_runs_org_id_dispatch_job_id_idx on public.optimization_runs (org_id, dispatch_job_id);
create index optimization_runs_requested_by_user_id_idx on public.optimization_runs (requested_by_user_id);
create index optimization_runs_org_id_replays_run_id_idx on public.optimization_runs (org_id, replays_run_id);
create index optimization_runs_due_idx on public.optimization_runs (created_at) where status in ('queued', 'running');

comment on table public.optimization_runs is
'One run of the optimiser (OPT-6): what was asked, how far it is, what came out. Its result is a proposal until apply_plan is called.';
comment on constraint optimization_runs_one_at_a_time on public.optimization_runs is
'Two plans of the same days would contradict each other: they are made one after the other.';
comment on column public.optimization_runs.technician_ids is 'Whose days are planned; null means everybody''s.';
comment on column public.optimization_runs.assignment_ids is 'The only visits that may be moved; null means every one that is not locked or under way.';
comment on column public.optimization_runs.base_revision is 'Fingerprint of the schedule the run started from; applying refuses when it has changed.';
comment on column public.optimization_runs.iteration_limit is
'Stop after so many steps of the search, whatever the time: with seed and input it makes the plan repeatable. Null: the time alone limits it.';
comment on column public.optimization_runs.label is 'What people call the plan when several are compared.';
comment on column public.optimization_runs.assumptions is
'What-if: without_technician_ids (their visits go to others), overtime_minutes (longer shifts for all), without_job_ids (waiting jobs that stay out).';
comment on column public.optimization_runs.causes is 'What made the schedule worth planning again (OPT-8): kind, when, and whom it concerns.';
comment on column public.optimization_runs.replays_run_id is 'The run whose kept input was searched once more.';
comment on column public.optimization_runs.objective_curve is 'Pairs of seconds searched and best objective by then, in order, at most 240.';
comment on column public.optimization_runs.progress is 'Share of the time limit used, 0 to 1.';
comment on column public.optimization_runs.best_objective is 'Best objective so far, in seconds of travel: travel plus the price of unserved jobs.';

create table public.unserved_jobs (
    org_id uuid not null references public.orgs (id) on delete cascade,
    optimization_run_id uuid not null,
    dispatch_job_id uuid not null,
    reason text not null,
    explanation text not null,
    detail jsonb not null default '{}',
    created_at timestamptz not null default now(),
    primary key (optimization_run_id, dispatch_job_id),
    constraint unserved_jobs_run_fkey foreign key (org_id, optimization_run_id)
    references public.optimization_runs (org_id, id) on delete cascade,
    constraint unserved_jobs_job_fkey foreign key (org_id, dispatch_job_id)
    references public.dispatch_jobs (org_id, id) on delete cascade
);

create index unserved_jobs_org_id_run_id_idx on public.unserved_jobs (org_id, optimization_run_id);
create index unserved_jobs_org_id_dispatch_job_id_idx on public.unserved_jobs (org_id, dispatch_job_id);

comment on table public.unserved_jobs is 'Jobs a plan leaves out, each with the reason (OPT-4, OPT-12).';
comment on column public.unserved_jobs.reason is 'Stable code, e.g. skill_missing, out_of_zone, no_time_in_window, capacity, needs_crew.';

create table public.route_plans (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references public.orgs (id) on delete cascade,
    technician_id uuid not null,
    date date not null,
    status public.route_status not null default 'draft',
    optimization_run_id uuid,
    optimization_strategy public.optimization_strategy not null default 'balanced',
    optimization_metadata jsonb,
    starts_at timestamptz,
    ends_at timestamptz,
    travel_s integer,
    distance_m integer,
    generated_by public.route_generator not null default 'manual',
    generated_by_user_id uuid references auth.users (id) on delete set null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint route_plans_org_id_id_key unique (org_id, id),
    constraint route_plans_technician_fkey foreign key (org_id, technician_id)
    references public.technician_profiles (org_id, id) on delete cascade,
    constraint route_plans_run_fkey foreign key (org_id, optimization_run_id)
    references public.optimization_runs (org_id, id) on delete cascade
);

create unique index route_plans_one_active_key on public.route_plans (org_id, technician_id, date)
where status in ('finalized', 'in_progress');
create unique index route_plans_one_per_run_key on public.route_plans (optimization_run_id, technician_id, date);
create index route_plans_org_id_date_idx on public.route_plans (org_id, date);
create index route_plans_org_id_technician_id_idx on public.route_plans (org_id, technician_id);
create index route_plans_org_id_optimization_run_id_idx on public.route_plans (org_id, optimization_run_id);
create index route_plans_generated_by_user_id_idx on public.route_plans (generated_by_user_id);

comment on table public.route_plans is 'A technician''s route for one local day: proposed by a run, or in force.';

create table public.route_stops (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references public.orgs (id) on delete cascade,
    route_plan_id uuid not null,
    job_assignment_id uuid,
    dispatch_job_id uuid,
    stop_type public.stop_type not null,
    sequence integer not null,
    latitude double precision,
    longitude double precision,
    planned_arrival_at timestamptz,
    planned_departure_at timestamptz,
    service_starts_at timestamptz,
    actual_arrival_at timestamptz,
    actual_departure_at timestamptz,
    travel_time_minutes_from_prev integer,
    distance_km_from_prev numeric(8, 3),
    change public.stop_change,
    from_technician_id uuid,
    from_starts_at timestamptz,
    from_ends_at timestamptz,
    job_version integer,
    is_joint boolean not null default false,
    resource_id uuid,
    segment_position integer,
    lane smallint not null default 1,
    explanation jsonb,
    notes text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint route_stops_org_id_id_key unique (org_id, id),
    constraint route_stops_sequence_key unique (route_plan_id, sequence),
    constraint route_stops_route_plan_fkey foreign key (org_id, route_plan_id)
    references public.route_plans (org_id, id) on delete cascade,
    constraint route_stops_assignment_fkey foreign key (org_id, job_assignment_id)
    references public.job_assignments (org_id, id) on delete set null (job_assignment_id),
    constraint route_stops_job_fkey foreign key (org_id, dispatch_job_id)
    references public.dispatch_jobs (org_id, id) on delete cascade,
    constraint route_stops_from_technician_fkey foreign key (org_id, from_technician_id)
    references public.technician_profiles (org_id, id),
    constraint route_stops_resource_fkey foreign key (org_id, resource_id)
    references public.resources (org_id, id) on delete set null (resource_id),
    constraint route_stops_job_named check ((stop_type = 'job') = (dispatch_job_id is not null)),
    constraint route_stops_sequence_positive check (sequence >= 0),
    constraint route_stops_lane_positive check (lane between 1 and 100),
    constraint route_stops_ordered check (
        planned_departure_at >= planned_arrival_at and service_starts_at >= planned_arrival_at
    )
);

create index route_stops_org_id_route_plan_id_sequence_idx on public.route_stops (org_id, route_plan_id, sequence);
create index route_stops_org_id_job_assignment_id_idx on public.route_stops (org_id, job_assignment_id);
create index route_stops_org_id_dispatch_job_id_idx on public.route_stops (org_id, dispatch_job_id);
create index route_stops_org_id_from_technician_id_idx on public.route_stops (org_id, from_technician_id);
create index route_stops_org_id_resource_id_idx on public.route_stops (org_id, resource_id);

comment on table public.route_stops is 'The stops of a route in order: start, visits, breaks, a depot where something is fetched (see notes), end.';
comment on column public.route_stops.job_assignment_id is 'The booking behind a visit; null in a proposal that would book the job for the first time.';
comment on column public.route_stops.change is 'What applying the proposal does to the visit: book it, move it to another time, reassign it to another technician, or keep it as it was.';
comment on column public.route_stops.from_starts_at is 'When the visit was booked as the plan was made; from_technician_id says with whom.';
comment on column public.route_stops.job_version is 'The job as the plan knew it; applying refuses when it has changed.';
comment on column public.route_stops.is_joint is 'Whether the visit claims more than this technician''s time: it is booked together with the other stops of its job, or not at all.';
comment on column public.route_stops.resource_id is 'The bay or mobile unit of a visit the plan books.';
comment on column public.route_stops.segment_position is 'Which segment of a composite visit this is.';
comment on column public.route_stops.lane is
'Of somebody who may have several visits at once: in which of their lanes the stop is. Each lane is driven by itself.';
comment on column public.route_stops.service_starts_at is 'When work starts: arrival, or later when the visit may not start yet.';

alter table public.job_assignments
add constraint job_assignments_optimization_run_fkey foreign key (org_id, optimization_run_id)
references public.optimization_runs (org_id, id) on delete set null (optimization_run_id);

alter table public.appointment_reschedules
add constraint appointment_reschedules_optimization_run_fkey foreign key (org_id, optimization_run_id)
references public.optimization_runs (org_id, id) on delete set null (optimization_run_id);
