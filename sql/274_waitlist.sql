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

create table private.freed_times (
    id bigint generated always as identity primary key,
    org_id uuid not null references public.orgs (id) on delete cascade,
    technician_id uuid,
    resource_id uuid,
    during tstzrange not null,
    created_at timestamptz not null default now(),
    constraint freed_times_of_one_claimant check (num_nonnulls(technician_id, resource_id) = 1)
);

create index freed_times_org_id_idx on private.freed_times (org_id);

comment on table private.freed_times is 'Time of a technician, bay, mobile unit or piece of equipment that came free and has not been offered to the waitlist yet.';

create function private.note_freed_time()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    insert into private.freed_times (org_id, technician_id, resource_id, during)
    select old.org_id, old.technician_id, old.resource_id, old.during
    where exists (
        select from public.waitlist_entries as w
        where w.org_id = old.org_id and w.status in ('waiting', 'offered') and w.latest > lower(old.during)
    );
    return null;
end;
$$;

comment on function private.note_freed_time() is
'Remembers freed time when anybody is waiting (BKG-14). Definer: nobody writes the queue directly.';

create trigger reservations_note_freed_time after update of released_at on public.reservations
for each row when (old.released_at is null and new.released_at is not null and old.kind = 'booked')
execute function private.note_freed_time();

-- Signed, not drawn: whoever sends an offer makes the token anew, and it lies nowhere meanwhile.
create function private.offer_token(offer uuid)
returns text
language sql
volatile
security definer
set search_path = ''
as $$
    select replace(offer::text, '-', '') || '.' || private.sign('waitlist_offers', offer::text);
$$;

comment on function private.offer_token(uuid) is
'The token that claims an offer, for whoever tells the customer of it. Definer: reads the signing key. Granted to the service key only.';

grant execute on function private.offer_token(uuid) to service_role;

create function private.slot_in_freed_time(
    freed private.freed_times, entry public.waitlist_entries, work private.work
)
returns public.slot
language plpgsql
stable
set search_path = ''
as $$
declare
    equipment constant uuid[] := private.equipment_of(work.service_id);
    spare interval;
    period tstzrange;
    slot public.slot;
begin
    if freed.resource_id is not null and work.place_kind = 'site' and freed.resource_id <> all (equipment) then
        return null;
    end if;
    -- Best within what came free; else around it, because the rest of a longer visit, or of a crew, may have been
    -- free before.
    foreach spare in array array[interval '0', make_interval(mins => work.duration_minutes)]
    loop
        period := tstzrange(entry.earliest, entry.latest) * tstzrange(now(), null)
            * tstzrange(lower(freed.during) - spare, upper(freed.during) + spare);
        continue when isempty(period);
        select s.* into slot
        from private.offer_slots(
            work, lower(period), upper(period), work.duration_minutes,
            case when work.crew_size = 1 and not work.is_composite then nullif(array[freed.technician_id], array[null::uuid]) end,
            null, 12
        ) as s
        where
            tstzrange(s.starts_at, s.ends_at) && freed.during
            and (freed.technician_id is null or freed.technician_id = any(s.technician_ids))
            and (freed.resource_id is null or freed.resource_id = s.resource_id or freed.resource_id = any(equipment))
            and not exists (
                select from public.waitlist_offers as o
                where o.waitlist_entry_id = entry.id and o.starts_at = s.starts_at and o.technician_ids = s.technician_ids
            )
        limit 1;
        exit when slot.starts_at is not null;
    end loop;
    return slot;
end;
$$;

comment on function private.slot_in_freed_time(private.freed_times, public.waitlist_entries, private.work) is
'The best slot for a waiting job that takes some of the freed time; null when there is none, or it was offered before.';

create function private.offer_one(freed private.freed_times, expires_at timestamptz)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
declare
    entry public.waitlist_entries;
    work private.work;
    slot public.slot;
    offer public.waitlist_offers;
