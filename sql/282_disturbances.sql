-- What happens to a schedule that makes it worth planning again (OPT-8), noted by whoever causes it. Rows are only
-- added here, so that two cancellations never wait for each other; 293_reoptimization.sql puts them together.

create table private.disturbances (
    id bigint generated always as identity primary key,
    org_id uuid not null references public.orgs (id) on delete cascade,
    on_date date not null,
    technician_ids uuid[] not null,
    cause jsonb not null,
    noted_at timestamptz not null default clock_timestamp(),
    constraint disturbances_cause_is_known check (
        cause ->> 'kind' in (
            'visit_canceled', 'visit_declined', 'no_show', 'technician_absent', 'overrun', 'late', 'travel_changed'
        )
    )
);

create index disturbances_org_id_on_date_idx on private.disturbances (org_id, on_date, noted_at);

comment on table private.disturbances is
'Changes to the days at hand that nobody has planned around yet, gone as soon as a run takes them up.';

create table private.noted_delays (
    org_id uuid not null references public.orgs (id) on delete cascade,
    subject_id uuid not null,
    minutes integer not null,
    noted_at timestamptz not null default now(),
    constraint noted_delays_pkey primary key (org_id, subject_id)
);

create index noted_delays_noted_at_idx on private.noted_delays (noted_at);

comment on table private.noted_delays is
'Visits (by assignment) and drives (by the reservation they lead to) known to be late, and by how much, so that each is noted again only when it has become much worse.';

create function private.disturb(org uuid, during tstzrange, technician_ids uuid[], cause jsonb)
returns void
language sql
volatile
security definer
set search_path = ''
as $$
    insert into private.disturbances (org_id, on_date, technician_ids, cause)
    select o.id, day.on_date::date, disturb.technician_ids, disturb.cause || jsonb_build_object('at', now())
    from public.orgs as o
    cross join lateral (
        select (now() at time zone o.time_zone)::date as today
    ) as here
    cross join lateral generate_series(
        greatest((lower(during) at time zone o.time_zone)::date, here.today)::timestamp,
        least((upper(during) at time zone o.time_zone)::date, here.today + o.reoptimization_days - 1)::timestamp,
        interval '1 day'
    ) as day (on_date)
    where
        o.id = org and o.reoptimization <> 'off'
        and private.local_days(o.id, day.on_date::date, 1) && (during * tstzrange(now(), null));
$$;

comment on function private.disturb(uuid, tstzrange, uuid[], jsonb) is
'Notes a change for every day at hand it touches, unless the company wants none of this. Definer: written by triggers and the worker only.';

create function private.note_lost_assignment()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    perform private.disturb(
        new.org_id, tstzrange(new.scheduled_start_at, new.scheduled_end_at), array[new.technician_id],
        jsonb_build_object(
            'kind', case new.status when 'canceled' then 'visit_canceled' when 'declined' then 'visit_declined' else 'no_show' end,
            'job_id', new.dispatch_job_id, 'appointment_id', new.appointment_id, 'technician_id', new.technician_id
        )
    );
    return null;
end;
$$;

comment on function private.note_lost_assignment() is
'A technician has time again, or a visit needs somebody else. Definer: see disturb.';

create trigger job_assignments_disturb after update of status on public.job_assignments
for each row when (
    old.status in ('assigned', 'accepted', 'en_route') and new.status in ('canceled', 'declined', 'no_show')
)
execute function private.note_lost_assignment();

create function private.note_absence()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    horizon constant tstzrange := (
        select tstzrange(now(), now() + make_interval(days => o.reoptimization_days))
        from public.orgs as o where o.id = new.org_id and o.reoptimization <> 'off'
    );
    missed record;
begin
    for missed in
        select r.during, r.assignment_id
        from private.occurrences(
            new.recurrence, new.starts_at, new.ends_at, new.time_zone, new.excluded_on, horizon
        ) as absence (during)
        inner join public.reservations as r
            on r.claimant_id = new.technician_id and r.released_at is null and r.kind = 'booked'
            and r.during && absence.during * horizon
        where horizon is not null
        order by lower(r.during)
    loop
        perform private.disturb(
            new.org_id, missed.during, array[new.technician_id], jsonb_build_object(
                'kind', 'technician_absent', 'technician_id', new.technician_id, 'reason', new.reason,
                'assignment_id', missed.assignment_id
            )
        );
    end loop;
    return null;
end;
$$;

comment on function private.note_absence() is
'Time off that takes a technician away from booked visits. Definer: reads the ledger, see disturb.';

create trigger technician_time_off_disturb after insert or update on public.technician_time_off
for each row when (new.minutes is null) execute function private.note_absence();

create function private.expected_end(assignment public.job_assignments, as_of timestamptz)
returns timestamptz
language sql
stable
set search_path = ''
as $$
    select case
        when assignment.status in ('on_site', 'paused') then greatest(
            -- Begun late, it ends late; past that nobody knows, but not before now.
            coalesce(assignment.actual_start_at, assignment.scheduled_start_at) + planned.length, as_of
        )
        when assignment.status in ('assigned', 'accepted', 'en_route') and assignment.scheduled_start_at < as_of then
            greatest(coalesce(assignment.tech_eta_at, as_of), as_of) + planned.length
        else assignment.scheduled_end_at
    end
    from (select assignment.scheduled_end_at - assignment.scheduled_start_at as length) as planned;
$$;

comment on function private.expected_end(public.job_assignments, timestamptz) is
'When a visit will be over as things stand: later than planned when it began late, has not begun though it should have, or is still going on.';

grant execute on function private.expected_end(public.job_assignments, timestamptz) to service_role;
