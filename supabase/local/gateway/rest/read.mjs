// From the tree of a query to one SELECT; embedded relations become lateral joins that return JSON.
import { ApiError } from "../errors.mjs";
import { columnSql, directionSql, filterSql, identifier } from "./filters.mjs";

const CAST = /^[a-z_][a-z0-9_ .[\]()]*$/i;

export class Reader {
  #joined = 0;

  constructor(cache, schema, parameters, maxRows) {
    Object.assign(this, { cache, schema, parameters, maxRows });
  }

  /**
   * Compile a node over `from`, whose rows are of `relation` (null for a function's own record).
   * Returns {rows, count}: the SELECT of the rows, and the one that counts them without limit.
   */
  compile(node, { relation, from, alias, extra = [] }) {
    const embeds = node.embeds.map((embed) => this.#embed(embed, relation, alias));
    const conditions = [
      ...extra,
      ...node.conditions.map((condition) => this.#condition(condition, alias, relation, embeds)),
    ];
    const required = embeds.filter((embed) => embed.required);
    conditions.push(...required.map((embed) => `${embed.joined}.j is not null`));
    const where = conditions.length ? ` where ${conditions.join(" and ")}` : "";
    const joins = embeds.map((embed) => embed.join).join("");
    const filteringJoins = embeds
      .filter((embed) => embed.required || embed.filtering)
      .map((embed) => embed.join)
      .join("");
    const list = [
      ...node.columns.map((column) => this.#item(column, alias)),
      ...embeds.flatMap((embed) => embed.items),
    ];
    const source = `from ${from} as ${identifier(alias)}`;
    return {
      rows: `select ${list.join(", ") || "1"} ${source}${joins}${where}${this.#order(node, alias, embeds)}${this.#range(node)}`,
      count: `select count(*) ${source}${filteringJoins}${where}`,
    };
  }

  /** The WHERE of a statement that changes rows of a relation. */
  where({ conditions }, relation) {
    return ` where ${conditions.map((condition) => this.#condition(condition, relation.name, relation, [])).join(" and ")}`;
  }

  /** Columns of a relation that a node's select and its embeds read: what RETURNING has to bring. */
  columnsRead(node, relation) {
    if (node.columns.some(({ name }) => name === "*")) return ["*"];
    const names = new Set(node.columns.map(({ name }) => name));
    for (const embed of node.embeds) {
      const found = this.#relationship(embed, relation);
      for (const [own] of found.columns ?? found.near) names.add(own);
    }
    for (const { column, relation: related } of node.order) if (!related) names.add(column.name);
    return [...names];
  }

  #item({ name, path, alias: shownAs, cast }, alias) {
    if (name === "*") return `${identifier(alias)}.*`;
    if (cast && !CAST.test(cast)) throw new ApiError(400, "PGRST100", `"failed to parse select parameter (${cast})"`);
    const expression = columnSql(alias, { name, path });
    return `${cast ? `cast(${expression} as ${cast})` : expression} as ${identifier(shownAs)}`;
  }

  #condition(condition, alias, relation, embeds) {
    if (condition.logic) {
      const members = condition.members.map((member) => this.#condition(member, alias, relation, embeds));
      return `${condition.negated ? "not " : ""}(${members.join(` ${condition.logic} `)})`;
    }
    const embed = embeds.find((candidate) => candidate.alias === condition.column.name);
    if (embed && condition.operator === "is" && condition.value === "null") {
      embed.filtering = true;
      return `${embed.joined}.j is ${condition.negated ? "not " : ""}null`;
    }
    return filterSql(alias, condition, this.parameters, relation?.types);
  }

  #order(node, alias, embeds) {
    if (!node.order.length) return "";
    const terms = node.order.map((term) => {
      if (!term.relation) return columnSql(alias, term.column) + directionSql(term);
      const embed = embeds.find((candidate) => candidate.alias === term.relation || candidate.name === term.relation);
      if (!embed?.single) {
        throw new ApiError(
          400,
          "PGRST118",
          `A related order on '${term.relation}' is not possible`,
          `'${term.relation}' is not an embedded to-one resource of this request`,
        );
      }
      return embed.ordered(term.column) + directionSql(term);
    });
    return ` order by ${terms.join(", ")}`;
  }

  #range({ limit, offset }) {
    const most = Math.min(limit, this.maxRows);
    const limiting = Number.isFinite(most) ? ` limit ${this.parameters.add(String(most))}` : "";
    return `${limiting}${offset ? ` offset ${this.parameters.add(String(offset))}` : ""}`;
  }

