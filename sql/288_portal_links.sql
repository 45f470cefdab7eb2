-- Self-service by signed link (INT-6, TEN-8): whoever holds the link of a job may see it, choose among the windows
-- offered, cancel, or move within the org's limits. No account, no table.

create function private.portal_link(job uuid, days integer)
returns text
language plpgsql
volatile
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set jit = 'off'
as $$
declare
    work private.work := private.work_of_job(job);
    payload text;
begin
    if work.org_id is null or not private.may('view_jobs', work.org_id, work.facility_id) then
        perform private.fail(404, 'job_not_found', 'There is no such job, or you may not see it.', 'Check job_id.');
    end if;
    -- Whoever holds the link may move and cancel, so whoever makes it must be allowed to.
    perform private.require('reschedule_appointment', work.org_id, work.facility_id);
    perform private.require('cancel_appointment', work.org_id, work.facility_id);
    if days is null or days not between 1 and 365 then
        perform private.fail(400, 'days_invalid', 'A link lasts 1 to 365 days.', 'Leave it out for 30.');
    end if;
    payload := replace(job::text, '-', '') || '.' || extract(epoch from date_trunc('second', now()) + make_interval(days => days))::bigint;
    return payload || '.' || private.sign('portal_links', payload);
end;
$$;

comment on function private.portal_link(uuid, integer) is 'Definer: reads the signing key, and makes it the first time. Own check: reschedule_appointment and cancel_appointment.';

create function public.portal_link(job_id uuid, days integer default 30)
returns text
language sql
volatile
set search_path = ''
as $$
    select private.portal_link(job_id, days);
$$;

comment on function public.portal_link(uuid, integer) is
'A signed token for a job''s self-service link, valid for some days, for portal_appointment and its kin. Needs reschedule_appointment and cancel_appointment, which the link passes on.';

create function private.job_of_link(token text)
returns public.dispatch_jobs
language plpgsql
stable
set search_path = ''
as $$
declare
    parts constant text[] := string_to_array(coalesce(token, ''), '.');
    job public.dispatch_jobs;
begin
    if cardinality(parts) = 3 and parts[1] ~ '^[0-9a-f]{32}$' and parts[2] ~ '^[0-9]{1,12}$'
        and sha256(convert_to(parts[3], 'UTF8')) = sha256(convert_to(private.signature('portal_links', parts[1] || '.' || parts[2]), 'UTF8'))
        and to_timestamp(parts[2]::bigint) > now() then
        select j.* into job from public.dispatch_jobs as j where j.id = parts[1]::uuid;
    end if;
    if job.id is null then
        perform private.fail(404, 'link_invalid', 'This link is not valid, or has run out.', 'Ask the company for a new one.');
    end if;
    return job;
end;
$$;

comment on function private.job_of_link(text) is
'The job of a signed link. Signatures are compared by their digests, so that the time taken tells nothing of them.';

create function private.portal_document(job public.dispatch_jobs)
returns jsonb
language sql
stable
set search_path = ''
as $$
    select jsonb_build_object(
        'number', job.number, 'title', job.title, 'status', job.status, 'notes', job.notes_customer_visible,
        'company_name', o.name, 'time_zone', o.time_zone,
        'windows', coalesce((
            select jsonb_agg(jsonb_build_object(
                'id', w.id, 'window_start', w.window_start, 'window_end', w.window_end, 'is_selected', w.is_selected
            ) order by w.window_start)
            from public.job_time_windows as w where w.dispatch_job_id = job.id and w.window_end > now()
        ), '[]'),
        'appointments', coalesce((
            select jsonb_agg(jsonb_build_object(
                'number', a.number, 'status', a.status, 'starts_at', a.starts_at, 'ends_at', a.ends_at,
                'arrival_window_start', a.arrival_window_start, 'arrival_window_end', a.arrival_window_end,
                'technician_first_name', visitor.first_name, 'technician_photo_path', visitor.photo_path, 'eta', visitor.eta
            ) order by a.starts_at)
            from public.appointments as a
            left join lateral (
                select split_part(btrim(t.display_name), ' ', 1) as first_name, t.photo_path,
                    case when x.status = 'en_route' then x.tech_eta_at end as eta
                from public.job_assignments as x
                inner join public.technician_profiles as t on x.technician_id = t.id
                where x.appointment_id = a.id and x.status not in ('declined', 'canceled')
                order by x.is_primary_technician desc, x.id
                limit 1
            ) as visitor on true
            where a.dispatch_job_id = job.id
        ), '[]'),
        'may_change_until', (
            select min(a.starts_at) - make_interval(mins => o.reschedule_notice_minutes)
            from public.appointments as a
            where a.dispatch_job_id = job.id and a.status in ('scheduled', 'confirmed', 'awaiting_parts')
        )
    )
    from public.orgs as o where o.id = job.org_id;
