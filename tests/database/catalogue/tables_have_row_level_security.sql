-- Every table that the API exposes has row-level security enabled, partitions too (splinter 0013, 0023).

select format('%s', c.oid::regclass) as offender
from pg_class as c
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relrowsecurity;

-- breach
create table public.breach (id integer primary key);
