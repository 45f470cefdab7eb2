-- A small workshop with two teams: one of everything the API has to carry, and nothing of the product.
create schema private;
grant usage on schema private to authenticated, service_role;

create type public.urgency as enum ('low', 'high');

create table public.teams (
  id uuid primary key default gen_random_uuid(),
  name text not null unique
);

create table public.members (
  team_id uuid not null references public.teams,
  user_id uuid not null references auth.users on delete cascade,
  primary key (team_id, user_id)
);

create table public.fitters (
  team_id uuid not null references public.teams,
  id uuid not null default gen_random_uuid(),
  name text not null,
  hourly_rate numeric(12, 2),
  primary key (team_id, id)
);

create table public.tasks (
  team_id uuid not null references public.teams,
  id uuid not null default gen_random_uuid(),
  number integer generated always as identity,
  title text not null check (title <> ''),
  urgency public.urgency not null default 'low',
  price numeric(12, 2),
  weight numeric,
  starts_at timestamptz,
  happened_at timestamp,
  on_day date,
  during tstzrange,
  reminders timestamptz[],
  tags text[] not null default '{}',
  details jsonb not null default '{}',
  lead_id uuid,
  helper_id uuid,
  secret_note text,
  created_at timestamptz not null default now(),
  primary key (team_id, id),
  unique (team_id, title),
  constraint tasks_lead_fkey foreign key (team_id, lead_id) references public.fitters (team_id, id),
  constraint tasks_helper_fkey foreign key (team_id, helper_id) references public.fitters (team_id, id),
  constraint tasks_no_overlap exclude using gist (during with &&)
);

create table public.steps (
  team_id uuid not null,
  id uuid not null default gen_random_uuid(),
  task_id uuid not null,
  position integer not null,
  note text,
  primary key (team_id, id),
  constraint steps_task_fkey foreign key (team_id, task_id) references public.tasks (team_id, id) on delete cascade
);

create table public.skills (
  id integer primary key,
  name text not null
);

create table public.task_skills (
  team_id uuid not null,
  task_id uuid not null,
  skill_id integer not null references public.skills,
  primary key (team_id, task_id, skill_id),
  foreign key (team_id, task_id) references public.tasks (team_id, id) on delete cascade
);

create table public.vault (
  id integer primary key,
  content text
);

create view public.urgent_tasks with (security_invoker = true) as
select team_id, id, title, during, lead_id from public.tasks where urgency = 'high';

create function private.my_teams() returns uuid[] language sql stable security definer set search_path = '' as $$
  select coalesce(array_agg(team_id), '{}') from public.members where user_id = (select auth.uid())
$$;

do $$
declare
  name text;
begin
  foreach name in array array['teams', 'members', 'fitters', 'tasks', 'steps', 'skills', 'task_skills', 'vault'] loop
    execute format('alter table public.%I enable row level security', name);
    execute format('revoke all on public.%I from anon, authenticated', name);
  end loop;
end;
$$;
revoke all on public.urgent_tasks from anon, authenticated;
grant select on public.teams, public.members, public.urgent_tasks to authenticated;
grant select, insert, update, delete on public.fitters, public.steps, public.task_skills to authenticated;
grant select on public.skills to anon, authenticated;
grant select (team_id, id, number, title, urgency, price, weight, starts_at, happened_at, on_day, during, reminders,
              tags, details, lead_id, helper_id, created_at),
      insert, update, delete on public.tasks to authenticated;

create policy select_by_member on public.teams for select to authenticated
using (id = any (array(select unnest(private.my_teams()))));
create policy select_by_self on public.members for select to authenticated using (user_id = (select auth.uid()));
create policy select_by_all on public.skills for select to anon, authenticated using (true);

do $$
declare
  name text;
begin
  foreach name in array array['fitters', 'tasks', 'steps', 'task_skills'] loop
    execute format(
      'create policy everything_by_member on public.%I for all to authenticated '
      'using (team_id = any (array(select unnest(private.my_teams())))) '
      'with check (team_id = any (array(select unnest(private.my_teams()))))', name);
  end loop;
end;
$$;

-- RPCs: one for each way of passing arguments, returning and failing.
create function public.who_am_i() returns jsonb language sql stable set search_path = '' as $$
  select jsonb_build_object('uid', auth.uid(), 'role', auth.role(), 'user', current_user, 'claims', auth.jwt())
$$;

create function public.echo_document(document jsonb, note text default 'none') returns jsonb
language sql immutable set search_path = '' as $$
  select jsonb_build_object('kind', jsonb_typeof(document), 'document', document, 'note', note)
$$;

