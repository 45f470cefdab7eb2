-- A foreign key into schema auth points at a primary key; the platform may drop other constraints (splinter 0021).

select format('%s.%s', f.conrelid::regclass, f.conname) as offender
from pg_constraint as f
inner join pg_class as t on f.confrelid = t.oid
inner join pg_index as i on f.conindid = i.indexrelid
where f.contype = 'f' and t.relnamespace = 'auth'::regnamespace and not i.indisprimary;

-- breach
alter table auth.users add column breach text constraint breach_key unique;
create table public.breach (id integer primary key, email text references auth.users (breach));
