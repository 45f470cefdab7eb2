create table public.customers (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references public.orgs (id) on delete cascade,
    number text not null,
    user_id uuid references auth.users (id) on delete set null,
    name text,
    contact_name text,
    phone text not null,
    email extensions.citext,
    preferred_channel public.contact_channel not null default 'sms',
    customer_type public.customer_type not null default 'residential',
    tier text not null default 'standard',
    billing_address_line1 text,
    billing_address_line2 text,
    billing_city text,
    billing_region text,
    billing_postal_code text,
    billing_country text,
    external_reference text,
    language text not null default 'en',
    time_zone text,
    sms_consent_at timestamptz,
    sms_opted_out_at timestamptz,
    email_consent_at timestamptz,
    email_opted_out_at timestamptz,
    is_active boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint customers_org_id_id_key unique (org_id, id),
    constraint customers_org_id_phone_key unique (org_id, phone),
    constraint customers_org_id_number_key unique (org_id, number),
    constraint customers_phone_is_e164 check (private.is_e164(phone)),
    constraint customers_email_has_at check (email ~ '^[^@\s]+@[^@\s]+$'),
    constraint customers_language_is_bcp47 check (language ~ '^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$'),
    constraint customers_time_zone_known check (private.is_time_zone(time_zone))
);

create unique index customers_org_id_external_reference_key on public.customers (org_id, external_reference)
where external_reference is not null;
create index customers_user_id_idx on public.customers (user_id) where user_id is not null;
create index customers_name_idx on public.customers using gin (name extensions.gin_trgm_ops);

comment on table public.customers is
'A person or business that asks for service, recognised by phone number within the org (CRM-1).';
comment on column public.customers.phone is 'E.164, e.g. +16085551234.';
comment on column public.customers.user_id is 'The portal account of this customer, if any.';

create table public.customer_contacts (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references public.orgs (id) on delete cascade,
    customer_id uuid not null,
    name text not null,
    relation text,
    phone text,
    email extensions.citext,
    preferred_channel public.contact_channel not null default 'sms',
    is_primary boolean not null default false,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint customer_contacts_org_id_id_key unique (org_id, id),
    constraint customer_contacts_customer_fkey foreign key (org_id, customer_id)
    references public.customers (org_id, id) on delete cascade,
    constraint customer_contacts_name_not_blank check (btrim(name) <> ''),
    constraint customer_contacts_phone_is_e164 check (private.is_e164(phone)),
    constraint customer_contacts_email_has_at check (email ~ '^[^@\s]+@[^@\s]+$'),
    constraint customer_contacts_reachable check (num_nonnulls(phone, email) >= 1)
);

create index customer_contacts_org_id_customer_id_idx on public.customer_contacts (org_id, customer_id);
create unique index customer_contacts_one_primary_key on public.customer_contacts (customer_id) where is_primary;

comment on table public.customer_contacts is 'Further people to reach for a customer: tenant, property manager, spouse (CRM-2).';

create table public.customer_locations (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references public.orgs (id) on delete cascade,
    customer_id uuid,
    kind public.location_kind not null default 'site',
    label text not null default 'Home',
    address_line1 text,
    address_line2 text,
    city text,
    region text,
    postal_code text,
    country text,
    latitude double precision,
    longitude double precision,
    geocoded_at timestamptz,
    service_zone_id uuid,
    zone_is_manual boolean not null default false,
    notes text,
    access_instructions text,
    parking text,
    pets text,
    is_active boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint customer_locations_org_id_id_key unique (org_id, id),
    constraint customer_locations_customer_fkey foreign key (org_id, customer_id)
    references public.customers (org_id, id) on delete cascade,
    constraint customer_locations_service_zone_fkey foreign key (org_id, service_zone_id)
    references public.service_zones (org_id, id) on delete set null (service_zone_id),
    constraint customer_locations_site_has_customer check ((kind = 'site') = (customer_id is not null)),
    constraint customer_locations_coordinates_valid check (
        (latitude is null) = (longitude is null)
        and latitude between -90 and 90 and longitude between -180 and 180
    )
);

create index customer_locations_org_id_customer_id_idx on public.customer_locations (org_id, customer_id);
create index customer_locations_org_id_service_zone_id_idx on public.customer_locations (org_id, service_zone_id);

comment on table public.customer_locations is
'A place to drive to (CRM-3): a customer''s site, or, without a customer, a technician''s home base or a depot.';
comment on column public.customer_locations.service_zone_id is 'Found from polygon or postal code at every change, unless zone_is_manual.';

create function private.place_in_zone()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
    if not new.zone_is_manual then
        new.service_zone_id := private.find_zone(new.org_id, new.latitude, new.longitude, new.postal_code);
    end if;
    return new;
end;
$$;

comment on function private.place_in_zone() is 'Finds a site''s service zone when its coordinates or postal code change (CRM-3).';

create trigger customer_locations_place_in_zone
before insert or update of latitude, longitude, postal_code, zone_is_manual, service_zone_id on public.customer_locations
for each row execute function private.place_in_zone();

create function private.rezone_locations()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    update public.customer_locations as l
    set service_zone_id = found.zone_id
    from (
        select c.id, private.find_zone(c.org_id, c.latitude, c.longitude, c.postal_code) as zone_id
        from public.customer_locations as c
        where c.org_id = coalesce(new.org_id, old.org_id) and not c.zone_is_manual
    ) as found
    where l.id = found.id and l.service_zone_id is distinct from found.zone_id;
    return null;
end;
$$;

comment on function private.rezone_locations() is
'Puts the org''s sites into the right zones after a zone changed. Definer: who draws zones need not be able to edit customers.';

create trigger service_zones_rezone_locations
after insert or update of polygon, postal_codes, is_active on public.service_zones
for each row execute function private.rezone_locations();

create table public.vehicles (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references public.orgs (id) on delete cascade,
    customer_id uuid not null,
    make text,
    model text,
    model_year integer,
    vin text,
    license_plate text,
    notes text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint vehicles_org_id_id_key unique (org_id, id),
    constraint vehicles_customer_fkey foreign key (org_id, customer_id)
    references public.customers (org_id, id) on delete cascade,
    constraint vehicles_vin_is_iso_3779 check (vin ~ '^[A-HJ-NPR-Z0-9]{17}$'),
    constraint vehicles_model_year_sensible check (model_year between 1885 and 2200)
);

create index vehicles_org_id_customer_id_idx on public.vehicles (org_id, customer_id);

comment on table public.vehicles is 'A shop customer''s vehicle (CRM-4).';

create function private.number_customer()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
    new.number := coalesce(new.number, private.next_number('customer'));
    perform private.check_label(new.org_id, 'tier', new.tier);
    return new;
end;
$$;

comment on function private.number_customer() is 'Numbers a new customer and checks the tier against the org''s list.';

create trigger customers_number before insert or update of number, tier on public.customers
for each row execute function private.number_customer();
