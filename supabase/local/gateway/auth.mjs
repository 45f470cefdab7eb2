// /auth/v1: @supabase/lite's GoTrue, with what it lacks on Postgres put right. It is embedded as a library:
// no telemetry, no admin mode; its REST API is not used.
import { App } from "@supabase/lite";
import { PostgresConnection } from "@supabase/lite/postgres";
import { SignJWT, decodeJwt } from "jose";
import { json } from "./errors.mjs";

const HOOKS = ["public.custom_access_token_hook", "private.custom_access_token_hook"];

// lite hands over JSON as text, which its driver would encode a second time, and shows times as Postgres does.
const asText = (value) => (typeof value === "string" ? value : JSON.stringify(value));
const iso = (value) => value.replace(" ", "T").replace(/\+00$/, "Z");
const TYPES = {
  json: { to: 114, from: [114], serialize: asText, parse: JSON.parse },
  jsonb: { to: 3802, from: [3802], serialize: asText, parse: JSON.parse },
  timestamptz: { to: 1184, from: [1184], serialize: (value) => value, parse: iso },
};

class Connection extends PostgresConnection {
  constructor(url) {
    super({ url, postgresOptions: { max: 4, types: TYPES, onnotice: () => {} } });
  }

  // The original grants everything on every table to the API roles.
  async ensureRlsContext() {
    return true;
  }
}

export class Auth {
  #app;
  #sql;
  #config;

  constructor(sql, config) {
    this.#sql = sql;
    this.#config = config;
    this.#app = new App({
      connection: new Connection(config.databaseUrl),
      auth: { ...config.auth, enabled: true, jwt_secret: config.jwtSecret },
      options: { server: { admin: false, apiKeys: false, disableStudio: true } },
    });
  }

  async serve(request) {
    const url = new URL(request.url, this.#config.apiUrl);
    const body = ["GET", "HEAD"].includes(request.method) ? undefined : request.text;
    const answer = await this.#app.fetch(new Request(url, { method: request.method, headers: request.headers, body }));
    const headers = Object.fromEntries(answer.headers);
    delete headers["content-length"];
    const text = await answer.text();
    if (!answer.ok || !text.startsWith("{")) return { status: answer.status, headers, body: text };
    const session = JSON.parse(text);
    if (!session.access_token) return { status: answer.status, headers, body: text };
    const token = await this.#completeToken(session.access_token, method(request));
    return (
      token.refused ?? {
        status: answer.status,
        headers,
        body: JSON.stringify({ ...session, access_token: token.signed }),
      }
    );
  }

  /** Sign the token anew with GoTrue's claims, after the project's hook has had its say. */
  async #completeToken(token, authenticationMethod) {
    const issued = decodeJwt(token);
    const [user] = await this.#sql`
      select phone, raw_app_meta_data::text as app, raw_user_meta_data::text as own, is_anonymous::text as anonymous
      from auth.users where id = ${issued.sub}`;
    const claims = {
      iss: `${this.#config.apiUrl}/auth/v1`,
      aal: "aal1",
      amr: [{ method: authenticationMethod, timestamp: issued.iat }],
      phone: user.phone ?? "",
      app_metadata: JSON.parse(user.app ?? "{}"),
      user_metadata: JSON.parse(user.own ?? "{}"),
      is_anonymous: user.anonymous === "true",
      ...issued,
    };
    const answer = await this.#runHook({
      user_id: issued.sub,
      claims,
      authentication_method: authenticationMethod,
    });
    if (answer?.error) {
      const { http_code: status = 500, message } = answer.error;
      return { refused: json(status, { code: status, error_code: "hook_payload_invalid", msg: message }) };
    }
    const secret = new TextEncoder().encode(this.#config.jwtSecret);
    return {
      signed: await new SignJWT(answer?.claims ?? claims).setProtectedHeader({ alg: "HS256", typ: "JWT" }).sign(secret),
    };
  }

  async #runHook(event) {
    const [found] = await this.#sql`
      select name from unnest(${`{${HOOKS}}`}::text[]) as name where to_regprocedure(name || '(jsonb)') is not null limit 1`;
    if (!found) return null;
    return this.#sql.begin(async (transaction) => {
      await transaction`set local role supabase_auth_admin`;
      const [row] = await transaction.unsafe(`select ${found.name}($1::text::jsonb)::text as answer`, [
        JSON.stringify(event),
      ]);
      return JSON.parse(row.answer);
    });
  }
}

function method(request) {
  const grant = request.query.get("grant_type");
  return (
    { refresh_token: "token_refresh", pkce: "oauth" }[grant] ?? (request.path.endsWith("/verify") ? "otp" : "password")
  );
}
