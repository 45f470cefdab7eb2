// PostgREST's query grammar, https://docs.postgrest.org/en/stable/references/api/tables_views.html:
// text in, plain trees out. Nothing here knows the database.
import { ApiError } from "../errors.mjs";

const OPERATOR = /^(not\.)?([a-z]+)(?:\(([a-z_]+)\))?\.(.*)$/s;
const AGGREGATES = /\.?(count|sum|avg|min|max)\(\)/;

/** Split at `separator` outside parentheses, braces and double quotes. */
export function splitTop(text, separator = ",") {
  const parts = [];
  let depth = 0;
  let quoted = false;
  let start = 0;
  for (let i = 0; i < text.length; i += 1) {
    const c = text[i];
    if (quoted) {
      if (c === "\\") i += 1;
      else if (c === '"') quoted = false;
    } else if (c === '"') quoted = true;
    else if (c === "(" || c === "{") depth += 1;
    else if (c === ")" || c === "}") depth -= 1;
    else if (c === separator && depth === 0) {
      parts.push(text.slice(start, i));
      start = i + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}

/** `a->b->>c` → {name: "a", path: [["->", "b"], ["->>", "c"]]}. */
export function parseColumn(text) {
  const [name, ...rest] = text.trim().split(/(->>|->)/);
  const path = [];
  for (let i = 0; i < rest.length; i += 2) path.push([rest[i], rest[i + 1]]);
  return { name: unquote(name), path };
}

/** Parse `select=`: {columns: [{name, path, alias, cast}], embeds: [{name, alias, hint, join, spread, select}]}. */
export function parseSelect(text) {
  const select = { columns: [], embeds: [] };
  for (const part of splitTop(text.replace(/\s+/g, " ")).map((item) => item.trim())) {
    if (part === "") continue;
    const embed = /^(\.\.\.)?(?:("[^"]+"|[^:("]+):)?([^(]+)\((.*)\)$/s.exec(part);
    if (AGGREGATES.test(part) && !(embed && embed[4])) {
      throw new ApiError(400, "PGRST123", "Use of aggregate functions is not allowed");
    }
    if (embed) {
      const [name, ...modifiers] = embed[3].split("!").map((word) => unquote(word.trim()));
      const join = modifiers.find((word) => word === "inner" || word === "left") ?? "left";
      const hint = modifiers.find((word) => word !== "inner" && word !== "left");
      const alias = unquote(embed[2]?.trim() ?? name);
      select.embeds.push({
        name,
        alias,
        hint,
        join,
        spread: Boolean(embed[1]),
        select: parseSelect(embed[4]),
      });
      continue;
    }
    const [, alias, rest] = /^(?:("[^"]+"|[^:"]+):(?!:))?(.+)$/s.exec(part);
    const [column, cast] = rest.split("::");
    const parsed = parseColumn(column);
    const last = parsed.path.findLast(([, step]) => !/^\d+$/.test(step))?.[1];
    select.columns.push({ ...parsed, cast, alias: alias ? unquote(alias) : (last ?? parsed.name) });
  }
  return select;
}

/** Parse `op.value` with its negation and quantifier. */
export function parseOperation(text) {
  const match = OPERATOR.exec(text);
  if (!match) throw unparsable(text);
  return { negated: Boolean(match[1]), operator: match[2], modifier: match[3], value: match[4] };
}

/** Parse `(a.eq.1,or(b.is.null,not.and(…)))` into {logic, negated, members}. */
export function parseLogic(logic, text, negated = false) {
  const body = /^\s*\((.*)\)\s*$/s.exec(text);
  if (!body) throw unparsable(text);
  const members = splitTop(body[1]).map((member) => {
    const nested = /^(not\.)?(and|or)(\(.*\))$/s.exec(member.trim());
    if (nested) return parseLogic(nested[2], nested[3], Boolean(nested[1]));
    const dot = endOfColumn(member);
    return {
      column: parseColumn(member.slice(0, dot)),
      ...parseOperation(member.slice(dot + 1)),
      listed: true,
    };
  });
  return { logic, negated, members };
}

/** Parse `order=`: [{column, relation, descending, nulls}]. */
export function parseOrder(text) {
  return splitTop(text).map((term) => {
    const match = /^(.+?)(?:\.(asc|desc))?(?:\.(nullsfirst|nullslast))?$/.exec(term.trim());
    if (!match) throw unparsable(text);
    const related = /^(.+)\((.+)\)$/.exec(match[1]);
    return {
      relation: related?.[1],
      column: parseColumn(related ? related[2] : match[1]),
      descending: match[2] === "desc",
      nulls: { nullsfirst: "nulls first", nullslast: "nulls last" }[match[3]] ?? "",
    };
  });
}

/** The elements of `(a,"b,c",d)`. */
export function parseList(text) {
  const body = /^\((.*)\)$/s.exec(text);
  if (!body) throw unparsable(text);
  return body[1] === "" ? [] : splitQuoted(body[1]);
}

export function unquote(text) {
  return text.length > 1 && text.startsWith('"') && text.endsWith('"')
    ? text.slice(1, -1).replace(/\\(.)/g, "$1")
    : text;
}

export function unparsable(text) {
  return new ApiError(400, "PGRST100", `"failed to parse (${text})"`, `unexpected input in ${JSON.stringify(text)}`);
}

function splitQuoted(text) {
  const parts = [];
  const pattern = /\s*("(?:[^"\\]|\\.)*"|[^,]*)(?:,|$)/gsy;
  while (pattern.lastIndex < text.length) parts.push(unquote(pattern.exec(text)[1]));
  if (text.endsWith(",")) parts.push("");
  return parts;
}

function endOfColumn(member) {
  const quoted = /^\s*"[^"]*"/.exec(member);
  const dot = member.indexOf(".", quoted ? quoted[0].length : 0);
  if (dot < 0) throw unparsable(member);
  return dot;
}
