-- A policy for update says what the row may become; without it a row can be handed to another org.

select format('%s on %s', p.polname, p.polrelid::regclass) as offender
from pg_policy as p
where p.polcmd in ('w', '*') and p.polwithcheck is null;

-- breach
create table public.breach (id integer primary key);
create policy update_by_staff on public.breach for update to authenticated using (id = 1);
