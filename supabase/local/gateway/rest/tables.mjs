// /rest/v1/<table or view>: read, insert, upsert, update, delete.
import { ApiError } from "../errors.mjs";
import { literal } from "../pool.mjs";
import { Parameters, identifier } from "./filters.mjs";
import { splitTop, unquote } from "./grammar.mjs";
import { applyRange, parseQuery } from "./query.mjs";
import { Reader } from "./read.mjs";
import { bodySql, isSingular, preferences, requireSingle, rowsResponse, stripping } from "./respond.mjs";

const COUNTED = new Set(["exact", "planned", "estimated"]); // all three are counted exactly here

export async function serveTable(request, name, { cache, schema, maxRows, transaction }) {
  const relation = cache.relation(schema, name);
  if (!relation) {
    throw new ApiError(
      404,
      "PGRST205",
      `Could not find the table '${schema}.${name}' in the schema cache`,
      null,
      closest(name, cache, schema),
    );
  }
  const prefer = preferences(request);
  const node = parseQuery(request.query);
  const parameters = new Parameters();
  const reader = new Reader(cache, schema, parameters, maxRows);
  const context = {
    request,
    relation,
    prefer,
    node,
    parameters,
    reader,
    qualified: `${identifier(schema)}.${identifier(name)}`,
  };
  if (request.method === "GET" || request.method === "HEAD") return read(context, transaction);
  const mutation = { POST: insert, PATCH: update, DELETE: remove }[request.method];
  if (!mutation) throw new ApiError(405, "PGRST117", `Unsupported HTTP method: ${request.method}`);
  return mutate(context, mutation(context), transaction);
}

async function read({ request, relation, prefer, node, parameters, reader, qualified }, transaction) {
  applyRange(node, request.headers.range);
  const { rows, count } = reader.compile(node, { relation, from: qualified, alias: relation.name });
  const total = COUNTED.has(prefer.count) ? count : null;
  const text = bodySql(rows, { singular: isSingular(request), total, stripped: stripping(request) });
  return transaction({ readOnly: true }, async (run) => {
    const [result] = await run(text, parameters.values);
    requireSingle(request, result);
    return rowsResponse(request, result, { offset: node.offset, ranged: true });
  });
}

async function mutate(context, { sql, status }, transaction) {
  const { request, relation, prefer, node, parameters, reader } = context;
  const represented = prefer.return === "representation";
  if (sql === null) return { status: represented ? 200 : 204, headers: {}, body: represented ? "[]" : null };
  const columns = represented ? reader.columnsRead(node, relation) : [];
  const table = identifier(relation.name);
  const returning = columns.map((column) => `${table}.${column === "*" ? "*" : identifier(column)}`).join(", ") || "1";
  const source = { ...node, conditions: [], limit: Infinity, offset: 0 };
  const { rows } = represented
    ? reader.compile(source, { relation, from: "pgrst_source", alias: relation.name })
    : { rows: "select from pgrst_source" };
  const total = COUNTED.has(prefer.count) ? "select count(*) from pgrst_source" : null;
  const prefix = `with pgrst_source as (${sql} returning ${returning}) `;
  const text = bodySql(rows, { singular: isSingular(request), total, stripped: stripping(request), prefix });
  return transaction({ readOnly: false }, async (run) => {
    const [result] = await run(text, parameters.values);
    if (represented) requireSingle(request, result);
    const response = rowsResponse(request, result, { status: represented && status === 204 ? 200 : status });
    return represented ? response : { ...response, body: null };
  });
}

