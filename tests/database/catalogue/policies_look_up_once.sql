-- A policy asks who one is once a statement, not once a row: the call stands in a sub-select (splinter 0003).

select format('%s on %s', p.polname, p.polrelid::regclass) as offender
from pg_policy as p
cross join lateral (
    select coalesce(pg_get_expr(p.polqual, p.polrelid), '') || ' ' || coalesce(pg_get_expr(p.polwithcheck, p.polrelid), '') as condition
) as text
-- The deparser writes `( SELECT auth.uid() AS uid)`; what is left after those are gone is evaluated for each row.
where
    regexp_replace(text.condition, '\( *select +(distinct +)?(auth|private)\.\w+\(', '(', 'gi') ~ '\m(auth|private)\.\w+\('
    or regexp_replace(text.condition, '\( *select +\(?current_setting\(', '(', 'gi') ~ '\mcurrent_setting\(';

-- breach
create table public.breach (id uuid primary key);
create policy select_by_owner on public.breach for select to authenticated using (id = auth.uid());
