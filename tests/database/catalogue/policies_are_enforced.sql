-- No policy stands on a table whose row-level security is off (splinter 0007).

select format('%s on %s', p.polname, p.polrelid::regclass) as offender
from pg_policy as p
inner join pg_class as c on p.polrelid = c.oid
where not c.relrowsecurity;

-- breach
create table public.breach (id integer primary key);
create policy breach on public.breach for select to authenticated using (id = 1);
