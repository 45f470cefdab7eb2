-- A check or exclusion has a name that says its rule, not one that PostgreSQL made up.

select format('%s.%s', k.conrelid::regclass, k.conname) as offender
from pg_constraint as k
where
    k.connamespace in ('public'::regnamespace, 'private'::regnamespace) and k.contype in ('c', 'x') and k.conrelid <> 0
    and k.conname ~ '_(check|excl)[0-9]*$';

-- breach
create table private.breach (id integer primary key, amount integer check (amount > 0));
