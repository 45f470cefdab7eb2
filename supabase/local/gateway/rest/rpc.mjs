// /rest/v1/rpc/<function>: named arguments from a JSON body or the query string, results as Postgres makes them.
import { ApiError } from "../errors.mjs";
import { Parameters, identifier } from "./filters.mjs";
import { applyRange, parseQuery } from "./query.mjs";
import { Reader } from "./read.mjs";
import { bodySql, isSingular, preferences, requireSingle, rowsResponse, stripping } from "./respond.mjs";

export async function serveFunction(request, name, { cache, schema, maxRows, transaction }) {
  const reading = request.method === "GET" || request.method === "HEAD";
  if (!reading && request.method !== "POST")
    throw new ApiError(405, "PGRST101", "Only GET, HEAD, and POST verbs are allowed for RPC");
  const candidates = cache.functions.get(`${schema}.${name}`) ?? [];
  const body = reading ? null : objectBody(request);
  const given = reading ? namesInQuery(request.query, candidates) : Object.keys(body);
  const called = choose(candidates, given, { schema, name });
  const parameters = new Parameters();
  const call = callSql(called, given, reading ? Object.fromEntries(request.query) : request.text, parameters, reading);

  const ignored = new Set(reading ? given : []);
  const node = parseQuery(request.query, ignored);
  if (called.set) applyRange(node, request.headers.range);
  const reader = new Reader(cache, schema, parameters, maxRows);
  const prefer = preferences(request);
  const prefix = `with pgrst_source as (${call}) `;
  const text =
    called.composite || called.relation
      ? recordsSql({ called, node, reader, request, prefer, prefix, cache })
      : scalarSql(called, prefix);
  return transaction({ readOnly: reading }, async (run) => {
    const [result] = await run(text, parameters.values);
    if (called.void) return { status: Number(result.status) || 204, headers: {}, body: null };
    if (called.set) requireSingle(request, result);
    return rowsResponse(request, result, { offset: called.set ? node.offset : 0, ranged: called.set });
  });
}

function callSql(called, given, source, parameters, reading) {
  const name = `${identifier(called.schema)}.${identifier(called.name)}`;
  const used = called.arguments.filter((argument) => given.includes(argument.name));
  const result = called.composite || called.relation ? "pgrst_call.*" : "pgrst_call as pgrst_scalar";
  if (!used.length) return `select ${result} from ${name}() as pgrst_call`;
  if (reading) {
    const values = used.map(
      ({ name: argument, type }) => `${identifier(argument)} := ${parameters.add(source[argument])}::text::${type}`,
    );
    return `select ${result} from ${name}(${values.join(", ")}) as pgrst_call`;
  }
  const definitions = used.map(({ name: argument, type }) => `${identifier(argument)} ${type}`).join(", ");
  const values = used
    .map(({ name: argument }) => `${identifier(argument)} := pgrst_args.${identifier(argument)}`)
    .join(", ");
  return (
    `select ${result} from json_to_record(${parameters.add(source)}::text::json) as pgrst_args(${definitions}), ` +
    `lateral ${name}(${values}) as pgrst_call`
  );
}

function recordsSql({ called, node, reader, request, prefer, prefix, cache }) {
  const relation = called.relation ? cache.relation(called.relation_schema, called.relation) : null;
  const { rows, count } = reader.compile(node, {
    relation,
    from: "pgrst_source",
    alias: called.relation ?? called.name,
  });
  const singular = !called.set || isSingular(request);
  const total = called.set && prefer.count ? count : null;
  return bodySql(rows, { singular, total, stripped: stripping(request), prefix });
}

function scalarSql(called, prefix) {
  const body = called.set ? "coalesce(json_agg(pgrst_scalar), '[]')" : "(json_agg(pgrst_scalar) -> 0)";
  return (
    `${prefix}select coalesce(${body}::text, 'null') as body, count(*)::text as rows, null as total, ` +
    "current_setting('response.status', true) as status, current_setting('response.headers', true) as headers from pgrst_source"
  );
}

function objectBody(request) {
  const body = request.text === "" ? {} : request.json();
  if (body === null || typeof body !== "object" || Array.isArray(body)) {
    throw new ApiError(
      400,
      "PGRST102",
      "Empty or invalid json",
      "The body of a call is one JSON object with the arguments.",
    );
  }
  return body;
}

function namesInQuery(query, candidates) {
  const names = new Set(candidates.flatMap((candidate) => candidate.arguments.map((argument) => argument.name)));
  return [...new Set(query.keys())].filter((name) => names.has(name));
}

// Of functions with this name, the one that takes all the given arguments and misses none without a default.
function choose(candidates, given, { schema, name }) {
  const fitting = candidates.filter((candidate) => {
    const names = candidate.arguments.map((argument) => argument.name);
    const required = names.slice(0, names.length - candidate.defaults);
    return (
      given.every((argument) => names.includes(argument)) && required.every((argument) => given.includes(argument))
    );
  });
  if (fitting.length === 1) return fitting[0];
  const signature = `${schema}.${name}${given.length ? `(${given.join(", ")})` : " without parameters"}`;
  if (fitting.length > 1) {
    throw new ApiError(
      300,
      "PGRST203",
      `Could not choose the best candidate function between: ${signature}`,
      null,
      "Try renaming the parameters or the function itself in the database so function overloading can be resolved",
    );
  }
  const known = candidates[0];
  throw new ApiError(
    404,
    "PGRST202",
    `Could not find the function ${signature} in the schema cache`,
    `Searched for the function ${signature}, but no matches were found in the schema cache.`,
    known
      ? `Perhaps you meant to call the function ${schema}.${name}(${known.arguments.map((a) => a.name).join(", ")})`
      : null,
  );
}
