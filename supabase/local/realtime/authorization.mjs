// What a user may do on a private topic, asked of the policies on realtime.messages as hosted Realtime asks
// them: may the user see a message of that topic (receive), may the user insert one (send).

const EXTENSIONS = ["broadcast", "presence"];
const NOTHING = { broadcast: false, presence: false };

class Undo extends Error {}

/** Run `work` and roll everything back. */
async function tentatively(sql, work) {
  let result;
  await sql
    .begin(async (transaction) => {
      result = await work(transaction);
      throw new Undo();
    })
    .catch((error) => {
      if (!(error instanceof Undo)) throw error;
    });
  return result;
}

function actAs(transaction, { role, claims }, topic) {
  return transaction`select set_config('role', ${role}, true), set_config('realtime.topic', ${topic}, true),
    set_config('request.jwt.claims', ${JSON.stringify(claims)}, true)`;
}

/** {broadcast, presence}: of which kinds the user receives messages. An error in a policy refuses. */
export async function mayReceive(sql, identity, topic) {
  return refusingErrors(() =>
    tentatively(sql, async (transaction) => {
      const probes = await transaction`insert into realtime.messages (topic, extension)
        select ${topic}, kind from unnest(${`{${EXTENSIONS}}`}::text[]) as kind returning id::text, extension`;
      await actAs(transaction, identity, topic);
      const ids = `{${probes.map((probe) => probe.id)}}`;
      const seen = await transaction`select extension from realtime.messages where id = any (${ids}::text::uuid[])`;
      return { ...NOTHING, ...Object.fromEntries(seen.map((row) => [row.extension, true])) };
    }),
  );
}

/** {broadcast, presence}: which kinds of message the user may send. */
export async function maySend(sql, identity, topic) {
  return refusingErrors(() =>
    tentatively(sql, async (transaction) => {
      await actAs(transaction, identity, topic);
      const allowed = { ...NOTHING };
      for (const kind of EXTENSIONS) {
        allowed[kind] = await transaction
          .savepoint((attempt) => attempt`insert into realtime.messages (topic, extension) values (${topic}, ${kind})`)
          .then(
            () => true,
            () => false,
          );
      }
      return allowed;
    }),
  );
}

async function refusingErrors(ask) {
  try {
    return await ask();
  } catch (error) {
    console.error(JSON.stringify({ event: "realtime.policy_failed", code: error.code, message: error.message }));
    return NOTHING;
  }
}
