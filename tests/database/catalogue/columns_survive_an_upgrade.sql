-- No column stores an object identifier type that pg_upgrade refuses (splinter 0018).

select format('%s.%s', a.attrelid::regclass, a.attname) as offender
from pg_attribute as a
inner join pg_class as c on a.attrelid = c.oid
where
    c.relnamespace in ('public'::regnamespace, 'private'::regnamespace) and a.attnum > 0 and not a.attisdropped
    and a.atttypid::regtype::text in (
        'regcollation', 'regconfig', 'regdictionary', 'regnamespace', 'regoper', 'regoperator', 'regproc', 'regprocedure'
    );

-- breach
create table private.breach (id integer primary key, routine regprocedure);
