-- One permissive policy for each table, role and command, so that one place says who may (splinter 0006).

select format('%s for %s to %s', p.polrelid::regclass, command.name, r.rolname) as offender
from pg_policy as p
cross join unnest(p.polroles) as granted (role)
inner join pg_roles as r on granted.role in (r.oid, 0) and r.rolname in ('anon', 'authenticated')
inner join (values ('r', 'select'), ('a', 'insert'), ('w', 'update'), ('d', 'delete')) as command (code, name)
    on p.polcmd = '*' or p.polcmd = command.code::"char"
where p.polpermissive
group by p.polrelid, command.name, r.rolname
having count(*) > 1;

-- breach
create table public.breach (id integer primary key);
create policy one on public.breach for select to authenticated using (id = 1);
create policy two on public.breach for select to authenticated using (id = 2);
