-- Board and technicians hear of changes by private broadcast; who may listen is decided in
-- policies/realtime_messages.sql.

create function private.obituary(record jsonb)
returns jsonb
language sql
immutable
set search_path = ''
return (
    select jsonb_object_agg(r.key, case when r.key in (
        'id', 'org_id', 'dispatch_job_id', 'appointment_id', 'technician_id', 'status', 'status_changed_at', 'version'
    ) then r.value end)
    from jsonb_each(record) as r
);

comment on function private.obituary(jsonb) is 'Of a canceled visit or assignment only which one it is; every other column is null.';

create function private.broadcast_change()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    org uuid := coalesce(new.org_id, old.org_id);
    record jsonb := to_jsonb(coalesce(new, old));
begin
    if tg_table_name = 'technician_locations' then
        -- Who sees the schedule need not see where people are (view_positions).
        perform realtime.broadcast_changes(
            'org:' || org || ':positions', tg_op, tg_op, tg_table_name, tg_table_schema, new, old
        );
        return null;
    end if;
    -- Not everybody who listens sees canceled visits (view_cancelled_appointments): that one is gone is all that is said.
    if tg_table_name in ('appointments', 'job_assignments') and tg_op = 'UPDATE' and record ->> 'status' = 'canceled' then
        perform realtime.broadcast_changes(
            subject.topic, tg_op, tg_op, tg_table_name, tg_table_schema,
            jsonb_populate_record(new, private.obituary(record)), jsonb_populate_record(old, private.obituary(to_jsonb(old)))
        )
        from (
            select 'org:' || org || ':schedule' as topic
            union all
            select 'technician:' || (record ->> 'technician_id') where record ? 'technician_id'
        ) as subject;
        return null;
    end if;
    perform realtime.broadcast_changes(
        'org:' || org || ':schedule', tg_op, tg_op, tg_table_name, tg_table_schema, new, old
    );
    if record ? 'technician_id' then
        perform realtime.broadcast_changes(
            'technician:' || (record ->> 'technician_id'), tg_op, tg_op, tg_table_name, tg_table_schema, new, old
        );
        if tg_op = 'UPDATE' and to_jsonb(old) ->> 'technician_id' is distinct from record ->> 'technician_id' then
            perform realtime.broadcast_changes(
                'technician:' || (to_jsonb(old) ->> 'technician_id'), tg_op, tg_op, tg_table_name, tg_table_schema,
                new, old
            );
        end if;
    end if;
    return null;
end;
$$;

comment on function private.broadcast_change() is
'Sends a changed row to the org''s schedule topic and to the technician it concerns, old and new. Definer: realtime.messages is written by triggers only.';

create function private.broadcast_run()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    perform realtime.broadcast_changes(
        'run:' || new.id, tg_op, tg_op, tg_table_name, tg_table_schema, new, old
    );
    return null;
end;
$$;

comment on function private.broadcast_run() is 'Sends a run''s progress to its own topic. Definer: see broadcast_change.';

create trigger dispatch_jobs_broadcast after insert or update on public.dispatch_jobs
for each row execute function private.broadcast_change();
create trigger appointments_broadcast after insert or update on public.appointments
for each row execute function private.broadcast_change();
create trigger job_assignments_broadcast after insert or update on public.job_assignments
for each row execute function private.broadcast_change();
create trigger route_plans_broadcast after insert or update of status on public.route_plans
for each row when (new.status <> 'proposed') execute function private.broadcast_change();
create trigger technician_locations_broadcast after insert on public.technician_locations
for each row execute function private.broadcast_change();
create trigger optimization_runs_broadcast after insert or update on public.optimization_runs
for each row execute function private.broadcast_run();

do $$
begin
    if not exists (select from pg_publication where pubname = 'supabase_realtime') then
        create publication supabase_realtime;
    end if;
end;
$$;

alter publication supabase_realtime add table
public.dispatch_jobs, public.appointments, public.job_assignments, public.route_plans, public.technician_locations;
