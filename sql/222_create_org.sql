create function private.start_company(name text, slug text, time_zone text, country text, idempotency_key text)
returns public.orgs
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    payload constant jsonb := jsonb_build_object('name', name, 'slug', slug, 'time_zone', time_zone, 'country', country);
    company public.orgs;
begin
    if auth.uid() is null or coalesce((auth.jwt() ->> 'is_anonymous')::boolean, false) then
        raise exception using
            errcode = '42501', message = 'sign_in_required', detail = 'A company needs an owner with an account.',
            hint = 'Sign up or sign in first.';
    end if;
    begin
        insert into public.orgs (name, slug, time_zone, country)
        values (start_company.name, start_company.slug, start_company.time_zone, start_company.country)
        on conflict on constraint orgs_slug_key do nothing
        returning * into company;
    exception when not_null_violation or check_violation then
        perform private.fail(
            400, 'company_invalid', 'A company needs a name, a slug of small letters, digits and single hyphens, a time zone and a country.',
            'For example slug harbor-hvac, time_zone America/Chicago, country US.'
        );
    end;
    if company.id is null then
        -- A repeated call finds the company it made, and only that.
        select o.* into company
        from public.orgs as o
        inner join private.idempotency_keys as k on o.id = k.org_id
        where
            o.slug = start_company.slug and k.actor_id = auth.uid()
            and k.key = start_company.idempotency_key and k.operation = 'create_org';
        if company.id is null then
            perform private.fail(
                409, 'slug_taken', format('Another company is called %s already.', start_company.slug),
                'Choose another slug.'
            );
        end if;
        return jsonb_populate_record(null::public.orgs, private.recall(
            company.id, start_company.idempotency_key, 'create_org', payload
        ));
    end if;
    insert into public.org_members (org_id, user_id, role) values (company.id, auth.uid(), 'owner');
    perform private.recall(company.id, start_company.idempotency_key, 'create_org', payload);
    perform private.remember(company.id, start_company.idempotency_key, to_jsonb(company));
    return company;
end;
$$;

comment on function private.start_company(text, text, text, text, text) is
'Makes an org and its creator the owner. Definer: nobody has rights in an org that does not exist yet; checks that somebody is signed in.';

create function public.create_org(
    name text, slug text, time_zone text, country text default 'US', idempotency_key text default null
)
returns public.orgs
language sql
volatile
set search_path = ''
as $$
    select private.start_company(name, slug, time_zone, country, idempotency_key);
$$;

comment on function public.create_org(text, text, text, text, text) is
'Starts a company with the usual roles and lists; the caller becomes its owner. 409 slug_taken when the slug is in use.';

grant execute on function private.start_company(text, text, text, text, text) to authenticated;
revoke execute on function public.create_org(text, text, text, text, text) from anon;
grant execute on function public.create_org(text, text, text, text, text) to authenticated;
