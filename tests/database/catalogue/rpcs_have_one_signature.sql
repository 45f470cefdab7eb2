-- An RPC has one signature and names its parameters as JSON keys: no overloads, no prefixes.

select p.proname::text as offender
from pg_proc as p
where p.pronamespace = 'public'::regnamespace
group by p.proname
having count(*) > 1
union all
select p.oid::regprocedure::text
from pg_proc as p
cross join unnest(p.proargnames) as parameter (name)
where p.pronamespace = 'public'::regnamespace and parameter.name ~ '^(p|in|arg|v|_)_?[0-9]*_';

-- breach
create function public.breach(p_id integer) returns integer language sql return p_id;
