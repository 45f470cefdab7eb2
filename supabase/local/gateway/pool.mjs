// Connections of the gateway: text in, text out. Postgres makes all the JSON, so no value is ever
// re-encoded on the way and formats are PostgREST's own.
import postgres from "postgres";

const SCALARS = [16, 17, 20, 21, 23, 26, 114, 700, 701, 1082, 1114, 1184, 1700, 3802];
const TEXT = { to: 25, from: SCALARS, serialize: (value) => value, parse: (value) => value };

export function connect(url, options = {}) {
  return postgres(url, {
    max: 16,
    idle_timeout: 0,
    fetch_types: false,
    types: { text: TEXT },
    onnotice: () => {},
    connection: { application_name: "truckroll-gateway", TimeZone: "UTC" },
    ...options,
  });
}

/** Run `work` in one transaction with the role, claims and request settings PostgREST would set. */
export async function asRequest(sql, identity, request, { schema, readOnly, roleSettings = {} }, work) {
  const settings = {
    search_path: `"${schema}", extensions`,
    role: identity.role,
    "request.jwt.claims": JSON.stringify(identity.claims),
    "request.method": request.method,
    "request.path": request.path,
    "request.headers": JSON.stringify(request.headers),
    "response.status": "",
    "response.headers": "",
    ...roleSettings,
  };
  const list = Object.entries(settings).map(([name, value]) => `set_config(${literal(name)}, ${literal(value)}, true)`);
  const connection = await sql.reserve();
  try {
    // One round trip, and before the statement is even parsed: names resolve with the caller's rights.
    await connection.unsafe(`begin${readOnly ? " read only" : ""}; select ${list.join(", ")}`);
    const result = await work((text, parameters = []) => connection.unsafe(text, parameters, { prepare: true }));
    await connection.unsafe("commit");
    return result;
  } catch (error) {
    await connection.unsafe("rollback").catch(() => {});
    throw error;
  } finally {
    connection.release();
  }
}

export const literal = (text) => `'${text.replaceAll("'", "''")}'`;
