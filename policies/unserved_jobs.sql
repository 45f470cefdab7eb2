-- Written by workers only; seen by who sees the run.
alter table public.unserved_jobs enable row level security;
revoke all on table public.unserved_jobs from public, anon, authenticated, service_role;

grant select on table public.unserved_jobs to authenticated;
grant select, insert, update, delete on table public.unserved_jobs to service_role;

create policy select_by_who_sees_the_run on public.unserved_jobs for select to authenticated
using (
    exists (
        select from public.optimization_runs as r
        where r.org_id = unserved_jobs.org_id and r.id = unserved_jobs.optimization_run_id
    )
);
