-- A policy is for one command, to a named client role, and says both: <command>_by_<who>.

select format('%s on %s', p.polname, p.polrelid::regclass) as offender
from pg_policy as p
inner join pg_class as c on p.polrelid = c.oid
where
    c.relnamespace = 'public'::regnamespace
    and (
        p.polcmd = '*'
        or 0 = any(p.polroles)
        or p.polname !~ ('^' || case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' else 'delete' end || '_by_[a-z_]+$')
    );

-- breach
create table public.breach (id integer primary key);
create policy select_by_all on public.breach for select using (id = 1);