$$;

comment on function private.portal_document(public.dispatch_jobs) is 'What a customer may know of a job: no ids of people, no internal notes, no address beyond what they gave.';

create function private.visit_of_link(job public.dispatch_jobs)
returns public.appointments
language plpgsql
volatile
set search_path = ''
as $$
declare
    visit public.appointments;
    org public.orgs;
begin
    select o.* into org from public.orgs as o where o.id = job.org_id;
    select a.* into visit from public.appointments as a
    where a.dispatch_job_id = job.id and a.status in ('scheduled', 'confirmed', 'awaiting_parts')
    order by a.starts_at
    limit 1
    for update;
    if visit.id is null then
        perform private.fail(409, 'nothing_to_change', 'There is no appointment that could still be changed.', 'Call the company.');
    end if;
    if visit.starts_at < now() + make_interval(mins => org.reschedule_notice_minutes) then
        perform private.fail(
            409, 'notice_too_short', 'It is too late to change this appointment online.', 'Call the company.'
        );
    end if;
    return visit;
end;
$$;

comment on function private.visit_of_link(public.dispatch_jobs) is 'The next visit, as long as the customer may still change it; else 409.';

create function private.portal_choose_window(token text, chosen uuid)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set jit = 'off'
as $$
declare
    job public.dispatch_jobs := private.job_of_link(token);
    work private.work;
    option public.job_time_windows;
    slot public.slot;
    visit public.appointments;
    placed private.placement;
begin
    perform private.lock_jobs(array[job.id]);
    select w.* into option from public.job_time_windows as w where w.dispatch_job_id = job.id and w.id = chosen;
    if option.id is null or option.window_end <= now() then
        perform private.fail(404, 'window_not_found', 'This window is not offered.', 'Choose one of those shown.');
    end if;
    select j.* into job from public.dispatch_jobs as j where j.id = job.id;
    if job.status in ('completed', 'canceled')
        or exists (select from public.appointments as a where a.dispatch_job_id = job.id and a.status in ('en_route', 'in_progress', 'paused')) then
        perform private.fail(409, 'nothing_to_change', 'There is no appointment that could still be changed.', 'Call the company.');
    end if;
    if exists (select from public.appointments as a where a.dispatch_job_id = job.id and a.status in ('scheduled', 'confirmed', 'awaiting_parts')) then
        visit := private.visit_of_link(job);
        if option.is_selected and visit.starts_at between option.window_start and option.window_end then
            return private.portal_document(job);
        end if;
        if private.times_moved(visit.id)
            >= (select o.reschedule_limit from public.orgs as o where o.id = job.org_id) then
            perform private.fail(409, 'reschedule_limit', 'This appointment was moved too often to be moved online again.', 'Call the company.');
        end if;
    end if;
    update public.job_time_windows set is_selected = false where dispatch_job_id = job.id and is_selected and id <> chosen;
    update public.job_time_windows set is_selected = true, source = 'customer_selected' where id = chosen;
    work := private.work_of_job(job.id);
    if visit.id is not null then
        work := private.work_of_move(work, visit, true);
    end if;
    select s.* into slot from private.offer_slots(
        work, greatest(option.window_start, now()), option.window_end + make_interval(mins => work.duration_minutes),
        work.duration_minutes, null, null, 1
    ) as s;
    if slot.starts_at is null then
        perform private.fail(409, 'window_is_full', 'This window has no time left.', 'Choose another one.');
    end if;
    perform private.lock_claimants(
        slot.technician_ids || slot.resource_id || private.engaged_technicians(visit.id) || private.equipment_of(work.service_id)
    );
    placed := private.place(work, slot.technician_ids, slot.starts_at, slot.ends_at, slot.resource_id, visit.id, null, true);
    if private.blocking(private.conflicts_of(placed), null) then
        perform private.fail(409, 'window_is_full', 'This window has just been taken.', 'Choose again.');
    end if;
    if visit.id is null then
        perform private.insert_visit(placed, option.window_start, option.window_end, null, '{}');
    else
        perform set_config('truckroll.reason', 'customer_request', true);
        insert into public.appointment_reschedules (
            org_id, appointment_id, from_starts_at, from_ends_at, from_technician_ids, to_starts_at, to_ends_at,
            to_technician_ids, reason, customer_confirmed
        )
        values (
            job.org_id, visit.id, visit.starts_at, visit.ends_at, private.engaged_technicians(visit.id), slot.starts_at,
            slot.ends_at, slot.technician_ids, 'customer_request', true
        );
        perform private.move_visit(visit.id, placed, option.window_start, option.window_end);
    end if;
    select j.* into job from public.dispatch_jobs as j where j.id = job.id;
    return private.portal_document(job);
