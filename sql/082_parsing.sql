-- A rule is read when it is written, so that expanding it later is comparing numbers.

create function private.parse_recurrence(rule text, starts_at timestamptz, ends_at timestamptz, time_zone text)
returns private.recurrence
language plpgsql
immutable
parallel safe
set search_path = ''
as $$
declare
    weekday_codes constant text[] := array['MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU'];
    fault text := private.recurrence_rule_fault(rule);
    parts jsonb;
    first_start timestamp := starts_at at time zone time_zone;
    first_end timestamp := ends_at at time zone time_zone;
    result private.recurrence;
begin
    if rule is null then
        return null;
    end if;
    if fault is not null then
        perform private.fail(
            400, 'recurrence_rule_invalid', fault, 'Give an iCalendar RRULE such as FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR.'
        );
    end if;
    if first_end <= first_start then
        perform private.fail(
            400, 'recurrence_rule_invalid', 'On the wall clock the first occurrence ends no later than it starts, so it cannot repeat.',
            'Let it start before or end after the clocks go back.'
        );
    end if;
    parts := (
        select jsonb_object_agg(split_part(part, '=', 1), split_part(part, '=', 2))
        from string_to_table(regexp_replace(upper(rule), '^RRULE:', ''), ';') as part
    );
    result.frequency := lower(parts ->> 'FREQ')::private.recurrence_frequency;
    result.every := coalesce(parts ->> 'INTERVAL', '1')::integer;
    result.first_on := first_start::date;
    result.starts_after := first_start - first_start::date;
    result.ends_after := first_end - first_start::date;
    result.months := string_to_array(parts ->> 'BYMONTH', ',')::integer[];
    result.month_days := string_to_array(parts ->> 'BYMONTHDAY', ',')::integer[];
    result.set_positions := string_to_array(parts ->> 'BYSETPOS', ',')::integer[];
    result.week_starts_on := array_position(weekday_codes, coalesce(parts ->> 'WKST', 'MO')) - 1;
    select
        array_agg(d.weekday order by d.weekday) filter (where d.nth is null),
        array_agg(7 * d.nth + d.weekday order by d.nth, d.weekday) filter (where d.nth is not null)
    into result.weekdays, result.nth_weekdays
    from (
        select
            array_position(weekday_codes, right(day, 2)) - 1 as weekday,
            nullif(left(day, -2), '')::integer as nth
        from string_to_table(parts ->> 'BYDAY', ',') as day
    ) as d;

    -- What the rule leaves open it takes from its first occurrence (RFC 5545, 3.3.10).
    if not parts ?| array['BYDAY', 'BYMONTHDAY'] then
        if result.frequency = 'weekly' then
            result.weekdays := array[extract(isodow from result.first_on)::integer - 1];
        elsif result.frequency in ('monthly', 'yearly') then
            result.month_days := array[extract(day from result.first_on)::integer];
        end if;
        if result.frequency = 'yearly' and result.months is null then
            result.months := array[extract(month from result.first_on)::integer];
        end if;
    end if;

    if parts ? 'UNTIL' then
        result.last_on := private.recurrence_last_day(parts ->> 'UNTIL', result.starts_after, time_zone);
    elsif parts ? 'COUNT' then
        result.last_on := private.recurrence_nth_day(result, (parts ->> 'COUNT')::integer);
    end if;
    return result;
end;
$$;

comment on function private.parse_recurrence(text, timestamptz, timestamptz, text) is
'Reads a rule whose first occurrence lasts from starts_at to ends_at, in that time zone; null for no rule. The first occurrence itself counts only
if it matches the rule. Refuses a bad rule with recurrence_rule_invalid.';

create function private.recurrence_last_day(until text, starts_after interval, time_zone text)
returns date
language plpgsql
immutable
strict
parallel safe
set search_path = ''
as $$
declare
    until_day date := make_date(substr(until, 1, 4)::integer, substr(until, 5, 2)::integer, substr(until, 7, 2)::integer);
    until_at timestamp;
    local_day date;
begin
    if length(until) = 8 then
        return until_day;
    end if;
    until_at := until_day + make_time(
        substr(until, 10, 2)::integer, substr(until, 12, 2)::integer, substr(until, 14, 2)::integer
    );
    if right(until, 1) <> 'Z' then
        return case when until_day + starts_after <= until_at then until_day else until_day - 1 end;
    end if;
    local_day := (until_at at time zone 'UTC') at time zone time_zone;
    return case
        when private.local_instant(local_day + starts_after, time_zone) <= until_at at time zone 'UTC' then local_day
        else local_day - 1
    end;
end;
$$;

comment on function private.recurrence_last_day(text, interval, text) is
'The last local day whose occurrence starts no later than UNTIL; a plain date includes its whole day.';

create function private.recurrence_nth_day(recurrence private.recurrence, nth integer)
returns date
language plpgsql
immutable
strict
parallel safe
set search_path = ''
as $$
declare
    days date[];
    left_over integer := nth;
begin
    for year in 0..99 loop
        days := array(
            select day.on_date
            from (select recurrence.first_on + 366 * year + generate_series(0, 365) as on_date) as day
            where private.recurs_on(recurrence, day.on_date)
            order by day.on_date
        );
        if cardinality(days) >= left_over then
            return days[left_over];
        end if;
        left_over := left_over - cardinality(days);
    end loop;
    return null;
end;
$$;

comment on function private.recurrence_nth_day(private.recurrence, integer) is
'The day of the nth occurrence, excluded ones counted; null, that is no end, when it lies a hundred years ahead or never comes.';

create function private.set_recurrence()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
    new.recurrence := private.parse_recurrence(new.recurrence_rule, new.starts_at, new.ends_at, new.time_zone);
    return new;
end;
$$;

comment on function private.set_recurrence() is
'Keeps the column recurrence equal to what recurrence_rule, starts_at, ends_at and time_zone say, whoever writes them.';

grant execute on function private.parse_recurrence(text, timestamptz, timestamptz, text) to authenticated, service_role;
grant execute on function private.recurrence_last_day(text, interval, text) to authenticated, service_role;
grant execute on function private.recurrence_nth_day(private.recurrence, integer) to authenticated, service_role;
grant execute on function private.set_recurrence() to authenticated, service_role;
