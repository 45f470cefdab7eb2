-- Several services in one request (BKG-13): same day, in the order given, without overlap for the customer.

create type public.coordinated_offer as (
    starts_at timestamptz, ends_at timestamptz, waiting_minutes integer, technicians integer, steps jsonb
);

create function private.load_works(job_ids uuid[], wanted public.permission)
returns private.work[]
language plpgsql
stable
set search_path = ''
as $$
declare
    job uuid;
    work private.work;
    works private.work[] := '{}';
begin
    if coalesce(cardinality(job_ids), 0) not between 2 and 6
        or cardinality(job_ids) <> (select count(distinct id) from unnest(job_ids) as id) then
        perform private.fail(
            400, 'jobs_invalid', 'A coordinated request names two to six different jobs, in order.', 'Use find_slots for a single one.'
        );
    end if;
    foreach job in array job_ids
    loop
        work := private.work_of_job(job);
        if work.org_id is null or not private.may(wanted, work.org_id, work.facility_id)
            or work.org_id <> coalesce((works[1]).org_id, work.org_id) then
            perform private.fail(404, 'job_not_found', 'There is no such job, or you may not see it.', 'Check job_ids.');
        end if;
        if work.customer_id is distinct from coalesce((works[1]).customer_id, work.customer_id) then
            perform private.fail(400, 'jobs_invalid', 'The jobs belong to different customers.', 'Coordinate the jobs of one customer.');
        end if;
        work.is_coordinated := true;
        works := works || work;
    end loop;
    return works;
end;
$$;

comment on function private.load_works(uuid[], public.permission) is 'The work of several jobs of one customer, each visible to the caller.';

create type private.coordinated_step as (
    job_id uuid, technician_ids uuid[], starts_at timestamptz, ends_at timestamptz, resource_id uuid
);

create function private.read_steps(steps jsonb)
returns private.coordinated_step[]
language plpgsql
immutable
set search_path = ''
as $$
begin
    return array(
        select row(s.job_id, s.technician_ids, s.starts_at, s.ends_at, s.resource_id)::private.coordinated_step
        from rows from (jsonb_to_recordset(steps) as (
            job_id uuid, technician_ids uuid[], starts_at timestamptz, ends_at timestamptz, resource_id uuid
        )) with ordinality as s (job_id, technician_ids, starts_at, ends_at, resource_id, turn)
        order by s.turn
    );
exception when data_exception then
    perform private.fail(400, 'steps_invalid', 'steps is the array a proposal of find_coordinated_slots holds.', 'Pass it back unchanged.');
end;
$$;

comment on function private.read_steps(jsonb) is 'The visits of a coordinated proposal as a client passes them back; else 400.';

create function private.placement_of_step(work private.work, step private.coordinated_step)
returns private.placement
language plpgsql
stable
set search_path = ''
as $$
begin
    perform private.check_technicians(work.org_id, private.staff(work, step.technician_ids));
    perform private.check_times(step.starts_at, step.ends_at);
    perform private.check_resource(work.org_id, step.resource_id, 'create_appointment');
    return private.place(work, step.technician_ids, step.starts_at, step.ends_at, step.resource_id, null, null);
end;
$$;

comment on function private.placement_of_step(private.work, private.coordinated_step) is 'One visit of a coordinated proposal as a placement to be judged.';

create function private.book_step(work private.work, step private.coordinated_step)
returns uuid
language plpgsql
volatile
set search_path = ''
as $$
declare
    org public.orgs;
    placed constant private.placement := private.placement_of_step(work, step);
    conflicts constant private.conflict[] := private.conflicts_of(placed);
    promised tstzrange;
begin
    select o.* into org from public.orgs as o where o.id = work.org_id;
    if private.blocking(conflicts, null) then
        raise exclusion_violation;
    end if;
    promised := private.arrival_window(placed.starts_at, org.arrival_window_minutes, org.time_zone);
    return private.insert_visit(placed, lower(promised), upper(promised), null, conflicts);
end;
$$;

comment on function private.book_step(private.work, private.coordinated_step) is 'Books one visit of a coordinated request; exclusion_violation when it cannot be.';

