-- Every exposed table carries org_id, never null (TEN-1).

select c.oid::regclass::text as offender
from pg_class as c
where
    c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and c.oid <> 'public.orgs'::regclass
    and not exists (
        select from pg_attribute as a where a.attrelid = c.oid and a.attname = 'org_id' and a.attnotnull and not a.attisdropped
    );

-- breach
create table public.breach (id integer primary key, org_id uuid);
