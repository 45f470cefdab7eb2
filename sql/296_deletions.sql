create function private.refuse_deleting_what_is_used()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    reference record;
    is_used boolean;
begin
    for reference in
        select
            r.relname, format('%I.%I', 'public', r.relname) as source,
            string_agg(format('r.%I = ($1).%I', mine.attname, theirs.attname), ' and ') as condition
        from pg_catalog.pg_constraint as c
        inner join pg_catalog.pg_class as r on c.conrelid = r.oid
        cross join lateral unnest(c.conkey, c.confkey) as k (mine, theirs)
        inner join pg_catalog.pg_attribute as mine on mine.attrelid = c.conrelid and mine.attnum = k.mine
        inner join pg_catalog.pg_attribute as theirs on theirs.attrelid = c.confrelid and theirs.attnum = k.theirs
        where
            c.contype = 'f' and c.confrelid = tg_relid and c.confdeltype in ('a', 'r')
            and r.relnamespace = 'public'::regnamespace
        group by c.oid, r.relname
        order by r.relname
    loop
        execute format('select exists (select from %s as r where %s)', reference.source, reference.condition)
        into is_used using old;
        if is_used then
            perform private.fail(
                409, 'still_used', format(
                    'One of these %s cannot be deleted: %s refer to it.', replace(tg_table_name, '_', ' '),
                    replace(reference.relname, '_', ' ')
                ), 'Deactivate it instead, or delete what refers to it first.'
            );
        end if;
    end loop;
    return old;
end;
$$;

comment on function private.refuse_deleting_what_is_used() is
'409 still_used before a foreign key would say it with its own name and key. Definer: what refers to a row may be hidden from whoever deletes it.';

-- Attached from the catalogue, so that a new table cannot be forgotten. What a deleted org takes along is not asked.
do $$
declare
    target record;
begin
    for target in
        select distinct t.relname
        from pg_constraint as c
        inner join pg_class as t on c.confrelid = t.oid
        where
            c.contype = 'f' and c.confdeltype in ('a', 'r') and t.relnamespace = 'public'::regnamespace
            and c.connamespace = 'public'::regnamespace
    loop
        execute format(
            'create trigger %I before delete on public.%I for each row when (pg_trigger_depth() = 0) '
            || 'execute function private.refuse_deleting_what_is_used()',
            target.relname || '_still_used', target.relname
        );
    end loop;
end;
$$;
