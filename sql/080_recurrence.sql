-- Shifts and time off repeat by RRULE in the technician's own time zone (AVL-3). A table that repeats has the columns
-- starts_at, ends_at, time_zone, recurrence_rule, excluded_on and recurrence, and this trigger, which reads the rule once, when it is written:
--   create trigger … before insert or update on … for each row execute function private.set_recurrence();
--   check (private.check_recurrence_rule(recurrence_rule))
-- Signatures of this file, 081_occurrences.sql and 082_parsing.sql:
--   private.recurrence_rule_fault(rule text) returns text
--   private.check_recurrence_rule(rule text) returns boolean
--   private.parse_recurrence(rule text, starts_at timestamptz, ends_at timestamptz, time_zone text) returns private.recurrence
--   private.set_recurrence() returns trigger
--   private.local_instant(wall_clock timestamp, time_zone text) returns timestamptz
--   private.recurs_on(recurrence private.recurrence, day date) returns boolean
--   private.occurrences(recurrence, starts_at, ends_at, time_zone, excluded_on date[], period tstzrange) returns setof tstzrange

create type private.recurrence_frequency as enum ('daily', 'weekly', 'monthly', 'yearly');

create type private.recurrence as (
    frequency private.recurrence_frequency,
    every integer,
    first_on date,
    last_on date,
    starts_after interval,
    ends_after interval,
    months integer[],
    month_days integer[],
    weekdays integer[],
    nth_weekdays integer[],
    set_positions integer[],
    week_starts_on integer
);

comment on type private.recurrence is
'A recurrence rule read once. Days are local dates. starts_after and ends_after are the wall clock times of an occurrence, counted
from midnight of its day, so an overnight shift ends after more than 24 hours. Weekdays count from Monday = 0; nth_weekdays holds 7 × nth + weekday.
A missing list means no such condition; what RFC 5545 takes from the first occurrence is filled in.';

create function private.recurrence_rule_fault(rule text)
returns text
language plpgsql
immutable
parallel safe
set search_path = ''
as $$
declare
    parts jsonb := '{}';
    part text;
    part_name text;
    part_value text;
begin
    if rule is null then
        return null;
    end if;
    if length(rule) > 500 then
        return 'A recurrence rule has at most 500 characters.';
    end if;
    foreach part in array string_to_array(regexp_replace(upper(rule), '^RRULE:', ''), ';') loop
        part_name := split_part(part, '=', 1);
        part_value := substr(part, length(part_name) + 2);
        if part_name !~ '^(FREQ|INTERVAL|COUNT|UNTIL|BYDAY|BYMONTHDAY|BYMONTH|BYSETPOS|WKST)$' then
            return format('"%s" is not a part of a recurrence rule that is understood here.', part_name);
        end if;
        if parts ? part_name then
            return format('%s is given twice.', part_name);
        end if;
        parts := parts || jsonb_build_object(part_name, part_value);
        if not (case part_name
            when 'FREQ' then part_value ~ '^(DAILY|WEEKLY|MONTHLY|YEARLY)$'
            when 'INTERVAL' then part_value ~ '^0*[1-9][0-9]{0,3}$'
            when 'COUNT' then part_value ~ '^0*[1-9][0-9]{0,3}$'
            when 'UNTIL' then private.is_recurrence_until(part_value)
            when 'BYDAY' then part_value ~ '^([+-]?0?[1-9]|[+-]?[1-4][0-9]|[+-]?5[0-3])?(MO|TU|WE|TH|FR|SA|SU)'
                '(,([+-]?0?[1-9]|[+-]?[1-4][0-9]|[+-]?5[0-3])?(MO|TU|WE|TH|FR|SA|SU))*$'
            when 'BYMONTHDAY' then part_value ~ '^[+-]?(0?[1-9]|[12][0-9]|3[01])(,[+-]?(0?[1-9]|[12][0-9]|3[01]))*$'
            when 'BYMONTH' then part_value ~ '^(0?[1-9]|1[0-2])(,(0?[1-9]|1[0-2]))*$'
            when 'BYSETPOS' then part_value ~ '^[+-]?0*[1-9][0-9]{0,2}(,[+-]?0*[1-9][0-9]{0,2})*$'
            else part_value ~ '^(MO|TU|WE|TH|FR|SA|SU)$'
        end) then
            return format('%s=%s is not understood; %s.', part_name, part_value, case part_name
                when 'FREQ' then 'it is DAILY, WEEKLY, MONTHLY or YEARLY'
                when 'INTERVAL' then 'it is a number from 1 to 9999'
                when 'COUNT' then 'it is a number from 1 to 9999'
                when 'UNTIL' then 'it is a date such as 20271231, or a time such as 20271231T225959Z'
                when 'BYDAY' then 'it lists days such as MO,WE or, by month or year, 1MO,-1FR'
                when 'BYMONTHDAY' then 'it lists days from 1 to 31, or from -31 to -1 counted from the end of the month'
                when 'BYMONTH' then 'it lists months from 1 to 12'
                when 'BYSETPOS' then 'it lists positions from 1 to 366 or from -366 to -1'
                else 'it is the first day of the week: MO, TU, WE, TH, FR, SA or SU'
            end);
        end if;
    end loop;
    return private.recurrence_parts_fault(parts);
