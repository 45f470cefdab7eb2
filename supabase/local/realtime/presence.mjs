// Who is present on each topic of the development stand-in, told to its members as differences.
import { randomUUID } from "node:crypto";

export class Presence {
  #members = new Map(); // topic key → Map of channel → {key, meta}
  #notify;

  constructor(notify) {
    this.#notify = notify;
  }

  state(topicKey) {
    return grouped([...(this.#members.get(topicKey)?.values() ?? [])]);
  }

  track(channel, payload) {
    const members = this.#members.get(channel.key) ?? new Map();
    this.#members.set(channel.key, members);
    const before = members.get(channel);
    const previous = before ? { phx_ref_prev: before.meta.phx_ref } : {};
    const now = { key: channel.presenceKey, meta: { ...payload, phx_ref: randomUUID(), ...previous } };
    members.set(channel, now);
    this.#notify(channel.key, { joins: grouped([now]), leaves: before ? grouped([before]) : {} });
  }

  untrack(channel) {
    const members = this.#members.get(channel.key);
    const before = members?.get(channel);
    if (!before) return;
    members.delete(channel);
    if (!members.size) this.#members.delete(channel.key);
    this.#notify(channel.key, { joins: {}, leaves: grouped([before]) });
  }
}

function grouped(members) {
  const byKey = Map.groupBy(members, (member) => member.key);
  return Object.fromEntries([...byKey].map(([key, same]) => [key, { metas: same.map((member) => member.meta) }]));
}
