-- What visits and assignments claim: triggers keep the ledger to it, whoever writes them.

create function private.buffered(starts_at timestamptz, ends_at timestamptz, before_minutes integer, after_minutes integer)
returns tstzrange
language sql
stable
parallel safe
return tstzrange(
    starts_at - make_interval(mins => before_minutes), ends_at + make_interval(mins => after_minutes), '[)'
);

comment on function private.buffered(timestamptz, timestamptz, integer, integer) is 'What a visit claims: its time and its buffers.';

create function private.place_of_appointment(appointment uuid)
returns table (location_id uuid, latitude double precision, longitude double precision)
language plpgsql
stable
set search_path = ''
as $$
begin
    return query
    select
        case when a.bay_id is null then a.location_id end,
        case when a.bay_id is null then l.latitude else f.latitude end,
        case when a.bay_id is null then l.longitude else f.longitude end
    from public.appointments as a
    left join public.customer_locations as l on a.location_id = l.id
    left join public.facilities as f on a.facility_id = f.id
    where a.id = appointment;
end;
$$;

comment on function private.place_of_appointment(uuid) is 'Where a visit happens: in its facility when it has a bay, else at the site.';

create function private.lanes(technician uuid, appointment uuid)
returns integer
language plpgsql
stable
set search_path = ''
as $$
begin
    return (
        select case when exists (
            select from public.scheduling_overrides as o
            where o.appointment_id = lanes.appointment and 'concurrent_limit' = any(o.codes)
        ) then 100 else t.max_concurrent_jobs end
        from public.technician_profiles as t where t.id = technician
    );
end;
$$;

comment on function private.lanes(uuid, uuid) is
'In how many visits at once a technician may be for this one: as the profile says, or any number where somebody overrode it.';

create function private.reserve_technician()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    claim tstzrange;
begin
    if new.status in ('declined', 'canceled', 'no_show') then
        update public.reservations set released_at = now(), updated_at = now()
        where assignment_id = new.id and released_at is null;
        if new.segment_id is not null then
            perform private.reserve_other_segments(new.appointment_id, new.id);
        end if;
        return null;
    elsif new.segment_id is not null then
        perform private.reserve_segment(new);
        return null;
    end if;
    select private.buffered(
        new.scheduled_start_at,
        -- Work that ended early gives the rest of its time back.
        case when new.status = 'completed' then greatest(
            least(new.actual_end_at, new.scheduled_end_at), new.scheduled_start_at + interval '1 minute'
        ) else new.scheduled_end_at end,
        a.buffer_before_minutes, a.buffer_after_minutes
    ) into claim
    from public.appointments as a where a.id = new.appointment_id;
    if tg_op = 'UPDATE' then
        if exists (
            select from public.reservations as r
            where
                r.assignment_id = new.id and r.released_at is null
                and r.technician_id = new.technician_id and r.during = claim
        ) then
            return null;
        end if;
        delete from public.reservations where assignment_id = new.id and released_at is null;
    end if;
    perform private.release_expired_holds(array[new.technician_id]);
    insert into public.reservations (
        org_id, technician_id, lane, during, appointment_id, assignment_id, location_id, latitude, longitude
    )
    select
        new.org_id, new.technician_id, private.lane_for(new, claim, private.lanes(new.technician_id, new.appointment_id)), claim,
        new.appointment_id, new.id, place.location_id, place.latitude, place.longitude
    from private.place_of_appointment(new.appointment_id) as place;
    return null;
end;
$$;

comment on function private.reserve_technician() is
'Keeps the ledger equal to the assignments. Definer: nobody writes the ledger directly.';

create trigger job_assignments_reserve
after insert or update of technician_id, scheduled_start_at, scheduled_end_at, status on public.job_assignments
for each row execute function private.reserve_technician();

create function private.reserve_place()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    things constant uuid[] := array_remove(coalesce(new.bay_id, new.mobile_unit_id) || private.equipment_of((
        select j.service_id from public.dispatch_jobs as j where j.id = new.dispatch_job_id
    )), null);
    claim constant tstzrange := private.buffered(
        new.starts_at, new.ends_at, new.buffer_before_minutes, new.buffer_after_minutes
    );
begin
    if tg_op = 'UPDATE' then
        if new.status not in ('canceled', 'no_show') and things <@ array(
            select r.resource_id from public.reservations as r
            where r.appointment_id = new.id and r.resource_id is not null and r.released_at is null and r.during = claim
        ) and not exists (
            select from public.reservations as r
            where r.appointment_id = new.id and r.resource_id is not null and r.released_at is null
            and r.resource_id <> all (things)
        ) then
            return null;
        end if;
        update public.reservations set released_at = now(), updated_at = now()
        where appointment_id = new.id and resource_id is not null and released_at is null;
    end if;
    if things = '{}' or new.status in ('canceled', 'no_show') then
        return null;
    end if;
    perform private.release_expired_holds(things);
    insert into public.reservations (org_id, resource_id, lane, during, appointment_id)
    select new.org_id, r.id, private.lane_made_free(r.id, claim, r.capacity), claim, new.id
    from public.resources as r where r.id = any(things);
    return null;
end;
$$;

comment on function private.reserve_place() is
'Keeps the ledger equal to the appointment''s bay or mobile unit and its equipment. Definer: nobody writes the ledger directly.';

create trigger appointments_reserve_place
after insert or update of bay_id, mobile_unit_id, starts_at, ends_at, buffer_before_minutes, buffer_after_minutes, status
on public.appointments
for each row execute function private.reserve_place();

create function private.move_claims_with_site()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    update public.reservations
    set latitude = new.latitude, longitude = new.longitude, updated_at = now()
    where org_id = new.org_id and location_id = new.id and released_at is null;
    return null;
end;
$$;

comment on function private.move_claims_with_site() is
'A corrected address moves the claims made for it. Definer: nobody writes the ledger directly.';

create trigger customer_locations_move_claims after update of latitude, longitude on public.customer_locations
for each row when ((new.latitude, new.longitude) is distinct from (old.latitude, old.longitude))
execute function private.move_claims_with_site();
