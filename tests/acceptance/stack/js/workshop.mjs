// The workshop as supabase-js sees it; the stack's addresses come from the environment.
import { createClient } from "@supabase/supabase-js";

const { STACK_URL, STACK_ANON_KEY, STACK_SERVICE_KEY } = process.env;
export const NORTH = "00000000-0000-0000-0000-00000000000a";
export const ADA = "00000000-0000-0000-0000-0000000000a1";
export const PASSWORD = "correct horse battery";

const options = { auth: { persistSession: false, autoRefreshToken: false } };
export const anonymous = (realtime = {}) => createClient(STACK_URL, STACK_ANON_KEY, { ...options, realtime });
export const service = () => createClient(STACK_URL, STACK_SERVICE_KEY, options);

/** Make a user, a member of team North if asked, and return their signed-in client. */
export async function signIn({ member = false, realtime } = {}) {
  const email = `js-${crypto.randomUUID()}@example.com`;
  const created = await service().auth.admin.createUser({ email, password: PASSWORD, email_confirm: true });
  if (created.error) throw created.error;
  if (member) {
    const { error } = await service().from("members").insert({ team_id: NORTH, user_id: created.data.user.id });
    if (error) throw error;
  }
  const client = anonymous(realtime);
  const { error } = await client.auth.signInWithPassword({ email, password: PASSWORD });
  if (error) throw error;
  return client;
}

/** Resolve with the next value given to the returned callback, in order. */
export function heard() {
  const [values, waiting] = [[], []];
  const listen = (value) => (waiting.length ? waiting.shift()(value) : values.push(value));
  listen.next = () =>
    values.length ? Promise.resolve(values.shift()) : new Promise((resolve) => waiting.push(resolve));
  listen.quiet = async (ms = 400) => {
    await new Promise((resolve) => setTimeout(resolve, ms));
    return values.length === 0;
  };
  return listen;
}

/** Subscribe and resolve with the status the channel settles in. */
export function subscribed(channel) {
  return new Promise((resolve) => {
    channel.subscribe((status, error) => resolve({ status, message: error?.message ?? "" }));
  });
}

export const title = () => `JS task ${crypto.randomUUID()}`;
