create function private.geojson_ring(ring jsonb)
returns polygon
language sql
immutable
strict
parallel safe
set search_path = ''
return (
    select ('(' || string_agg(format('(%s,%s)', point.value -> 0, point.value -> 1), ',' order by point.ordinality) || ')')::polygon
    from jsonb_array_elements(ring) with ordinality as point (value, ordinality)
);

comment on function private.geojson_ring(jsonb) is
'A ring of [longitude, latitude] pairs as a Postgres polygon in degrees (RFC 7946 order).';

create function private.is_ring(ring jsonb)
returns boolean
language sql
immutable
parallel safe
set search_path = ''
return ring is null or case when jsonb_typeof(ring) = 'array' then jsonb_array_length(ring) >= 3 and not exists (
    select from jsonb_array_elements(ring) as point (value)
    where case when jsonb_typeof(point.value) = 'array' and jsonb_array_length(point.value) = 2 then
        jsonb_typeof(point.value -> 0) <> 'number' or jsonb_typeof(point.value -> 1) <> 'number'
        or (point.value ->> 0)::numeric not between -180 and 180
        or (point.value ->> 1)::numeric not between -90 and 90
    else true end
) else false end;

comment on function private.is_ring(jsonb) is 'True for null or at least three [longitude, latitude] pairs within range.';

grant execute on function private.geojson_ring(jsonb) to authenticated, service_role;
grant execute on function private.is_ring(jsonb) to authenticated, service_role;

create table public.service_zones (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references public.orgs (id) on delete cascade,
    name text not null,
    description text,
    polygon jsonb,
    area polygon generated always as (private.geojson_ring(polygon)) stored,
    postal_codes text[] not null default '{}',
    time_zone text,
    is_active boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint service_zones_org_id_id_key unique (org_id, id),
    constraint service_zones_org_id_name_key unique (org_id, name),
    constraint service_zones_polygon_is_ring check (private.is_ring(polygon)),
    constraint service_zones_time_zone_known check (private.is_time_zone(time_zone))
);

create index service_zones_area_idx on public.service_zones using gist (area);
create index service_zones_postal_codes_idx on public.service_zones using gin (postal_codes);

comment on table public.service_zones is 'A service area, drawn as a polygon or listed by postal codes.';
comment on column public.service_zones.polygon is 'Outer ring as [[longitude, latitude], …], degrees; the closing point may be left out.';
comment on column public.service_zones.area is 'The same ring as a Postgres polygon, for containment tests.';

alter table public.operating_hours
add constraint operating_hours_service_zone_fkey foreign key (org_id, service_zone_id)
references public.service_zones (org_id, id) on delete cascade;

create index operating_hours_org_id_service_zone_id_idx on public.operating_hours (org_id, service_zone_id, weekday);

create function private.find_zone(org uuid, latitude double precision, longitude double precision, postal_code text)
returns uuid
language sql
stable
security definer
set search_path = ''
as $$
    select z.id
    from public.service_zones as z
    where
        z.org_id = org and z.is_active
        and (
            (latitude is not null and z.area @> point(longitude, latitude))
            or z.postal_codes @> array[postal_code]
        )
    order by
        (latitude is not null and z.area is not null and z.area @> point(longitude, latitude)) desc,
        area(path(z.area)) nulls last,
        z.name
    limit 1;
$$;

comment on function private.find_zone(uuid, double precision, double precision, text) is
'The zone of a place: the smallest polygon that contains it, else a zone that lists its postal code, else null. Definer: whoever adds a site need not see all zones.';

grant execute on function private.find_zone(uuid, double precision, double precision, text) to authenticated, service_role;
