create function private.join_waitlist(job uuid, earliest timestamptz, latest timestamptz, idempotency_key text)
returns public.waitlist_entries
language plpgsql
volatile
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set jit = 'off'
as $$
declare
    work private.work := private.work_of_job(job);
    entry public.waitlist_entries;
    period tstzrange;
    known jsonb;
begin
    if work.org_id is null or not private.may('view_jobs', work.org_id, work.facility_id) then
        perform private.fail(404, 'job_not_found', 'There is no such job, or you may not see it.', 'Check job_id.');
    end if;
    perform private.require('create_appointment', work.org_id, work.facility_id);
    known := private.recall(work.org_id, idempotency_key, 'join_waitlist', jsonb_build_object(
        'job_id', job, 'earliest', earliest, 'latest', latest
    ));
    if known is not null then
        return jsonb_populate_record(null::public.waitlist_entries, known);
    end if;
    period := private.period_ahead(earliest, latest, 366);
    perform private.lock_jobs(array[job]);
    if exists (select from public.dispatch_jobs as j where j.id = job and j.status <> 'unscheduled') then
        perform private.fail(409, 'job_not_waiting', 'Only a job without an appointment can wait for one.', 'Reschedule its appointment instead.');
    end if;
    insert into public.waitlist_entries (org_id, dispatch_job_id, earliest, latest, created_by_user_id)
    values (work.org_id, job, lower(period), upper(period), auth.uid())
    on conflict do nothing
    returning * into entry;
    if entry.id is null then
        perform private.fail(409, 'already_waiting', 'This job is on the waitlist already.', 'Leave it first to change the period.');
    end if;
    perform private.remember(work.org_id, idempotency_key, to_jsonb(entry));
    return entry;
end;
$$;

comment on function private.join_waitlist(uuid, timestamptz, timestamptz, text) is
'Definer: the waitlist is written by RPCs only. Own check: create_appointment.';

create function public.join_waitlist(
    job_id uuid,
    earliest timestamptz default null,
    latest timestamptz default null,
    idempotency_key text default null
)
returns public.waitlist_entries
language sql
volatile
set search_path = ''
as $$
    select private.join_waitlist(job_id, earliest, latest, idempotency_key);
$$;

comment on function public.join_waitlist(uuid, timestamptz, timestamptz, text) is
'Lets an unscheduled job wait for time to become free within a period, by default the next 14 days (BKG-14). Needs create_appointment.';

create function private.leave_waitlist(job uuid)
returns void
language plpgsql
volatile
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set jit = 'off'
as $$
declare
    work private.work := private.work_of_job(job);
begin
    if work.org_id is null or not private.may('view_jobs', work.org_id, work.facility_id) then
        perform private.fail(404, 'job_not_found', 'There is no such job, or you may not see it.', 'Check job_id.');
    end if;
    perform private.require('create_appointment', work.org_id, work.facility_id);
    perform private.lock_jobs(array[job]);
    update public.waitlist_entries set status = 'withdrawn' where dispatch_job_id = job and status in ('waiting', 'offered');
end;
$$;

comment on function private.leave_waitlist(uuid) is 'Definer: the waitlist is written by RPCs only. Own check: create_appointment.';

create function public.leave_waitlist(job_id uuid)
returns void
language sql
volatile
set search_path = ''
as $$
    select private.leave_waitlist(job_id);
$$;

comment on function public.leave_waitlist(uuid) is 'Takes a job off the waitlist and withdraws its open offer. Needs create_appointment.';

create function private.settle_waitlist()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    with declined as (
        update public.waitlist_offers as o
        set status = 'declined'
        where o.waitlist_entry_id = new.id and o.status = 'open'
        returning o.org_id, o.technician_ids, o.resource_id, tstzrange(o.starts_at, o.ends_at) as during
    )

    insert into private.freed_times (org_id, technician_id, resource_id, during)
    select d.org_id, t.id, null::uuid, d.during from declined as d cross join unnest(d.technician_ids) as t (id)
    union all
    select d.org_id, null::uuid, d.resource_id, d.during from declined as d where d.resource_id is not null;
    update public.reservations as r set released_at = now(), updated_at = now()
    from public.waitlist_offers as o
    where o.waitlist_entry_id = new.id and r.hold_token = o.hold_token and r.released_at is null;
    return null;
end;
$$;

comment on function private.settle_waitlist() is 'An entry that is booked or withdrawn gives back what was held for it, for the next to be offered. Definer: nobody writes the ledger directly.';

create trigger waitlist_entries_settle after update of status on public.waitlist_entries
for each row when (new.status in ('booked', 'withdrawn') and old.status <> new.status)
execute function private.settle_waitlist();

create function private.leave_waitlist_when_scheduled()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    update public.waitlist_entries
    set status = case when new.status = 'canceled' then 'withdrawn' else 'booked' end::public.waitlist_entry_status
    where dispatch_job_id = new.id and status in ('waiting', 'offered');
    return null;
end;
$$;

