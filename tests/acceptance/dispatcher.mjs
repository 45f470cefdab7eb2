// A dispatcher's morning with supabase-js: from a phone call to a booked visit, and one booking refused.
// Needs SUPABASE_URL, SUPABASE_ANON_KEY, EMAIL and PASSWORD of somebody who may book.
import { createClient } from "@supabase/supabase-js";

const { SUPABASE_URL, SUPABASE_ANON_KEY, EMAIL, PASSWORD } = process.env;
const supabase = createClient(SUPABASE_URL, SUPABASE_ANON_KEY);
const must = ({ data, error }) => { if (error) throw error; return data; };

must(await supabase.auth.signInWithPassword({ email: EMAIL, password: PASSWORD }));
const org = must(await supabase.from("orgs").select("id, name").single());
const service = must(await supabase.from("services").select("id, name").eq("code", "furnace_repair").single());
const place = { address_line1: "931 Williamson Street", city: "Madison", postal_code: "53703", latitude: 43.0826, longitude: -89.3643 };

const heard = Promise.withResolvers();
await supabase.realtime.setAuth();
await new Promise((ready, failed) => supabase
  .channel(`org:${org.id}:schedule`, { config: { private: true } })
  .on("broadcast", { event: "INSERT" }, ({ payload }) => payload.table === "appointments" && heard.resolve(payload.record))
  .subscribe((status, error) => status === "SUBSCRIBED" ? ready() : error && failed(error)));

const phone = `+1608${String(Date.now()).slice(-7)}`;
const customer = must(await supabase.from("customers").insert({ org_id: org.id, name: "Rosa Diaz", phone }).select().single());
const location = must(await supabase.from("customer_locations").insert({ org_id: org.id, customer_id: customer.id, ...place }).select().single());
const job = { org_id: org.id, customer_id: customer.id, location_id: location.id, service_id: service.id, title: service.name };
const [first, second] = must(await supabase.from("dispatch_jobs").insert([job, job]).select());

const [slot] = must(await supabase.rpc("find_slots", { job_id: first.id, max_results: 1 }));
const placement = { technician_ids: slot.technician_ids, starts_at: slot.starts_at };
const visit = must(await supabase.rpc("book_appointment", { job_id: first.id, ...placement, idempotency_key: crypto.randomUUID() }));
const broadcast = await heard.promise;
const { error, status } = await supabase.rpc("book_appointment", { job_id: second.id, ...placement });
const refusal = JSON.parse(error.details);

console.log(JSON.stringify({
  booked: visit.number, starts_at: visit.starts_at, broadcast: broadcast.number, refused_with: status, code: error.code, message: error.message,
  conflicts: refusal.conflicts.map((conflict) => conflict.code), next: refusal.alternatives.next_available?.starts_at,
}, null, 2));
await supabase.removeAllChannels();
await supabase.auth.signOut();
process.exit(0);
