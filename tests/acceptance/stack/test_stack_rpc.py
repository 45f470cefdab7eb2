"""RPCs and errors: arguments, results and refusals as PostgREST passes them."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest
from postgrest.exceptions import APIError
from supabase import Client

from support.workshop import NORTH, SOUTH, Person


def test_claims_reach_the_database(north: Person) -> None:
    me: Any = north.client.rpc("who_am_i", {}).execute().data
    assert me["uid"] == me["claims"]["sub"] == north.id
    assert me["role"] == me["user"] == "authenticated"
    assert me["claims"]["app_metadata"]["team_ids"] == [NORTH]


def test_the_keys_are_the_anonymous_and_the_service_role(anon: Client, service: Client) -> None:
    for client, role in ((anon, "anon"), (service, "service_role")):
        me: Any = client.rpc("who_am_i", {}).execute().data
        assert (me["user"], me["role"], me["uid"]) == (role, role, None)


@pytest.mark.parametrize("document", [{"a": [1, {"b": None}]}, [1, 2], "text", 5, None, True, 'quo"te'])
def test_jsonb_arguments_arrive_as_they_were_sent(north: Person, document: Any) -> None:
    answer: Any = north.client.rpc("echo_document", {"document": document}).execute().data
    assert answer["document"] == document
    assert answer["note"] == "none"
    kinds = {dict: "object", list: "array", str: "string", int: "number", bool: "boolean", type(None): "null"}
    assert answer["kind"] == (kinds[type(document)] if document is not None else None)


def test_arrays_arrive_as_arrays(north: Person) -> None:
    ids, words = [str(uuid4()), str(uuid4())], ["a", "b,c", 'd"e', "{}"]
    answer = north.client.rpc("echo_arrays", {"ids": ids, "numbers": [1, 2], "words": words}).execute().data
    assert answer == {"ids": ids, "numbers": [1, 2], "words": words}
    assert north.client.rpc("echo_arrays", {"ids": []}).execute().data == {
        "ids": [],
        "numbers": [],
        "words": None,
    }


def test_a_composite_comes_as_one_object(north: Person, http: httpx.Client, title: str) -> None:
    arguments = {"team_id": NORTH, "title": title, "starts_at": "2026-11-20T12:00:00+02:00"}
    refused = http.post("/rest/v1/rpc/add_task", json=arguments)
    assert refused.status_code == 403, "returning every column needs the privilege on every column"
    query = north.client.rpc("add_fitter", {"team_id": NORTH, "name": title}).execute()
    assert isinstance(query.data, dict)
    assert query.data["name"] == title


def test_a_set_of_rows_is_filtered_ordered_counted_and_embedded(http: httpx.Client) -> None:
    params = {"select": "name,teams(name)", "order": "name.desc", "limit": "1"}
    answer = http.post("/rest/v1/rpc/team_fitters", json={"team_id": NORTH}, params=params | {"name": "in.(Ada,Ben)"},
                       headers={"prefer": "count=exact"})  # fmt: skip
    assert answer.json() == [{"name": "Ben", "teams": {"name": "North"}}]
    assert (answer.status_code, answer.headers["content-range"]) == (206, "0-0/2")


def test_a_table_of_columns_keeps_its_types(http: httpx.Client) -> None:
    answer = http.post(
        "/rest/v1/rpc/offers", json={"wanted": 2}, params={"select": "rank,starts_at,score", "order": "rank"}
    )
    assert answer.json() == [
        {"rank": 1, "starts_at": "2026-11-20T11:00:00+00:00", "score": 0.25},
        {"rank": 2, "starts_at": "2026-11-20T12:00:00+00:00", "score": 0.5},
    ]


def test_scalars_are_json_and_void_is_nothing(http: httpx.Client) -> None:
    assert http.post("/rest/v1/rpc/add_numbers", json={"a": 2, "b": 3}).text == "5"
    assert http.post("/rest/v1/rpc/now_is", json={}).text == '"2026-11-20T10:00:00.25+00:00"'
    nothing = http.post("/rest/v1/rpc/do_nothing")
    assert (nothing.status_code, nothing.content) == (204, b"")


def test_reading_functions_answer_get_and_writing_ones_do_not(http: httpx.Client) -> None:
    assert http.get("/rest/v1/rpc/add_numbers", params={"a": "2"}).text == "3"
    ids = [str(uuid4())]
    arrays = http.get("/rest/v1/rpc/echo_arrays", params={"ids": f"{{{ids[0]}}}", "words": '{"a,b"}'})
    assert arrays.json() == {"ids": ids, "numbers": [], "words": ["a,b"]}
    document = http.get("/rest/v1/rpc/echo_document", params={"document": '{"a": 1}'})
    assert document.json()["document"] == {"a": 1}
    offers = http.get("/rest/v1/rpc/offers", params={"wanted": "5", "rank": "gt.3"})
    assert [row["rank"] for row in offers.json()] == [4, 5]
    written = http.get("/rest/v1/rpc/add_fitter", params={"team_id": NORTH, "name": "written by GET"})
    assert (written.status_code, written.json()["code"]) == (405, "25006")


def test_an_unknown_function_or_argument_is_named(http: httpx.Client) -> None:
    unknown = http.post("/rest/v1/rpc/add_numberz", json={"a": 1})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "PGRST202")
    argument = http.post("/rest/v1/rpc/add_numbers", json={"a": 1, "c": 2})
    assert (argument.status_code, argument.json()["code"]) == (404, "PGRST202")
    assert "add_numbers(a, b)" in argument.json()["hint"]
    missing = http.post("/rest/v1/rpc/add_numbers", json={})
    assert (missing.status_code, missing.json()["code"]) == (404, "PGRST202")


def test_a_revoked_function_stays_revoked(north: Person, anon: Client, http: httpx.Client) -> None:
    for client in (north.client, anon):
        with pytest.raises(APIError, match="permission denied for function hidden"):
            client.rpc("hidden", {}).execute()
    hook = http.post("/rest/v1/rpc/custom_access_token_hook", json={"event": {}})
    assert (hook.status_code, hook.json()["code"]) == (403, "42501")


STATUSES = {
    "PT400": 400, "PT404": 404, "PT409": 409, "PT422": 422, "P0001": 400, "22P02": 400, "22023": 400, "23502": 400,
    "23503": 409, "23505": 409, "23514": 400, "23P01": 400, "40001": 500, "40P01": 500, "42501": 403, "42883": 404,
    "42P01": 404, "42P17": 500, "53400": 500, "53300": 503, "54001": 500, "55P03": 500, "57014": 500, "57P01": 503,
    "58000": 500, "XX000": 500, "28000": 403, "0LP01": 403, "08006": 503, "25006": 405, "2F003": 400, "P0002": 500,
}  # fmt: skip


@pytest.mark.parametrize(("state", "status"), STATUSES.items())
def test_an_sqlstate_becomes_the_status_postgrest_gives_it(
    http: httpx.Client, state: str, status: int
) -> None:
    answer = http.post("/rest/v1/rpc/fail_with", json={"state": state})
    assert answer.status_code == status
    assert answer.json() == {"code": state, "message": "it_failed", "details": "why", "hint": "what to do"}


def test_who_is_not_signed_in_is_asked_to(anon: Client, http: httpx.Client) -> None:
    answer = http.get("/rest/v1/tasks", headers={"authorization": ""})
    assert (answer.status_code, answer.json()["code"]) == (401, "42501")
    assert answer.headers["www-authenticate"] == "Bearer"
    with pytest.raises(APIError, match="it_failed") as refused:
        anon.rpc("fail_with", {"state": "42501"}).execute()
    assert refused.value.hint == "what to do"


def test_constraints_refuse_with_their_own_codes(http: httpx.Client, title: str) -> None:
    span = {"during": "[2033-01-01 08:00+00,2033-01-01 09:00+00)"}
    first = {"team_id": NORTH, "title": title} | span
    assert http.post("/rest/v1/tasks", json=first).status_code == 201
    for row, status, code in (
        ({"title": title}, 409, "23505"),
        ({"title": f"{title} overlapping"} | span, 400, "23P01"),
        ({"title": f"{title} led by nobody", "lead_id": str(uuid4())}, 409, "23503"),
        ({"title": ""}, 400, "23514"),
        ({"title": None}, 400, "23502"),
        ({"title": title, "price": "much"}, 400, "22P02"),
        ({"title": title, "urgency": "medium"}, 400, "22P02"),
        ({"title": title, "starts_at": "2026-02-30"}, 400, "22008"),
        ({"title": title, "team_id": SOUTH}, 403, "42501"),
    ):
        answer = http.post("/rest/v1/tasks", json={"team_id": NORTH} | row)
        assert (answer.status_code, answer.json()["code"]) == (status, code), row
        assert set(answer.json()) == {"code", "message", "details", "hint"}


def test_a_failed_call_leaves_nothing_behind(http: httpx.Client, title: str) -> None:
    assert http.post("/rest/v1/rpc/write_and_fail", json={"name": title}).status_code == 409
    assert http.get("/rest/v1/fitters", params={"name": f"eq.{title}"}).json() == []
