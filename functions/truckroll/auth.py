"""Who is calling: the Supabase JWT of a user, or the service key."""

from __future__ import annotations

import hmac
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OctKey

from truckroll.errors import ApiError
from truckroll.settings import Settings

ROLES = frozenset({"anon", "authenticated", "service_role"})
LEEWAY_S = 30
KEYS_FRESH_S = 600.0


@dataclass(frozen=True, slots=True)
class Caller:
    """Role and verified claims, as they go into the transaction."""

    role: str
    claims: Mapping[str, Any]

    @property
    def is_service(self) -> bool:
        """Tell whether the caller holds the service key."""
        return self.role == "service_role"

    @property
    def is_nobody(self) -> bool:
        """Tell whether the caller has the anon key only."""
        return self.role == "anon"

    def claims_json(self) -> str:
        """Return the claims as the setting request.jwt.claims holds them."""
        return json.dumps(dict(self.claims))


SERVICE = Caller("service_role", {"role": "service_role"})


def user(user_id: str) -> Caller:
    """Return somebody on whose behalf a worker acts; what they may do is looked up when it happens."""
    return Caller("authenticated", {"sub": user_id, "role": "authenticated", "aud": "authenticated"})


class Verifier:
    """Turns an Authorization header into a caller."""

    def __init__(self, settings: Settings) -> None:
        self._service_key = settings.service_key
        self._secret = OctKey.import_key(settings.jwt_secret) if settings.jwt_secret else None
        self._keys = _RemoteKeys(settings.jwks_url) if settings.jwks_url else None

    def caller(self, authorization: str) -> Caller:
        """Return who sent this Authorization header. Raises ApiError 401 unless that is proved."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise _refusal(
                "There is no bearer token.", "Send the user's access token as Authorization: Bearer …."
            )
        token = token.strip()
        if self._service_key and hmac.compare_digest(token.encode(), self._service_key.encode()):
            return SERVICE
        claims = self._verified(token)
        role = claims.get("role")
        if role not in ROLES:
            raise _refusal("The token names no role known here.", "Sign in again.")
        return Caller(role, claims)

    def _verified(self, token: str) -> dict[str, Any]:
        try:
            if self._keys is not None and _algorithm(token) != "HS256":
                decoded = jwt.decode(token, self._keys.current(), algorithms=["RS256", "ES256"])
            elif self._secret is not None:
                decoded = jwt.decode(token, self._secret, algorithms=["HS256"])
            else:
                raise _refusal("Tokens signed this way are not accepted.", "Sign in again.")
            jwt.JWTClaimsRegistry(leeway=LEEWAY_S, exp={"essential": True}).validate(decoded.claims)
        except (JoseError, ValueError) as error:
            raise _refusal("The token is not valid, or has expired.", "Sign in again.") from error
        return dict(decoded.claims)


def _algorithm(token: str) -> str:
    """Return the alg of a token's header without trusting it: it chooses the key to fail against."""
    import base64  # noqa: PLC0415 - only hosted tokens come here

    head = token.partition(".")[0]
    try:
        return str(json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4))).get("alg"))
    except (ValueError, AttributeError):
        return ""


class _RemoteKeys:
    """The signing keys of a hosted project (RFC 7517), fetched at most every ten minutes."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._keys: KeySet | None = None
        self._fetched = 0.0

    def current(self) -> KeySet:
        with self._lock:
            if self._keys is None or time.monotonic() - self._fetched > KEYS_FRESH_S:
                try:
                    answer = httpx.get(self._url, timeout=5.0).raise_for_status()
                    self._keys = KeySet.import_key_set(answer.json())
                except (httpx.HTTPError, ValueError) as error:
                    if self._keys is None:
                        raise ApiError(
                            HTTPStatus.SERVICE_UNAVAILABLE,
                            "keys_unavailable",
                            "The keys that verify tokens could not be read.",
                            "Try again in a moment.",
                        ) from error
                self._fetched = time.monotonic()
            return self._keys


def _refusal(details: str, hint: str) -> ApiError:
    return ApiError(HTTPStatus.UNAUTHORIZED, "not_signed_in", details, hint)
