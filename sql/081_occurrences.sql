-- The functions of this file are inlined into the query that calls them: three hundred rules over two weeks are expanded in milliseconds. A SET clause
-- would prevent that; `begin atomic` and `return` resolve every name when the function is created instead, so search_path has no say in them either.
-- Arguments must be columns or constants: an expression that costs something is not inlined.

create function private.local_instant(wall_clock timestamp, time_zone text)
returns timestamptz
language sql
immutable
parallel safe
return case
    -- No change of offset in the last three hours: not ambiguous, whatever Postgres makes of it.
    when
        (wall_clock at time zone time_zone) - ((wall_clock - interval '3 hours') at time zone time_zone) = interval '3 hours'
        then wall_clock at time zone time_zone
    -- The clocks went back to this very time: where counting on from before the change arrives.
    when
        (
            (((wall_clock - interval '3 hours') at time zone time_zone) at time zone 'UTC') + interval '3 hours'
        ) at time zone 'UTC' at time zone time_zone = wall_clock
        then (
            (((wall_clock - interval '3 hours') at time zone time_zone) at time zone 'UTC') + interval '3 hours'
        ) at time zone 'UTC'
    else wall_clock at time zone time_zone
end;

comment on function private.local_instant(timestamp, text) is
'The instant of a wall clock time. A time that happens twice means the first (RFC 5545 3.3.5, Python''s fold=0, where Postgres takes the second); a
time that is skipped is read with the offset before the change.';

create function private.recurrence_period_fits(recurrence private.recurrence, day date)
returns boolean
language sql
immutable
parallel safe
return (recurrence).every = 1 or case (recurrence).frequency
    when 'daily' then day - (recurrence).first_on
    when 'weekly'
        -- The first day of year 1 was a Monday.
        then (day - date '0001-01-01' + 7 - (recurrence).week_starts_on) / 7
            - ((recurrence).first_on - date '0001-01-01' + 7 - (recurrence).week_starts_on) / 7
    when 'monthly'
        then (
            12 * (date_part('year', day) - date_part('year', (recurrence).first_on))
            + date_part('month', day) - date_part('month', (recurrence).first_on)
        )::integer
    else (date_part('year', day) - date_part('year', (recurrence).first_on))::integer
end % (recurrence).every = 0;

comment on function private.recurrence_period_fits(private.recurrence, date) is
'True when the day lies in a day, week, month or year that INTERVAL does not skip.';

create function private.is_nth_weekday(nth_weekdays integer[], in_month boolean, day date)
returns boolean
language sql
immutable
parallel safe
return case
    when in_month
        then (
            (date_part('day', day)::integer + 6) / 7 * 7 + (day - date '0001-01-01') % 7 = any(nth_weekdays)
            or (day - (date_trunc('month', day::timestamp) + interval '1 month')::date - 6) / 7 * 7
            + (day - date '0001-01-01') % 7 = any(nth_weekdays)
        )
    else (
        (date_part('doy', day)::integer + 6) / 7 * 7 + (day - date '0001-01-01') % 7 = any(nth_weekdays)
        or (day - (date_trunc('year', day::timestamp) + interval '1 year')::date - 6) / 7 * 7
        + (day - date '0001-01-01') % 7 = any(nth_weekdays)
    )
end;

comment on function private.is_nth_weekday(integer[], boolean, date) is
'True when the day is one of the numbered weekdays of its month or else its year; each is 7 × nth + weekday, nth negative from the end, Monday 0.';

create function private.recurrence_day_fits(recurrence private.recurrence, day date)
returns boolean
language sql
immutable
parallel safe
return (
    ((recurrence).weekdays is null and (recurrence).nth_weekdays is null)
    or ((recurrence).weekdays is not null and (day - date '0001-01-01') % 7 = any((recurrence).weekdays))
    or ((recurrence).nth_weekdays is not null and private.is_nth_weekday(
        (recurrence).nth_weekdays, (recurrence).frequency = 'monthly' or (recurrence).months is not null, day
    ))
)
and ((recurrence).months is null or date_part('month', day)::integer = any((recurrence).months))
and (
    (recurrence).month_days is null
    or date_part('day', day)::integer = any((recurrence).month_days)
    -- Counted from the end, the first of the next month would be day 0.
    or day - (date_trunc('month', day::timestamp) + interval '1 month')::date = any((recurrence).month_days)
);

comment on function private.recurrence_day_fits(private.recurrence, date) is
'True when BYDAY, BYMONTHDAY and BYMONTH all allow the day. Plain and numbered weekdays in one BYDAY add up, as in RFC 5545.';

