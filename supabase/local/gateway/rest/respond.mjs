// What the Accept, Prefer and Range headers ask of a response, and the response itself.
import { ApiError } from "../errors.mjs";
import { rangeNotSatisfiable } from "./query.mjs";

const SINGULAR = "application/vnd.pgrst.object+json";

/** Read `Prefer: a=b, c` into an object. */
export function preferences(request) {
  const entries = (request.headers.prefer ?? "").split(",").map((item) => item.trim().split("="));
  return Object.fromEntries(entries.filter(([name]) => name));
}

export function isSingular(request) {
  return (request.headers.accept ?? "").includes(SINGULAR);
}

/** Choose the schema: the profile header, or the first exposed one. */
export function profile(request, schemas) {
  const header = ["GET", "HEAD"].includes(request.method) ? "accept-profile" : "content-profile";
  const wanted = request.headers[header] ?? schemas[0];
  if (!schemas.includes(wanted)) {
    throw new ApiError(
      406,
      "PGRST106",
      `Invalid schema: ${wanted}`,
      null,
      `Only the following schemas are exposed: ${schemas.join(", ")}`,
    );
  }
  return wanted;
}

/** Wrap the SELECT of the rows into the one statement that makes the body and its counts. */
export function bodySql(rows, { singular, total, stripped, prefix = "" }) {
  const array = stripped(`json_agg(_r)`);
  const body = singular ? `(${array} -> 0)` : `coalesce(${array}, '[]')`;
  const counted = total ? `(${total})` : "null";
  return (
    `${prefix}select ${body}::text as body, count(*)::text as rows, ${counted}::text as total, ` +
    "current_setting('response.status', true) as status, current_setting('response.headers', true) as headers " +
    `from (${rows}) _r`
  );
}

export function stripping(request) {
  const strip = (request.headers.accept ?? "").includes("nulls=stripped");
  return (expression) => (strip ? `json_strip_nulls(${expression})` : expression);
}

/** Throw, and so roll back, unless a singular request got exactly one row. */
export function requireSingle(request, result) {
  if (!isSingular(request) || result.rows === "1") return;
  throw new ApiError(
    406,
    "PGRST116",
    "Cannot coerce the result to a single JSON object",
    `The result contains ${result.rows} rows`,
  );
}

export function rowsResponse(request, result, { status, offset = 0, ranged = false }) {
  const count = Number(result.rows);
  const total = result.total === null ? null : Number(result.total);
  if (ranged && total !== null && offset > 0 && offset >= total) {
    throw rangeNotSatisfiable(`An offset of ${offset} was requested, but there are only ${total} rows.`);
  }
  const range = count ? `${offset}-${offset + count - 1}` : "*";
  const partial = ranged && total !== null && count < total;
  const type = isSingular(request) ? SINGULAR : "application/json";
  const headers = { "content-type": `${type}; charset=utf-8`, "content-range": `${range}/${total ?? "*"}` };
  for (const header of result.headers ? JSON.parse(result.headers) : []) {
    for (const [name, value] of Object.entries(header)) headers[name.toLowerCase()] = value;
  }
  return { status: Number(result.status) || status || (partial ? 206 : 200), headers, body: result.body };
}
