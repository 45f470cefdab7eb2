-- Written through RPCs only; seen by who sees the option.
alter table public.emergency_moves enable row level security;
revoke all on table public.emergency_moves from public, anon, authenticated, service_role;

grant select on table public.emergency_moves to authenticated;
grant select, insert, update, delete on table public.emergency_moves to service_role;

create policy select_by_who_sees_the_option on public.emergency_moves for select to authenticated
using (
    exists (
        select from public.emergency_options as o
        where o.org_id = emergency_moves.org_id and o.id = emergency_moves.emergency_option_id
    )
);
