-- What became of a notice (NTF-3): the worker that sends reports here; retries, fallback and failure follow.

create function private.notice_retries(channel public.notification_channel)
returns integer
language sql
immutable
set search_path = ''
return case channel when 'email' then 2 else 1 end;

comment on function private.notice_retries(public.notification_channel) is
'How often sending is tried again: e-mail twice, everything else once.';

create function private.queue_fallback(notice public.job_notifications)
returns boolean
language plpgsql
volatile
set search_path = ''
as $$
declare
    visit public.appointments;
begin
    if notice.recipient_type <> 'customer' or notice.channel <> 'sms' then
        return false;
    end if;
    select a.* into visit from public.appointments as a where a.org_id = notice.org_id and a.id = notice.appointment_id;
    insert into public.job_notifications (
        org_id, dispatch_job_id, appointment_id, appointment_version, job_assignment_id, recipient_type, recipient_id,
        recipient_contact_id, channel, notification_type
    )
    select
        notice.org_id, notice.dispatch_job_id, notice.appointment_id, notice.appointment_version, notice.job_assignment_id,
        notice.recipient_type, notice.recipient_id, notice.recipient_contact_id, 'email', notice.notification_type
    from public.customers as c
    where
        c.org_id = notice.org_id and c.id = notice.recipient_id and c.email is not null and c.email_opted_out_at is null
        -- Nobody is told what is no longer true.
        and notice.appointment_version >= (
            select coalesce(max(n.appointment_version), 0) from public.job_notifications as n
            where
                n.org_id = notice.org_id and n.dispatch_job_id = notice.dispatch_job_id
                and n.appointment_id = notice.appointment_id and n.recipient_id = notice.recipient_id
        )
    on conflict do nothing;
    return found;
end;
$$;

comment on function private.queue_fallback(public.job_notifications) is
'What could not be sent by SMS goes by e-mail, where the customer has and wants it; false when it does not.';

create function private.record_delivery(notification uuid, error text default null, is_final boolean default false)
returns public.job_notifications
language plpgsql
volatile
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set jit = 'off'
as $$
declare
    notice public.job_notifications;
    falls_back boolean;
begin
    select n.* into notice from public.job_notifications as n where n.id = notification for update;
    if notice.id is null then
        perform private.fail(404, 'notification_not_found', 'There is no such notification.', 'Check the id.');
    end if;
    -- Reported before, or overtaken by another change of the visit meanwhile.
    if notice.status <> 'pending' then
        return notice;
    end if;
    notice.attempts := notice.attempts + 1;
    if error is null then
        update public.job_notifications as n
        set status = 'sent', sent_at = clock_timestamp(), attempts = notice.attempts, error_message = null
        where n.id = notification
        returning n.* into notice;
        return notice;
    end if;
    if notice.attempts <= private.notice_retries(notice.channel) and not is_final then
        update public.job_notifications as n
        set
            attempts = notice.attempts, error_message = left(record_delivery.error, 1000),
            scheduled_send_at = clock_timestamp() + least(interval '1 hour', interval '1 minute' * 4 ^ (notice.attempts - 1))
        where n.id = notification
        returning n.* into notice;
        return notice;
    end if;
    falls_back := private.queue_fallback(notice);
    update public.job_notifications as n
    set
        status = 'failed', attempts = notice.attempts, error_message = left(record_delivery.error, 1000),
        needs_follow_up = not falls_back
    where n.id = notification
    returning n.* into notice;
    perform private.raise_event(notice.org_id, 'notification.failed', 'appointment', notice.appointment_id, jsonb_build_object(
        'notification_id', notice.id, 'job_id', notice.dispatch_job_id, 'notification_type', notice.notification_type,
        'recipient_type', notice.recipient_type, 'recipient_id', notice.recipient_id, 'channel', notice.channel,
        'attempts', notice.attempts, 'error', notice.error_message, 'needs_follow_up', notice.needs_follow_up
    ));
    return notice;
end;
$$;

comment on function private.record_delivery(uuid, text, boolean) is
'What became of sending a notice: sent; or the error, after which it is tried again with growing distance, handed to another channel, or failed with the event notification.failed. `is_final` says that trying again is no use. Definer: works for every org; granted to the service key only.';

grant execute on function private.record_delivery(uuid, text, boolean) to service_role;