begin
    for entry in
        select w.*
        from public.waitlist_entries as w
        inner join public.dispatch_jobs as j on w.dispatch_job_id = j.id
        where
            w.org_id = freed.org_id and w.status = 'waiting' and j.status = 'unscheduled'
            and tstzrange(w.earliest, w.latest) && freed.during
        order by j.priority desc, w.created_at
        for update of w skip locked
    loop
        work := private.work_of_job(entry.dispatch_job_id);
        slot := private.slot_in_freed_time(freed, entry, work);
        continue when slot.starts_at is null or not private.try_lock_claimants(
            slot.technician_ids || slot.resource_id || private.equipment_of(work.service_id)
        );
        perform private.release_expired_holds(slot.technician_ids || slot.resource_id || private.equipment_of(work.service_id));
        offer.id := gen_random_uuid();
        insert into public.waitlist_offers (
            id, org_id, waitlist_entry_id, technician_ids, resource_id, starts_at, ends_at, hold_token, token_digest, expires_at
        )
        values (
            offer.id, freed.org_id, entry.id, slot.technician_ids, slot.resource_id, slot.starts_at, slot.ends_at,
            private.hold_for(private.place(
                work, slot.technician_ids, slot.starts_at, slot.ends_at, slot.resource_id, null, null
            ), expires_at),
            sha256(convert_to(private.offer_token(offer.id), 'UTF8')), expires_at
        );
        update public.waitlist_entries set status = 'offered' where id = entry.id;
        perform private.raise_event(freed.org_id, 'waitlist.offered', 'waitlist_entry', entry.id, jsonb_build_object(
            'offer_id', offer.id, 'job_id', entry.dispatch_job_id, 'starts_at', slot.starts_at, 'expires_at', expires_at
        ));
        return jsonb_build_object(
            'offer_id', offer.id, 'org_id', freed.org_id, 'job_id', entry.dispatch_job_id,
            'token', private.offer_token(offer.id), 'starts_at', slot.starts_at, 'ends_at', slot.ends_at,
            'expires_at', expires_at
        );
    end loop;
    return null;
end;
$$;

comment on function private.offer_one(private.freed_times, timestamptz) is
'Offers freed time to the waiting job that ranks first among those it fits (priority, then waiting time), never the same time twice.';

create function private.offer_freed_times(max_offers integer)
returns setof jsonb
language plpgsql
volatile
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set jit = 'off'
as $$
declare
    freed private.freed_times;
    lapsed public.waitlist_offers;
    made integer := 0;
    offer jsonb;
begin
    if not private.is_service() then
        raise exception using errcode = '42501', message = 'permission_missing',
            detail = 'Only the scheduler offers freed time.', hint = 'Wait for the offer, or book directly.';
    end if;
    -- Nothing here waits for anybody: what somebody works on at the moment is left to the next run.
    for lapsed in
        select o.* from public.waitlist_offers as o
        where o.status = 'open' and o.expires_at <= clock_timestamp()
        order by o.expires_at
    loop
        continue when not private.try_lock_claimants(lapsed.technician_ids || lapsed.resource_id);
        perform from public.waitlist_entries as w where w.id = lapsed.waitlist_entry_id for update skip locked;
        continue when not found;
        select o.* into lapsed from public.waitlist_offers as o where o.id = lapsed.id and o.status = 'open';
        continue when not found;
        update public.waitlist_offers set status = 'expired' where id = lapsed.id;
        update public.waitlist_entries set status = 'waiting' where id = lapsed.waitlist_entry_id and status = 'offered';
        update public.reservations set released_at = hold_expires_at
        where hold_token = lapsed.hold_token and released_at is null;
        insert into private.freed_times (org_id, technician_id, resource_id, during)
        select lapsed.org_id, t.id, null, tstzrange(lapsed.starts_at, lapsed.ends_at) from unnest(lapsed.technician_ids) as t (id)
        union all
        select lapsed.org_id, null, lapsed.resource_id, tstzrange(lapsed.starts_at, lapsed.ends_at)
        where lapsed.resource_id is not null;
    end loop;
    for freed in
        select f.* from private.freed_times as f order by f.id for update skip locked
    loop
        exit when made >= max_offers;
        continue when not private.try_lock_claimants(array[freed.technician_id, freed.resource_id]);
        loop
            offer := private.offer_one(freed, clock_timestamp() + interval '15 minutes');
            exit when offer is null;
            made := made + 1;
            return next offer;
        end loop;
        delete from private.freed_times where id = freed.id;
    end loop;
end;
$$;

comment on function private.offer_freed_times(integer) is
'Definer: works for every org. Own check: the service key. Safe to run at the same time as itself.';

create function public.offer_freed_times(max_offers integer default 100)
returns setof jsonb
language sql
volatile
set search_path = ''
as $$
    select * from private.offer_freed_times(max_offers);
$$;

comment on function public.offer_freed_times(integer) is
'Ends offers that ran out and offers freed time to the waitlist in rank order (BKG-14). Answers the new offers with their tokens, to be sent to the customers. For cron, with the service key.';

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
    update public.waitlist_offers set status = 'declined' where waitlist_entry_id = new.id and status = 'open';
    update public.reservations as r set released_at = now(), updated_at = now()
    from public.waitlist_offers as o
    where o.waitlist_entry_id = new.id and r.hold_token = o.hold_token and r.released_at is null;
    return null;
end;
$$;

comment on function private.settle_waitlist() is 'An entry that is booked or withdrawn gives back what was held for it. Definer: nobody writes the ledger directly.';

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
