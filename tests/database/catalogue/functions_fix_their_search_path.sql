-- Every function pins an empty search_path, so that nobody can slip an object under a name (splinter 0011).

select p.oid::regprocedure::text as offender
from pg_proc as p
where
    p.pronamespace in ('public'::regnamespace, 'private'::regnamespace)
    and not coalesce('search_path=""' = any(p.proconfig), false)
    -- The names of an atomic body are resolved when it is created; a setting would only keep it from being inlined.
    and (p.prosqlbody is null or p.prosecdef)
    and not exists (select from pg_depend as d where d.objid = p.oid and d.deptype = 'e');

-- breach
create function private.breach() returns integer language sql as 'select 1';
