alter table public.technician_skills enable row level security;
revoke all on table public.technician_skills from public, anon, authenticated, service_role;

grant select, delete on table public.technician_skills to authenticated;
grant insert (
    id, org_id, technician_id, skill_code, level, is_primary, certified_until
) on table public.technician_skills to authenticated;
grant update (level, is_primary, certified_until) on table public.technician_skills to authenticated;
grant select, insert, update, delete on table public.technician_skills to service_role;

create policy select_by_schedulers_and_oneself on public.technician_skills for select to authenticated
using (
    org_id = any(array(select private.org_ids_with_permission('view_availability')))
    or (
        org_id = any(array(select private.member_org_ids()))
        and (
            technician_id = any(array(select private.technician_ids_with_permission('view_availability')))
            or technician_id = any(array(select private.my_technician_ids()))
        )
    )
);

create policy insert_by_technician_managers on public.technician_skills for insert to authenticated
with check (
    org_id = any(array(select private.org_ids_with_permission('manage_technicians')))
    or (
        org_id = any(array(select private.member_org_ids()))
        and technician_id = any(array(select private.technician_ids_with_permission('manage_technicians')))
    )
);

create policy update_by_technician_managers on public.technician_skills for update to authenticated
using (
    org_id = any(array(select private.org_ids_with_permission('manage_technicians')))
    or (
        org_id = any(array(select private.member_org_ids()))
        and technician_id = any(array(select private.technician_ids_with_permission('manage_technicians')))
    )
)
with check (
    org_id = any(array(select private.org_ids_with_permission('manage_technicians')))
    or (
        org_id = any(array(select private.member_org_ids()))
        and technician_id = any(array(select private.technician_ids_with_permission('manage_technicians')))
    )
);

create policy delete_by_technician_managers on public.technician_skills for delete to authenticated
using (
    org_id = any(array(select private.org_ids_with_permission('manage_technicians')))
    or (
        org_id = any(array(select private.member_org_ids()))
        and technician_id = any(array(select private.technician_ids_with_permission('manage_technicians')))
    )
);
