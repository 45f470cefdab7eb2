// The schema cache: what PostgREST needs to know of the database, read in one query, again on NOTIFY pgrst.

const QUERY = `
with relations as (
  select c.oid, n.nspname as schema, c.relname as name, c.relkind as kind, pg_get_viewdef(c.oid) as definition
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'v', 'm', 'f', 'p') and not c.relispartition and n.nspname = any ($1)
)
select json_build_object(
  'relations', (select json_agg(json_build_object('schema', schema, 'name', name, 'kind', kind, 'columns', (
    select json_agg(json_build_object(
      'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
      'default', case
        when a.attidentity <> '' then format('nextval(%L)', pg_get_serial_sequence(format('%I.%I', schema, name), a.attname))
        when a.attgenerated = '' then pg_get_expr(d.adbin, d.adrelid) end
    ) order by a.attnum)
    from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attrelid = relations.oid and a.attnum > 0 and not a.attisdropped
  ))) from relations),
  'keys', (select json_agg(json_build_object(
      'schema', r.schema, 'relation', r.name, 'primary', con.contype = 'p',
      'columns', (select json_agg(a.attname order by k.position) from unnest(con.conkey) with ordinality k (number, position)
        join pg_attribute a on a.attrelid = con.conrelid and a.attnum = k.number)))
    from pg_constraint con join relations r on r.oid = con.conrelid where con.contype in ('p', 'u')),
  'foreign_keys', (select json_agg(json_build_object(
      'name', con.conname, 'schema', r.schema, 'relation', r.name, 'target_schema', t.schema, 'target', t.name,
      'columns', (select json_agg(a.attname order by k.position) from unnest(con.conkey) with ordinality k (number, position)
        join pg_attribute a on a.attrelid = con.conrelid and a.attnum = k.number),
      'target_columns', (select json_agg(a.attname order by k.position) from unnest(con.confkey) with ordinality k (number, position)
        join pg_attribute a on a.attrelid = con.confrelid and a.attnum = k.number)))
    from pg_constraint con join relations r on r.oid = con.conrelid join relations t on t.oid = con.confrelid
    where con.contype = 'f' and con.conparentid = 0),
  'view_columns', (select json_agg(distinct jsonb_build_object(
      'schema', v.schema, 'view', v.name, 'target_schema', t.schema, 'target', t.name, 'column', a.attname))
    from relations v
    join pg_rewrite w on w.ev_class = v.oid and w.rulename = '_RETURN'
    join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid and d.refclassid = 'pg_class'::regclass and d.refobjsubid > 0
    join relations t on t.oid = d.refobjid and t.oid <> v.oid
    join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
    join pg_attribute same on same.attrelid = v.oid and same.attname = a.attname
    where v.kind = 'v'),
  'functions', (select json_agg(json_build_object(
      'schema', n.nspname, 'name', p.proname, 'volatile', p.provolatile = 'v', 'set', p.proretset,
      'void', p.prorettype = 'void'::regtype,
      'composite', rt.typtype = 'c' or p.prorettype = 'record'::regtype or p.proargmodes && '{o,b,t}'::"char"[],
      'relation', rc.name, 'relation_schema', rc.schema, 'defaults', p.pronargdefaults,
      'arguments', (select coalesce(json_agg(json_build_object(
          'name', p.proargnames[i], 'type', format_type(coalesce(p.proallargtypes[i], p.proargtypes[i - 1]), null))
          order by i), '[]')
        from generate_series(1, coalesce(array_length(p.proallargtypes, 1), p.pronargs)) i
        where p.proargmodes is null or p.proargmodes[i] in ('i', 'b', 'v'))))
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_type rt on rt.oid = p.prorettype
    left join relations rc on rc.oid = rt.typrelid
    where p.prokind = 'f' and n.nspname = any ($1) and p.prorettype <> all ('{trigger,event_trigger}'::regtype[])),
  'role_settings', (select json_object_agg(r.rolname, (
      select json_object_agg(split_part(entry, '=', 1), substr(entry, strpos(entry, '=') + 1)) from unnest(s.setconfig) entry))
    from pg_db_role_setting s join pg_roles r on r.oid = s.setrole
    where s.setdatabase = 0 and pg_has_role('authenticator', r.oid, 'member') and r.rolname <> 'authenticator')
)::text as cache`;

