create table public.datalabels (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references public.orgs (id) on delete cascade,
    list text not null,
    code text not null,
    label text not null,
    position integer not null default 0,
    is_active boolean not null default true,
    earliest_minutes integer,
    latest_minutes integer,
    weight numeric,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint datalabels_org_id_id_key unique (org_id, id),
    constraint datalabels_org_id_list_code_key unique (org_id, list, code),
    constraint datalabels_list_known check (list in ('category', 'urgency', 'tier', 'cancel_reason', 'vehicle_make')),
    constraint datalabels_code_is_snake_case check (code ~ '^[a-z0-9]+(_[a-z0-9]+)*$'),
    constraint datalabels_label_not_blank check (btrim(label) <> ''),
    constraint datalabels_window_ordered check (earliest_minutes >= 0 and latest_minutes > earliest_minutes),
    constraint datalabels_urgency_has_window check (list <> 'urgency' or earliest_minutes is not null)
);

comment on table public.datalabels is
'Lists an org edits without code (CRM-5): service categories, urgencies with their booking window (CRM-7), customer tiers, cancel reasons.';
comment on column public.datalabels.earliest_minutes is 'Urgency: the booking window opens this many minutes after the request.';
comment on column public.datalabels.latest_minutes is 'Urgency: the booking window closes this many minutes after the request; null means open.';
comment on column public.datalabels.weight is 'Tier: factor in the job queue''s score.';

create function private.start_lists()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    insert into public.datalabels (org_id, list, code, label, position, earliest_minutes, latest_minutes, weight)
    values
    (new.id, 'category', 'hvac', 'Heating and air conditioning', 1, null, null, null),
    (new.id, 'category', 'plumbing', 'Plumbing', 2, null, null, null),
    (new.id, 'category', 'electrical', 'Electrical', 3, null, null, null),
    (new.id, 'category', 'automotive', 'Vehicle service', 4, null, null, null),
    (new.id, 'category', 'general', 'General', 5, null, null, null),
    (new.id, 'urgency', 'emergency', 'Emergency', 1, 0, 240, null),
    (new.id, 'urgency', 'urgent', 'Urgent', 2, 240, 1440, null),
    (new.id, 'urgency', 'normal', 'Normal', 3, 1440, 4320, null),
    (new.id, 'urgency', 'scheduled', 'Scheduled', 4, 10080, null, null),
    (new.id, 'tier', 'standard', 'Standard', 1, null, null, 1.0),
    (new.id, 'tier', 'plus', 'Plus', 2, null, null, 1.2),
    (new.id, 'tier', 'premium', 'Premium', 3, null, null, 1.5),
    (new.id, 'cancel_reason', 'customer_request', 'Customer asked', 1, null, null, null),
    (new.id, 'cancel_reason', 'duplicate', 'Entered twice', 2, null, null, null),
    (new.id, 'cancel_reason', 'no_parts', 'Parts not available', 3, null, null, null),
    (new.id, 'cancel_reason', 'weather', 'Weather', 4, null, null, null),
    (new.id, 'cancel_reason', 'technician_unavailable', 'Technician unavailable', 5, null, null, null),
    (new.id, 'cancel_reason', 'other', 'Other', 6, null, null, null);
    return new;
end;
$$;

comment on function private.start_lists() is 'Fills a new org''s lists with usual entries. Definer: the creator has no rights in the org yet.';

create trigger orgs_start_lists after insert on public.orgs
for each row execute function private.start_lists();

create function private.check_label(org uuid, list_name text, given text)
returns void
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    if given is null or exists (
        select from public.datalabels as d
        where d.org_id = org and d.list = list_name and d.code = given and d.is_active
    ) then
        return;
    end if;
    -- A list is told to its own company only.
    if auth.uid() is not null and not exists (
        select from public.org_members as m where m.org_id = org and m.user_id = auth.uid() and m.is_active
    ) then
        raise exception using
            errcode = '42501',
            message = 'permission_missing',
            detail = 'You do not belong to this company.',
            hint = 'Check org_id.';
    end if;
    perform private.fail(
        400, 'unknown_' || list_name, format('%L is not in this company''s list "%s".', given, list_name),
        'Use one of: ' || coalesce((
            select string_agg(d.code, ', ' order by d.position)
            from public.datalabels as d
            where d.org_id = org and d.list = list_name and d.is_active
        ), '(the list is empty)')
    );
end;
$$;

comment on function private.check_label(uuid, text, text) is
'Refuses a code that is not in the org''s list. Definer: whoever may write the row need not be able to read the lists.';

create sequence private.job_numbers start 1001;
create sequence private.customer_numbers start 1001;
create sequence private.appointment_numbers start 1001;
create sequence private.source_numbers start 1001;

-- Numbers come from sequences, not from a counter row: a counter would make every booking of an org wait for the
-- one before it to commit. Gaps are fine (CRM-8).
create function private.next_number(kind text, on_day date default null)
returns text
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
    return case kind
        when 'job' then 'TASK-' || lpad(nextval('private.job_numbers')::text, 6, '0')
        when 'customer' then 'CL-' || lpad(nextval('private.customer_numbers')::text, 6, '0')
        when 'appointment' then
            'EVT-' || to_char(on_day, 'YYYYMMDD') || '-' || lpad(nextval('private.appointment_numbers')::text, 6, '0')
        when 'estimate' then 'EST-' || lpad(nextval('private.source_numbers')::text, 6, '0')
        when 'work_order' then 'WO-' || lpad(nextval('private.source_numbers')::text, 6, '0')
    end;
end;
$$;

comment on function private.next_number(text, date) is
'The next human-readable number (CRM-8). Definer: clients insert rows but do not own the sequences.';

create table public.operating_hours (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references public.orgs (id) on delete cascade,
    facility_id uuid,
    service_zone_id uuid,
    weekday smallint not null,
    opens_at time not null,
    closes_at time not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint operating_hours_org_id_id_key unique (org_id, id),
    constraint operating_hours_facility_fkey foreign key (org_id, facility_id)
    references public.facilities (org_id, id) on delete cascade,
    constraint operating_hours_of_one_place check (num_nonnulls(facility_id, service_zone_id) = 1),
    constraint operating_hours_weekday_is_iso check (weekday between 1 and 7),
    constraint operating_hours_ordered check (closes_at > opens_at)
);

create index operating_hours_org_id_facility_id_idx on public.operating_hours (org_id, facility_id, weekday);

comment on table public.operating_hours is
'Weekly opening hours of a facility or service hours of a zone (AVL-5), local time, Monday = 1. A place without rows is always open; several rows a day make a midday closure.';

create table public.holidays (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references public.orgs (id) on delete cascade,
    facility_id uuid,
    observed_on date not null,
    name text not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint holidays_org_id_id_key unique (org_id, id),
    constraint holidays_facility_fkey foreign key (org_id, facility_id)
    references public.facilities (org_id, id) on delete cascade,
    constraint holidays_once_a_day unique nulls not distinct (org_id, facility_id, observed_on),
    constraint holidays_name_not_blank check (btrim(name) <> '')
);

create index holidays_org_id_facility_id_idx on public.holidays (org_id, facility_id);

comment on table public.holidays is
'Days without work (AVL-5): of the whole company, or of one facility and the technicians based there.';

grant execute on function private.check_label(uuid, text, text) to authenticated, service_role;
grant execute on function private.next_number(text, date) to authenticated, service_role;
