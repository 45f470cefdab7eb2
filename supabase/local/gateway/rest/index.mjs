// The REST API of PostgREST over Postgres itself, for tables with composite foreign keys as this project has
// them (the REST half of @supabase/lite joins those on their first column alone).
import { ApiError } from "../errors.mjs";
import { asRequest } from "../pool.mjs";
import { serveFunction } from "./rpc.mjs";
import { profile } from "./respond.mjs";
import { Schema } from "./schema.mjs";
import { serveTable } from "./tables.mjs";

const ROLE_SETTINGS = new Set([
  "statement_timeout",
  "lock_timeout",
  "idle_in_transaction_session_timeout",
  "default_transaction_isolation",
]);

export class Rest {
  #sql;
  #schemas;
  #maxRows;
  #cache;

  constructor(sql, { schemas, maxRows }) {
    [this.#sql, this.#schemas, this.#maxRows] = [sql, schemas, maxRows];
  }

  /** Read the schema again; requests under way keep the one they began with. */
  reload() {
    this.#cache = Schema.read(this.#sql, this.#schemas);
    this.#cache.catch(() => (this.#cache = undefined)); // the next request tries again
    return this.#cache;
  }

  async serve(request, identity) {
    const cache = await (this.#cache ?? this.reload());
    const schema = profile(request, this.#schemas);
    const settings = Object.entries(cache.roleSettings[identity.role] ?? {}).filter(([name]) =>
      ROLE_SETTINGS.has(name),
    );
    const transaction = ({ readOnly }, work) =>
      asRequest(this.#sql, identity, request, { schema, readOnly, roleSettings: Object.fromEntries(settings) }, work);
    const context = { cache, schema, maxRows: this.#maxRows, transaction };
    const path = decodeURIComponent(request.path.replace(/^\/rest\/v1\//, "").replace(/\/$/, ""));
    const call = /^rpc\/([^/]+)$/.exec(path);
    if (call) return serveFunction(request, call[1], context);
    if (/^[^/]+$/.test(path)) return serveTable(request, path, context);
    throw new ApiError(404, "PGRST125", "Invalid path specified in request URL");
  }
}
