-- A function with its owner's rights is never exposed (splinter 0028, 0029).

select p.oid::regprocedure::text as offender
from pg_proc as p
where p.pronamespace = 'public'::regnamespace and p.prosecdef;

-- breach
create function public.breach() returns integer language sql security definer return 1;
