create table public.audit_log (
    id bigint generated always as identity primary key,
    org_id uuid not null references public.orgs (id) on delete cascade,
    occurred_at timestamptz not null default clock_timestamp(),
    actor_id uuid,
    actor_role text,
    request_id uuid,
    action text not null,
    table_name text not null,
    record_id uuid not null,
    before jsonb,
    after jsonb,
    reason text,
    constraint audit_log_action_known check (action in ('insert', 'update', 'delete'))
);

create index audit_log_org_id_occurred_at_idx on public.audit_log (org_id, occurred_at);
create index audit_log_org_id_record_id_idx on public.audit_log (org_id, record_id, occurred_at);

comment on table public.audit_log is
'Who changed what, when, from what to what, and why (AUD-1). Rows are never changed; updates hold the changed columns only.';

create function private.refuse_change()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
    -- The org itself being deleted takes its rows along.
    if tg_op = 'DELETE' and not exists (select from public.orgs as o where o.id = old.org_id) then
        return old;
    end if;
    perform private.fail(
        409, 'append_only', format('Rows of %s are never changed or deleted.', tg_table_name), 'Add a new row instead.'
    );
    return null;
end;
$$;

comment on function private.refuse_change() is 'Makes a table append-only, for everybody.';

create trigger audit_log_append_only before update or delete on public.audit_log
for each row execute function private.refuse_change();
create trigger domain_events_append_only before update or delete on public.domain_events
for each row execute function private.refuse_change();

create function private.audit()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    was jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) end;
    becomes jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) end;
    noise constant text[] := array['updated_at', 'version', 'status_changed_at'];
begin
    if tg_op = 'UPDATE' then
        select
            jsonb_object_agg(w.key, w.value), jsonb_object_agg(w.key, becomes -> w.key)
        into was, becomes
        from jsonb_each(was) as w
        where w.value is distinct from becomes -> w.key and w.key <> all (noise);
        if was is null then
            return null;
        end if;
    end if;
    if tg_op = 'DELETE' and not exists (select from public.orgs as o where o.id = old.org_id) then
        return null;
    end if;
    insert into public.audit_log (
        org_id, actor_id, actor_role, request_id, action, table_name, record_id, before, after, reason
    )
    values (
        case when tg_op = 'DELETE' then old.org_id else new.org_id end,
        auth.uid(), auth.role(), private.request_id(), lower(tg_op), tg_table_name,
        case when tg_op = 'DELETE' then old.id else new.id end,
        was, becomes, nullif(current_setting('truckroll.reason', true), '')
    );
    return null;
end;
$$;

comment on function private.audit() is
'Records a change in audit_log. Definer: the log is written by triggers only. The reason is what the RPC left in the setting truckroll.reason.';
