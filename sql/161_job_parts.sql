create table public.job_parts (
    org_id uuid not null references public.orgs (id) on delete cascade,
    dispatch_job_id uuid not null,
    part_id uuid not null,
    quantity integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (dispatch_job_id, part_id),
    constraint job_parts_job_fkey foreign key (org_id, dispatch_job_id)
    references public.dispatch_jobs (org_id, id) on delete cascade,
    constraint job_parts_part_fkey foreign key (org_id, part_id)
    references public.parts (org_id, id) on delete cascade,
    constraint job_parts_quantity_sensible check (quantity between 0 and 10000)
);

create index job_parts_org_id_dispatch_job_id_idx on public.job_parts (org_id, dispatch_job_id);
create index job_parts_org_id_part_id_idx on public.job_parts (org_id, part_id);

comment on table public.job_parts is 'Tools and parts a job needs, where it differs from its service.';
comment on column public.job_parts.quantity is 'How many, in place of the service''s number; 0 where this job needs none.';
