-- Written through RPCs only; seen by who sees the run.
alter table public.emergency_options enable row level security;
revoke all on table public.emergency_options from public, anon, authenticated, service_role;

grant select on table public.emergency_options to authenticated;
grant select, insert, update, delete on table public.emergency_options to service_role;

create policy select_by_who_sees_the_run on public.emergency_options for select to authenticated
using (
    exists (
        select from public.optimization_runs as r
        where r.org_id = emergency_options.org_id and r.id = emergency_options.optimization_run_id
    )
);
