-- No two indexes of a table are the same (splinter 0009).

select string_agg(i.indexrelid::regclass::text, ' = ' order by i.indexrelid::regclass::text) as offender
from pg_index as i
inner join pg_class as c on i.indrelid = c.oid
where c.relnamespace in ('public'::regnamespace, 'private'::regnamespace)
group by i.indrelid, i.indkey::text, i.indclass::text, i.indoption::text, pg_get_expr(i.indexprs, i.indrelid), pg_get_expr(i.indpred, i.indrelid)
having count(*) > 1;

-- breach
create table public.breach (id integer primary key);
create index breach_id_idx on public.breach (id);
