create function private.may_join_topic(topic text)
returns boolean
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    subject uuid := substring(topic from '^[a-z]+:([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})(?::[a-z]+)?$');
begin
    return coalesce(
        case
            -- Jobs and visits go over this topic whole, so both permissions are needed, for the whole company.
            when topic = 'org:' || subject || ':schedule' then
                subject in (select private.org_ids_with_permission('view_assignments'))
                and subject in (select private.org_ids_with_permission('view_jobs'))
            when topic = 'org:' || subject || ':positions' then
                subject in (select private.org_ids_with_permission('view_positions'))
            when topic = 'technician:' || subject then
                subject in (select private.my_technician_ids())
                or exists (
                    select from public.technician_profiles as t
                    where t.id = subject and t.org_id in (select private.org_ids_with_permission('view_assignments'))
                )
            when topic = 'run:' || subject then exists (
                select from public.optimization_runs as r
                where
                    r.id = subject
                    and (
                        r.org_id in (select private.org_ids_with_permission('optimize_schedule'))
                        or (
                            r.requested_by_user_id = auth.uid()
                            and r.org_id in (select private.org_ids_with_permission_somewhere('optimize_schedule'))
                        )
                    )
            )
        end, false
    );
end;
$$;

comment on function private.may_join_topic(text) is
'Whether the caller may listen to a realtime topic: the org''s schedule or positions, a technician, a run. Definer: reads profiles and runs to find their org.';

grant execute on function private.may_join_topic(text) to authenticated, service_role;
