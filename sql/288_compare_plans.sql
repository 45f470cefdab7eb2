-- What-if plans side by side (OPT-5, UI-1): several proposals for the same days, each with what it assumes.

create function private.numbers_minus(figures jsonb, base jsonb)
returns jsonb
language sql
immutable
parallel safe
set search_path = ''
as $$
    select coalesce(jsonb_object_agg(f.name, (f.value #>> '{}')::numeric - (base ->> f.name)::numeric), '{}')
    from jsonb_each(figures) as f (name, value)
    where jsonb_typeof(f.value) = 'number' and jsonb_typeof(base -> f.name) = 'number';
$$;

comment on function private.numbers_minus(jsonb, jsonb) is 'The differences of the figures two documents share.';

create function private.compare_plans(run_ids uuid[])
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
set jit = 'off'
as $$
declare
    compared jsonb := '[]';
    first public.optimization_runs;
    run public.optimization_runs;
    one uuid;
begin
    if coalesce(cardinality(run_ids), 0) not between 1 and 20 then
        perform private.fail(
            400, 'run_ids_invalid', 'Between one and twenty plans can be compared.', 'Name the runs whose plans you look at.'
        );
    end if;
    foreach one in array run_ids loop
        run := private.visible_run(one);
        if first.id is null then
            first := run;
        end if;
        if (run.org_id, run.starts_on, run.days) is distinct from (first.org_id, first.starts_on, first.days) then
            perform private.fail(
                400, 'other_days', 'These plans are not all for the same days.', 'Compare plans of the same days.'
            );
        end if;
        compared := compared || jsonb_build_object(
            'run_id', run.id, 'label', run.label, 'kind', run.kind, 'status', run.status, 'strategy', run.strategy,
            'assumptions', run.assumptions, 'base_revision', run.base_revision, 'expires_at', run.expires_at,
            'is_current', run.status = 'proposed' and run.expires_at > now()
            and run.base_revision is not distinct from private.schedule_revision(
                run.org_id, private.local_days(run.org_id, run.starts_on, run.days)
            ),
            'best_objective', run.best_objective,
            'metrics_before', run.metrics_before, 'metrics', run.metrics_after,
            'difference', private.numbers_minus(run.metrics_after, first.metrics_after),
            'changes', private.plan_counts(array(
                select p.id from public.route_plans as p where p.optimization_run_id = run.id
            ))
        );
    end loop;
    return compared;
end;
$$;

comment on function private.compare_plans(uuid[]) is
'See public.compare_plans. Definer: counts stops of plans; visible_run checks who asks, run by run.';

create function public.compare_plans(run_ids uuid[])
returns jsonb
language sql
stable
set search_path = ''
as $$
    select private.compare_plans(run_ids);
$$;

comment on function public.compare_plans(uuid[]) is
'Up to twenty plans of the same days side by side, in the order asked: label, strategy and assumptions of each, its metrics, how they differ from the first plan''s, what applying it would change, and whether it still can be. Needs optimize_schedule.';

revoke execute on function public.compare_plans(uuid[]) from public, anon;
grant execute on function public.compare_plans(uuid[]) to authenticated, service_role;
grant execute on function private.compare_plans(uuid[]) to authenticated, service_role;
