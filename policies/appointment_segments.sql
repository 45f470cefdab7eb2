-- Written through RPCs only; seen by who sees the visit.
alter table public.appointment_segments enable row level security;
revoke all on table public.appointment_segments from public, anon, authenticated, service_role;

grant select on table public.appointment_segments to authenticated;
grant select, insert, update, delete on table public.appointment_segments to service_role;

create policy select_by_who_sees_the_visit on public.appointment_segments for select to authenticated
using (
    exists (
        select from public.appointments as a
        where a.org_id = appointment_segments.org_id and a.id = appointment_segments.appointment_id
    )
);