  #embed(embed, relation, alias) {
    const relationship = this.#relationship(embed, relation);
    this.#joined += 1;
    const inner = `${relationship.target}_${this.#joined}`;
    const joined = identifier(`embed_${this.#joined}`);
    const target = this.cache.relation(this.schema, relationship.target);
    const { from, extra } = this.#source(relationship, alias, inner);
    const { rows } = this.compile(embed, { relation: target, from, alias: inner, extra });
    const single = relationship.kind.endsWith("-to-one");
    const isEmpty = !embed.columns.length && !embed.embeds.length;
    const shown = { alias: embed.alias, name: embed.name, joined, single, required: embed.join === "inner" };
    shown.ordered = (column) =>
      `(select ${columnSql(inner, column)} from ${from} as ${identifier(inner)} where ${extra.join(" and ")})`;
    if (embed.spread) {
      if (!single) {
        throw new ApiError(
          400,
          "PGRST119",
          `A spread operation on '${embed.name}' is not possible`,
          `'${relation.name}' and '${embed.name}' do not form a many-to-one or one-to-one relationship`,
        );
      }
      const names = [
        ...embed.columns.map((c) => (c.name === "*" ? [...target.types.keys()] : c.alias)),
        ...embed.embeds.map((e) => e.alias),
      ];
      const items = names.flat().map((name) => `${joined}.${identifier(name)}`);
      return {
        ...shown,
        items,
        join: ` left join lateral (select _e.*, true as j from (${rows}) _e) as ${joined} on true`,
      };
    }
    const value = single ? "row_to_json(_e)" : "json_agg(_e)";
    const item = single ? `${joined}.j` : `coalesce(${joined}.j, '[]')`;
    return {
      ...shown,
      items: isEmpty ? [] : [`${item} as ${identifier(embed.alias)}`],
      join: ` left join lateral (select ${value} as j from (${rows}) _e) as ${joined} on true`,
    };
  }

  #source(relationship, alias, inner) {
    const target = this.#qualified(relationship.target);
    const equal = (left, right, pairs) =>
      pairs.map(([a, b]) => `${identifier(left)}.${identifier(a)} = ${identifier(right)}.${identifier(b)}`);
    if (relationship.kind !== "many-to-many") {
      return { from: target, extra: equal(alias, inner, relationship.columns) };
    }
    const through = `${relationship.junction}_${this.#joined}`;
    const near = equal(alias, through, relationship.near);
    const far = equal(through, inner, relationship.far);
    const junction = `${this.#qualified(relationship.junction)} as ${identifier(through)}`;
    return {
      from: target,
      extra: [`exists (select from ${junction} where ${[...near, ...far].join(" and ")})`],
    };
  }

  #qualified(name) {
    return `${identifier(this.schema)}.${identifier(name)}`;
  }

  #relationship({ name, hint }, relation) {
    if (!relation) throw this.#noRelationship("the function's result", name);
    const found = this.cache.relation(this.schema, name)
      ? this.cache.relationships(this.schema, relation.name, name)
      : this.#byForeignKey(relation, name);
    const fitting = hint ? found.filter((candidate) => matches(candidate, hint)) : found;
    if (fitting.length === 1) return fitting[0];
    if (!fitting.length) throw this.#noRelationship(relation.name, name, hint);
    const hints = fitting.map((candidate) => `'${name}!${candidate.name}'`).join(", ");
    throw new ApiError(
      300,
      "PGRST201",
      `Could not embed because more than one relationship was found for '${relation.name}' and '${name}'`,
      fitting.map((candidate) => ({
        cardinality: candidate.kind,
        embedding: `${relation.name} with ${name}`,
        relationship: describe(relation.name, candidate),
      })),
      `Try changing '${name}' to one of the following: ${hints}. Find the desired relationship in the 'details' key.`,
    );
  }

  // The name may also be that of a foreign key, or of its only column.
  #byForeignKey(relation, name) {
    const targets = new Set(
      this.cache.foreignKeys.filter((fk) => fk.relation === relation.name).map((fk) => fk.target),
    );
    return [...targets]
      .flatMap((target) => this.cache.relationships(this.schema, relation.name, target))
      .filter((candidate) => candidate.kind === "many-to-one" && matches(candidate, name));
  }

  #noRelationship(from, to, hint) {
    const using = hint ? ` using the hint '${hint}'` : "";
    return new ApiError(
      400,
      "PGRST200",
      `Could not find a relationship between '${from}' and '${to}' in the schema cache`,
      `Searched for a foreign key relationship between '${from}' and '${to}'${using} in the schema '${this.schema}', but no matches were found.`,
    );
  }
}

function matches(candidate, hint) {
  if (candidate.name === hint || candidate.hints?.includes(hint)) return true;
  return candidate.fk?.columns.length === 1 && candidate.fk.columns[0] === hint;
}

function describe(from, { kind, name, target, columns, junction, near, far }) {
  const list = (pairs, side) => pairs.map((pair) => pair[side]).join(", ");
  return kind === "many-to-many"
    ? `${junction} using ${from}(${list(near, 0)}) and ${target}(${list(far, 1)})`
    : `${name} using ${from}(${list(columns, 0)}) and ${target}(${list(columns, 1)})`;
}
