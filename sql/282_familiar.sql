-- Who knows the customer: what plans weigh as continuity (OPT-2, OPT-4).

create function private.familiar_technicians(job uuid, beside_appointment uuid)
returns uuid[]
language plpgsql
stable
set search_path = ''
as $$
begin
    return array(
        select j.preferred_technician_id
        from public.dispatch_jobs as j
        where j.id = job and j.preferred_technician_id is not null
        union
        select a.technician_id
        from public.dispatch_jobs as j
        inner join public.job_assignments as a on j.org_id = a.org_id and j.id = a.dispatch_job_id
        where
            j.id = job and a.appointment_id is distinct from beside_appointment
            and a.status not in ('declined', 'canceled', 'no_show')
        union
        select recent.technician_id
        from public.dispatch_jobs as j
        cross join lateral (
            select a.technician_id
            from public.dispatch_jobs as other
            inner join public.job_assignments as a on other.org_id = a.org_id and other.id = a.dispatch_job_id
            where other.org_id = j.org_id and other.customer_id = j.customer_id and a.status = 'completed'
            order by a.scheduled_start_at desc
            limit 3
        ) as recent
        where j.id = job
        order by 1
    );
end;
$$;

comment on function private.familiar_technicians(uuid, uuid) is
'Who knows the customer of a job: the one asked for, who does its other visits than the one named, and who did the customer''s last three.';
