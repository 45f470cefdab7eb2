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

grant execute on function private.distance_m(
    double precision, double precision, double precision, double precision, double precision
) to anon, authenticated, service_role;
grant execute on function private.travel_s(integer, double precision) to anon, authenticated, service_role;