exception when exclusion_violation then
    perform private.fail(409, 'window_is_full', 'This window has just been taken.', 'Choose again.');
end;
$$;

comment on function private.portal_choose_window(text, uuid) is
'Definer: customers have no rights on any table. Own check: the link''s signature and the org''s limits.';

create function private.portal_cancel(token text, reason text)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set jit = 'off'
as $$
declare
    job public.dispatch_jobs := private.job_of_link(token);
    visit public.appointments;
begin
    perform private.lock_jobs(array[job.id]);
    visit := private.visit_of_link(job);
    perform private.lock_claimants(private.engaged_technicians(visit.id) || visit.bay_id || visit.mobile_unit_id);
    perform set_config('truckroll.reason', 'customer_request', true);
    update public.appointments
    set status = 'canceled', cancel_reason = 'customer_request', cancel_notes = left(reason, 500)
    where id = visit.id;
    update public.dispatch_jobs set status = 'canceled', cancel_reason = 'customer_request'
    where id = job.id and status = 'unscheduled';
    select j.* into job from public.dispatch_jobs as j where j.id = job.id;
    return private.portal_document(job);
end;
$$;

comment on function private.portal_cancel(text, text) is
'Definer: customers have no rights on any table. Own check: the link''s signature and the org''s notice.';

create function private.portal_appointment(token text)
returns jsonb
language sql
stable
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set jit = 'off'
as $$
    select private.portal_document(private.job_of_link(token));
$$;

comment on function private.portal_appointment(text) is
'Definer: customers have no rights on any table. Own check: the link''s signature.';

create function public.portal_appointment(token text)
returns jsonb
language sql
stable
set search_path = ''
as $$
    select private.portal_appointment(token);
$$;

comment on function public.portal_appointment(text) is
'What the holder of a signed link may see of a job (INT-6): status, windows offered, visits, who comes and when.';

create function public.portal_choose_window(token text, window_id uuid)
returns jsonb
language sql
volatile
set search_path = ''
as $$
    select private.portal_choose_window(token, window_id);
$$;

comment on function public.portal_choose_window(text, uuid) is
'Chooses one of the windows offered: books the visit into it, or moves it there within the org''s notice and limit (JOB-6, INT-6). 409 window_is_full, notice_too_short, reschedule_limit.';

create function public.portal_cancel(token text, reason text default null)
returns jsonb
language sql
volatile
set search_path = ''
as $$
    select private.portal_cancel(token, reason);
$$;

comment on function public.portal_cancel(text, text) is 'Cancels the next visit, as long as the org''s notice allows it (INT-6).';

do $$
declare
    signature text;
begin
    foreach signature in array array[
        'portal_appointment(text)', 'portal_choose_window(text, uuid)', 'portal_cancel(text, text)'
    ]
    loop
        execute 'revoke execute on function public.' || signature || ' from public';
        execute 'grant execute on function public.' || signature || ' to anon, authenticated, service_role';
        execute 'grant execute on function private.' || signature || ' to anon, authenticated, service_role';
    end loop;
    revoke execute on function public.portal_link(uuid, integer) from public, anon;
    grant execute on function public.portal_link(uuid, integer) to authenticated, service_role;
    grant execute on function private.portal_link(uuid, integer) to authenticated, service_role;
end;
$$;
