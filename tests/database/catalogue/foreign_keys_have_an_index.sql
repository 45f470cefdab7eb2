-- Every foreign key is backed by an index that begins with its columns, in any order (splinter 0001).

select format('%s.%s', f.conrelid::regclass, f.conname) as offender
from pg_constraint as f
where
    f.contype = 'f' and f.connamespace in ('public'::regnamespace, 'private'::regnamespace)
    and not exists (
        select from pg_index as i
        where
            i.indrelid = f.conrelid
            -- A partial index serves as long as it leaves out nothing but nulls, which refer to no row.
            and (i.indpred is null or pg_get_expr(i.indpred, i.indrelid) ~ '^[(]*[a-z_]+ IS NOT NULL[)]*( AND [(]*[a-z_]+ IS NOT NULL[)]*)*$')
            and (i.indkey::smallint[])[0:cardinality(f.conkey) - 1] @> f.conkey
    );

-- breach
create table public.breach (id integer primary key, other integer, constraint breach_fkey foreign key (other) references public.breach (id));
