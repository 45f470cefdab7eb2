"""Auth: what supabase clients see of GoTrue."""

from __future__ import annotations

import time
from typing import Any

import httpx
import jwt
import psycopg
import pytest
from supabase import Client
from supabase_auth.errors import AuthApiError

from support.workshop import NORTH, PASSWORD, Person, SignIn, client
from truckroll_local.keys import signed
from truckroll_local.stack import Stack

Superuser = psycopg.Connection[dict[str, Any]]


def claims_of(stack: Stack, token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(
        token, stack.jwt_secret, algorithms=["HS256"], audience="authenticated"
    )
    return claims


def test_signing_up_gives_a_session_and_a_user_to_sign_in_as(
    stack: Stack, connections: httpx.Client, title: str
) -> None:
    email = f"{title.replace(' ', '-').lower()}@example.com"
    own = client(stack.api_url, stack.anon_key, connections)
    signed_up = own.auth.sign_up({"email": email, "password": PASSWORD, "options": {"data": {"name": "Zoë"}}})
    assert signed_up.session is not None
    own.auth.sign_out()
    session = own.auth.sign_in_with_password({"email": email, "password": PASSWORD}).session
    assert session is not None
    assert session.user.email == email
    assert session.user.user_metadata["name"] == "Zoë"


def test_a_wrong_password_is_refused(north: Person, stack: Stack, connections: httpx.Client) -> None:
    own = client(stack.api_url, stack.anon_key, connections)
    with pytest.raises(AuthApiError, match="Invalid login credentials") as refused:
        own.auth.sign_in_with_password({"email": north.email, "password": "wrong"})
    assert refused.value.status == 400


def test_the_token_carries_the_metadata_and_what_the_hook_adds(stack: Stack, sign_in: SignIn) -> None:
    person = sign_in(NORTH, name="Ada", nested={"a": [1]})
    claims = claims_of(stack, person.token)
    assert claims["sub"] == person.id
    assert claims["role"] == claims["aud"] == "authenticated"
    assert claims["app_metadata"] == {"provider": "email", "providers": ["email"], "team_ids": [NORTH]}
    assert claims["user_metadata"]["nested"] == {"a": [1]}
    assert claims["amr"][0]["method"] == "password"


def test_the_token_hook_is_asked_again_when_a_session_is_renewed(
    stack: Stack, sign_in: SignIn, superuser: Superuser
) -> None:
    person = sign_in()
    assert claims_of(stack, person.token)["app_metadata"]["team_ids"] == []
    superuser.execute("insert into public.members values (%s, %s)", (NORTH, person.id))
    person.client.auth.refresh_session()
    assert claims_of(stack, person.token)["app_metadata"]["team_ids"] == [NORTH]


def test_metadata_is_stored_as_an_object_and_not_as_text(sign_in: SignIn, superuser: Superuser) -> None:
    person = sign_in(None, name="Ada")
    person.client.auth.update_user({"data": {"colour": "red"}})
    row = superuser.execute(
        "select raw_user_meta_data as own, raw_app_meta_data ->> 'provider' as provider from auth.users where id = %s",
        (person.id,),
    ).fetchone()
    assert row is not None
    assert row["own"]["colour"] == "red"
    assert row["own"]["name"] == "Ada"
    assert row["provider"] == "email"


def test_the_session_user_is_who_signed_in_and_nobody_after_signing_out(
    sign_in: SignIn, stack: Stack
) -> None:
    person = sign_in()
    found = person.client.auth.get_user()
    assert found is not None
    assert found.user.id == person.id
    token = person.token
    person.client.auth.sign_out()
    headers = {"apikey": stack.anon_key, "authorization": f"Bearer {token}"}
    assert httpx.get(f"{stack.api_url}/auth/v1/user", headers=headers, timeout=60).status_code == 403


def test_the_service_key_manages_users(service: Client, title: str) -> None:
    email = f"{title.replace(' ', '-').lower()}@example.com"
    admin = service.auth.admin
    user = admin.create_user({"email": email, "password": PASSWORD, "email_confirm": True}).user
    assert [identity.provider for identity in user.identities or []] == ["email"]
    assert admin.get_user_by_id(user.id).user.email == email
    assert user.id in [listed.id for listed in admin.list_users(per_page=1000)]
    changed = admin.update_user_by_id(user.id, {"app_metadata": {"level": 3}}).user
    assert changed.app_metadata == {"provider": "email", "providers": ["email"], "level": 3}
    admin.delete_user(user.id)
    with pytest.raises(AuthApiError, match="User not found"):
        admin.get_user_by_id(user.id)


def test_an_address_registers_once(service: Client, north: Person) -> None:
    with pytest.raises(AuthApiError, match="already been registered") as refused:
        service.auth.admin.create_user({"email": north.email, "password": PASSWORD})
    assert refused.value.code == "email_exists"


def test_nobody_else_manages_users(north: Person, stack: Stack) -> None:
    for token in (stack.anon_key, north.token):
        headers = {"apikey": stack.anon_key, "authorization": f"Bearer {token}"}
        answer = httpx.get(f"{stack.api_url}/auth/v1/admin/users", headers=headers, timeout=60)
        assert (answer.status_code, answer.json()["error_code"]) == (403, "not_admin")


@pytest.mark.parametrize("path", ["/rest/v1/skills", "/auth/v1/user"])
@pytest.mark.parametrize("headers", [{}, {"apikey": "not-a-key"}])
def test_every_request_needs_an_api_key(stack: Stack, path: str, headers: dict[str, str]) -> None:
    assert httpx.get(stack.api_url + path, headers=headers, timeout=60).status_code == 401


def test_a_forged_or_expired_token_is_refused(stack: Stack, north: Person) -> None:
    claims = {"sub": north.id, "role": "service_role", "exp": int(time.time()) + 60}
    forged = signed(claims, "another-secret-of-at-least-32-characters")
    expired = signed(claims | {"exp": int(time.time()) - 60}, stack.jwt_secret)
    unsigned = jwt.encode(claims, "", algorithm="none")
    for token, code in ((forged, "PGRST301"), (expired, "PGRST303"), (unsigned, "PGRST301")):
        headers = {"apikey": stack.anon_key, "authorization": f"Bearer {token}"}
        answer = httpx.get(f"{stack.api_url}/rest/v1/vault", headers=headers, timeout=60)
        assert (answer.status_code, answer.json()["code"]) == (401, code)
        assert "Bearer" in answer.headers["www-authenticate"]