create function public.echo_arrays(ids uuid[], numbers integer[] default '{}', words text[] default null)
returns jsonb language sql immutable set search_path = '' as $$
  select jsonb_build_object('ids', ids, 'numbers', numbers, 'words', words)
$$;

create function public.add_task(team_id uuid, title text, starts_at timestamptz default null)
returns public.tasks language sql set search_path = '' as $$
  insert into public.tasks as t (team_id, title, starts_at) values (add_task.team_id, add_task.title, add_task.starts_at)
  returning t.*
$$;

create function public.add_fitter(team_id uuid, name text) returns public.fitters
language sql set search_path = '' as $$
  insert into public.fitters as f (team_id, name) values (add_fitter.team_id, add_fitter.name) returning f.*
$$;

create function public.team_fitters(team_id uuid) returns setof public.fitters
language sql stable set search_path = '' as $$
  select * from public.fitters f where f.team_id = team_fitters.team_id
$$;

create function public.write_and_fail(name text) returns void language plpgsql set search_path = '' as $$
begin
  insert into public.fitters (team_id, name) values ('00000000-0000-0000-0000-00000000000a', write_and_fail.name);
  raise sqlstate 'PT409' using message = 'too_late';
end;
$$;

create function public.offers(wanted integer) returns table (rank integer, starts_at timestamptz, score numeric)
language sql stable set search_path = '' as $$
  select n, timestamptz '2026-11-20 10:00+00' + n * interval '1 hour', n / 4.0 from generate_series(1, wanted) as n
$$;

create function public.add_numbers(a integer, b integer default 1) returns integer
language sql stable set search_path = '' as $$ select a + b $$;

create function public.now_is() returns timestamptz language sql stable set search_path = '' as $$
  select timestamptz '2026-11-20 10:00:00.25+00'
$$;

create function public.do_nothing() returns void language sql set search_path = '' as $$ select $$;

create function public.fail_with(state text, details text default 'why', hint text default 'what to do')
returns void language plpgsql set search_path = '' as $$
begin
  raise exception using errcode = state, message = 'it_failed', detail = details, hint = hint;
end;
$$;

create function public.hidden() returns text language sql set search_path = '' as $$ select 'hidden'::text $$;
revoke execute on function public.hidden() from public, anon, authenticated;

-- The token hook, as hosted Supabase calls it: the teams go into app_metadata.
create function public.custom_access_token_hook(event jsonb) returns jsonb
language sql stable security definer set search_path = '' as $$
  select jsonb_set(event, '{claims,app_metadata,team_ids}', coalesce(
    (select jsonb_agg(m.team_id) from public.members m where m.user_id = (event ->> 'user_id')::uuid), '[]'))
$$;
revoke execute on function public.custom_access_token_hook(jsonb) from public, anon, authenticated;
grant execute on function public.custom_access_token_hook(jsonb) to supabase_auth_admin;
grant usage on schema public to supabase_auth_admin;

-- Realtime: members of a team hear and speak on team:<id>; everybody hears, nobody speaks on notice:*.
create policy receive_by_member on realtime.messages for select to authenticated
using (
  (realtime.topic() like 'team:%' and split_part(realtime.topic(), ':', 2)::uuid = any (private.my_teams()))
  or realtime.topic() like 'notice:%'
);
create policy send_by_member on realtime.messages for insert to authenticated
with check (realtime.topic() like 'team:%' and split_part(realtime.topic(), ':', 2)::uuid = any (private.my_teams()));

create function private.announce_task() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  perform realtime.broadcast_changes(
    'team:' || coalesce(new.team_id, old.team_id), tg_op, tg_op, tg_table_name, tg_table_schema, new, old
  );
  return null;
end;
$$;
create trigger tasks_announce after insert or update or delete on public.tasks
for each row execute function private.announce_task();

alter publication supabase_realtime add table public.tasks, public.steps;


insert into public.teams (id, name) values
('00000000-0000-0000-0000-00000000000a', 'North'),
('00000000-0000-0000-0000-00000000000b', 'South');
insert into public.skills (id, name) values (1, 'Welding'), (2, 'Wiring');
insert into public.vault (id, content) values (1, 'nobody reads this');
insert into public.fitters (team_id, id, name, hourly_rate) values
('00000000-0000-0000-0000-00000000000a', '00000000-0000-0000-0000-0000000000a1', 'Ada', 80.50),
('00000000-0000-0000-0000-00000000000a', '00000000-0000-0000-0000-0000000000a2', 'Ben', null),
('00000000-0000-0000-0000-00000000000b', '00000000-0000-0000-0000-0000000000b1', 'Cleo', 70);
