-- Attached from the catalogue, so that a new table cannot be forgotten.

do $$
declare
    target record;
begin
    for target in
        select c.relname, exists (
            select from pg_attribute as a
            where a.attrelid = c.oid and a.attname = 'updated_at' and not a.attisdropped
        ) as is_touched, exists (
            select from pg_attribute as a
            where a.attrelid = c.oid and a.attname = 'id' and a.atttypid = 'uuid'::regtype
        ) and exists (
            select from pg_attribute as a
            where a.attrelid = c.oid and a.attname = 'org_id'
        ) and c.relname not in (
            -- The ledger mirrors assignments, stops mirror plans, runs, their options and notices tell their own story,
            -- events and audit are logs.
            'reservations', 'route_stops', 'optimization_runs', 'emergency_options', 'emergency_moves',
            'job_notifications', 'domain_events', 'audit_log', 'external_busy_times',
            'performance_estimates'
        ) as is_audited
        from pg_class as c
        where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
    loop
        if target.is_touched then
            execute format(
                'create trigger %I before update on public.%I for each row execute function private.touch_updated_at()',
                target.relname || '_touch', target.relname
            );
        end if;
        if target.is_audited then
            execute format(
                'create trigger %I after insert or update or delete on public.%I '
                || 'for each row execute function private.audit()',
                target.relname || '_audit', target.relname
            );
        end if;
    end loop;
end;
$$;
