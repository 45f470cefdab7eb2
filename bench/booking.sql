-- What pgbench runs: four transactions that claim the next free time, each doing more of a booking than the one before.
-- Lives in schema bench, beside the product's; dropped and made again by every run.

drop schema if exists bench cascade;
create schema bench;

-- The yardstick: the ledger's columns, its primary key and its constraint, nothing else.
create table bench.claims (like public.reservations including defaults including generated);
alter table bench.claims add primary key (id);
alter table bench.claims add constraint claims_no_double_booking exclude using gist (
    claimant_id with =, lane with =, during with &&
) where (released_at is null);

-- Half hours of the technicians on weekdays behind the company's own bookings, clear of every lunch; a job for each that
-- has no site, so that nobody drives and nothing but the times decides.
create table bench.turns (
    turn integer primary key, technician_id uuid not null, starts_at timestamptz not null, job_id uuid not null
);
create sequence bench.turn;

create function bench.fill(turns integer, after_day date)
returns void
language sql
as $$
    insert into bench.turns (turn, technician_id, starts_at, job_id)
    select
        row_number() over (order by md5(day::text || clock::text || t.id::text)), t.id,
        (day::date + clock) at time zone t.time_zone, gen_random_uuid()
    from public.technician_profiles as t
    cross join generate_series(after_day + 1, after_day + 150, interval '1 day') as day
    cross join unnest(array['10:00', '10:30', '11:00', '14:00', '14:30', '15:00']::time[]) as clock
    where
        extract(isodow from day) < 6 and not exists (
            select from public.reservations as r
            where r.technician_id = t.id and lower(r.during) = (day::date + clock) at time zone t.time_zone
        )
    limit turns;
    insert into public.dispatch_jobs (
        id, org_id, number, contact_phone, title, estimated_duration_minutes, required_skills, required_crew_size
    )
    select b.job_id, t.org_id, 'BENCH-' || b.turn || '-' || b.job_id, '+16085550000', 'Measured', 30, '{}', 1
    from bench.turns as b inner join public.technician_profiles as t on b.technician_id = t.id;
$$;

create function bench.next_turn()
returns bench.turns
language plpgsql
as $$
declare
    number constant integer := nextval('bench.turn');
    mine bench.turns;
begin
    select t.* into mine from bench.turns as t where t.turn = number;
    if mine.turn is null then
        raise exception 'no turn is left';
    end if;
    return mine;
end;
$$;

create function bench.plain_insert()
returns void
language plpgsql
as $$
declare
    mine constant bench.turns := bench.next_turn();
begin
    insert into bench.claims (org_id, technician_id, during, kind)
    select t.org_id, t.id, tstzrange(mine.starts_at, mine.starts_at + interval '30 minutes'), 'booked'
    from public.technician_profiles as t where t.id = mine.technician_id;
end;
$$;

create function bench.machinery()
returns void
language plpgsql
set plan_cache_mode = 'force_generic_plan'
as $$
declare
    mine constant bench.turns := bench.next_turn();
    org uuid;
begin
    select t.org_id into org from public.technician_profiles as t where t.id = mine.technician_id;
    perform private.recall(org, mine.job_id::text, 'bench', to_jsonb(mine));
    perform private.lock_claimants(array[mine.technician_id]);
    insert into bench.claims (org_id, technician_id, during, kind)
    values (org, mine.technician_id, tstzrange(mine.starts_at, mine.starts_at + interval '30 minutes'), 'booked');
    perform private.raise_event(org, 'bench.claimed', 'claim', mine.job_id, to_jsonb(mine));
    insert into public.audit_log (org_id, actor_id, action, table_name, record_id, after)
    values (org, auth.uid(), 'insert', 'claims', mine.job_id, to_jsonb(mine));
    perform private.remember(org, mine.job_id::text, to_jsonb(mine));
end;
$$;

create function bench.unjudged_visit()
returns void
language plpgsql
set plan_cache_mode = 'force_generic_plan'
as $$
declare
    mine constant bench.turns := bench.next_turn();
    placed private.placement;
begin
    placed := private.place(
        private.work_of_job(mine.job_id), array[mine.technician_id], mine.starts_at, null, null, null, null
    );
    perform private.recall((placed.work).org_id, mine.job_id::text, 'bench', to_jsonb(mine));
    perform private.lock_claimants(array[mine.technician_id]);
    perform private.remember(
        (placed.work).org_id, mine.job_id::text, private.appointment_document(
            private.insert_visit(placed, mine.starts_at, mine.starts_at + interval '2 hours', null, '{}')
        )
    );
end;
$$;

create function bench.whole_booking()
returns void
language plpgsql
as $$
declare
    mine constant bench.turns := bench.next_turn();
begin
    perform public.book_appointment(
        job_id => mine.job_id, technician_ids => array[mine.technician_id], starts_at => mine.starts_at,
        idempotency_key => mine.job_id::text
    );
end;
$$;

create function bench.claim(wanted bench.turns)
returns boolean
language plpgsql
set plan_cache_mode = 'force_generic_plan'
as $$
declare
    org uuid;
begin
    select t.org_id into org from public.technician_profiles as t where t.id = wanted.technician_id;
    perform private.lock_claimants(array[wanted.technician_id]);
    insert into bench.claims (org_id, technician_id, during, kind)
    values (org, wanted.technician_id, tstzrange(wanted.starts_at, wanted.starts_at + interval '30 minutes'), 'booked')
    on conflict do nothing;
    if not found then
        return false;
    end if;
    perform private.raise_event(org, 'bench.claimed', 'claim', wanted.job_id, to_jsonb(wanted));
    insert into public.audit_log (org_id, actor_id, action, table_name, record_id, after)
    values (org, auth.uid(), 'insert', 'claims', wanted.job_id, to_jsonb(wanted));
    return true;
end;
$$;
