create function private.my_visits_as_customer()
returns table (
    appointment_id uuid, number text, job_number text, job_title text, notes text, status public.appointment_status,
    starts_at timestamptz, ends_at timestamptz, arrival_window_start timestamptz, arrival_window_end timestamptz,
    time_zone text, company_name text, technician_first_name text, technician_photo_path text, eta timestamptz,
    address_line1 text, address_line2 text, city text, region text, postal_code text, country text
)
language sql
stable
security definer
set search_path = ''
as $$
    select
        a.id, a.number, j.number, j.title, j.notes_customer_visible, a.status,
        a.starts_at, a.ends_at, a.arrival_window_start, a.arrival_window_end,
        coalesce(c.time_zone, f.time_zone, o.time_zone), o.name, split_part(btrim(visitor.display_name), ' ', 1),
        visitor.photo_path, visitor.eta,
        coalesce(l.address_line1, f.address_line1), coalesce(l.address_line2, f.address_line2),
        coalesce(l.city, f.city), coalesce(l.region, f.region),
        coalesce(l.postal_code, f.postal_code), coalesce(l.country, f.country)
    from public.customers as c
    inner join public.orgs as o on c.org_id = o.id
    inner join public.dispatch_jobs as j on c.org_id = j.org_id and c.id = j.customer_id
    inner join public.appointments as a on j.org_id = a.org_id and j.id = a.dispatch_job_id
    left join public.customer_locations as l on a.org_id = l.org_id and a.location_id = l.id and a.bay_id is null
    left join public.facilities as f on a.org_id = f.org_id and a.facility_id = f.id and l.id is null
    left join lateral (
        select t.display_name, t.photo_path, case when s.status = 'en_route' then s.tech_eta_at end as eta
        from public.job_assignments as s
        inner join public.technician_profiles as t on s.org_id = t.org_id and s.technician_id = t.id
        where s.appointment_id = a.id and s.status not in ('declined', 'canceled')
        order by s.is_primary_technician desc, s.scheduled_start_at, s.id
        limit 1
    ) as visitor on true
    where c.user_id = auth.uid() and c.is_active;
$$;

comment on function private.my_visits_as_customer() is
'The visits of the customer whose portal account the caller is. Definer: customers have no rights on any table; answers only for auth.uid().';

create view public.portal_appointments
with (security_invoker = true)
as
select
    v.appointment_id, v.number, v.job_number, v.job_title, v.notes, v.status, v.starts_at, v.ends_at,
    v.arrival_window_start, v.arrival_window_end, v.time_zone, v.company_name, v.technician_first_name,
    v.technician_photo_path, v.eta, v.address_line1, v.address_line2, v.city, v.region, v.postal_code, v.country
from private.my_visits_as_customer() as v;

comment on view public.portal_appointments is
'What a signed-in customer sees of their own visits (TEN-7): when, where, who comes, and the ETA once under way.';

grant execute on function private.my_visits_as_customer() to authenticated;
revoke all on table public.portal_appointments from public, anon, authenticated, service_role;
grant select on table public.portal_appointments to authenticated;