comment on function private.leave_waitlist_when_scheduled() is 'A job that got its appointment otherwise, or was canceled, waits no longer. Definer: the waitlist is written by RPCs only.';

create trigger dispatch_jobs_leave_waitlist after update of status on public.dispatch_jobs
for each row when (old.status = 'unscheduled' and new.status <> 'unscheduled')
execute function private.leave_waitlist_when_scheduled();

create function private.offer_document(offer public.waitlist_offers)
returns jsonb
language sql
stable
set search_path = ''
as $$
    select jsonb_build_object(
        'status', offer.status, 'number', a.number, 'starts_at', offer.starts_at, 'ends_at', offer.ends_at,
        'arrival_window_start', a.arrival_window_start, 'arrival_window_end', a.arrival_window_end
    )
    from (values (1)) as one
    left join public.appointments as a on a.id = offer.appointment_id;
$$;

comment on function private.offer_document(public.waitlist_offers) is 'What the recipient of an offer may know of it.';

create function private.claim_waitlist_offer(token text)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set jit = 'off'
as $$
declare
    offer public.waitlist_offers;
    entry public.waitlist_entries;
    work private.work;
    org public.orgs;
    placed private.placement;
    conflicts private.conflict[];
    promised tstzrange;
    appointment uuid;
begin
    select o.* into offer from public.waitlist_offers as o
    where o.token_digest = sha256(convert_to(coalesce(token, ''), 'UTF8'));
    if offer.id is null then
        perform private.fail(404, 'offer_not_found', 'There is no such offer.', 'Check the link.');
    end if;
    -- Everybody who holds the link queues up here; exactly one claim wins, and repeating it gives the same answer.
    select w.* into entry from public.waitlist_entries as w where w.id = offer.waitlist_entry_id;
    perform private.lock_jobs(array[entry.dispatch_job_id]);
    work := private.work_of_job(entry.dispatch_job_id);
    perform private.lock_claimants(offer.technician_ids || offer.resource_id || private.equipment_of(work.service_id));
    select w.* into entry from public.waitlist_entries as w where w.id = entry.id for update;
    select o.* into offer from public.waitlist_offers as o where o.id = offer.id for update;
    if offer.status = 'claimed' then
        return private.offer_document(offer);
    end if;
    if offer.status <> 'open' or offer.expires_at <= clock_timestamp() then
        perform private.fail(409, 'offer_gone', 'This time is no longer available.', 'You are still on the waitlist and will hear of the next.');
    end if;
    select o.* into org from public.orgs as o where o.id = offer.org_id;
    placed := private.place(
        work, offer.technician_ids, offer.starts_at, offer.ends_at, offer.resource_id, null, offer.hold_token
    );
    conflicts := private.conflicts_of(placed);
    if private.blocking(conflicts, null) then
        perform private.fail(409, 'offer_gone', 'This time is no longer available.', 'You are still on the waitlist and will hear of the next.');
    end if;
    update public.waitlist_offers set status = 'claimed' where id = offer.id;
    update public.reservations set released_at = now(), updated_at = now()
    where hold_token = offer.hold_token and released_at is null;
    promised := private.arrival_window(offer.starts_at, org.arrival_window_minutes, org.time_zone);
    appointment := private.insert_visit(placed, lower(promised), upper(promised), null, conflicts);
    update public.waitlist_offers set appointment_id = appointment where id = offer.id returning * into offer;
    update public.waitlist_entries set status = 'booked' where id = entry.id and status <> 'booked';
    return private.offer_document(offer);
end;
$$;

comment on function private.claim_waitlist_offer(text) is
'Definer: whoever holds the token may book exactly what it offers. Own check: the token.';

create function public.claim_waitlist_offer(token text)
returns jsonb
language sql
volatile
set search_path = ''
as $$
    select private.claim_waitlist_offer(token);
$$;

comment on function public.claim_waitlist_offer(text) is
'Books the time a waitlist offer holds (BKG-14), for whoever has its token. Exactly one claim wins; repeating it gives the same answer; 409 offer_gone afterwards.';

do $$
declare
    signature text;
begin
    foreach signature in array array[
        'offer_freed_times(integer)', 'join_waitlist(uuid, timestamptz, timestamptz, text)', 'leave_waitlist(uuid)',
        'claim_waitlist_offer(text)'
    ]
    loop
        execute 'revoke execute on function public.' || signature || ' from public, anon, authenticated';
        execute 'grant execute on function public.' || signature || ' to service_role';
        execute 'grant execute on function private.' || signature || ' to service_role';
    end loop;
    foreach signature in array array[
        'join_waitlist(uuid, timestamptz, timestamptz, text)', 'leave_waitlist(uuid)', 'claim_waitlist_offer(text)'
    ]
    loop
        execute 'grant execute on function public.' || signature || ' to authenticated';
        execute 'grant execute on function private.' || signature || ' to authenticated';
    end loop;
    grant execute on function public.claim_waitlist_offer(text) to anon;
    grant execute on function private.claim_waitlist_offer(text) to anon;
end;
$$;
