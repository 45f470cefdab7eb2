// The query string as a tree: one node per relation asked for, each with its filters, order and range.
import { ApiError } from "../errors.mjs";
import { parseColumn, parseLogic, parseOperation, parseOrder, parseSelect, unparsable } from "./grammar.mjs";

const RESERVED = new Set(["select", "columns", "on_conflict", "apikey"]);
const MODIFIERS = new Set(["order", "limit", "offset", "and", "or"]);

/** Build the tree; names in `ignored` (arguments of a function) are left alone. */
export function parseQuery(query, ignored = new Set()) {
  const root = nodeOf(parseSelect(query.get("select") ?? "*"));
  for (const [name, value] of query) {
    if (RESERVED.has(name) || ignored.has(name)) continue;
    const { path, modifier, negated, column } = parseName(name);
    const node = path.reduce((at, step) => child(at, step, name), root);
    if (modifier === "order") node.order = parseOrder(value);
    else if (modifier === "limit" || modifier === "offset") node[modifier] = natural(modifier, value);
    else if (modifier) node.conditions.push(parseLogic(modifier, value, negated));
    else node.conditions.push({ column: parseColumn(column), ...parseOperation(value) });
  }
  return root;
}

/** Narrow a node's limit and offset by a Range header (`0-9`, `10-`). */
export function applyRange(node, header) {
  const match = /^(\d+)-(\d*)$/.exec(header ?? "");
  if (!match) return;
  const [first, last] = [Number(match[1]), match[2] === "" ? Infinity : Number(match[2])];
  if (last < first)
    throw rangeNotSatisfiable(
      "The lower boundary must be lower than or equal to the upper boundary in the Range header.",
    );
  node.offset = Math.max(node.offset, first);
  node.limit = Math.min(node.limit, last - first + 1);
}

export function rangeNotSatisfiable(details) {
  return new ApiError(416, "PGRST103", "Requested range not satisfiable", details);
}

function nodeOf(select) {
  const embeds = select.embeds.map((embed) => ({ ...embed, ...nodeOf(embed.select) }));
  return { columns: select.columns, embeds, conditions: [], order: [], limit: Infinity, offset: 0 };
}

function child(node, step, name) {
  const found = node.embeds.find((embed) => embed.alias === step) ?? node.embeds.find((embed) => embed.name === step);
  if (!found) {
    throw new ApiError(
      400,
      "PGRST108",
      `'${step}' is not an embedded resource in this request`,
      null,
      `Verify that '${step}' is included in the 'select' query parameter, which '${name}' needs.`,
    );
  }
  return found;
}

function parseName(name) {
  const arrow = name.indexOf("->");
  const [plain, json] = arrow < 0 ? [name, ""] : [name.slice(0, arrow), name.slice(arrow)];
  const steps = plain.match(/"[^"]*"|[^."]+/g) ?? [];
  const last = steps.pop() ?? "";
  if (json === "" && MODIFIERS.has(last)) {
    const negated = (last === "and" || last === "or") && steps.at(-1) === "not";
    return { path: negated ? steps.slice(0, -1) : steps, modifier: last, negated };
  }
  return { path: steps, column: last + json };
}

function natural(name, value) {
  const number = Number(value);
  if (!Number.isInteger(number)) throw unparsable(`${name}=${value}`);
  if (number < 0) throw rangeNotSatisfiable(`Limit should be greater than or equal to zero.`);
  return number;
}
