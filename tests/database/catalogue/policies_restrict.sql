-- No policy lets every row through; a row is somebody's (splinter 0024, and reads as well).

select format('%s on %s', p.polname, p.polrelid::regclass) as offender
from pg_policy as p
where
    p.polpermissive
    and 'true' in (
        lower(btrim(pg_get_expr(p.polqual, p.polrelid), '() ')), lower(btrim(pg_get_expr(p.polwithcheck, p.polrelid), '() '))
    );

-- breach
create table public.breach (id integer primary key);
create policy select_by_staff on public.breach for select to authenticated using (true);