export class Schema {
  constructor(raw) {
    this.roleSettings = raw.role_settings ?? {};
    this.relations = new Map((raw.relations ?? []).map((r) => [key(r.schema, r.name), r]));
    for (const relation of this.relations.values()) {
      Object.assign(relation, { keys: [], types: new Map((relation.columns ?? []).map((c) => [c.name, c])) });
    }
    for (const k of raw.keys ?? []) {
      const relation = this.relations.get(key(k.schema, k.relation));
      relation.keys.push(k.columns);
      if (k.primary) relation.primaryKey = k.columns;
    }
    this.foreignKeys = [...(raw.foreign_keys ?? []), ...throughViews(raw)];
    const byRelation = Map.groupBy(raw.foreign_keys ?? [], (fk) => key(fk.schema, fk.relation));
    this.manyToMany = [...byRelation.values()].flatMap((fks) => this.#junctions(fks));
    this.functions = Map.groupBy(raw.functions ?? [], (f) => key(f.schema, f.name));
  }

  static async read(sql, schemas) {
    const [row] = await sql.unsafe(QUERY, [`{${schemas.join(",")}}`]);
    return new Schema(JSON.parse(row.cache));
  }

  relation(schema, name) {
    return this.relations.get(key(schema, name));
  }

  /** Every way from one relation to another: {kind, name, columns: [[own, other], …], junction?}. */
  relationships(schema, from, to) {
    const direct = [];
    for (const fk of this.foreignKeys) {
      const pairs = fk.columns.map((column, i) => [column, fk.target_columns[i]]);
      if (fk.schema === schema && fk.relation === from && fk.target === to && fk.target_schema === schema) {
        direct.push({ kind: "many-to-one", name: fk.name, target: to, columns: pairs, fk });
      }
      if (fk.target_schema === schema && fk.target === from && fk.relation === to && fk.schema === schema) {
        const kind = this.#isUnique(fk) ? "one-to-one" : "one-to-many";
        direct.push({
          kind,
          name: fk.name,
          target: to,
          columns: pairs.map(([own, other]) => [other, own]),
          fk,
        });
      }
    }
    const indirect = this.manyToMany.filter((r) => r.schema === schema && r.from === from && r.target === to);
    return [...direct, ...indirect];
  }

  // A junction is a table whose primary key includes the columns of both its foreign keys.
  #junctions(fks) {
    const found = [];
    for (const near of fks) {
      const own = this.relation(near.schema, near.relation).primaryKey ?? [];
      for (const far of fks) {
        if (near === far || ![...near.columns, ...far.columns].every((column) => own.includes(column))) continue;
        found.push({
          kind: "many-to-many",
          name: near.relation,
          schema: near.schema,
          from: near.target,
          target: far.target,
          junction: near.relation,
          hints: [near.name, far.name],
          near: near.columns.map((column, i) => [near.target_columns[i], column]),
          far: far.columns.map((column, i) => [column, far.target_columns[i]]),
        });
      }
    }
    return found;
  }

  #isUnique(fk) {
    const columns = [...fk.columns].sort().join();
    return this.relation(fk.schema, fk.relation).keys.some((unique) => [...unique].sort().join() === columns);
  }
}

function key(schema, name) {
  return `${schema}.${name}`;
}

// A view that shows a table's foreign key columns under their own names has that foreign key too.
function throughViews(raw) {
  const shown = Map.groupBy(raw.view_columns ?? [], (c) => key(c.target_schema, c.target));
  const views = (schema, name, columns) => {
    const byView = Map.groupBy(shown.get(key(schema, name)) ?? [], (c) => c.view);
    return [...byView].filter(([, own]) => columns.every((c) => own.some((o) => o.column === c))).map(([view]) => view);
  };
  return (raw.foreign_keys ?? []).flatMap((fk) => [
    ...views(fk.schema, fk.relation, fk.columns).map((view) => ({ ...fk, relation: view })),
    ...views(fk.target_schema, fk.target, fk.target_columns).map((view) => ({ ...fk, target: view })),
  ]);
}
