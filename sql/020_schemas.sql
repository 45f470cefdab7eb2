create schema if not exists private;

comment on schema private is
'Helpers, security definers and secrets. Never exposed through the API.';

revoke all on schema private from public;
grant usage on schema private to anon, authenticated, service_role;

-- A function in private is callable by nobody until its own file grants it.
alter default privileges in schema private revoke execute on functions from public;
alter default privileges revoke execute on functions from public;

-- Hosted projects open whatever appears in public to the API roles; here everything starts closed, and policies/ and
-- the files of the RPCs open it by name.
alter default privileges in schema public revoke all on tables from anon, authenticated, service_role;
alter default privileges in schema public revoke all on sequences from anon, authenticated, service_role;
alter default privileges in schema public revoke all on functions from anon, authenticated, service_role;

-- House rule: a function that runs in every booking or search is plpgsql even when it is a single query. Postgres 17
-- plans a SQL-language function anew in every statement that calls it, and keeps the plans of a plpgsql one.
