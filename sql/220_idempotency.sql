create table private.idempotency_keys (
    org_id uuid not null references public.orgs (id) on delete cascade,
    actor_id uuid not null,
    key text not null,
    operation text not null,
    payload_digest bytea not null,
    response jsonb,
    created_at timestamptz not null default now(),
    primary key (org_id, actor_id, key),
    constraint idempotency_keys_key_sensible check (char_length(key) between 1 and 255)
);

create index idempotency_keys_created_at_idx on private.idempotency_keys (created_at);

comment on table private.idempotency_keys is
'Answers of writing RPCs by the caller''s key (BKG-4), written in the transaction of the change, so a failed call leaves no trace.';

create function private.recall(org uuid, key text, operation text, payload jsonb)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
declare
    actor constant uuid := coalesce(auth.uid(), '00000000-0000-0000-0000-000000000000');
    digest constant bytea := sha256(convert_to(jsonb_strip_nulls(payload)::text, 'UTF8'));
    known private.idempotency_keys;
begin
    if recall.key is null then
        return null;
    end if;
    if char_length(recall.key) not between 1 and 255 then
        perform private.fail(
            400, 'idempotency_key_invalid', 'An idempotency key has 1 to 255 characters.', 'Use a UUID, or leave it out.'
        );
    end if;
    -- Waits for a concurrent call with the same key, then finds its answer.
    insert into private.idempotency_keys (org_id, actor_id, key, operation, payload_digest)
    values (org, actor, recall.key, recall.operation, digest)
    on conflict do nothing;
    if found then
        return null;
    end if;
    select k.* into known from private.idempotency_keys as k
    where k.org_id = org and k.actor_id = actor and k.key = recall.key;
    if known.operation <> recall.operation or known.payload_digest <> digest then
        perform private.fail(
            409, 'idempotency_key_reused', 'This idempotency key was used before with another request.',
            'Use a new key for a new request.'
        );
    end if;
    return known.response;
end;
$$;

comment on function private.recall(uuid, text, text, jsonb) is
'The stored answer to a call repeated with its key; null when the call is new and should go on. Refuses a key reused with another payload.';

create function private.remember(org uuid, key text, response jsonb)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
begin
    update private.idempotency_keys as k
    set response = remember.response
    where
        k.org_id = org and k.key = remember.key
        and k.actor_id = coalesce(auth.uid(), '00000000-0000-0000-0000-000000000000');
    return remember.response;
end;
$$;

comment on function private.remember(uuid, text, jsonb) is 'Keeps the answer of a new call under its key, and returns it.';
