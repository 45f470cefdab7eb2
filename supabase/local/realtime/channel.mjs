// One client's membership of one topic in the development stand-in of Realtime.
import { randomUUID } from "node:crypto";
import { mayReceive, maySend } from "./authorization.mjs";
import { parseSubscription } from "./changes.mjs";

const LONGEST_TIMER_MS = 2 ** 31 - 1;

export class Channel {
  identity;
  subscriptions = [];
  #send;
  #hub;
  #receives = { broadcast: true, presence: true };
  #sends;
  #expiry;

  constructor(hub, frameTopic, joinRef, send) {
    this.#hub = hub;
    this.#send = send;
    this.frameTopic = frameTopic; // realtime:<topic>
    this.topic = frameTopic.replace(/^realtime:/, "");
    this.joinRef = joinRef;
  }

  /** Join; returns the answer to phx_join, or throws a sentence why not. */
  async join({ config = {}, access_token: token, user_token: userToken }, connectionToken) {
    this.config = { self: config.broadcast?.self ?? false, ack: config.broadcast?.ack ?? false };
    this.wantsPresence = config.presence?.enabled ?? true;
    this.isPrivate = config.private ?? false;
    this.presenceKey = config.presence?.key || randomUUID();
    this.identity = await this.#identify(token ?? userToken ?? connectionToken);
    if (this.isPrivate) await this.#authorise();
    const bindings = (config.postgres_changes ?? []).filter(Boolean);
    this.subscriptions = bindings.map((binding) => parseSubscription(binding, this.#hub.nextId()));
    return { postgres_changes: bindings.map((binding, i) => ({ ...binding, id: this.subscriptions[i].id })) };
  }

  /** What follows a successful join: who is present, and that changes are listened to. */
  welcome() {
    if (this.wantsPresence && this.receives("presence"))
      this.push("presence_state", this.#hub.presence.state(this.key));
    if (this.subscriptions.length) this.#system("postgres_changes", "ok", "Subscribed to PostgreSQL");
  }

  /** Topics are apart: a public channel never meets the private one of the same name. */
  get key() {
    return `${this.isPrivate ? "private" : "public"}:${this.topic}`;
  }

  receives(kind) {
    return this.#receives[kind];
  }

  async mayDo(kind) {
    if (!this.isPrivate) return true;
    this.#sends ??= maySend(this.#hub.sql, this.identity, this.topic);
    return (await this.#sends)[kind];
  }

  /** Handle one event of the client; returns the status to reply with, or undefined for no reply. */
  async handle(event, payload) {
    if (event === "broadcast") {
      if (!(await this.mayDo("broadcast"))) return undefined;
      this.#hub.broadcast(this.key, payload, this.config.self ? undefined : this);
      return this.config.ack ? { status: "ok" } : undefined;
    }
    if (event === "presence") return this.#presence(payload);
    if (event === "access_token") await this.#renew(payload.access_token);
    return undefined;
  }

  push(event, payload) {
    this.#send({
      topic: this.frameTopic,
      event,
      payload,
      joinRef: event === "phx_close" ? this.joinRef : null,
    });
  }

  leave() {
    clearTimeout(this.#expiry);
    this.#hub.leave(this);
  }

  async #presence({ event, payload = {} }) {
    if (event === "untrack") {
      this.#hub.presence.untrack(this);
      return { status: "ok" };
    }
    if (event !== "track") return { status: "error", response: { reason: "unknown presence event" } };
    if (!(await this.mayDo("presence"))) return { status: "error", response: { reason: "unauthorized" } };
    this.#hub.presence.track(this, payload);
    return { status: "ok" };
  }

  async #renew(token) {
    if (!token || token.startsWith("sb_") || token === this.identity.token) return;
    try {
      const before = this.#receives;
      this.identity = await this.#identify(token);
      this.#sends = undefined;
      if (!this.isPrivate) return;
      await this.#authorise();
      const lost = Object.keys(before).some((kind) => before[kind] && !this.#receives[kind]);
      if (lost) throw new Error(`You no longer have permission to read from this Channel topic: ${this.topic}`);
    } catch (error) {
      this.#shutDown(error.message);
    }
  }

  async #identify(token) {
    if (!token) throw new Error("MalformedJWT: The token provided is not a valid JWT");
    let identity;
    try {
      identity = await this.#hub.identities.ofToken(token);
    } catch (error) {
      const code =
        error.code === "PGRST303"
          ? "InvalidJWTToken: Token has expired"
          : "MalformedJWT: The token provided is not a valid JWT";
      throw new Error(code, { cause: error });
    }
    if (!identity.claims.role || !identity.claims.exp)
      throw new Error("InvalidJWTToken: Fields `role` and `exp` are required in JWT");
    clearTimeout(this.#expiry);
    const left = identity.claims.exp * 1000 - Date.now();
    this.#expiry = setTimeout(() => this.#shutDown("Token has expired"), Math.min(left, LONGEST_TIMER_MS)).unref();
    return identity;
  }

  async #authorise() {
    this.#receives = await mayReceive(this.#hub.sql, this.identity, this.topic);
    if (!this.#receives.broadcast && !this.#receives.presence) {
      throw new Error(`Unauthorized: You do not have permissions to read from this Channel topic: ${this.topic}`);
    }
  }

  #shutDown(reason) {
    this.#system("system", "error", reason);
    this.leave();
    this.push("phx_close", {});
  }

  #system(extension, status, text) {
    this.push("system", { extension, status, message: text, channel: this.topic });
  }
}
