// The local API: one process on one port for /rest/v1, /auth/v1, /realtime/v1 and /functions/v1.
// Started by truckroll_local.gateway with its settings as JSON in TRUCKROLL_GATEWAY.
import http from "node:http";
import { Realtime } from "../realtime/server.mjs";
import { AuthAdmin } from "./admin.mjs";
import { Auth } from "./auth.mjs";
import { ApiError, errorResponse, json } from "./errors.mjs";
import { Identities } from "./identity.mjs";
import { connect } from "./pool.mjs";
import { proxy } from "./proxy.mjs";
import { Rest } from "./rest/index.mjs";
import { watchSchema } from "./watch.mjs";

const CORS = {
  "access-control-allow-origin": "*",
  "access-control-expose-headers":
    "Content-Encoding, Content-Location, Content-Range, Content-Type, Date, Location, Range-Unit, X-Request-Id",
};
const BODY_LIMIT = 32 * 1024 * 1024;

const config = JSON.parse(process.env.TRUCKROLL_GATEWAY);
const identities = new Identities(config);
const admin = connect(config.databaseUrl, { max: 4 });
const rest = new Rest(connect(config.authenticatorUrl), config);
const auth = new Auth(admin, config);
const authAdmin = new AuthAdmin(admin);
const realtime = new Realtime(config, identities, admin);

async function requestOf(incoming) {
  const url = new URL(incoming.url, config.apiUrl);
  const chunks = [];
  let size = 0;
  for await (const chunk of incoming) {
    size += chunk.length;
    if (size > BODY_LIMIT) throw new ApiError(413, "PGRST102", "The body is larger than 32 MB");
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString("utf8");
  const { method, headers } = incoming;
  return {
    method,
    headers,
    url: incoming.url,
    path: url.pathname,
    query: url.searchParams,
    text,
    json: () => parse(text),
  };
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ApiError(400, "PGRST102", "Empty or invalid json", error.message);
  }
}

async function answer(request) {
  if (request.path === "/health") return json(200, { status: "ok" });
  const withoutKey = /^\/auth\/v1\/(verify|callback|authorize|health|settings|\.well-known\/jwks\.json)$/.test(
    request.path,
  );
  if (withoutKey) return auth.serve(request);
  const identity = await identities.ofRequest(request);
  try {
    if (request.path.startsWith("/rest/v1")) return await rest.serve(request, identity);
    if (request.path.startsWith("/auth/v1/admin")) return await authAdmin.serve(request, identity);
    if (request.path.startsWith("/auth/v1")) return await auth.serve(request);
    if (request.path.startsWith("/realtime/v1/api/broadcast"))
      return await realtime.broadcastOverHttp(request, identity);
  } catch (error) {
    return errorResponse(error, identity);
  }
  throw new ApiError(404, "PGRST125", "Invalid path specified in request URL");
}

const server = http.createServer(async (incoming, outgoing) => {
  if (incoming.method === "OPTIONS") {
    const allowed = incoming.headers["access-control-request-headers"] ?? "*";
    outgoing
      .writeHead(200, {
        ...CORS,
        "access-control-allow-headers": allowed,
        "access-control-allow-methods": "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
        "access-control-max-age": "86400",
      })
      .end();
    return;
  }
  if (incoming.url.startsWith("/functions/v1")) {
    proxy(incoming, outgoing, config.functionsUrl, CORS);
    return;
  }
  const { status, headers, body } = await requestOf(incoming)
    .then(answer)
    .catch((error) => errorResponse(error));
  outgoing.writeHead(status, { ...headers, ...CORS }).end(incoming.method === "HEAD" ? undefined : body);
});

// Longer than clients keep idle connections, so that none is closed under a request.
server.keepAliveTimeout = 75_000;

server.on("upgrade", (incoming, socket, head) => realtime.upgrade(incoming, socket, head));

await watchSchema(config.databaseUrl, () => rest.reload());
await realtime.start();
server.listen(config.port, "127.0.0.1", () =>
  console.log(JSON.stringify({ event: "gateway.started", port: config.port })),
);

function stop() {
  server.close();
  server.closeAllConnections();
  realtime.stop();
  setTimeout(() => process.exit(0), 200).unref();
}
process.on("SIGTERM", stop);
process.on("SIGINT", stop);
