// Filters and orders as SQL. Values always travel as parameters of unknown type, so that Postgres reads
// them as the column's own type.
import { ApiError } from "../errors.mjs";
import { literal } from "../pool.mjs";
import { parseList, unparsable, unquote } from "./grammar.mjs";

const BINARY = {
  eq: "=",
  neq: "<>",
  gt: ">",
  gte: ">=",
  lt: "<",
  lte: "<=",
  like: "like",
  ilike: "ilike",
  match: "~",
  imatch: "~*",
  cs: "@>",
  cd: "<@",
  ov: "&&",
  sl: "<<",
  sr: ">>",
  nxr: "&<",
  nxl: "&>",
  adj: "-|-",
  isdistinct: "is distinct from",
};
const QUANTIFIABLE = new Set(["eq", "gt", "gte", "lt", "lte", "like", "ilike", "match", "imatch"]);
const TEXT_SEARCH = {
  fts: "to_tsquery",
  plfts: "plainto_tsquery",
  phfts: "phraseto_tsquery",
  wfts: "websearch_to_tsquery",
};
const IS = { null: "null", not_null: "not null", true: "true", false: "false", unknown: "unknown" };

export const identifier = (name) => `"${name.replaceAll('"', '""')}"`;

/** The parameters of one statement. */
export class Parameters {
  values = [];

  add(value) {
    this.values.push(value);
    return `$${this.values.length}`;
  }
}

export function columnSql(alias, { name, path }) {
  const steps = path.map(([arrow, step]) => `${arrow}${/^-?\d+$/.test(step) ? step : literal(step)}`).join("");
  const column = `${identifier(alias)}.${identifier(name)}`;
  // to_jsonb, because a path may start in an array or a composite.
  return steps ? `(to_jsonb(${column})${steps})` : column;
}

/** One filter {column, negated, operator, modifier, value} on the relation called `alias`, of `types` if known. */
export function filterSql(alias, filter, parameters, types) {
  const left = columnSql(alias, filter.column);
  const condition = operationSql(left, filter, parameters, types?.get(filter.column.name)?.type);
  return filter.negated ? `not (${condition})` : condition;
}

function operationSql(left, { operator, modifier, value, listed }, parameters, type) {
  const text = listed ? unquote(value) : value;
  if (operator === "in") return `${left} = any (${parameters.add(arrayLiteral(parseList(value)))})`;
  if (operator === "is") {
    const wanted = IS[text.toLowerCase()];
    if (!wanted) throw unparsable(`is.${value}`);
    return `${left} is ${wanted}`;
  }
  if (operator in TEXT_SEARCH) {
    const configuration = modifier ? `${parameters.add(modifier)}::regconfig, ` : "";
    const document = type === "tsvector" ? left : `to_tsvector(${configuration}${left}::text)`;
    return `${document} @@ ${TEXT_SEARCH[operator]}(${configuration}${parameters.add(text)})`;
  }
  const symbol = BINARY[operator];
  if (!symbol) {
    throw new ApiError(
      400,
      "PGRST100",
      `"failed to parse filter (${operator}.${value})"`,
      `unknown operator "${operator}"`,
    );
  }
  const wild = operator === "like" || operator === "ilike" ? text.replaceAll("*", "%") : text;
  if (modifier) {
    if (!QUANTIFIABLE.has(operator) || !["any", "all"].includes(modifier)) throw unparsable(`${operator}(${modifier})`);
    return `${left} ${symbol} ${modifier} (${parameters.add(wild)})`;
  }
  return `${left} ${symbol} ${parameters.add(wild)}`;
}

export function arrayLiteral(values) {
  return `{${values.map((value) => `"${value.replaceAll(/(["\\])/g, "\\$1")}"`).join(",")}}`;
}

export function directionSql({ descending, nulls }) {
  return `${descending ? " desc" : ""}${nulls ? ` ${nulls}` : ""}`;
}
