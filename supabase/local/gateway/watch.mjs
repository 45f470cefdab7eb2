// Keeps the schema cache true: read again on NOTIFY pgrst, and whenever the database comes back.
import { connect } from "./pool.mjs";

const RETRY_MS = 300;

/** Resolves once the notifications are listened to and `reload` has been called for the first time. */
export async function watchSchema(url, reload) {
  let lost = false;
  const tryAgain = () => {
    if (lost) return;
    lost = true;
    sql.end({ timeout: 0 }).catch(() => {});
    setTimeout(() => watchSchema(url, reload), RETRY_MS);
  };
  const onnotify = (_channel, payload) => {
    if (payload === "" || payload.startsWith("reload")) reload().catch((error) => console.error(error));
  };
  const sql = connect(url, { max: 1, idle_timeout: null, max_lifetime: null, onnotify, onclose: tryAgain });
  try {
    await sql`listen pgrst`;
    await reload();
  } catch {
    tryAgain(); // the database is being built, or has gone: every request says so meanwhile
  }
}
