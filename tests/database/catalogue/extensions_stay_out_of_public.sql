-- No extension is installed in an exposed schema (splinter 0014).

select e.extname as offender
from pg_extension as e
where e.extnamespace = 'public'::regnamespace;

-- breach
alter extension citext set schema public;
