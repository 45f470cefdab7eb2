import assert from "node:assert/strict";
import { after, test } from "node:test";
import { NORTH, heard, signIn, subscribed, title } from "./workshop.mjs";

const TEAM = `team:${NORTH}`;
const clients = [];

async function someone(options) {
  const client = await signIn(options);
  await client.realtime.setAuth();
  clients.push(client);
  return client;
}

const [one, two, stranger] = [await someone({ member: true }), await someone({ member: true }), await someone()];
after(() => clients.forEach((client) => client.removeAllChannels()));

const insert = (name, columns = {}) =>
  one
    .from("tasks")
    .insert({ team_id: NORTH, title: name, ...columns })
    .throwOnError();

test("a member hears the database's broadcast and a stranger may not join", async () => {
  const changes = heard();
  const channel = one.channel(TEAM, { config: { private: true } }).on("broadcast", { event: "INSERT" }, changes);
  assert.equal((await subscribed(channel)).status, "SUBSCRIBED");
  const refused = await subscribed(stranger.channel(TEAM, { config: { private: true } }));
  assert.equal(refused.status, "CHANNEL_ERROR");
  assert.match(refused.message, /permissions/);
  const name = title();
  await insert(name);
  const { event, payload, meta } = await changes.next();
  assert.equal(event, "INSERT");
  assert.equal(payload.record.title, name);
  assert.ok(meta.id);
  await one.removeChannel(channel);
});

test("members send to each other over the socket, text and bytes, and over HTTP", async () => {
  const notes = heard();
  const hearing = two.channel(TEAM, { config: { private: true } }).on("broadcast", { event: "note" }, notes);
  await subscribed(hearing);
  const speaking = one.channel(TEAM, { config: { private: true, broadcast: { ack: true } } });
  await subscribed(speaking);
  assert.equal(await speaking.send({ type: "broadcast", event: "note", payload: { text: "Grüße" } }), "ok");
  assert.deepEqual((await notes.next()).payload, { text: "Grüße" });
  await speaking.send({ type: "broadcast", event: "note", payload: new Uint8Array([1, 2, 255]).buffer });
  assert.deepEqual([...new Uint8Array((await notes.next()).payload)], [1, 2, 255]);
  assert.deepEqual(await speaking.httpSend("note", { text: "posted" }), { success: true });
  assert.deepEqual((await notes.next()).payload, { text: "posted" });
  const notice = stranger.channel("notice:js", { config: { private: true } });
  assert.equal((await subscribed(notice)).status, "SUBSCRIBED");
  await assert.doesNotReject(notice.send({ type: "broadcast", event: "note", payload: { fake: true } }));
  assert.ok(await notes.quiet());
  for (const [client, channel] of [
    [one, speaking],
    [two, hearing],
    [stranger, notice],
  ])
    await client.removeChannel(channel);
});

test("presence lists who is here", async () => {
  const synced = heard();
  const watching = one
    .channel(TEAM, { config: { private: true, presence: { key: "one" } } })
    .on("presence", { event: "sync" }, synced);
  await subscribed(watching);
  const arriving = two
    .channel(TEAM, { config: { private: true, presence: { key: "two" } } })
    .on("presence", { event: "sync" }, () => {});
  await subscribed(arriving);
  assert.equal(await arriving.track({ at: "desk" }), "ok");
  while (!watching.presenceState().two) await synced.next();
  assert.equal(watching.presenceState().two[0].at, "desk");
  await arriving.untrack();
  while (watching.presenceState().two) await synced.next();
  await one.removeChannel(watching);
  await two.removeChannel(arriving);
});

test("table changes come filtered, and only to who may see the row", async () => {
  const [dear, overheard] = [heard(), heard()];
  const filter = { event: "INSERT", schema: "public", table: "tasks", filter: "price=gte.100" };
  const own = one.channel("prices").on("postgres_changes", filter, dear);
  const other = stranger.channel("prices").on("postgres_changes", { ...filter, filter: undefined }, overheard);
  await Promise.all([subscribed(own), subscribed(other)]);
  const name = title();
  await insert(`${name} cheap`, { price: 1 });
  await insert(name, { price: 150.25, details: { a: [1] } });
  const change = await dear.next();
  assert.deepEqual(
    [change.eventType, change.table, change.new.title, change.new.price],
    ["INSERT", "tasks", name, 150.25],
  );
  assert.deepEqual(change.new.details, { a: [1] });
  assert.equal("secret_note" in change.new, false);
  assert.ok(await overheard.quiet());
  await one.removeChannel(own);
  await stranger.removeChannel(other);
});

test("the older protocol works too", async () => {
  const client = await someone({ member: true, realtime: { vsn: "1.0.0" } });
  const changes = heard();
  const channel = client.channel(TEAM, { config: { private: true } }).on("broadcast", { event: "*" }, changes);
  assert.equal((await subscribed(channel)).status, "SUBSCRIBED");
  assert.equal(client.realtime.vsn, "1.0.0");
  const name = title();
  await insert(name);
  assert.equal((await changes.next()).payload.record.title, name);
  await client.removeChannel(channel);
});
