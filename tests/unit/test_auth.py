"""Tokens of a hosted project: signed with keys that are published, told from forgeries."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from truckroll.auth import SERVICE, Verifier
from truckroll.errors import ApiError
from truckroll.settings import Settings, SettingsError

KEY = ECKey.generate_key("P-256", {"kid": "one"})
CLAIMS = {"sub": "4f6b", "role": "authenticated", "aud": "authenticated"}


@pytest.fixture
def published() -> Iterator[tuple[str, list[str]]]:
    """Serve the public key; yield the address and the list of requests so far."""
    asked: list[str] = []

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"keys": [KEY.as_dict(private=False)]}).encode())

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Keys) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/jwks.json", asked
        server.shutdown()


def settings(**values: Any) -> Settings:
    return Settings(
        **{"database_url": "", "jwt_secret": None, "jwks_url": None, "service_key": None} | values
    )


def signed(key: Any, algorithm: str, **claims: Any) -> str:
    header = {"alg": algorithm, "kid": "one"}
    return "Bearer " + jwt.encode(header, CLAIMS | {"exp": int(time.time()) + 60} | claims, key)


def test_a_token_signed_with_a_published_key_is_believed(published: tuple[str, list[str]]) -> None:
    address, asked = published
    verifier = Verifier(settings(jwks_url=address))
    for _ in range(3):
        caller = verifier.caller(signed(KEY, "ES256"))
        assert (caller.role, caller.claims["sub"]) == ("authenticated", "4f6b")
    assert len(asked) == 1, "the keys are kept for a while"


@pytest.mark.parametrize(
    "forged",
    [
        signed(ECKey.generate_key("P-256", {"kid": "one"}), "ES256"),
        signed(OctKey.import_key(str(KEY.as_dict(private=False)["x"])), "HS256"),
        signed(KEY, "ES256", exp=int(time.time()) - 60),
        signed(KEY, "ES256", role="supabase_admin"),
    ],
    ids=["another key", "public key as secret", "expired", "unknown role"],
)
def test_forgeries_are_not(published: tuple[str, list[str]], forged: str) -> None:
    with pytest.raises(ApiError) as refusal:
        Verifier(settings(jwks_url=published[0])).caller(forged)
    assert refusal.value.status == 401


def test_without_the_keys_nobody_is_believed_and_the_caller_may_try_again() -> None:
    with pytest.raises(ApiError) as refusal:
        Verifier(settings(jwks_url="http://127.0.0.1:1/jwks.json")).caller(signed(KEY, "ES256"))
    assert (refusal.value.status, refusal.value.message) == (503, "keys_unavailable")


def test_the_service_key_needs_no_signature() -> None:
    verifier = Verifier(settings(jwt_secret="x" * 32, service_key="opaque"))
    assert verifier.caller("Bearer opaque") == SERVICE
    with pytest.raises(ApiError):
        verifier.caller("Bearer opaqu")


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"TRUCKROLL_DATABASE_URL": "host=db"},
        {"TRUCKROLL_DATABASE_URL": "host=db", "TRUCKROLL_JWT_SECRET": "s", "TRUCKROLL_POOL_SIZE": "many"},
    ],
)
def test_settings_that_cannot_work_are_refused(environment: dict[str, str]) -> None:
    with pytest.raises(SettingsError):
        Settings.from_environment(environment)
