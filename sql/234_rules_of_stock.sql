create function private.parts_needed(work private.work)
returns table (part_id uuid, code text, name text, is_tool boolean, quantity integer)
language plpgsql
stable
set search_path = ''
as $$
#variable_conflict use_column
begin
    return query
    select p.id, p.code, p.name, p.is_tool, n.quantity
    from (
        select j.part_id, j.quantity from public.job_parts as j where j.dispatch_job_id = work.job_id
        union all
        select s.part_id, s.quantity from public.service_parts as s
        where s.service_id = work.service_id and not exists (
            select from public.job_parts as j where j.dispatch_job_id = work.job_id and j.part_id = s.part_id
        )
    ) as n
    inner join public.parts as p on n.part_id = p.id
    where n.quantity > 0 and p.is_active;
end;
$$;

comment on function private.parts_needed(private.work) is
'Tools and parts a work needs: its job''s own list, and for the rest its service''s.';

-- A depot makes up for what the van lacks: whether there is time to stop there is the plan's question.
create function private.violations_of_stock(p private.placement)
returns setof private.violation
language plpgsql
stable
set search_path = ''
as $$
begin
    return query
    select 'equipment_missing', format(
        case when n.is_tool then '%s has no %s in the van, and no depot to fetch it from.'
            else '%s has too few of %s in the van, and no depot to fetch it from.' end, who.names, n.name
    ), jsonb_build_object('part_id', n.part_id, 'needed', n.quantity, 'held', held.quantity)
    from private.parts_needed(p.work) as n
    cross join lateral (
        select coalesce(sum(s.quantity), 0) as quantity
        from public.technician_stock as s
        where s.technician_id = any(p.technician_ids) and s.part_id = n.part_id
    ) as held
    cross join lateral (
        select string_agg(t.display_name, ', ' order by t.display_name) as names
        from public.technician_profiles as t where t.id = any(p.technician_ids)
    ) as who
    where
        cardinality(p.technician_ids) > 0 and (p.work).place_kind <> 'bay'
        and held.quantity < case when n.is_tool then 1 else n.quantity end
        and not exists (
            select from unnest(p.technician_ids) as t (id) where private.depot_of(t.id) is not null
        );
end;
$$;

comment on function private.violations_of_stock(private.placement) is
'equipment_missing, for what a site visit needs and none of its technicians has or could fetch; in a bay everything is at hand.';
