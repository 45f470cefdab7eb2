create table public.scheduling_overrides (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references public.orgs (id) on delete cascade,
    appointment_id uuid not null,
    codes text[] not null,
    reason text not null,
    overridden_by_user_id uuid references auth.users (id) on delete set null,
    roles public.member_role[] not null default '{}',
    expires_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint scheduling_overrides_org_id_id_key unique (org_id, id),
    constraint scheduling_overrides_appointment_fkey foreign key (org_id, appointment_id)
    references public.appointments (org_id, id) on delete cascade,
    constraint scheduling_overrides_name_codes check (cardinality(codes) >= 1),
    constraint scheduling_overrides_reason_given check (btrim(reason) <> '')
);

create index scheduling_overrides_appointment_id_idx on public.scheduling_overrides (appointment_id, org_id);
create index scheduling_overrides_overridden_by_user_id_idx on public.scheduling_overrides (overridden_by_user_id);

comment on table public.scheduling_overrides is 'Conflicts somebody with the permission chose to accept, and why (BKG-7).';
comment on column public.scheduling_overrides.roles is 'The roles that somebody had in the org then.';
comment on column public.scheduling_overrides.expires_at is 'The end of the placement it was given for; a later move is judged anew.';

create view public.override_counts
with (security_invoker = true)
as
select
    o.org_id, date_trunc('month', o.created_at) as month_starts_at, code.code, o.overridden_by_user_id, count(*) as overrides
from public.scheduling_overrides as o
cross join lateral unnest(o.codes) as code (code)
group by o.org_id, date_trunc('month', o.created_at), code.code, o.overridden_by_user_id;

comment on view public.override_counts is 'How often each conflict was overridden, by month (UTC) and person (BKG-7, KPI-1).';

revoke all on table public.override_counts from public, anon, authenticated, service_role;
grant select on table public.override_counts to authenticated, service_role;

create type public.reschedule_reason as enum (
    'customer_request', 'shop_capacity', 'equipment_issue', 'mechanic_unavailable', 'parts_delay', 'weather',
    'emergency', 'manager_discretion', 'optimization', 'other'
);

create table public.appointment_reschedules (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references public.orgs (id) on delete cascade,
    appointment_id uuid not null,
    from_starts_at timestamptz not null,
    from_ends_at timestamptz not null,
    from_technician_ids uuid[] not null,
    to_starts_at timestamptz not null,
    to_ends_at timestamptz not null,
    to_technician_ids uuid[] not null,
    reason public.reschedule_reason not null,
    notes text,
    customer_confirmed boolean not null default false,
    rescheduled_by_user_id uuid references auth.users (id) on delete set null,
    optimization_run_id uuid,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint appointment_reschedules_org_id_id_key unique (org_id, id),
    constraint appointment_reschedules_appointment_fkey foreign key (org_id, appointment_id)
    references public.appointments (org_id, id) on delete cascade,
    constraint appointment_reschedules_other_explained check (reason <> 'other' or btrim(notes) <> '')
);

create index appointment_reschedules_org_id_appointment_id_idx
on public.appointment_reschedules (org_id, appointment_id);
create index appointment_reschedules_rescheduled_by_user_id_idx
on public.appointment_reschedules (rescheduled_by_user_id);
create index appointment_reschedules_org_id_optimization_run_id_idx
on public.appointment_reschedules (org_id, optimization_run_id);

comment on table public.appointment_reschedules is 'Every move of a visit: from when and whom, to when and whom, why, by whom (BKG-9).';
comment on column public.appointment_reschedules.optimization_run_id is
'The plan or emergency insertion that moved it (OPT-6). Such moves are the company''s own: they do not count towards reschedule_limit.';