create function private.lock_steps(works private.work[], steps private.coordinated_step[])
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
    perform private.lock_jobs(array(select w.job_id from unnest(works) as w));
    perform private.lock_claimants(array(
        select unnest(s.technician_ids || s.resource_id) from unnest(steps) as s
        union
        select unnest(private.equipment_of(w.service_id)) from unnest(works) as w
    ));
end;
$$;

comment on function private.lock_steps(private.work[], private.coordinated_step[]) is
'Takes the locks of everything a coordinated request claims, in the order all bookings keep.';

create function private.works_together(works private.work[], steps private.coordinated_step[])
returns boolean
language plpgsql
volatile
set search_path = ''
as $$
begin
    -- Booked for a moment and undone: the visits of one request bear on each other's routes and daily limits.
    begin
        perform private.lock_steps(works, steps);
        for turn in 1..cardinality(works)
        loop
            perform private.book_step(works[turn], steps[turn]);
        end loop;
        raise exception using errcode = 'PT200', message = 'undo';
    exception
        when sqlstate 'PT200' then return true;
        when exclusion_violation then return false;
    end;
end;
$$;

comment on function private.works_together(private.work[], private.coordinated_step[]) is 'Whether all steps could be booked together.';

create function private.find_coordinated_slots(
    job_ids uuid[], earliest timestamptz, latest timestamptz, min_gap_minutes integer, max_gap_minutes integer, max_results integer
)
returns setof public.coordinated_offer
language plpgsql
volatile
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set jit = 'off'
as $$
declare
    works private.work[] := private.load_works(job_ids, 'view_availability');
    org public.orgs;
    period tstzrange;
    opening public.slot;
    following public.slot;
    steps jsonb;
    finish timestamptz;
    midnight timestamptz;
    waiting integer;
    made integer := 0;
begin
    select o.* into org from public.orgs as o where o.id = (works[1]).org_id;
    period := private.period_ahead(earliest, latest, 31);
    if not coalesce(
        min_gap_minutes between 0 and 720 and max_gap_minutes between min_gap_minutes and 720 and max_results between 1 and 20, false
    ) then
        perform private.fail(
            400, 'limits_invalid', 'Gaps are from 0 to 720 minutes, the least not above the most; results from 1 to 20.',
            'Leave out what you are not sure about.'
        );
    end if;
    for opening in
        select s.* from private.offer_slots(
            works[1], lower(period), upper(period), (works[1]).duration_minutes, null, null, 8 * max_results
        ) as s
    loop
        exit when made >= max_results;
        steps := jsonb_build_array(private.step(job_ids[1], opening));
        finish := opening.ends_at;
        midnight := private.local_instant(
            date_trunc('day', opening.starts_at at time zone org.time_zone) + interval '1 day', org.time_zone
        );
        waiting := 0;
        for turn in 2..cardinality(works)
        loop
            following := null;
            select s.* into following
            from private.offer_slots(
                works[turn], finish + make_interval(mins => min_gap_minutes),
                least(midnight, finish + make_interval(mins => max_gap_minutes + (works[turn]).duration_minutes)),
                (works[turn]).duration_minutes, null, null, 4
            ) as s
            where finish + make_interval(mins => min_gap_minutes + (works[turn]).duration_minutes) <= midnight
            order by s.starts_at, s.score desc
            limit 1;
            exit when following.starts_at is null;
            waiting := waiting + (extract(epoch from following.starts_at - finish) / 60)::integer;
            steps := steps || private.step(job_ids[turn], following);
            finish := following.ends_at;
        end loop;
        continue when jsonb_array_length(steps) < cardinality(works) or not private.works_together(works, private.read_steps(steps));
        made := made + 1;
        return next row(
            opening.starts_at, finish, waiting,
            (select count(distinct t) from jsonb_path_query(steps, '$[*].technician_ids[*]') as t), steps
        )::public.coordinated_offer;
    end loop;
end;
$$;

comment on function private.find_coordinated_slots(uuid[], timestamptz, timestamptz, integer, integer, integer) is
'Definer: the search reads every technician''s day and tries each proposal, undone at once. Own check: view_availability.';

create function private.step(job uuid, slot public.slot)
returns jsonb
language sql
immutable
set search_path = ''
return jsonb_build_object(
    'job_id', job, 'technician_ids', slot.technician_ids, 'resource_id', slot.resource_id, 'starts_at', slot.starts_at,
    'ends_at', slot.ends_at, 'arrival_window_start', slot.arrival_window_start, 'arrival_window_end', slot.arrival_window_end
);

