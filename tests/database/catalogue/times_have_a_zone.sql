-- No column is a timestamp without time zone, alone or in a range.

select format('%s.%s', a.attrelid::regclass, a.attname) as offender
from pg_attribute as a
inner join pg_class as c on a.attrelid = c.oid
where
    c.relnamespace in ('public'::regnamespace, 'private'::regnamespace) and c.relkind in ('r', 'p', 'v') and a.attnum > 0 and not a.attisdropped
    and a.atttypid::regtype::text in (
        'timestamp without time zone', 'timestamp without time zone[]', 'tsrange', 'tsmultirange', 'time with time zone'
    );

-- breach
create table private.breach (id integer primary key, starts_at timestamp);
