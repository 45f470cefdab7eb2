// postgres_changes of the development stand-in: each subscriber gets a change only if its filter matches and
// row level security lets that user see the row. As hosted, a deleted row shows its key alone.
import { Parameters, filterSql, identifier } from "../gateway/rest/filters.mjs";
import { parseColumn, parseOperation, splitTop } from "../gateway/rest/grammar.mjs";

const JSON_TYPES = new Set([114, 3802]);
const LOOK_AGAIN_MS = 2;

/** The subscription of one channel: {id, event, schema, table, conditions, select}. Throws if the filter is malformed. */
export function parseSubscription(binding, id) {
  const conditions = (binding.filter ? splitTop(binding.filter) : []).map((text) => {
    const equals = text.indexOf("=");
    if (equals < 1) throw new Error(`malformed filter: ${text}`);
    return { column: parseColumn(text.slice(0, equals)), ...parseOperation(text.slice(equals + 1)) };
  });
  return {
    id,
    event: binding.event ?? "*",
    schema: binding.schema ?? "public",
    table: binding.table,
    conditions,
    select: binding.select,
  };
}

export class Changes {
  #sql;
  #queue = Promise.resolve();
  #seen;

  constructor(sql) {
    this.#sql = sql;
  }

  /** Deliver a change to the channels, in the order of the calls. */
  enqueue(change, channels) {
    const interested = channels.filter((channel) => channel.subscriptions.some((one) => concerns(one, change)));
    if (!interested.length) return;
    this.#queue = this.#queue
      .then(() => this.#deliver(change, interested))
      .catch((error) => {
        console.error(
          JSON.stringify({
            event: "realtime.change_failed",
            table: change.relation.table,
            message: error.message,
          }),
        );
      });
  }

  async #deliver(change, channels) {
    await this.#settled(change.transaction);
    const described = await this.#describe(change);
    const visible = new Map();
    for (const channel of channels) {
      const matching = [];
      for (const one of channel.subscriptions.filter((candidate) => concerns(candidate, change))) {
        if (await this.#matches(described, one)) matching.push(one);
      }
      if (!matching.length) continue;
      const who = JSON.stringify([channel.identity.role, channel.identity.claims]);
      if (!visible.has(who)) visible.set(who, await this.#columnsFor(described, channel.identity));
      const columns = visible.get(who);
      if (!columns) continue;
      for (const [select, same] of Map.groupBy(matching, (one) => one.select?.join())) {
        const shown =
          select === undefined ? columns : columns.intersection(new Set([...same[0].select, ...described.keys]));
        channel.push("postgres_changes", { ids: same.map((one) => one.id), data: message(described, shown) });
      }
    }
  }

  // A commit is in the log, and so arrives here, a moment before other sessions see its rows: asked too early, row
  // level security would say of a new row that nobody may see it. The transaction's lock goes after that moment.
  async #settled(transaction) {
    while (transaction !== this.#seen) {
      const [held] = await this.#sql.unsafe(
        "select from pg_locks where locktype = 'transactionid' and transactionid = $1::text::xid",
        [String(transaction)],
      );
      if (!held) this.#seen = transaction;
      else await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
    }
  }

  // The row once more as JSON, made by Postgres from the text of its values.
  async #describe(change) {
    const { relation } = change;
    const table = `${identifier(relation.schema)}.${identifier(relation.table)}`;
    const asJson = (row) => row && JSON.stringify(jsonFields(row, relation.columns));
    const [columns] = await this.#sql.unsafe(
      `select json_agg(json_build_object('name', attname, 'type', format_type(atttypid, null)) order by attnum)::text as columns,
        to_jsonb(jsonb_populate_record(null::${table}, $2::text::jsonb))::text as record,
        to_jsonb(jsonb_populate_record(null::${table}, $3::text::jsonb))::text as old,
        (select relrowsecurity::text from pg_class where oid = $1::text::regclass) as secured
      from pg_attribute where attrelid = $1::text::regclass and attnum > 0 and not attisdropped`,
      [table, asJson(change.row), asJson(change.old)],
    );
    const keys = relation.columns.filter((column) => column.isKey).map((column) => column.name);
    const [record, old] = [columns.record, columns.old].map((text) => (text ? JSON.parse(text) : null));
    const secured = columns.secured === "true";
    return {
      ...change,
      table,
      keys,
      record,
      old,
      secured,
      columns: JSON.parse(columns.columns),
      source: asJson(change.row ?? change.old),
    };
  }

  async #matches({ table, source }, { conditions }) {
    if (!conditions.length) return true;
    const parameters = new Parameters();
    const row = `jsonb_populate_record(null::${table}, ${parameters.add(source)}::text::jsonb) as "r"`;
    const where = conditions.map((condition) => filterSql("r", condition, parameters)).join(" and ");
    const found = await this.#sql.unsafe(`select from ${row} where ${where}`, parameters.values);
    return found.length > 0;
  }

  // The columns this user may read of this row, or null when the row is not theirs to see.
  async #columnsFor({ type, table, keys, record, source, secured }, { role, claims }) {
    return this.#sql.begin("read only", async (transaction) => {
      await transaction`select set_config('role', ${role}, true), set_config('request.jwt.claims', ${JSON.stringify(claims)}, true)`;
      const [{ readable }] = await transaction.unsafe(
        `select coalesce(json_agg(attname), '[]')::text as readable from pg_attribute
        where attrelid = $1::text::regclass and attnum > 0 and not attisdropped and has_column_privilege(attrelid, attnum, 'select')`,
        [table],
      );
      const columns = new Set(JSON.parse(readable));
      if (!columns.size || !keys.every((key) => columns.has(key))) return null;
      if (!secured || type === "DELETE" || !record) return columns;
      const list = keys.map(identifier).join(", ");
      const key = `(select ${list} from jsonb_populate_record(null::${table}, $1::text::jsonb))`;
      const seen = await transaction.unsafe(`select from ${table} where (${list}) = ${key}`, [source]);
      return seen.length ? columns : null;
    });
  }
}

function concerns({ event, schema, table }, change) {
  const { relation, type } = change;
  return (
    (event === "*" || event === type) &&
    (schema === "*" || schema === relation.schema) &&
    (!table || table === "*" || table === relation.table)
  );
}

// Text goes through each column's input function, except JSON, which is JSON already.
function jsonFields(row, columns) {
  const json = new Set(columns.filter((column) => JSON_TYPES.has(column.type)).map((column) => column.name));
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, json.has(name) && value !== null ? JSON.parse(value) : value]),
  );
}

function message({ relation, type, at, columns, record, old, keys, secured }, readable) {
  const only = (row, names) => Object.fromEntries(Object.entries(row).filter(([name]) => names.has(name)));
  const data = {
    schema: relation.schema,
    table: relation.table,
    commit_timestamp: at.toISOString(),
    type,
    errors: null,
    columns: columns.filter((column) => readable.has(column.name)),
  };
  if (type !== "DELETE") data.record = only(record, readable);
  if (type !== "INSERT")
    data.old_record = old ? only(old, type === "DELETE" && secured ? new Set(keys) : readable) : {};
  if (type === "UPDATE" && !old) data.old_record = only(record, new Set(keys));
  return data;
}
