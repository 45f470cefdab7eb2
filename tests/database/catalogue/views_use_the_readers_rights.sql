-- Views are security_invoker; nothing else that ignores row-level security is exposed (splinter 0002, 0010, 0016, 0017).

select c.oid::regclass::text as offender
from pg_class as c
where
    c.relnamespace = 'public'::regnamespace
    and (
        c.relkind in ('m', 'f')
        or (c.relkind = 'v' and not coalesce(c.reloptions @> '{security_invoker=true}' or c.reloptions @> '{security_invoker=on}', false))
    );

-- breach
create view public.breach as select 1 as id;
