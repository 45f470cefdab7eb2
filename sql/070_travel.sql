-- The honest estimate of OPT-11: great-circle distance times a detour factor, at an average speed. One formula for
-- slot search, the judge and the optimiser's matrix, so that all three agree to the second.

create function private.distance_m(
    from_latitude double precision, from_longitude double precision,
    to_latitude double precision, to_longitude double precision,
    detour_factor double precision
)
returns integer
language sql
immutable
parallel safe
return case
    -- least() would read a missing coordinate as the other end of the world.
    when from_latitude + from_longitude + to_latitude + to_longitude is not null then ceil(
        2 * 6371008.8 * detour_factor * asin(least(1, sqrt(
            power(sin(radians(to_latitude - from_latitude) / 2), 2)
            + cos(radians(from_latitude)) * cos(radians(to_latitude))
            * power(sin(radians(to_longitude - from_longitude) / 2), 2)
        )))
    )::integer
end;

comment on function private.distance_m(
    double precision, double precision, double precision, double precision, double precision
) is 'Road distance in metres estimated by the haversine formula (mean Earth radius 6371.0088 km, IUGG) and a detour factor; null where a coordinate is missing.';

create function private.travel_s(distance_m integer, speed_kmh double precision)
returns integer
language sql
immutable
parallel safe
-- 3.6 as 18 / 5: 3.6 would be a numeric, and a day's matrix of a million drives a third slower.
return ceil(distance_m * 18 / (5 * speed_kmh))::integer;

comment on function private.travel_s(integer, double precision) is 'Driving time in whole seconds, rounded up.';

create function private.driven_s(usual_s integer, speed_factor double precision)
returns integer
language sql
immutable
parallel safe
-- Less a trace: of a factor with two decimals nothing true lies that near below a whole second. Each argument stands
-- here once, or the function would not be inlined around a look-up.
return ceil(usual_s / speed_factor - 0.000001)::integer;

comment on function private.driven_s(integer, double precision) is
'The seconds of a drive by who is faster or slower than usual (technician_profiles.travel_speed_factor), rounded up.';

create function private.paced(minutes integer, duration_factor numeric)
returns integer
language sql
immutable
parallel safe
return ceil(minutes * duration_factor)::integer;

comment on function private.paced(integer, numeric) is
'The whole minutes somebody takes for work of so many (technician_profiles.duration_factor), rounded up.';

grant execute on function private.driven_s(integer, double precision) to anon, authenticated, service_role;
grant execute on function private.paced(integer, numeric) to anon, authenticated, service_role;
grant execute on function private.distance_m(
    double precision, double precision, double precision, double precision, double precision
) to anon, authenticated, service_role;
grant execute on function private.travel_s(integer, double precision) to anon, authenticated, service_role;
