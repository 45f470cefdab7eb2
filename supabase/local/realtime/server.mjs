// A development stand-in for Supabase Realtime: Phoenix channels over WebSocket with private topics, broadcast
// from clients and the database, presence and postgres_changes. One process, nothing stored, no rate limits.
import { WebSocketServer } from "ws";
import { ApiError } from "../gateway/errors.mjs";
import { maySend } from "./authorization.mjs";
import { Changes } from "./changes.mjs";
import { Channel } from "./channel.mjs";
import { Presence } from "./presence.mjs";
import { decode, encode } from "./protocol.mjs";
import { Replication } from "./replication.mjs";

const MESSAGES_PUBLICATION = "supabase_realtime_messages_publication"; // the name hosted Realtime uses
const PUBLICATIONS = ["supabase_realtime", MESSAGES_PUBLICATION];
const KEPT_DAYS = 3;

export class Realtime {
  #topics = new Map(); // topic key → Set of channels
  #sockets = new WebSocketServer({ noServer: true, maxPayload: 4 * 1024 * 1024 });
  #replication;
  #changes;
  #lastId = 0;

  constructor(config, identities, sql) {
    this.sql = sql;
    this.identities = identities;
    this.presence = new Presence((key, difference) => this.#toTopic(key, "presence", "presence_diff", difference));
    this.#changes = new Changes(sql);
    this.#replication = new Replication({
      url: config.databaseUrl,
      publications: PUBLICATIONS,
      prepare: () => this.#prepare(),
      onChange: (change) => this.#onChange(change),
    });
  }

  start() {
    return this.#replication.start();
  }

  stop() {
    for (const socket of this.#sockets.clients) socket.terminate();
    return this.#replication.stop();
  }

  nextId() {
    this.#lastId += 1;
    return this.#lastId;
  }

  /** Answer the WebSocket handshake of /realtime/v1/websocket?apikey=…&vsn=… */
  async upgrade(incoming, socket, head) {
    const url = new URL(incoming.url, "http://localhost");
    const refuse = (line) => socket.end(`HTTP/1.1 ${line}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    if (url.pathname !== "/realtime/v1/websocket") return refuse("404 Not Found");
    let identity;
    try {
      identity = await this.identities.ofRequest({
        headers: { apikey: incoming.headers.apikey },
        query: url.searchParams,
      });
    } catch {
      return refuse("401 Unauthorized");
    }
    const version = url.searchParams.get("vsn") ?? "1.0.0";
    return this.#sockets.handleUpgrade(incoming, socket, head, (client) =>
      this.#serve(client, version, identity.token),
    );
  }

  /** Send a message to a topic's members, `except` one. */
  broadcast(key, payload, except) {
    this.#toTopic(key, "broadcast", "broadcast", payload, except);
  }

  /** POST /realtime/v1/api/broadcast, and …/broadcast/<topic>/events/<event> for one message. */
  async broadcastOverHttp(request, identity) {
    const single = /\/broadcast\/([^/]+)\/events\/([^/]+)$/.exec(request.path);
    const messages = single
      ? [
          {
            topic: decodeURIComponent(single[1]),
            event: decodeURIComponent(single[2]),
            payload: request.json(),
            private: request.query.get("private") === "true",
          },
        ]
      : request.json().messages;
    if (!Array.isArray(messages)) throw new ApiError(422, "invalid_messages", "messages must be a list");
    for (const { topic, event, payload, private: isPrivate } of messages) {
      if (isPrivate && !(await maySend(this.sql, identity, topic)).broadcast) {
        if (single)
          throw new ApiError(403, "unauthorized", "You do not have permissions to write to this Channel topic");
        continue;
      }
      this.broadcast(`${isPrivate ? "private" : "public"}:${topic}`, { type: "broadcast", event, payload });
    }
    return { status: 202, headers: {}, body: "" };
  }

  leave(channel) {
    const members = this.#topics.get(channel.key);
    members?.delete(channel);
    if (members && !members.size) this.#topics.delete(channel.key);
    this.presence.untrack(channel);
  }

  #serve(client, version, connectionToken) {
    const channels = new Map();
    const send = (frame) => {
      const data = encode(frame, version);
      if (data !== null && client.readyState === client.OPEN) client.send(data);
    };
    // One after the other: a message must not overtake the join before it.
    let queue = Promise.resolve();
    client.on("message", (data, isBinary) => {
      queue = queue
        .then(() => this.#receive(decode(data, isBinary, version), channels, send, connectionToken))
        .catch((error) => {
          console.error(JSON.stringify({ event: "realtime.frame_refused", message: error.message }));
        });
    });
    client.on("error", () => client.terminate());
    client.on("close", () => channels.forEach((channel) => channel.leave()));
  }

  async #receive({ joinRef, ref, topic, event, payload }, channels, send, connectionToken) {
    const reply = ({ status, response = {} }) =>
      send({ joinRef, ref, topic, event: "phx_reply", payload: { status, response } });
    if (topic === "phoenix" && event === "heartbeat") return reply({ status: "ok" });
    if (event === "phx_join") {
      channels.get(topic)?.leave();
      const channel = new Channel(this, topic, joinRef ?? ref, send);
      try {
        const response = await channel.join(payload, connectionToken);
        channels.set(topic, channel);
        this.#enter(channel);
        reply({ status: "ok", response });
      } catch (error) {
        return reply({ status: "error", response: { reason: error.message } });
      }
      return channel.welcome();
    }
    const channel = channels.get(topic);
    if (!channel) return reply({ status: "error", response: { reason: "unmatched topic" } });
    if (event === "phx_leave") {
      channels.delete(topic);
      channel.leave();
      reply({ status: "ok" });
      return channel.push("phx_close", {});
    }
    const answer = await channel.handle(event, payload);
    return answer && reply(answer);
  }

  #enter(channel) {
    const members = this.#topics.get(channel.key) ?? new Set();
    this.#topics.set(channel.key, members.add(channel));
  }

  #toTopic(key, kind, event, payload, except) {
    for (const channel of this.#topics.get(key) ?? []) {
      if (channel !== except && channel.receives(kind)) channel.push(event, payload);
    }
  }

  #onChange(change) {
    const { schema, table } = change.relation;
    if (schema !== "realtime" || table !== "messages") {
      this.#changes.enqueue(
        change,
        [...this.#topics.values()].flatMap((members) => [...members]),
      );
      return;
    }
    const { id, topic, event, payload, binary_payload: binary, private: isPrivate, extension } = change.row ?? {};
    if (change.type !== "INSERT" || extension !== "broadcast") return;
    const body = binary ? Buffer.from(binary.slice(2), "hex") : JSON.parse(payload ?? "{}");
    this.broadcast(`${isPrivate === "t" ? "private" : "public"}:${topic}`, {
      type: "broadcast",
      event,
      payload: body,
      meta: { id },
    });
  }

  async #prepare() {
    const [found] = await this.sql`select from pg_publication where pubname = ${MESSAGES_PUBLICATION}`;
    if (!found) {
      await this.sql.unsafe(
        `create publication ${MESSAGES_PUBLICATION} for table realtime.messages with (publish = 'insert', publish_via_partition_root = true)`,
      );
    }
    await this
      .sql`delete from realtime.messages where inserted_at < now() at time zone 'utc' - make_interval(days => ${String(KEPT_DAYS)}::int)`;
  }
}
