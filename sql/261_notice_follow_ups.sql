create function private.follow_up_notification(notification uuid, note text)
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
    visit public.appointments;
begin
    select n.* into notice from public.job_notifications as n where n.id = notification;
    if notice.id is not null then
        visit := private.load_appointment(notice.appointment_id);
        perform private.require('reschedule_appointment', visit.org_id, visit.facility_id);
    else
        perform private.fail(404, 'notification_not_found', 'There is no such notification.', 'Check notification_id.');
    end if;
    perform private.check_length(note, 'note');
    -- Two who call the customer at once: the first one's note stays.
    update public.job_notifications as n
    set followed_up_at = now(), followed_up_by_user_id = auth.uid(), follow_up_note = note
    where n.id = notification and n.needs_follow_up and n.followed_up_at is null;
    select n.* into notice from public.job_notifications as n where n.id = notification;
    if notice.followed_up_at is null then
        perform private.fail(409, 'nothing_to_follow_up', 'Nobody has to be called about this notification.', 'Read it again.');
    end if;
    return notice;
end;
$$;

comment on function private.follow_up_notification(uuid, text) is
'Definer: notices are written by triggers and RPCs only. Own check: reschedule_appointment.';

create function public.follow_up_notification(notification_id uuid, note text default null)
returns public.job_notifications
language sql
volatile
set search_path = ''
as $$
    select private.follow_up_notification(notification_id, note);
$$;

comment on function public.follow_up_notification(uuid, text) is
'Says that somebody told the recipient of a failed notification by hand (NTF-3). Those to be called are the job_notifications with needs_follow_up and no followed_up_at. Doing so twice is no error. Needs reschedule_appointment.';

revoke execute on function public.follow_up_notification(uuid, text) from public, anon;
grant execute on function public.follow_up_notification(uuid, text) to authenticated, service_role;
grant execute on function private.follow_up_notification(uuid, text) to authenticated, service_role;
