create type public.waitlist_entry_status as enum ('waiting', 'offered', 'booked', 'withdrawn');
create type public.waitlist_offer_status as enum ('open', 'claimed', 'declined', 'expired');

create table public.waitlist_entries (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references public.orgs (id) on delete cascade,
    dispatch_job_id uuid not null,
    earliest timestamptz not null default now(),
    latest timestamptz not null,
    status public.waitlist_entry_status not null default 'waiting',
    created_by_user_id uuid references auth.users (id) on delete set null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint waitlist_entries_org_id_id_key unique (org_id, id),
    constraint waitlist_entries_job_fkey foreign key (org_id, dispatch_job_id)
    references public.dispatch_jobs (org_id, id) on delete cascade,
    constraint waitlist_entries_period_ordered check (latest > earliest)
);

create unique index waitlist_entries_once_a_job_key on public.waitlist_entries (dispatch_job_id)
where status in ('waiting', 'offered');
create index waitlist_entries_org_id_dispatch_job_id_idx on public.waitlist_entries (org_id, dispatch_job_id);
create index waitlist_entries_org_id_status_idx on public.waitlist_entries (org_id, status);
create index waitlist_entries_created_by_user_id_idx on public.waitlist_entries (created_by_user_id);

comment on table public.waitlist_entries is 'Jobs waiting for time to become free (BKG-14). Written through RPCs only.';

create table public.waitlist_offers (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references public.orgs (id) on delete cascade,
    waitlist_entry_id uuid not null,
    technician_ids uuid[] not null,
    resource_id uuid,
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    hold_token uuid not null,
    token_digest bytea not null,
    status public.waitlist_offer_status not null default 'open',
    expires_at timestamptz not null,
    appointment_id uuid,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint waitlist_offers_org_id_id_key unique (org_id, id),
    constraint waitlist_offers_entry_fkey foreign key (org_id, waitlist_entry_id)
    references public.waitlist_entries (org_id, id) on delete cascade,
    constraint waitlist_offers_resource_fkey foreign key (org_id, resource_id) references public.resources (org_id, id),
    constraint waitlist_offers_appointment_fkey foreign key (org_id, appointment_id)
    references public.appointments (org_id, id) on delete set null (appointment_id),
    constraint waitlist_offers_token_digest_key unique (token_digest)
);

create unique index waitlist_offers_one_open_key on public.waitlist_offers (waitlist_entry_id) where status = 'open';
create index waitlist_offers_org_id_entry_id_idx on public.waitlist_offers (org_id, waitlist_entry_id);
create index waitlist_offers_org_id_resource_id_idx on public.waitlist_offers (org_id, resource_id);
create index waitlist_offers_org_id_appointment_id_idx on public.waitlist_offers (org_id, appointment_id);
create index waitlist_offers_expires_at_idx on public.waitlist_offers (expires_at) where status = 'open';

comment on table public.waitlist_offers is
'Freed time offered to one waiting job, held until the offer expires. The token that claims it is for its recipient only; here is its SHA-256.';
