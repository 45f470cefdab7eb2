import assert from "node:assert/strict";
import { test } from "node:test";
import { ADA, NORTH, PASSWORD, anonymous, service, signIn, title } from "./workshop.mjs";

const member = await signIn({ member: true });
const OWN = "team_id, id, title, price, details";

test("a new user signs up, signs out and in again, and keeps the metadata", async () => {
  const client = anonymous();
  const email = `js-${crypto.randomUUID()}@example.com`;
  const { data, error } = await client.auth.signUp({
    email,
    password: PASSWORD,
    options: { data: { name: "Zoë" } },
  });
  assert.equal(error, null);
  assert.ok(data.session.access_token);
  await client.auth.signOut();
  const again = await client.auth.signInWithPassword({ email, password: PASSWORD });
  assert.equal(again.data.user.user_metadata.name, "Zoë");
  const wrong = await client.auth.signInWithPassword({ email, password: "wrong" });
  assert.equal(wrong.error.code, "invalid_credentials");
  const renewed = await client.auth.refreshSession({ refresh_token: again.data.session.refresh_token });
  assert.equal(renewed.error, null);
});

test("the claims of the session have what the hook added", async () => {
  const { data, error } = await member.auth.getClaims();
  assert.equal(error, null);
  assert.deepEqual(data.claims.app_metadata.team_ids, [NORTH]);
});

test("rows are written, embedded, filtered and counted", async () => {
  const name = title();
  const details = { list: [1, { deep: null }], text: "ü" };
  const { data: task, error } = await member
    .from("tasks")
    .insert({ team_id: NORTH, title: name, price: 12.5, details, lead_id: ADA })
    .select(OWN)
    .single();
  assert.equal(error, null);
  assert.deepEqual(task, { team_id: NORTH, id: task.id, title: name, price: 12.5, details });
  await member
    .from("steps")
    .insert([1, 2, 3].map((position) => ({ team_id: NORTH, task_id: task.id, position })))
    .throwOnError();
  const found = await member
    .from("tasks")
    .select("title, lead:fitters!tasks_lead_fkey(name), steps(position)", { count: "exact" })
    .eq("id", task.id)
    .gte("steps.position", 2)
    .order("position", { referencedTable: "steps", ascending: false });
  assert.deepEqual(found.data, [{ title: name, lead: { name: "Ada" }, steps: [{ position: 3 }, { position: 2 }] }]);
  assert.equal(found.count, 1);
  const page = await member
    .from("steps")
    .select("position", { count: "exact" })
    .eq("task_id", task.id)
    .order("position")
    .range(1, 1);
  assert.deepEqual([page.data, page.count, page.status], [[{ position: 2 }], 3, 206]);
  const changed = await member.from("tasks").update({ price: 99 }).match({ id: task.id }).select("price").single();
  assert.equal(changed.data.price, 99);
  const upserted = await member
    .from("tasks")
    .upsert({ team_id: NORTH, title: name, price: 100 }, { onConflict: "team_id,title" })
    .select("id,price");
  assert.deepEqual(upserted.data, [{ id: task.id, price: 100 }]);
  const logic = await member.from("tasks").select("title").or(`title.eq."${name}",price.lt.0`).not("price", "is", null);
  assert.deepEqual(logic.data, [{ title: name }]);
  assert.equal((await member.from("tasks").delete().eq("id", task.id)).status, 204);
  assert.equal((await member.from("tasks").select("id").eq("id", task.id).maybeSingle()).data, null);
});

test("others see nothing, and the refusal has code and status", async () => {
  const name = title();
  await member.from("tasks").insert({ team_id: NORTH, title: name }).throwOnError();
  assert.deepEqual((await (await signIn()).from("tasks").select("title").eq("title", name)).data, []);
  const { error, status } = await anonymous().from("tasks").select("title");
  assert.deepEqual([error.code, status], ["42501", 401]);
  const forbidden = await member.from("vault").select();
  assert.deepEqual([forbidden.error.code, forbidden.status], ["42501", 403]);
  assert.equal((await service().from("vault").select()).data.length, 1);
});

test("RPCs take documents, arrays and defaults, and return what they say", async () => {
  const document = { a: [1, { b: "c" }] };
  assert.deepEqual((await member.rpc("echo_document", { document })).data, {
    kind: "object",
    document,
    note: "none",
  });
  const ids = [crypto.randomUUID()];
  assert.deepEqual((await member.rpc("echo_arrays", { ids, words: ["a,b"] })).data, {
    ids,
    numbers: [],
    words: ["a,b"],
  });
  assert.equal((await member.rpc("add_numbers", { a: 2 }, { get: true })).data, 3);
  assert.equal((await member.rpc("do_nothing")).status, 204);
  const offers = await member
    .rpc("offers", { wanted: 3 }, { count: "exact" })
    .select("rank, score")
    .gt("rank", 1)
    .order("rank")
    .limit(1);
  assert.deepEqual([offers.data, offers.count], [[{ rank: 2, score: 0.5 }], 2]);
});

test("a refusal carries all four parts and its own status", async () => {
  const details = JSON.stringify({ conflicts: [{ code: "technician_overlap" }] });
  const { error, status } = await member.rpc("fail_with", {
    state: "PT409",
    details,
    hint: "choose another time",
  });
  assert.equal(status, 409);
  assert.deepEqual(
    { code: error.code, message: error.message, details: JSON.parse(error.details), hint: error.hint },
    {
      code: "PT409",
      message: "it_failed",
      details: { conflicts: [{ code: "technician_overlap" }] },
      hint: "choose another time",
    },
  );
});

test("functions are called through the API, with the caller's token", async () => {
  const { data, error } = await member.functions.invoke("dispatch/days/2026-11-20/optimize_all", {
    body: { strategy: "time" },
  });
  assert.equal(error, null);
  const {
    data: { session },
  } = await member.auth.getSession();
  assert.deepEqual(data, {
    method: "POST",
    path: "/dispatch/days/2026-11-20/optimize_all",
    query: {},
    authorization: `Bearer ${session.access_token}`,
    body: { strategy: "time" },
  });
  const failed = await member.functions.invoke("teapot", { body: {} });
  assert.equal(failed.error.context.status, 418);
  assert.equal((await failed.error.context.json()).code, "teapot");
});