comment on function private.step(uuid, public.slot) is 'One visit of a coordinated proposal.';

create function public.find_coordinated_slots(
    job_ids uuid[],
    earliest timestamptz default null,
    latest timestamptz default null,
    min_gap_minutes integer default 0,
    max_gap_minutes integer default 120,
    max_results integer default 3
)
returns setof public.coordinated_offer
language sql
volatile
set search_path = ''
as $$
    select * from private.find_coordinated_slots(job_ids, earliest, latest, min_gap_minutes, max_gap_minutes, max_results);
$$;

comment on function public.find_coordinated_slots(uuid[], timestamptz, timestamptz, integer, integer, integer) is
'Proposals for several jobs of one customer on one day, in the order given, with bounded gaps, by one technician or several (BKG-13). `steps` is what book_coordinated takes. Needs view_availability.';

create function private.refuse_step(works private.work[], asked private.coordinated_step[], at_step integer)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
    placed constant private.placement := private.placement_of_step(works[at_step], asked[at_step]);
    conflicts private.conflict[];
begin
    -- What stands in the way may be the steps before, and what is offered instead must be possible beside them. The
    -- error that ends this undoes them.
    for turn in 1..at_step - 1
    loop
        begin
            perform private.book_step(works[turn], asked[turn]);
        exception when exclusion_violation then
            perform private.refuse_step(works, asked, turn);
        end;
    end loop;
    conflicts := private.conflicts_of(placed);
    -- Several visits at once are not overridden: which of them would it be for?
    perform private.refuse_placement(placed, conflicts, false);
end;
$$;

comment on function private.refuse_step(private.work[], private.coordinated_step[], integer) is
'409 for one visit of a coordinated request, beside those before it.';

create function private.book_coordinated(steps jsonb, idempotency_key text)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set jit = 'off'
as $$
declare
    asked private.coordinated_step[];
    works private.work[];
    known jsonb;
    at_step integer;
    appointment uuid;
    booked jsonb := '[]';
begin
    if jsonb_typeof(steps) is distinct from 'array' then
        perform private.fail(400, 'steps_invalid', 'steps is the array a proposal of find_coordinated_slots holds.', 'Pass it back unchanged.');
    end if;
    asked := private.read_steps(steps);
    works := private.load_works(array(select s.job_id from unnest(asked) with ordinality as s (job_id, staff, starts, ends, place, turn) order by s.turn), 'view_jobs');
    for turn in 1..cardinality(works)
    loop
        perform private.require('create_appointment', (works[turn]).org_id, (works[turn]).facility_id);
    end loop;
    known := private.recall((works[1]).org_id, idempotency_key, 'book_coordinated', steps);
    if known is not null then
        return known;
    end if;
    begin
        perform private.lock_steps(works, asked);
        for turn in 1..cardinality(works)
        loop
            at_step := turn;
            appointment := private.book_step(works[turn], asked[turn]);
            booked := booked || private.appointment_document(appointment);
        end loop;
    exception when exclusion_violation then
        booked := null;
    end;
    if booked is null then
        perform private.refuse_step(works, asked, at_step);
    end if;
    return private.remember((works[1]).org_id, idempotency_key, booked);
end;
$$;

comment on function private.book_coordinated(jsonb, text) is
'Definer: visits and the ledger are written by RPCs only. Own check: create_appointment.';

create function public.book_coordinated(steps jsonb, idempotency_key text default null)
returns jsonb
language sql
volatile
set search_path = ''
as $$
    select private.book_coordinated(steps, idempotency_key);
$$;

comment on function public.book_coordinated(jsonb, text) is
'Books every visit of a coordinated proposal, or none (BKG-13). Answers the appointments with their assignments, in order. Needs create_appointment.';

do $$
declare
    signature text;
begin
    foreach signature in array array[
        'find_coordinated_slots(uuid[], timestamptz, timestamptz, integer, integer, integer)', 'book_coordinated(jsonb, text)'
    ]
    loop
        execute 'revoke execute on function public.' || signature || ' from public, anon';
        execute 'grant execute on function public.' || signature || ' to authenticated, service_role';
        execute 'grant execute on function private.' || signature || ' to authenticated, service_role';
    end loop;
end;
$$;
