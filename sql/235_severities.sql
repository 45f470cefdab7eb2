create table private.conflict_codes (
    code text primary key,
    severity public.conflict_severity not null
);

comment on table private.conflict_codes is
'The severity of every conflict: hard is never overridable, hard_overridable needs override_scheduling_conflict, soft only warns.';

insert into private.conflict_codes (code, severity) values
('technician_overlap', 'hard'), ('resource_overlap', 'hard'), ('outside_operating_hours', 'hard'),
('bay_type', 'hard'), ('equipment_missing', 'hard'), ('capacity_full', 'hard'), ('inactive', 'hard'),
('crew_incomplete', 'hard'),
('outside_shift', 'hard_overridable'), ('time_off', 'hard_overridable'), ('busy_externally', 'hard_overridable'),
('skill_missing', 'hard_overridable'), ('skill_level', 'hard_overridable'),
('certification_expired', 'hard_overridable'), ('out_of_zone', 'hard_overridable'),
('daily_limit', 'hard_overridable'), ('concurrent_limit', 'hard_overridable'), ('travel_before', 'hard_overridable'),
('travel_after', 'hard_overridable'), ('sla_missed', 'hard_overridable'), ('place_kind', 'hard_overridable'),
('not_reschedulable', 'hard_overridable'), ('notice_too_short', 'hard_overridable'),
('reschedule_limit', 'hard_overridable'), ('in_the_past', 'hard_overridable'), ('visit_order', 'hard_overridable'),
('preference', 'soft'), ('capacity_near_limit', 'soft'), ('customer_overlap', 'soft'), ('customer_window', 'soft');

create table public.conflict_rules (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references public.orgs (id) on delete cascade,
    code text not null references private.conflict_codes (code),
    severity public.conflict_severity not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint conflict_rules_org_id_id_key unique (org_id, id),
    constraint conflict_rules_org_id_code_key unique (org_id, code)
);

create index conflict_rules_code_idx on public.conflict_rules (code);

comment on table public.conflict_rules is
'How seriously an org takes a conflict, where it differs from the usual (BKG-5). What is never overridable stays so.';

create function private.keep_hard_conflicts_hard()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    if new.severity <> 'hard' and exists (
        select from private.conflict_codes as c where c.code = new.code and c.severity = 'hard'
    ) then
        perform private.fail(
            409, 'never_overridable', format('The conflict %s is never overridable, in any company.', new.code),
            'Choose another conflict, or leave this one as it is.'
        );
    end if;
    return new;
end;
$$;

comment on function private.keep_hard_conflicts_hard() is
'An org may tighten a rule, but never loosen one that protects from double booking and the like. Definer: the list is not exposed.';

create trigger conflict_rules_keep_hard before insert or update on public.conflict_rules
for each row execute function private.keep_hard_conflicts_hard();

create function private.severity(org public.orgs, code text, data jsonb)
returns public.conflict_severity
language plpgsql
stable
set search_path = ''
as $$
begin
    return (
        select coalesce(
            -- What is over stays over: nobody works at a visit that was canceled or completed.
            case when c.code = 'not_reschedulable' and (data ->> 'is_final')::boolean then 'hard'::public.conflict_severity end,
            -- Within one request the customer cannot be at two places (BKG-13).
            case when c.code = 'customer_overlap' and (data ->> 'is_coordinated')::boolean then 'hard'::public.conflict_severity end,
            r.severity,
            case
                when c.code = 'customer_window' and (data ->> 'is_promised')::boolean then 'hard_overridable'
                when c.code = 'out_of_zone' and org.out_of_zone_is_soft then 'soft'
                else c.severity
            end
        )
        from private.conflict_codes as c
        left join public.conflict_rules as r on r.org_id = org.id and r.code = c.code
        where c.code = severity.code
    );
end;
$$;

comment on function private.severity(public.orgs, text, jsonb) is
'The severity of a conflict: the org''s own rule, else as listed, except that a promised window is hard and an org may make zones soft.';
