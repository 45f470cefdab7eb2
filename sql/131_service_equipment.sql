create table public.service_equipment (
    org_id uuid not null references public.orgs (id) on delete cascade,
    service_id uuid not null,
    resource_id uuid not null,
    created_at timestamptz not null default now(),
    primary key (service_id, resource_id),
    constraint service_equipment_service_fkey foreign key (org_id, service_id)
    references public.services (org_id, id) on delete cascade,
    constraint service_equipment_resource_fkey foreign key (org_id, resource_id)
    references public.resources (org_id, id) on delete cascade
);

create index service_equipment_org_id_service_id_idx on public.service_equipment (org_id, service_id);
create index service_equipment_org_id_resource_id_idx on public.service_equipment (org_id, resource_id);

comment on table public.service_equipment is
'Equipment a service cannot do without (AVL-2): every visit claims it, as many at once as its capacity says.';

create function private.check_equipment()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    if not exists (
        select from public.resources as r where r.org_id = new.org_id and r.id = new.resource_id and r.kind = 'equipment'
    ) then
        perform private.fail(
            400, 'not_equipment', 'Only resources of kind equipment can be required equipment.',
            'Bays and mobile units are chosen when booking.'
        );
    end if;
    return new;
end;
$$;

comment on function private.check_equipment() is
'Required equipment is equipment. Definer: whoever edits the catalogue need not see the resources.';

create trigger service_equipment_check before insert or update on public.service_equipment
for each row execute function private.check_equipment();

create function private.equipment_of(service uuid)
returns uuid[]
language plpgsql
stable
set search_path = ''
as $$
begin
    return array(select e.resource_id from public.service_equipment as e where e.service_id = service);
end;
$$;

comment on function private.equipment_of(uuid) is 'The equipment every visit of a service claims.';
