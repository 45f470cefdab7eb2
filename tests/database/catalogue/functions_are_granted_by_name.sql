-- No function may be executed by everybody: each is granted to the roles that need it.

select p.oid::regprocedure::text as offender
from pg_proc as p
where
    p.pronamespace in ('public'::regnamespace, 'private'::regnamespace)
    and exists (select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a where a.grantee = 0 and a.privilege_type = 'EXECUTE')
    and not exists (select from pg_depend as d where d.objid = p.oid and d.deptype = 'e');

-- breach
create function private.breach() returns integer language sql return 1;
grant execute on function private.breach() to public;
