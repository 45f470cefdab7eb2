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
    <<offering>>
    for freed in
        select f.* from private.freed_times as f order by f.id for update skip locked
    loop
        exit when made >= max_offers;
        continue when not private.try_lock_claimants(array[freed.technician_id, freed.resource_id]);
        loop
            -- What is left of this time is offered by the next run.
            exit offering when made >= max_offers;
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
