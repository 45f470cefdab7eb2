// /functions/v1: everything below it goes to the functions server, body and answer streamed through.
import http from "node:http";
import { json } from "./errors.mjs";

// One connection a request: the functions server may close an idle one just as it is used again.
const agent = new http.Agent({ keepAlive: false });

export function proxy(incoming, outgoing, functionsUrl, cors) {
  const target = new URL(functionsUrl);
  const path = incoming.url.replace(/^\/functions\/v1/, "") || "/";
  const headers = {
    ...incoming.headers,
    "x-forwarded-host": incoming.headers.host,
    "x-forwarded-proto": "http",
  };
  const options = { agent, host: target.hostname, port: target.port, method: incoming.method, path, headers };
  const forwarded = http.request(options, (answer) => {
    outgoing.writeHead(answer.statusCode, { ...answer.headers, ...cors });
    answer.pipe(outgoing);
  });
  forwarded.on("error", (error) => {
    if (outgoing.headersSent) return outgoing.destroy();
    const hint = "See the functions log of the local stack, or start the functions.";
    const {
      status,
      headers: type,
      body,
    } = json(503, {
      code: "functions_unavailable",
      message: "functions_unavailable",
      details: error.message,
      hint,
    });
    outgoing.writeHead(status, { ...type, ...cors }).end(body);
  });
  outgoing.on("close", () => forwarded.destroy());
  incoming.pipe(forwarded);
}
