-- What a run was given, kept so that its plan can be made once more (OPT-6): the worker's own document, compressed.

create table private.run_inputs (
    org_id uuid not null,
    optimization_run_id uuid not null,
    document bytea not null,
    pinned_assignment_ids uuid[] not null default '{}',
    refused_job_ids uuid[] not null default '{}',
    created_at timestamptz not null default now(),
    constraint run_inputs_pkey primary key (org_id, optimization_run_id),
    constraint run_inputs_run_fkey foreign key (org_id, optimization_run_id)
    references public.optimization_runs (org_id, id) on delete cascade
);

-- The documents are compressed already.
alter table private.run_inputs alter column document set storage external;
create index run_inputs_created_at_idx on private.run_inputs (created_at);

comment on table private.run_inputs is
'The whole input of each run of the last days: what SQL said about the days, and what the judge''s refusals made the last search leave alone.';
comment on column private.run_inputs.pinned_assignment_ids is 'Booked visits the last search left where they are.';
comment on column private.run_inputs.refused_job_ids is 'Waiting jobs the last search left out, since the judge had refused them.';

create function private.keep_run_input(run uuid, worker text, document bytea, pinned uuid[], refused uuid[])
returns boolean
language sql
volatile
security definer
set search_path = ''
as $$
    insert into private.run_inputs as i (
        org_id, optimization_run_id, document, pinned_assignment_ids, refused_job_ids
    )
    select r.org_id, r.id, keep_run_input.document, pinned, refused
    from public.optimization_runs as r
    where r.id = run and r.worker = keep_run_input.worker and r.status = 'running'
    on conflict (org_id, optimization_run_id) do update set
        document = excluded.document, pinned_assignment_ids = excluded.pinned_assignment_ids,
        refused_job_ids = excluded.refused_job_ids, created_at = now()
    returning true;
$$;

comment on function private.keep_run_input(uuid, text, bytea, uuid[], uuid[]) is
'Keeps what a run''s search is about to be given. Null: it is no longer this worker''s. Definer: inputs are nobody''s to write.';

create function private.note_run_round(run uuid, worker text, pinned uuid[], refused uuid[])
returns boolean
language sql
volatile
security definer
set search_path = ''
as $$
    update private.run_inputs as i
    set pinned_assignment_ids = pinned, refused_job_ids = refused
    from public.optimization_runs as r
    where
        i.org_id = r.org_id and i.optimization_run_id = r.id and r.id = run
        and r.worker = note_run_round.worker and r.status = 'running'
    returning true;
$$;

comment on function private.note_run_round(uuid, text, uuid[], uuid[]) is
'Keeps what the next search of a run leaves alone. Definer: inputs are nobody''s to write.';

create function private.run_input(run uuid)
returns table (document bytea, pinned uuid[], refused uuid[], iterations bigint, metrics jsonb)
language sql
stable
security definer
set search_path = ''
as $$
    select i.document, i.pinned_assignment_ids, i.refused_job_ids, r.iterations, r.metrics_after
    from private.run_inputs as i
    inner join public.optimization_runs as r on i.org_id = r.org_id and i.optimization_run_id = r.id
    where r.id = run;
$$;

comment on function private.run_input(uuid) is
'What a run was given. Definer: inputs are nobody''s to read but the worker''s.';

grant execute on function private.keep_run_input(uuid, text, bytea, uuid[], uuid[]) to service_role;
grant execute on function private.note_run_round(uuid, text, uuid[], uuid[]) to service_role;
grant execute on function private.run_input(uuid) to service_role;
