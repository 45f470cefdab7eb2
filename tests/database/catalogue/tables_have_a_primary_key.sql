-- Every table has a primary key (splinter 0004).

select c.oid::regclass::text as offender
from pg_class as c
where
    c.relnamespace in ('public'::regnamespace, 'private'::regnamespace) and c.relkind in ('r', 'p')
    and not exists (select from pg_index as i where i.indrelid = c.oid and i.indisprimary);

-- breach
create table private.breach (id integer);
