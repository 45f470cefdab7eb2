-- Whoever has not signed in may use no table, view or function of the API, unless there is a reason (splinter 0026).

select c.oid::regclass::text as offender
from pg_class as c
where
    c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm')
    and (
        has_any_column_privilege('anon', c.oid, 'select, insert, update')
        or has_table_privilege('anon', c.oid, 'delete, truncate')
    )
union all
select p.oid::regprocedure::text
from pg_proc as p
where p.pronamespace = 'public'::regnamespace and has_function_privilege('anon', p.oid, 'execute');

-- breach
create table public.breach (id integer primary key);
grant select on public.breach to anon;
