-- What a plan costs: a company's own weights, in minutes of driving.

alter table public.orgs
add column plan_unserved_minutes integer[] not null default '{60, 120, 360, 1440}',
add column plan_move_minutes integer not null default 15,
add column plan_move_minutes_after_event integer not null default 5,
add column plan_continuity_minutes integer not null default 10,
add column plan_km_minutes numeric not null default 0,
add column plan_waiting_weight numeric not null default 0,
add column plan_balance_weight numeric not null default 0.5,
add constraint orgs_plan_unserved_ascends check (
    cardinality(plan_unserved_minutes) = 4 and plan_unserved_minutes[1] between 1 and plan_unserved_minutes[2]
    and plan_unserved_minutes[3] between plan_unserved_minutes[2] and plan_unserved_minutes[4]
    and plan_unserved_minutes[4] <= 10080 and array_position(plan_unserved_minutes, null) is null
),
add constraint orgs_plan_move_sensible check (
    plan_move_minutes between 0 and 1440 and plan_move_minutes_after_event between 0 and 1440
),
add constraint orgs_plan_continuity_sensible check (plan_continuity_minutes between 0 and 1440),
add constraint orgs_plan_km_sensible check (plan_km_minutes between 0 and 60),
add constraint orgs_plan_weights_sensible check (plan_waiting_weight between 0 and 10 and plan_balance_weight between 0 and 10);

comment on column public.orgs.plan_unserved_minutes is
'Minutes of driving a plan accepts rather than leave out an hour''s job, of priority low, normal, high and emergency; longer jobs, tiers, last chances and waiting weigh more.';
comment on column public.orgs.plan_move_minutes is
'Minutes of driving a plan must save for each booked visit it gives to another technician.';
comment on column public.orgs.plan_move_minutes_after_event is 'The same where a plan answers an event: what it disturbs is little anyway.';
comment on column public.orgs.plan_continuity_minutes is
'Minutes of driving a plan spends to send somebody who knows the customer; 0: it does not matter who comes.';
comment on column public.orgs.plan_km_minutes is
'Minutes of driving a kilometre costs besides its time; the strategy distance_minimization counts 2 of its own and next to nothing for time.';
comment on column public.orgs.plan_waiting_weight is
'Minutes of driving a minute of waiting costs, between leaving home and returning; breaks do not count.';
comment on column public.orgs.plan_balance_weight is
'How much the strategy balanced prefers equal work: with 0.5, one hour more for somebody whose day is full costs what an hour of driving does.';

create function private.plan_costs(org uuid)
returns table (
    move_s integer, move_after_event_s integer, continuity_s integer, km_s double precision, waiting double precision,
    balance double precision
)
language sql
stable
set search_path = ''
as $$
    select
        o.plan_move_minutes * 60, o.plan_move_minutes_after_event * 60, o.plan_continuity_minutes * 60, (o.plan_km_minutes * 60)::float8,
        o.plan_waiting_weight::float8, o.plan_balance_weight::float8
    from public.orgs as o
    where o.id = org;
$$;

comment on function private.plan_costs(uuid) is
'The company''s weights of a plan''s objective but for the price of unserved jobs, see private.unserved_weight. Seconds of driving; waiting and balance are factors.';

grant execute on function private.plan_costs(uuid) to service_role;
