create type public.notification_recipient as enum ('customer', 'technician', 'dispatcher');
create type public.notification_channel as enum ('sms', 'email', 'push', 'in_app');
create type public.notification_type as enum (
    'booking_confirmation', 'pre_appointment_reminder', 'same_day_reminder', 'tech_on_the_way', 'reschedule_notice',
    'cancellation_notice', 'completion_summary', 'assignment_notice', 'unassignment_notice'
);
create type public.notification_status as enum ('pending', 'sent', 'failed', 'canceled');

create table public.job_notifications (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references public.orgs (id) on delete cascade,
    dispatch_job_id uuid not null,
    appointment_id uuid not null,
    appointment_version integer not null,
    job_assignment_id uuid,
    recipient_type public.notification_recipient not null,
    recipient_id uuid not null,
    recipient_contact_id uuid,
    channel public.notification_channel not null,
    notification_type public.notification_type not null,
    scheduled_send_at timestamptz not null default now(),
    sent_at timestamptz,
    status public.notification_status not null default 'pending',
    attempts integer not null default 0,
    error_message text,
    needs_follow_up boolean not null default false,
    followed_up_at timestamptz,
    followed_up_by_user_id uuid references auth.users (id) on delete set null,
    follow_up_note text,
    metadata jsonb not null default '{}',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint job_notifications_org_id_id_key unique (org_id, id),
    constraint job_notifications_once unique (appointment_id, appointment_version, notification_type, channel, recipient_id),
    constraint job_notifications_appointment_fkey foreign key (org_id, dispatch_job_id, appointment_id)
    references public.appointments (org_id, dispatch_job_id, id) on delete cascade,
    constraint job_notifications_assignment_fkey foreign key (org_id, job_assignment_id)
    references public.job_assignments (org_id, id) on delete set null (job_assignment_id),
    constraint job_notifications_contact_fkey foreign key (org_id, recipient_contact_id)
    references public.customer_contacts (org_id, id) on delete set null (recipient_contact_id),
    constraint job_notifications_sent_has_time check ((status = 'sent') = (sent_at is not null)),
    constraint job_notifications_attempts_counted check (attempts >= 0),
    constraint job_notifications_failed_needs_follow_up check (status = 'failed' or not needs_follow_up)
);

create index job_notifications_to_follow_up_idx on public.job_notifications (org_id, created_at)
where needs_follow_up and followed_up_at is null;
create index job_notifications_followed_up_by_user_id_idx on public.job_notifications (followed_up_by_user_id);
create index job_notifications_due_idx on public.job_notifications (scheduled_send_at) where status = 'pending';
create index job_notifications_org_id_scheduled_send_at_status_idx
on public.job_notifications (org_id, scheduled_send_at, status);
create index job_notifications_org_id_job_id_idx on public.job_notifications (org_id, dispatch_job_id, appointment_id);
create index job_notifications_org_id_job_assignment_id_idx on public.job_notifications (org_id, job_assignment_id);
create index job_notifications_org_id_recipient_contact_id_idx
on public.job_notifications (org_id, recipient_contact_id);

comment on table public.job_notifications is
'Who is to be told what about a visit (NTF-2): queued in the transaction of the change, once per version of the appointment, kind, channel and recipient.';
comment on column public.job_notifications.recipient_id is 'The customer or the technician.';
comment on column public.job_notifications.attempts is 'How often sending was tried (NTF-3).';
comment on column public.job_notifications.error_message is 'Why the last attempt failed.';
comment on column public.job_notifications.needs_follow_up is
'Nobody could be told, by no channel: somebody has to call. Done when followed_up_at is set.';
comment on column public.job_notifications.appointment_version is 'The version of the appointment it tells of; whatever is pending of an older one is canceled.';

create function private.queue_notice(
    visit public.appointments, kind public.notification_type, recipient public.notification_recipient,
    recipient_id uuid, channel public.notification_channel, assignment uuid
)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
    insert into public.job_notifications (
        org_id, dispatch_job_id, appointment_id, appointment_version, job_assignment_id, recipient_type, recipient_id,
        channel, notification_type
    )
    values (
        visit.org_id, visit.dispatch_job_id, visit.id, visit.version, assignment, recipient, recipient_id, channel, kind
    )
    on conflict do nothing;
end;
$$;

comment on function private.queue_notice(
    public.appointments, public.notification_type, public.notification_recipient, uuid, public.notification_channel, uuid
) is 'Queues one notice about the present version of a visit.';

create function private.queue_customer_notice()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    kind constant public.notification_type := case
        when tg_op = 'INSERT' then 'booking_confirmation'
        when new.status = 'canceled' then 'cancellation_notice'
        else 'reschedule_notice'
    end;
    customer public.customers;
begin
    if tg_op = 'UPDATE' then
        update public.job_notifications as n
        set status = 'canceled'
        where
            n.org_id = new.org_id and n.dispatch_job_id = new.dispatch_job_id and n.appointment_id = new.id
            and n.status = 'pending' and n.recipient_type = 'customer' and n.appointment_version < new.version;
    end if;
    if current_setting('truckroll.notify_customer', true) = 'off' then
        return null;
    end if;
    select c.* into customer
    from public.dispatch_jobs as j
    inner join public.customers as c on j.org_id = c.org_id and j.customer_id = c.id
    where j.org_id = new.org_id and j.id = new.dispatch_job_id;
    if customer.preferred_channel = 'sms' and customer.sms_opted_out_at is null then
        perform private.queue_notice(new, kind, 'customer', customer.id, 'sms', null);
    elsif customer.email is not null and customer.email_opted_out_at is null and customer.preferred_channel in ('sms', 'email') then
        perform private.queue_notice(new, kind, 'customer', customer.id, 'email', null);
    end if;
    return null;
end;
$$;

comment on function private.queue_customer_notice() is
'Confirmation, move and cancellation for the customer, by the preferred channel, e-mail when SMS was refused, nothing when neither is wanted. Definer: the queue is written by triggers only.';

create trigger appointments_queue_notice after insert on public.appointments
for each row execute function private.queue_customer_notice();
create trigger appointments_queue_change_notice after update of starts_at, status on public.appointments
for each row when (
    new.starts_at <> old.starts_at or (new.status = 'canceled' and old.status <> 'canceled')
)
execute function private.queue_customer_notice();

create function private.queue_technician_notice()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    visit public.appointments;
    is_engaged constant boolean := new.status not in ('declined', 'canceled', 'no_show');
begin
    select a.* into visit from public.appointments as a where a.org_id = new.org_id and a.id = new.appointment_id;
    if tg_op = 'INSERT' and is_engaged then
        perform private.queue_notice(visit, 'assignment_notice', 'technician', new.technician_id, 'in_app', new.id);
    elsif tg_op = 'UPDATE' and new.status = 'canceled' and old.status <> 'canceled' then
        perform private.queue_notice(visit, 'unassignment_notice', 'technician', new.technician_id, 'in_app', new.id);
    elsif tg_op = 'UPDATE' and is_engaged and new.scheduled_start_at <> old.scheduled_start_at then
        perform private.queue_notice(visit, 'reschedule_notice', 'technician', new.technician_id, 'in_app', new.id);
    end if;
    return null;
end;
$$;

comment on function private.queue_technician_notice() is
'A technician hears of work assigned, moved and taken away. Definer: the queue is written by triggers only.';

create trigger job_assignments_queue_notice after insert or update of status, scheduled_start_at on public.job_assignments
for each row execute function private.queue_technician_notice();
