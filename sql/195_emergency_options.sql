-- What an emergency insertion proposes (OPT-7): ways to serve one job soon, each with the visits it would move.

create table public.emergency_options (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references public.orgs (id) on delete cascade,
    optimization_run_id uuid not null,
    rank integer not null,
    kind public.emergency_option_kind not null,
    technician_id uuid not null,
    job_version integer not null,
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    leave_at timestamptz not null,
    response_minutes integer not null,
    added_travel_minutes integer not null,
    sla_kept boolean not null,
    promises_broken integer not null,
    cost numeric(10, 1) not null,
    reasons text[] not null,
    expires_at timestamptz not null,
    committed_at timestamptz,
    created_at timestamptz not null default now(),
    constraint emergency_options_org_id_id_key unique (org_id, id),
    constraint emergency_options_rank_key unique (optimization_run_id, rank),
    constraint emergency_options_run_fkey foreign key (org_id, optimization_run_id)
    references public.optimization_runs (org_id, id) on delete cascade,
    constraint emergency_options_technician_fkey foreign key (org_id, technician_id)
    references public.technician_profiles (org_id, id) on delete cascade,
    constraint emergency_options_rank_positive check (rank >= 1),
    constraint emergency_options_ordered check (ends_at > starts_at and leave_at <= starts_at),
    constraint emergency_options_counts_sensible check (response_minutes >= 0 and promises_broken >= 0)
);

create index emergency_options_org_id_run_id_idx on public.emergency_options (org_id, optimization_run_id);
create index emergency_options_org_id_technician_id_idx on public.emergency_options (org_id, technician_id);

comment on table public.emergency_options is
'Ways to serve a job soon, best first, as the judge accepted them (OPT-7). They belong to a run of kind emergency_insertion; one of them may be committed while it is fresh.';
comment on column public.emergency_options.kind is
'free: into a gap, nobody moves; delay: later visits start later within what their customers were promised; hand_over: others take visits over within the promise; bump: a visit leaves its promised window, or is left without technician.';
comment on column public.emergency_options.leave_at is 'When the technician must leave for it; not before now, the option is void after.';
comment on column public.emergency_options.response_minutes is 'From when the options were asked for, or the job may begin, until work starts.';
comment on column public.emergency_options.cost is
'What ranks: response minutes, a quarter of the driving added, 5 for each visit moved, a fifth of its minutes of delay or 60 for another day, 10 for another technician, orgs.emergency_promise_minutes for a promise broken, 60 for a visit left without anybody; half of that for low, double for high priority; 100,000 when the job''s own SLA is missed.';
comment on column public.emergency_options.job_version is 'The job as the option knew it; committing refuses when it has changed.';

create table public.emergency_moves (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references public.orgs (id) on delete cascade,
    emergency_option_id uuid not null,
    position integer not null,
    dispatch_job_id uuid not null,
    appointment_id uuid not null,
    appointment_version integer not null,
    change public.emergency_change not null,
    from_technician_id uuid not null,
    from_starts_at timestamptz not null,
    to_technician_id uuid,
    to_starts_at timestamptz not null,
    to_ends_at timestamptz not null,
    breaks_promise boolean not null,
    created_at timestamptz not null default now(),
    constraint emergency_moves_org_id_id_key unique (org_id, id),
    constraint emergency_moves_once_key unique (emergency_option_id, appointment_id),
    constraint emergency_moves_option_fkey foreign key (org_id, emergency_option_id)
    references public.emergency_options (org_id, id) on delete cascade,
    constraint emergency_moves_appointment_fkey foreign key (org_id, dispatch_job_id, appointment_id)
    references public.appointments (org_id, dispatch_job_id, id) on delete cascade,
    constraint emergency_moves_from_technician_fkey foreign key (org_id, from_technician_id)
    references public.technician_profiles (org_id, id) on delete cascade,
    constraint emergency_moves_to_technician_fkey foreign key (org_id, to_technician_id)
    references public.technician_profiles (org_id, id) on delete cascade,
    constraint emergency_moves_somebody_unless_unassigned check ((change = 'unassign') = (to_technician_id is null)),
    constraint emergency_moves_ordered check (to_ends_at > to_starts_at)
);

create index emergency_moves_org_id_option_id_idx on public.emergency_moves (org_id, emergency_option_id);
create index emergency_moves_org_id_appointment_id_idx
on public.emergency_moves (org_id, dispatch_job_id, appointment_id);
create index emergency_moves_org_id_from_technician_id_idx on public.emergency_moves (org_id, from_technician_id);
create index emergency_moves_org_id_to_technician_id_idx on public.emergency_moves (org_id, to_technician_id);

comment on table public.emergency_moves is 'The booked visits an emergency option would move, and where to (OPT-7).';
comment on column public.emergency_moves.appointment_version is 'The visit as the option knew it; committing refuses when it has changed.';
comment on column public.emergency_moves.breaks_promise is 'Whether the customer was promised another time, or is left without technician.';
