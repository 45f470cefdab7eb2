-- Somebody in every role. They all sign in with the password truckroll-demo; never seed this into a database that
-- strangers can reach.
with people (name, role, facility) as (
    values
    ('owner', 'owner', null),
    ('admin', 'admin', null),
    ('dispatcher', 'dispatcher', null),
    ('advisor', 'service_advisor', 'East Washington'),
    ('manager', 'shop_manager', 'East Washington'),
    ('office', 'office', null),
    ('technician', 'technician', null),
    ('plumber', 'technician', null),
    ('customer', 'customer', null),
    ('cashier', 'cashier', null),
    ('parts', 'parts_clerk', null)
),

sign_in as (
    select
        p.*, p.name || '@demo.truckroll.example' as email, md5('four-lakes user ' || p.name)::uuid as user_id
    from people as p
),

password as materialized (
    select extensions.crypt('truckroll-demo', extensions.gen_salt('bf', 10)) as hashed
),

users as (
    insert into auth.users (
        instance_id, id, aud, role, email, encrypted_password, email_confirmed_at, raw_app_meta_data, raw_user_meta_data,
        created_at, updated_at, confirmation_token, recovery_token, email_change_token_new, email_change
    )
    select
        '00000000-0000-0000-0000-000000000000', s.user_id, 'authenticated', 'authenticated', s.email, w.hashed, now(),
        '{"provider": "email", "providers": ["email"]}', '{}', now(), now(), '', '', '', ''
    from sign_in as s
    cross join password as w
    -- They may have become members of other companies since.
    on conflict (id) do update
    set encrypted_password = excluded.encrypted_password, email_confirmed_at = excluded.email_confirmed_at, updated_at = now()
    returning id
),

identities as (
    insert into auth.identities (id, user_id, provider_id, provider, identity_data, last_sign_in_at, created_at, updated_at)
    select
        s.user_id, s.user_id, s.user_id::text, 'email',
        jsonb_build_object('sub', s.user_id, 'email', s.email, 'email_verified', true), now(), now(), now()
    from sign_in as s
    on conflict (provider_id, provider) do nothing
    returning id
),

members as (
    insert into public.org_members (id, org_id, user_id, role)
    select md5('four-lakes member ' || s.name)::uuid, md5('four-lakes')::uuid, s.user_id, s.role::public.member_role
    from sign_in as s
    returning id
)

insert into public.member_facilities (org_id, member_id, facility_id)
select
    md5('four-lakes')::uuid, md5('four-lakes member ' || s.name)::uuid, md5('four-lakes facility ' || s.facility)::uuid
from sign_in as s
where s.facility is not null;

update public.technician_profiles
set user_id = md5('four-lakes user technician')::uuid
where id = md5('four-lakes technician T01')::uuid;

update public.technician_profiles
set user_id = md5('four-lakes user plumber')::uuid
where id = md5('four-lakes technician T07')::uuid;

update public.customers
set user_id = md5('four-lakes user customer')::uuid
where id = md5('four-lakes customer C001')::uuid;
