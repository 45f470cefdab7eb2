-- A status, kind or type is an enum or has a check; free text is no state.

select format('%s.%s', a.attrelid::regclass, a.attname) as offender
from pg_attribute as a
inner join pg_class as c on a.attrelid = c.oid
where
    c.relnamespace in ('public'::regnamespace, 'private'::regnamespace) and c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped
    and a.attname ~ '(^|_)(status|kind|type|priority|severity|mode)$'
    and a.atttypid = 'text'::regtype
    and not exists (select from pg_constraint as k where k.conrelid = a.attrelid and k.contype in ('c', 'f') and a.attnum = any(k.conkey));

-- breach
create table private.breach (id integer primary key, status text);
