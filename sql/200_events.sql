create function private.request_id()
returns uuid
language plpgsql
stable
set search_path = ''
as $$
declare
    given constant text := nullif(current_setting('request.headers', true), '')::jsonb ->> 'x-request-id';
begin
    return case when given ~* '^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$' then given::uuid end;
end;
$$;

comment on function private.request_id() is 'The X-Request-Id of the API request under way, where it is a UUID.';

create table public.domain_events (
    id uuid primary key default gen_random_uuid(),
    position bigint generated always as identity,
    type text not null,
    org_id uuid not null references public.orgs (id) on delete cascade,
    aggregate text not null,
    aggregate_id uuid not null,
    version integer not null,
    occurred_at timestamptz not null default clock_timestamp(),
    actor_id uuid,
    request_id uuid,
    data jsonb not null default '{}',
    constraint domain_events_version_gapless_key unique (aggregate_id, version),
    constraint domain_events_type_is_dotted check (type ~ '^[a-z_]+\.[a-z_]+$')
);

create index domain_events_org_id_position_idx on public.domain_events (org_id, position);

comment on table public.domain_events is
'What happened, in order per aggregate (EVT-1): the outbox from which webhooks are delivered. Append-only.';
comment on column public.domain_events.version is 'Counts the events of one aggregate, without gaps, from 1.';

create function private.raise_event(org uuid, event_type text, aggregate text, aggregate_id uuid, data jsonb)
returns void
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
    -- Two writers of one aggregate queue up here, so that versions stay gapless. Nobody else knows a row just created,
    -- and an import that creates ten thousand must not hold as many locks.
    if event_type not like '%.created' then
        perform pg_advisory_xact_lock(hashtextextended(aggregate_id::text, 11));
    end if;
    insert into public.domain_events (org_id, type, aggregate, aggregate_id, version, actor_id, request_id, data)
    values (
        org, event_type, aggregate, aggregate_id,
        coalesce((
            select max(e.version) from public.domain_events as e where e.aggregate_id = raise_event.aggregate_id
        ), 0) + 1,
        auth.uid(), private.request_id(), data
    );
end;
$$;

comment on function private.raise_event(uuid, text, text, uuid, jsonb) is
'Writes a domain event in the transaction of the change it tells of. Definer: the outbox is written by triggers only.';

create function private.raise_job_event()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    if tg_op = 'INSERT' then
        perform private.raise_event(new.org_id, 'job.created', 'job', new.id, jsonb_build_object(
            'number', new.number, 'priority', new.priority, 'status', new.status, 'customer_id', new.customer_id
        ));
    elsif new.status <> old.status then
        perform private.raise_event(new.org_id, 'job.status_changed', 'job', new.id, jsonb_build_object(
            'from', old.status, 'to', new.status, 'reason', new.cancel_reason
        ));
    end if;
    return null;
end;
$$;

comment on function private.raise_job_event() is 'job.created and job.status_changed. Definer: see raise_event.';

create trigger dispatch_jobs_raise_event after insert or update of status on public.dispatch_jobs
for each row execute function private.raise_job_event();

create function private.raise_appointment_event()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    if tg_op = 'INSERT' then
        perform private.raise_event(new.org_id, 'appointment.created', 'appointment', new.id, jsonb_build_object(
            'number', new.number, 'job_id', new.dispatch_job_id, 'visit_number', new.visit_number,
            'starts_at', new.starts_at, 'ends_at', new.ends_at
        ));
        return null;
    end if;
    if (new.starts_at, new.ends_at) is distinct from (old.starts_at, old.ends_at) then
        perform private.raise_event(new.org_id, 'appointment.rescheduled', 'appointment', new.id, jsonb_build_object(
            'from', jsonb_build_object('starts_at', old.starts_at, 'ends_at', old.ends_at),
            'to', jsonb_build_object('starts_at', new.starts_at, 'ends_at', new.ends_at),
            'job_id', new.dispatch_job_id, 'estimate_id', new.estimate_id, 'work_order_id', new.work_order_id,
            'reason', nullif(current_setting('truckroll.reason', true), '')
        ));
    end if;
    if new.status <> old.status then
        perform private.raise_event(
            new.org_id,
            case when new.status = 'canceled' then 'appointment.canceled' else 'appointment.status_changed' end,
            'appointment', new.id,
            jsonb_build_object('from', old.status, 'to', new.status, 'reason', new.cancel_reason)
        );
    end if;
    return null;
end;
$$;

comment on function private.raise_appointment_event() is
'appointment.created, .rescheduled, .canceled, .status_changed. Definer: see raise_event.';

create trigger appointments_raise_event after insert or update of status, starts_at, ends_at on public.appointments
for each row execute function private.raise_appointment_event();

create function private.raise_assignment_event()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    if tg_op = 'INSERT' or new.technician_id <> old.technician_id
        or (new.status <> old.status and new.status in ('declined', 'canceled')) then
        perform private.raise_event(
            new.org_id, 'appointment.assignment_changed', 'appointment', new.appointment_id, jsonb_build_object(
                'assignment_id', new.id, 'technician_id', new.technician_id, 'status', new.status,
                'previous_technician_id', case when tg_op = 'UPDATE' then old.technician_id end
            )
        );
    end if;
    return null;
end;
$$;

comment on function private.raise_assignment_event() is 'appointment.assignment_changed. Definer: see raise_event.';

create trigger job_assignments_raise_event after insert or update of technician_id, status on public.job_assignments
for each row execute function private.raise_assignment_event();