function insert({ request, relation, prefer, parameters, qualified }) {
  const rows = [request.json()].flat();
  if (!rows.length) return { sql: null };
  const listed = request.query.get("columns");
  const names = listed ? splitTop(listed).map((name) => unquote(name.trim())) : Object.keys(rows[0] ?? {});
  if (!listed && rows.some((row) => !sameKeys(row, names))) {
    throw new ApiError(400, "PGRST102", "All object keys must match");
  }
  if (!names.length) return { sql: `insert into ${qualified} default values`, status: 201 };
  const columns = names.map((name) => column(relation, name));
  const payload =
    prefer.missing === "default" ? withDefaults(columns, parameters.add(request.text)) : parameters.add(request.text);
  const list = names.map(identifier).join(", ");
  const record = Array.isArray(request.json()) ? "recordset" : "record";
  const source =
    prefer.missing === "default"
      ? `jsonb_to_recordset((${payload})) as _(${definitions(columns)})`
      : `json_to_${record}(${payload}::text::json) as _(${definitions(columns)})`;
  return {
    sql: `insert into ${qualified} (${list}) select ${list} from ${source}${conflict(request, relation, prefer, names)}`,
    status: 201,
  };
}

function withDefaults(columns, payload) {
  const pairs = columns.filter((c) => c.default).map((c) => `${literal(c.name)}, to_jsonb(${c.default})`);
  return (
    `select jsonb_agg(jsonb_build_object(${pairs.join(", ")}) || _element) ` +
    `from jsonb_array_elements(case jsonb_typeof(${payload}::text::jsonb) when 'array' then ${payload}::text::jsonb ` +
    `else jsonb_build_array(${payload}::text::jsonb) end) as _element`
  );
}

function conflict(request, relation, prefer, names) {
  if (!["merge-duplicates", "ignore-duplicates"].includes(prefer.resolution)) return "";
  const listed = request.query.get("on_conflict");
  const target = listed ? splitTop(listed).map((name) => unquote(name.trim())) : (relation.primaryKey ?? []);
  if (!target.length) return "";
  const action =
    prefer.resolution === "ignore-duplicates"
      ? "do nothing"
      : `do update set ${names.map((name) => `${identifier(name)} = excluded.${identifier(name)}`).join(", ")}`;
  return ` on conflict (${target.map(identifier).join(", ")}) ${action}`;
}

function update(context) {
  const { request, relation, parameters, qualified } = context;
  const values = request.json();
  const names = Object.keys(values);
  if (!names.length) return { sql: null };
  const columns = names.map((name) => column(relation, name));
  const source = `json_to_record(${parameters.add(request.text)}::text::json) as pgrst_body(${definitions(columns)})`;
  const assignments = names.map((name) => `${identifier(name)} = pgrst_body.${identifier(name)}`).join(", ");
  const from = `(select * from ${source}) as pgrst_body`;
  return {
    sql: `update ${qualified} set ${assignments} from ${from}${where(context, "UPDATE")}`,
    status: 204,
  };
}

function remove(context) {
  return { sql: `delete from ${context.qualified}${where(context, "DELETE")}`, status: 204 };
}

// Hosted Supabase loads pg-safeupdate for the API: a statement for the whole table is an accident.
function where({ node, relation, reader }, verb) {
  if (!node.conditions.length) throw new ApiError(400, "21000", `${verb} requires a WHERE clause`);
  return reader.where(node, relation);
}

function column(relation, name) {
  const found = relation.types.get(name);
  if (found) return found;
  throw new ApiError(400, "PGRST204", `Could not find the '${name}' column of '${relation.name}' in the schema cache`);
}

function definitions(columns) {
  return columns.map(({ name, type }) => `${identifier(name)} ${type}`).join(", ");
}

function sameKeys(row, names) {
  const keys = Object.keys(row ?? {});
  return keys.length === names.length && names.every((name) => Object.hasOwn(row, name));
}

function closest(name, cache, schema) {
  const distance = (relation) => Math.abs(relation.name.length - name.length);
  const similar = [...cache.relations.values()]
    .filter((relation) => relation.schema === schema && relation.name.startsWith(name.slice(0, 4)))
    .sort((one, other) => distance(one) - distance(other));
  return similar.length ? `Perhaps you meant the table '${schema}.${similar[0].name}'` : null;
}
