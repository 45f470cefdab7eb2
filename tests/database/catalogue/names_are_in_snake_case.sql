-- Names need no quotes: lower case, words joined by underscores.

select format('%s.%s', a.attrelid::regclass, a.attname) as offender
from pg_attribute as a
inner join pg_class as c on a.attrelid = c.oid
where
    c.relnamespace in ('public'::regnamespace, 'private'::regnamespace) and c.relkind in ('r', 'p', 'v') and a.attnum > 0 and not a.attisdropped
    and (a.attname !~ '^[a-z][a-z0-9_]*$' or c.relname !~ '^[a-z][a-z0-9_]*$');

-- breach
create table private.breach (id integer primary key, "startsAt" timestamptz);
