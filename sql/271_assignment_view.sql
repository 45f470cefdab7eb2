create view public.assignment_views
with (security_invoker = true)
as
select
    a.id as appointment_id, a.org_id, a.facility_id, a.number, a.status, a.assignment_status, a.starts_at, a.ends_at,
    case when a.bay_id is not null then 'bay' when a.mobile_unit_id is not null then 'mobile_unit' else 'site' end as place_kind,
    coalesce(a.bay_id, a.mobile_unit_id) as resource_id,
    r.name as resource_name,
    coalesce(r.name || ' - ', '') || coalesce(crew.names, 'Unassigned') as summary,
    coalesce(crew.technicians, '[]') as technicians,
    last_seen.latitude as mobile_latitude, last_seen.longitude as mobile_longitude, last_seen.recorded_at as mobile_seen_at,
    -- Warned above 30 minutes, unavailable above 60 (AVL-8).
    last_seen.recorded_at < now() - interval '30 minutes' as mobile_position_is_stale,
    last_seen.recorded_at >= now() - interval '60 minutes' as mobile_position_is_available,
    crew.assigned_at,
    greatest(a.updated_at, crew.updated_at) as last_updated_at
from public.appointments as a
left join public.resources as r on a.org_id = r.org_id and r.id = coalesce(a.bay_id, a.mobile_unit_id)
left join lateral (
    select
        string_agg(t.display_name, ', ' order by j.is_primary_technician desc, j.scheduled_start_at, j.id) as names,
        jsonb_agg(jsonb_build_object(
            'technician_id', j.technician_id, 'display_name', t.display_name, 'photo_path', t.photo_path,
            'status', j.status, 'eta', j.tech_eta_at, 'notes', j.notes
        ) order by j.is_primary_technician desc, j.scheduled_start_at, j.id) as technicians,
        min(j.created_at) as assigned_at, max(j.updated_at) as updated_at
    from public.job_assignments as j
    left join public.technician_profiles as t on j.org_id = t.org_id and j.technician_id = t.id
    where j.org_id = a.org_id and j.appointment_id = a.id and j.status not in ('declined', 'canceled')
) as crew on true
left join lateral (
    select l.latitude, l.longitude, l.recorded_at
    from public.technician_locations as l
    where l.org_id = a.org_id and l.resource_id = a.mobile_unit_id
    order by l.recorded_at desc
    limit 1
) as last_seen on true;

comment on view public.assignment_views is
'Who and where for each appointment, as service advisors need it: a summary such as "Bay 3 - J. Doe", the technicians, the mobile unit''s last position with its age (AVL-8). Reads with the caller''s rights.';

revoke all on table public.assignment_views from public, anon, authenticated, service_role;
grant select on table public.assignment_views to authenticated, service_role;
