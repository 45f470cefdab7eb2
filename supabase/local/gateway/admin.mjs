// /auth/v1/admin/users: the part of GoTrue's admin API that scripts and tests need, for the service key alone.
import { json } from "./errors.mjs";

const USER = `jsonb_build_object(
  'id', u.id, 'aud', u.aud, 'role', u.role, 'email', coalesce(u.email, ''), 'phone', coalesce(u.phone, ''),
  'email_confirmed_at', u.email_confirmed_at, 'confirmed_at', u.confirmed_at, 'last_sign_in_at', u.last_sign_in_at,
  'app_metadata', coalesce(u.raw_app_meta_data, '{}'), 'user_metadata', coalesce(u.raw_user_meta_data, '{}'),
  'banned_until', u.banned_until, 'is_anonymous', u.is_anonymous, 'created_at', u.created_at, 'updated_at', u.updated_at,
  'identities', coalesce((select jsonb_agg(jsonb_build_object(
    'identity_id', i.id, 'id', i.provider_id, 'user_id', i.user_id, 'identity_data', i.identity_data, 'provider', i.provider,
    'last_sign_in_at', i.last_sign_in_at, 'created_at', i.created_at, 'updated_at', i.updated_at))
    from auth.identities i where i.user_id = u.id), '[]'))::text as user`;

const PASSWORD = "extensions.crypt(fields ->> 'password', extensions.gen_salt('bf', 6))";

const CREATE = `
  with input as (select $1::text::jsonb as fields), created as (
    insert into auth.users (
      instance_id, id, aud, role, email, phone, encrypted_password, email_confirmed_at, phone_confirmed_at,
      raw_app_meta_data, raw_user_meta_data, confirmation_token, recovery_token, email_change, email_change_token_new
    )
    select
      '00000000-0000-0000-0000-000000000000', coalesce((fields ->> 'id')::uuid, gen_random_uuid()), 'authenticated',
      coalesce(fields ->> 'role', 'authenticated'), lower(fields ->> 'email'), fields ->> 'phone', ${PASSWORD},
      case when (fields ->> 'email_confirm')::boolean then now() end,
      case when (fields ->> 'phone_confirm')::boolean then now() end,
      '{"provider": "email", "providers": ["email"]}'::jsonb || coalesce(fields -> 'app_metadata', '{}'),
      coalesce(fields -> 'user_metadata', '{}'), '', '', '', ''
    from input
    returning *
  ), identity as (
    insert into auth.identities (provider, provider_id, user_id, identity_data)
    select 'email', id, id, jsonb_build_object('sub', id, 'email', email, 'email_verified', true, 'phone_verified', false)
    from created where email is not null
  )
  select id::text from created`;

const ONE = `select ${USER} from auth.users u where id = $1::text::uuid`;
const LIST = `select ${USER} from auth.users u order by created_at desc, id limit $1 offset $2`;
const DELETE = `delete from auth.users u where id = $1::text::uuid returning ${USER}`;
const JSON_TYPE = { "content-type": "application/json" };

const UPDATE = `
  with input as (select $1::text::jsonb as fields)
  update auth.users u set
    email = coalesce(lower(fields ->> 'email'), u.email),
    phone = coalesce(fields ->> 'phone', u.phone),
    role = coalesce(fields ->> 'role', u.role),
    encrypted_password = coalesce(${PASSWORD}, u.encrypted_password),
    email_confirmed_at = case when (fields ->> 'email_confirm')::boolean then now() else u.email_confirmed_at end,
    banned_until = case
      when fields ->> 'ban_duration' = 'none' then null
      when fields ? 'ban_duration' then now() + (fields ->> 'ban_duration')::interval
      else u.banned_until end,
    raw_app_meta_data = u.raw_app_meta_data || coalesce(fields -> 'app_metadata', '{}'),
    raw_user_meta_data = u.raw_user_meta_data || coalesce(fields -> 'user_metadata', '{}'),
    updated_at = now()
  from input where u.id = $2::text::uuid
  returning ${USER}`;

export class AuthAdmin {
  #sql;

  constructor(sql) {
    this.#sql = sql;
  }

  async serve(request, identity) {
    if (identity.role !== "service_role") return refusal(403, "not_admin", "User not allowed");
    const match = /^\/auth\/v1\/admin\/users(?:\/([^/]+))?$/.exec(request.path);
    const action = this.#action(request, match?.[1]);
    if (!match || !action) return refusal(404, "not_found", "This stand-in has no such admin endpoint");
    try {
      return await action();
    } catch (error) {
      if (error.code === "23505") {
        return refusal(422, "email_exists", "A user with this email address has already been registered");
      }
      if (/^22/.test(error.code)) return refusal(400, "validation_failed", error.message);
      throw error;
    }
  }

  #action(request, id) {
    if (id === undefined) return { POST: () => this.#create(request), GET: () => this.#list(request) }[request.method];
    return {
      GET: () => this.#one(ONE, [id]),
      PUT: () => this.#one(UPDATE, [request.text, id]),
      DELETE: () => this.#one(DELETE, [id]),
    }[request.method];
  }

  async #create(request) {
    const { email, phone } = request.json();
    if (!email && !phone) {
      return refusal(400, "validation_failed", "Cannot create a user without either an email or phone");
    }
    const [{ id }] = await this.#sql.unsafe(CREATE, [request.text]);
    return this.#one(ONE, [id]);
  }

  async #list(request) {
    const size = Number(request.query.get("per_page") || 50);
    const page = Number(request.query.get("page") || 1);
    const rows = await this.#sql.unsafe(LIST, [String(size), String((page - 1) * size)]);
    const [{ total }] = await this.#sql`select count(*)::text as total from auth.users`;
    const body = `{"users": [${rows.map((row) => row.user).join(", ")}], "aud": "authenticated"}`;
    return { status: 200, headers: { ...JSON_TYPE, "x-total-count": total }, body };
  }

  async #one(text, parameters) {
    const [row] = await this.#sql.unsafe(text, parameters);
    if (!row) return refusal(404, "user_not_found", "User not found");
    return { status: 200, headers: JSON_TYPE, body: row.user };
  }
}

function refusal(status, code, message) {
  return json(status, { code: status, error_code: code, msg: message });
}
