alter table public.assignment_notes enable row level security;
revoke all on table public.assignment_notes from public, anon, authenticated, service_role;

grant select on table public.assignment_notes to authenticated;
grant select, delete on table public.assignment_notes to service_role;

create policy select_by_whoever_sees_the_assignment on public.assignment_notes for select to authenticated
using (
    (
        org_id = any(array(select private.org_ids_with_permission('view_assignments')))
        and org_id = any(array(select private.org_ids_with_permission_somewhere('view_cancelled_appointments')))
    )
    or (
        org_id = any(array(select private.member_org_ids()))
        and assignment_id in (select j.id from public.job_assignments as j)
    )
);
