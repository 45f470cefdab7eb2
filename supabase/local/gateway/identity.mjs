// Who is calling: the API key, as the hosted gateway asks for it, and the JWT, as PostgREST reads it.
import { errors, jwtVerify } from "jose";
import { ApiError } from "./errors.mjs";

const REMEMBERED = 1000;

export class Identities {
  #secret;
  #keys;
  #verified = new Map();

  constructor({ jwtSecret, anonKey, serviceKey }) {
    this.#secret = new TextEncoder().encode(jwtSecret);
    this.#keys = new Set([anonKey, serviceKey]);
  }

  /** Return {role, claims, token} of a request with an API key; throw what the hosted API answers otherwise. */
  async ofRequest(request) {
    const key = request.headers.apikey ?? request.query.get("apikey");
    if (!key) throw keyRefused("No API key found in request", "No `apikey` request header or url param was found.");
    if (!this.#keys.has(key))
      throw keyRefused("Invalid API key", "Double check your Supabase `anon` or `service_role` API key.");
    const bearer = /^Bearer\s+(.+)$/i.exec(request.headers.authorization ?? "");
    return this.ofToken(bearer ? bearer[1] : key);
  }

  async ofToken(token) {
    const known = this.#verified.get(token);
    if (known && known.claims.exp * 1000 > Date.now()) return known;
    const claims = await this.#verify(token);
    const identity = { role: claims.role ?? "anon", claims, token };
    if (this.#verified.size >= REMEMBERED) this.#verified.clear();
    if (claims.exp) this.#verified.set(token, identity);
    return identity;
  }

  async #verify(token) {
    try {
      return (await jwtVerify(token, this.#secret, { algorithms: ["HS256"] })).payload;
    } catch (error) {
      const challenge = (code) => ({
        "www-authenticate": `Bearer error="invalid_token", error_description="${code}"`,
      });
      if (error instanceof errors.JWTExpired) {
        throw new ApiError(401, "PGRST303", "JWT expired", null, null, challenge("JWT expired"));
      }
      throw new ApiError(
        401,
        "PGRST301",
        "No suitable key or wrong key type",
        error.message,
        null,
        challenge("invalid JWT"),
      );
    }
  }
}

function keyRefused(message, hint) {
  return new ApiError(401, "PGRST301", message, null, hint);
}
