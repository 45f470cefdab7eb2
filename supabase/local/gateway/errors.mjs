// Errors as PostgREST answers them: https://docs.postgrest.org/en/stable/references/errors.html

export class ApiError extends Error {
  constructor(status, code, message, details = null, hint = null, headers = {}) {
    super(message);
    Object.assign(this, { status, code, details, hint, headers });
  }
}

// The longest prefix of the SQLSTATE wins.
const STATUS_OF_SQLSTATE = {
  "08": 503,
  "09": 500,
  "0L": 403,
  "0P": 403,
  23503: 409,
  23505: 409,
  25: 500,
  25006: 405,
  28: 403,
  "2D": 500,
  38: 500,
  39: 500,
  "3B": 500,
  40: 500,
  42883: 404,
  "42P01": 404,
  "42P17": 500,
  53: 503,
  53400: 500,
  54: 500,
  55: 500,
  57: 500,
  "57P01": 503,
  58: 500,
  F0: 500,
  HV: 500,
  P0: 500,
  P0001: 400,
  XX: 500,
};

export function statusOfSqlState(state, isSignedIn) {
  if (state === "42501") return isSignedIn ? 403 : 401;
  const custom = /^PT(\d{3})$/.exec(state);
  if (custom) return Number(custom[1]);
  for (let length = 5; length >= 2; length -= 3) {
    const status = STATUS_OF_SQLSTATE[state.slice(0, length)];
    if (status) return status;
  }
  return 400;
}

/** Turn anything thrown while serving a request into a response. */
export function errorResponse(error, identity) {
  const isSignedIn = identity !== undefined && identity.role !== "anon";
  if (error instanceof ApiError) {
    const { code, message, details, hint } = error;
    return json(error.status, { code, message, details, hint }, error.headers);
  }
  if (/^[0-9A-Z]{5}$/.test(error.code ?? "") && error.severity) {
    const status = statusOfSqlState(error.code, isSignedIn);
    const body = {
      code: error.code,
      message: error.message,
      details: error.detail ?? null,
      hint: error.hint ?? null,
    };
    return json(status, body, status === 401 ? { "www-authenticate": "Bearer" } : {});
  }
  console.error(error);
  const details = error.code ? `${error.code}: ${error.message}` : String(error.message);
  return json(503, { code: "PGRST001", message: "Database client error", details, hint: null });
}

export function json(status, body, headers = {}) {
  return {
    status,
    headers: { "content-type": "application/json; charset=utf-8", ...headers },
    body: JSON.stringify(body),
  };
}
