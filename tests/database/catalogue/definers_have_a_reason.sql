-- A function with its owner's rights has its reason in definers.toml.

select p.pronamespace::regnamespace || '.' || p.proname as offender
from pg_proc as p
where p.pronamespace in ('public'::regnamespace, 'private'::regnamespace) and p.prosecdef;

-- breach
create function private.breach() returns integer language sql security definer return 1;
