-- A foreign key between two tables of an org carries org_id, so that a row can't point into another org (TEN-1).

select format('%s.%s', f.conrelid::regclass, f.conname) as offender
from pg_constraint as f
inner join pg_attribute as own on f.conrelid = own.attrelid and own.attname = 'org_id' and not own.attisdropped
inner join pg_attribute as other on f.confrelid = other.attrelid and other.attname = 'org_id' and not other.attisdropped
where
    f.contype = 'f' and f.connamespace in ('public'::regnamespace, 'private'::regnamespace)
    and array_position(f.confkey, other.attnum) is distinct from array_position(f.conkey, own.attnum)
    or (f.contype = 'f' and f.connamespace in ('public'::regnamespace, 'private'::regnamespace) and not own.attnum = any(f.conkey));

-- breach
create table public.breach (id uuid primary key, org_id uuid not null, other_id uuid references public.breach (id));
