"""The stack's signing secret and API keys: the well-known development values of every local Supabase."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
from dataclasses import asdict, dataclass

from truckroll_local.paths import State, read_json, write_json

_DEVELOPMENT_SECRET = "super-secret-jwt-token-with-at-least-32-characters-long"  # noqa: S105 — public, by design
_EXPIRES_AT = 1_983_812_996  # November 2032, as in the keys `supabase start` prints


@dataclass(frozen=True)
class Keys:
    """HS256 secret, and the JWTs that clients send as `apikey`."""

    jwt_secret: str
    anon_key: str
    service_key: str


def keys(state: State) -> Keys:
    """Return the keys of a state directory, made on first use; TRUCKROLL_JWT_SECRET then chooses the secret."""
    if known := read_json(state.keys):
        return Keys(**known)
    secret = os.environ.get("TRUCKROLL_JWT_SECRET", _DEVELOPMENT_SECRET)
    made = Keys(secret, _api_key("anon", secret), _api_key("service_role", secret))
    write_json(state.keys, asdict(made))
    return made


def _api_key(role: str, secret: str) -> str:
    return signed({"iss": "supabase-demo", "role": role, "exp": _EXPIRES_AT}, secret)


def signed(claims: dict[str, object], secret: str) -> str:
    """Return claims as a JWT with HS256 (RFC 7515)."""
    parts = [{"alg": "HS256", "typ": "JWT"}, claims]
    content = ".".join(_encoded(json.dumps(part, separators=(",", ":")).encode()) for part in parts)
    return f"{content}.{_encoded(hmac.digest(secret.encode(), content.encode(), hashlib.sha256))}"


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