end;
$$;

comment on function private.recurrence_rule_fault(text) is
'Says in a sentence why a recurrence rule is refused; null for a good one. Understood is RFC 5545 RRULE with FREQ of a day or more,
INTERVAL, COUNT, UNTIL, BYDAY, BYMONTHDAY, BYMONTH, BYSETPOS and WKST, with or without the prefix RRULE:.';

create function private.recurrence_parts_fault(parts jsonb)
returns text
language plpgsql
immutable
parallel safe
set search_path = ''
as $$
declare
    frequency text := parts ->> 'FREQ';
    has_nth boolean := coalesce(parts ->> 'BYDAY', '') ~ '[0-9]';
begin
    if frequency is null then
        return 'A recurrence rule needs FREQ: DAILY, WEEKLY, MONTHLY or YEARLY.';
    end if;
    if parts ?& array['COUNT', 'UNTIL'] then
        return 'A recurrence rule ends by COUNT or by UNTIL, not by both.';
    end if;
    if frequency = 'WEEKLY' and parts ? 'BYMONTHDAY' then
        return 'BYMONTHDAY has no meaning in a weekly rule.';
    end if;
    if has_nth and frequency in ('DAILY', 'WEEKLY') then
        return 'A numbered weekday such as 1MO needs a monthly or yearly rule.';
    end if;
    if
        has_nth and (frequency = 'MONTHLY' or parts ? 'BYMONTH')
        and parts ->> 'BYDAY' ~ '([1-9][0-9]|[6-9])[A-Z]'
    then
        return 'A month has at most five of a weekday.';
    end if;
    if parts ? 'BYSETPOS' then
        if not parts ?| array['BYDAY', 'BYMONTHDAY', 'BYMONTH'] then
            return 'BYSETPOS picks from BYDAY, BYMONTHDAY or BYMONTH, and none of them is given.';
        end if;
        if exists (
            select from unnest(string_to_array(parts ->> 'BYSETPOS', ',')::integer[]) as position where abs(position) > 366
        ) then
            return 'BYSETPOS lists positions from 1 to 366 or from -366 to -1.';
        end if;
    end if;
    return null;
end;
$$;

comment on function private.recurrence_parts_fault(jsonb) is
'The second half of recurrence_rule_fault: parts that are well formed each, but not together.';

create function private.is_recurrence_until(value text)
returns boolean
language plpgsql
immutable
strict
parallel safe
set search_path = ''
as $$
begin
    if value !~ '^[12][0-9]{3}(0[1-9]|1[0-2])([0-2][0-9]|3[01])(T([01][0-9]|2[0-3])[0-5][0-9][0-5][0-9]Z?)?$' then
        return false;
    end if;
    perform make_date(substr(value, 1, 4)::integer, substr(value, 5, 2)::integer, substr(value, 7, 2)::integer);
    return true;
exception when datetime_field_overflow then
    return false;
end;
$$;

comment on function private.is_recurrence_until(text) is
'True for a date, local time or UTC time in the form RFC 5545 gives them, from the year 1000 on.';

create function private.check_recurrence_rule(rule text)
returns boolean
language sql
immutable
parallel safe
set search_path = ''
return private.recurrence_rule_fault(rule) is null;

comment on function private.check_recurrence_rule(text) is
'For check constraints: true for a recurrence rule that is understood here, and for none. recurrence_rule_fault gives the reason.';

grant execute on function private.recurrence_rule_fault(text) to authenticated, service_role;
grant execute on function private.recurrence_parts_fault(jsonb) to authenticated, service_role;
grant execute on function private.is_recurrence_until(text) to authenticated, service_role;
grant execute on function private.check_recurrence_rule(text) to authenticated, service_role;
