create function private.fail(status integer, code text, detail text default null, hint text default null)
returns void
language plpgsql
set search_path = ''
as $$
begin
    raise exception using
        errcode = 'PT' || status::text,
        message = code,
        detail = coalesce(detail, ''),
        hint = coalesce(hint, '');
end;
$$;

comment on function private.fail(integer, text, text, text) is
'Ends the statement with HTTP status `status`: message is the stable code, detail a sentence, hint what to do next.';

create function private.check_length(said text, parameter text)
returns void
language plpgsql
immutable
set search_path = ''
as $$
begin
    -- The limit of 294_text_limits.sql, told before the constraint would.
    if char_length(said) > 10000 then
        perform private.fail(
            400, 'text_too_long', format('%s has more than 10000 characters.', parameter), 'Shorten it.'
        );
    end if;
end;
$$;

comment on function private.check_length(text, text) is 'Refuses a text longer than any column takes.';

create function private.is_time_zone(name text)
returns boolean
language plpgsql
immutable
strict
parallel safe
set search_path = ''
as $$
begin
    -- Postgres also accepts POSIX strings such as 'FOO5'; only IANA names survive a DST rule change.
    if name !~ '^(UTC|[A-Za-z_]+(/[A-Za-z0-9_+-]+)+)$' then
        return false;
    end if;
    perform timestamptz 'epoch' at time zone name;
    return true;
exception when invalid_parameter_value then
    return false;
end;
$$;

comment on function private.is_time_zone(text) is 'True for an IANA time zone name this server knows.';

create function private.is_e164(phone text)
returns boolean
language sql
immutable
parallel safe
set search_path = ''
return phone ~ '^\+[1-9][0-9]{6,14}$';

comment on function private.is_e164(text) is
'True for a phone number in E.164: plus sign, country code, at most 15 digits (ITU-T E.164).';

create function private.touch_updated_at()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
    new.updated_at := now();
    return new;
end;
$$;

comment on function private.touch_updated_at() is 'Stamps updated_at; attached to every table that has the column.';

create function private.bump_version()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
    new.version := old.version + 1;
    return new;
end;
$$;

comment on function private.bump_version() is
'Counts the changes of a row, so that a plan or a client can tell whether it still knows the present one.';

grant execute on function private.fail(integer, text, text, text) to anon, authenticated, service_role;
grant execute on function private.is_time_zone(text) to anon, authenticated, service_role;
grant execute on function private.is_e164(text) to anon, authenticated, service_role;
