-- No policy trusts user_metadata, which users write themselves (splinter 0015).

select format('%s on %s', p.polname, p.polrelid::regclass) as offender
from pg_policy as p
where concat_ws(' ', pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)) ~* 'user_metadata';

-- breach
create table public.breach (id text primary key);
create policy select_by_owner on public.breach for select to authenticated
using (id = (select current_setting('request.jwt.claims')::jsonb -> 'user_metadata' ->> 'org'));
