create table private.secrets (
    name text primary key,
    value bytea not null,
    created_at timestamptz not null default now()
);

comment on table private.secrets is 'Keys the database signs with, made when first needed and never shown.';

create function private.signature(key_name text, payload text)
returns text
language sql
stable
set search_path = ''
as $$
    select translate(rtrim(encode(substring(
        extensions.hmac(convert_to(payload, 'UTF8'), s.value, 'sha256') from 1 for 18
    ), 'base64'), '='), '+/', '-_')
    from private.secrets as s where s.name = key_name;
$$;

comment on function private.signature(text, text) is
'HMAC-SHA-256 of a payload, cut to 144 bits, URL-safe (RFC 2104, RFC 4648); null as long as there is no key.';

create function private.sign(key_name text, payload text)
returns text
language plpgsql
volatile
set search_path = ''
as $$
begin
    insert into private.secrets (name, value)
    select key_name, extensions.gen_random_bytes(32)
    where not exists (select from private.secrets as s where s.name = key_name)
    on conflict do nothing;
    return private.signature(key_name, payload);
end;
$$;

comment on function private.sign(text, text) is 'Signs a payload, with a new key the first time.';
