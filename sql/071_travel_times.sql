-- What travel-time providers answered (OPT-11). It holds no company's data: places are rounded to about ten metres and
-- belong to nobody, and every company that drives between them is served by the same answer. No role of the API may
-- touch it: the worker reads and writes through definers.

create table private.travel_times (
    from_cell bigint not null,
    to_cell bigint not null,
    time_of_day text not null,
    duration_s integer,
    distance_m integer,
    provider text not null,
    fetched_at timestamptz not null default now(),
    expires_at timestamptz not null,
    constraint travel_times_pkey primary key (from_cell, to_cell, time_of_day),
    constraint travel_times_between_two_cells check (from_cell <> to_cell),
    constraint travel_times_time_of_day_known check (time_of_day in ('any', 'morning', 'evening')),
    constraint travel_times_whole_answer check ((duration_s is null) = (distance_m is null)),
    constraint travel_times_sensible check (duration_s >= 0 and distance_m >= 0),
    constraint travel_times_expire_later check (expires_at > fetched_at)
);

comment on table private.travel_times is
'Cache of driving times and distances between cells (private.cell), as providers gave them. Null is an answer too: the provider knows no road, so that the estimate stands and nobody asks again before it expires.';
comment on column private.travel_times.time_of_day is
'When one would leave: any where the provider knows no traffic, else the morning and the evening rush hour.';

create function private.cell(latitude double precision, longitude double precision)
returns bigint
language sql
immutable
parallel safe
return (round((latitude + 90) * 10000)::bigint << 32) | round((longitude + 180) * 10000)::bigint;

comment on function private.cell(double precision, double precision) is
'Coordinates rounded to four decimals (11 metres of latitude), both in one number; null where a coordinate is missing.';

-- The slowest fresh answer: the road into town is slow in the morning, the road out of it in the evening, and a plan
-- that holds at both times holds all day. One time a pair is also what lets slot search, judge and the solver, which
-- knows one matrix for all its days, agree to the second. Bodies like these are inlined; no `set` may stand in the way.
create function private.known_travel_from(from_cell bigint)
returns table (to_cell bigint, duration_s integer, distance_m integer)
language sql
stable
parallel safe
begin atomic
    select k.to_cell, max(k.duration_s), max(k.distance_m)
    from private.travel_times as k
    where k.from_cell = known_travel_from.from_cell and k.expires_at > now()
    group by k.to_cell;
end;

comment on function private.known_travel_from(bigint) is
'Driving seconds and metres from a cell to others as providers gave them, while they are fresh; nulls where no road is known.';

create function private.known_travel_s(
    from_latitude double precision, from_longitude double precision,
    to_latitude double precision, to_longitude double precision
)
returns table (duration_s integer)
language sql
stable
parallel safe
begin atomic
    select k.duration_s
    from private.known_travel_from(private.cell(from_latitude, from_longitude)) as k
    where k.to_cell = private.cell(to_latitude, to_longitude);
end;

comment on function private.known_travel_s(double precision, double precision, double precision, double precision) is
'Driving seconds from one place to another as a provider gave them; nothing or null where the estimate holds.';

create function private.travel_is_known()
returns boolean
language sql
stable
parallel safe
return exists (select from private.travel_times);

comment on function private.travel_is_known() is
'Whether any provider ever answered: asked once a statement, so that without a provider nothing is looked up.';
