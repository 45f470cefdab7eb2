-- Every table, view and function of the API, and every exclusion constraint, says what it is for.

select c.oid::regclass::text as offender
from pg_class as c
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v') and not c.relispartition and obj_description(c.oid, 'pg_class') is null
union all
select p.oid::regprocedure::text
from pg_proc as p
where p.pronamespace = 'public'::regnamespace and obj_description(p.oid, 'pg_proc') is null
union all
select format('%s.%s', x.conrelid::regclass, x.conname)
from pg_constraint as x
where x.contype = 'x' and x.connamespace in ('public'::regnamespace, 'private'::regnamespace) and obj_description(x.oid, 'pg_constraint') is null;

-- breach
create function public.breach() returns integer language sql return 1;
