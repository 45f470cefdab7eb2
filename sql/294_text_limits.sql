-- No text a client writes is longer than ten thousand characters, in any table: from the catalogue, so that a new column
-- cannot be forgotten.

do $$
declare
    target record;
begin
    for target in
        select c.relname, a.attname
        from pg_class as c
        inner join pg_attribute as a on c.oid = a.attrelid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
        where
            c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
            and format_type(a.atttypid, a.atttypmod) in ('text', 'extensions.citext')
        order by c.relname, a.attnum
    loop
        execute format(
            'alter table public.%I add constraint %I check (char_length(%I::text) <= 10000)',
            target.relname, left(target.relname || '_' || target.attname, 55) || '_length', target.attname
        );
    end loop;
end;
$$;