create function private.recurrence_position_fits(recurrence private.recurrence, day date)
returns boolean
language sql
immutable
parallel safe
set search_path = ''
as $$
    select
        count(*) filter (where candidate.on_date <= day) = any((recurrence).set_positions)
        or -count(*) filter (where candidate.on_date >= day) = any((recurrence).set_positions)
    from (
        select period.starts_on + generate_series(0, period.days - 1) as on_date
        from (
            select
                case (recurrence).frequency
                    when 'weekly' then day - (day - date '0001-01-01' + 7 - (recurrence).week_starts_on) % 7
                    when 'monthly' then date_trunc('month', day::timestamp)::date
                    when 'yearly' then date_trunc('year', day::timestamp)::date
                    else day
                end as starts_on,
                case (recurrence).frequency
                    when 'weekly' then 7
                    when 'monthly' then date_part('day', date_trunc('month', day::timestamp) + interval '1 month - 1 day')
                    when 'yearly' then date_part('doy', date_trunc('year', day::timestamp) + interval '1 year - 1 day')
                    else 1
                end::integer as days
        ) as period
    ) as candidate
    where private.recurrence_day_fits(recurrence, candidate.on_date);
$$;

comment on function private.recurrence_position_fits(private.recurrence, date) is
'True when a day that fits has one of the positions BYSETPOS names among all that fit in its week, month or year, those before the first occurrence too.';

create function private.recurs_on(recurrence private.recurrence, day date)
returns boolean
language sql
immutable
parallel safe
return day >= (recurrence).first_on
and ((recurrence).last_on is null or day <= (recurrence).last_on)
and private.recurrence_day_fits(recurrence, day)
and private.recurrence_period_fits(recurrence, day)
and ((recurrence).set_positions is null or private.recurrence_position_fits(recurrence, day));

comment on function private.recurs_on(private.recurrence, date) is
'True when an occurrence starts on this local day, exceptions aside.';

create function private.occurrences(
    recurrence private.recurrence, starts_at timestamptz, ends_at timestamptz, time_zone text, excluded_on date[], period tstzrange
)
returns setof tstzrange
language sql
immutable
parallel safe
begin atomic
    select tstzrange(starts_at, ends_at)
    where
        (recurrence).frequency is null
        and tstzrange(starts_at, ends_at) && period
        and (starts_at at time zone time_zone)::date <> all(excluded_on)
    union all
    select occurrence.during
    from (
        select
            case
                -- Nothing is left of an occurrence that lies wholly within the hour the clocks skip.
                when local_day.starts_at < local_day.ends_at then tstzrange(local_day.starts_at, local_day.ends_at)
            end as during
        from (
            select
                private.local_instant(candidate.on_date + (recurrence).starts_after, time_zone) as starts_at,
                private.local_instant(candidate.on_date + (recurrence).ends_after, time_zone) as ends_at
            from (
                -- Local days differ from those of UTC by one; a skipped hour can push an end into the next day.
                select
                    greatest(
                        (recurrence).first_on,
                        (lower(asked.during) at time zone 'UTC')::date - 2 - date_part('day', (recurrence).ends_after)::integer
                    ) as from_day,
                    least((recurrence).last_on, (upper(asked.during) at time zone 'UTC')::date + 1) as to_day
                from (values (period)) as asked (during)
                offset 0
            ) as span
            cross join lateral (
                select span.from_day + n as on_date
                from generate_series(0, span.to_day - span.from_day) as n
            ) as candidate
            where private.recurs_on(recurrence, candidate.on_date) and candidate.on_date <> all(excluded_on)
            offset 0
        ) as local_day
    ) as occurrence
    where occurrence.during && period;
end;

comment on function private.occurrences(private.recurrence, timestamptz, timestamptz, text, date[], tstzrange) is
'The occurrences that touch the period, whole, in no order. Each starts and ends at the wall clock times of the first one, whatever the clocks did meanwhile;
without a recurrence it is the one from starts_at to ends_at. excluded_on holds local days. The period must be bounded above unless the rule ends.';

grant execute on function private.local_instant(timestamp, text) to authenticated, service_role;
grant execute on function private.recurrence_period_fits(private.recurrence, date) to authenticated, service_role;
grant execute on function private.recurrence_day_fits(private.recurrence, date) to authenticated, service_role;
grant execute on function private.is_nth_weekday(integer[], boolean, date) to authenticated, service_role;
grant execute on function private.recurrence_position_fits(private.recurrence, date) to authenticated, service_role;
grant execute on function private.recurs_on(private.recurrence, date) to authenticated, service_role;
grant execute on function private.occurrences(
    private.recurrence, timestamptz, timestamptz, text, date[], tstzrange
) to authenticated, service_role;
