create table public.assignment_notes (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references public.orgs (id) on delete cascade,
    assignment_id uuid not null,
    version integer not null,
    notes text not null,
    written_by_user_id uuid references auth.users (id) on delete set null,
    created_at timestamptz not null default now(),
    constraint assignment_notes_org_id_id_key unique (org_id, id),
    constraint assignment_notes_assignment_fkey foreign key (org_id, assignment_id)
    references public.job_assignments (org_id, id) on delete cascade,
    constraint assignment_notes_version_key unique (assignment_id, version),
    constraint assignment_notes_short check (char_length(notes) <= 500)
);

create index assignment_notes_org_id_assignment_id_idx on public.assignment_notes (org_id, assignment_id);
create index assignment_notes_written_by_user_id_idx on public.assignment_notes (written_by_user_id);

comment on table public.assignment_notes is 'Every version of an assignment''s notes (JOB-7); the last one stands in job_assignments.';

create function private.keep_notes()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    if new.notes is distinct from (case when tg_op = 'UPDATE' then old.notes end) then
        insert into public.assignment_notes (org_id, assignment_id, version, notes, written_by_user_id)
        select new.org_id, new.id, coalesce(max(n.version), 0) + 1, coalesce(new.notes, ''), auth.uid()
        from public.assignment_notes as n where n.assignment_id = new.id;
    end if;
    return null;
end;
$$;

comment on function private.keep_notes() is 'Keeps each version of an assignment''s notes (JOB-7). Definer: versions are written by this trigger only.';

create trigger job_assignments_keep_notes after insert or update of notes on public.job_assignments
for each row execute function private.keep_notes();

create function private.edit_assignment_notes(assignment uuid, notes text, version integer)
returns public.job_assignments
language plpgsql
volatile
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set jit = 'off'
as $$
declare
    part public.job_assignments := private.load_assignment(assignment);
begin
    -- Whoever a job is shared with for comments says something on its visits without the permission for all.
    if part.dispatch_job_id <> all (array(select private.granted_job_ids('comment'))) then
        perform private.require_for_assignment('edit_assignment_notes', part);
    end if;
    perform private.check_notes(edit_assignment_notes.notes);
    if edit_assignment_notes.version is distinct from coalesce((
        select max(n.version) from public.assignment_notes as n where n.assignment_id = part.id
    ), 0) then
        perform private.fail(409, 'notes_changed', 'Somebody else changed these notes meanwhile.', 'Read them again and repeat your change.');
    end if;
    update public.job_assignments as j set notes = edit_assignment_notes.notes where j.id = assignment returning * into part;
    return part;
exception when unique_violation then
    perform private.fail(409, 'notes_changed', 'Somebody else changed these notes meanwhile.', 'Read them again and repeat your change.');
end;
$$;

comment on function private.edit_assignment_notes(uuid, text, integer) is
'Definer: assignments are written by RPCs only. Own check: edit_assignment_notes, or a grant on the job of at least comment.';

create function public.edit_assignment_notes(assignment_id uuid, notes text, version integer default 0)
returns public.job_assignments
language sql
volatile
set search_path = ''
as $$
    select private.edit_assignment_notes(assignment_id, notes, version);
$$;

comment on function public.edit_assignment_notes(uuid, text, integer) is
'Changes an assignment''s notes (JOB-7). `version` is the last one the caller has read in assignment_notes, 0 for none; 409 notes_changed when there is a newer. Needs edit_assignment_notes, or a grant on the job of at least `comment` (TEN-5).';

revoke execute on function public.edit_assignment_notes(uuid, text, integer) from public, anon;
grant execute on function public.edit_assignment_notes(uuid, text, integer) to authenticated, service_role;
grant execute on function private.edit_assignment_notes(uuid, text, integer) to authenticated, service_role;
