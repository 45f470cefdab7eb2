-- A table that a client role may touch has a policy; one without a policy is granted to nobody (splinter 0008).

select distinct c.oid::regclass::text as offender
from pg_class as c
cross join unnest(array['anon', 'authenticated']) as client (role)
where
    c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
    and (
        has_any_column_privilege(client.role, c.oid, 'select, insert, update')
        or has_table_privilege(client.role, c.oid, 'delete, truncate')
    )
    and not exists (select from pg_policy as p where p.polrelid = c.oid);

-- breach
create table public.breach (id integer primary key);
alter table public.breach enable row level security;
grant select (id) on public.breach to authenticated;
