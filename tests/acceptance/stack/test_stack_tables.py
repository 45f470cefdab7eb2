"""REST tables and views: what supabase-py sees of PostgREST."""

from __future__ import annotations

import time
from typing import Any

import httpx
import psycopg
import pytest
from postgrest import ReturnMethod
from postgrest.exceptions import APIError
from supabase import Client

from support.workshop import ADA, NORTH, SOUTH, Person

Superuser = psycopg.Connection[dict[str, Any]]
OWN_COLUMNS = "team_id, id, number, title, price, details, lead_id"


@pytest.fixture
def task(north: Person, title: str) -> dict[str, Any]:
    values = {
        "team_id": NORTH,
        "title": title,
        "price": 12.5,
        "lead_id": ADA,
        "details": {"a": [1, {"b": "c"}]},
    }
    return inserted(north.client, values)


def inserted(client: Client, values: dict[str, Any]) -> dict[str, Any]:
    """Insert a task and return what its columns open to clients then hold."""
    found = client.table("tasks").insert(values, returning=ReturnMethod.minimal).execute()
    assert found.data == []
    row: Any = client.table("tasks").select(OWN_COLUMNS).eq("title", values["title"]).single().execute().data
    return dict(row)


def titles(answer: Any) -> list[str]:
    return [row["title"] for row in answer.data]


def test_members_see_their_team_and_nothing_of_others(
    task: dict[str, Any], north: Person, south: Person, service: Client, anon: Client
) -> None:
    def seen_by(client: Client) -> list[str]:
        return titles(client.table("tasks").select("title").eq("title", task["title"]).execute())

    assert seen_by(north.client) == [task["title"]]
    assert seen_by(south.client) == []
    assert seen_by(service) == [task["title"]]
    with pytest.raises(APIError) as refused:
        seen_by(anon)
    assert refused.value.code == "42501"


def test_a_row_of_another_team_cannot_be_written(north: Person, south: Person, task: dict[str, Any]) -> None:
    with pytest.raises(APIError, match="row-level security") as refused:
        north.client.table("tasks").insert(
            {"team_id": SOUTH, "title": "theirs"}, returning=ReturnMethod.minimal
        ).execute()
    assert refused.value.code == "42501"
    changed = south.client.table("tasks").update({"price": 1}).eq("id", task["id"])
    assert changed.select("title").execute().data == []


def test_revoked_privileges_stay_revoked(north: Person, anon: Client, superuser: Superuser) -> None:
    for client, table in ((north.client, "vault"), (anon, "vault"), (anon, "teams"), (anon, "tasks")):
        with pytest.raises(APIError, match=f"permission denied for table {table}"):
            client.table(table).select("*").limit(1).execute()
    row = superuser.execute("select count(*) from information_schema.role_table_grants where table_name = 'vault' "
                            "and grantee in ('anon', 'authenticated')").fetchone()  # fmt: skip
    assert row == {"count": 0}


def test_a_column_without_privilege_is_refused_and_so_is_the_star(north: Person) -> None:
    for columns in ("secret_note", "*"):
        with pytest.raises(APIError, match="permission denied") as refused:
            north.client.table("tasks").select(columns).execute()
        assert refused.value.code == "42501"


def test_a_foreign_key_of_two_columns_embeds_the_right_row(task: dict[str, Any], north: Person) -> None:
    query = north.client.table("tasks").select(
        "title, lead:fitters!tasks_lead_fkey(name, hourly_rate), helper:fitters!tasks_helper_fkey(name)"
    )
    (row,) = query.eq("id", task["id"]).execute().data
    assert row == {"title": task["title"], "lead": {"name": "Ada", "hourly_rate": 80.5}, "helper": None}


def test_children_embed_filtered_ordered_and_limited(task: dict[str, Any], north: Person) -> None:
    steps = [{"team_id": NORTH, "task_id": task["id"], "position": n, "note": f"n{n}"} for n in range(5)]
    north.client.table("steps").insert(steps).execute()
    query = north.client.table("tasks").select("title, steps(position, note)").eq("id", task["id"])
    query = (
        query.gt("steps.position", 0)
        .order("position", desc=True, foreign_table="steps")
        .limit(2, foreign_table="steps")
    )
    row: Any = query.execute().data[0]
    assert row["steps"] == [{"position": 4, "note": "n4"}, {"position": 3, "note": "n3"}]


def test_inner_embeds_filter_the_parents_and_others_do_not(
    north: Person, task: dict[str, Any], title: str
) -> None:
    north.client.table("steps").insert(
        {"team_id": NORTH, "task_id": task["id"], "position": 1, "note": title}
    ).execute()
    inner = north.client.table("tasks").select("title, steps!inner(note)").eq("steps.note", title).execute()
    assert titles(inner) == [task["title"]]
    outer = north.client.table("tasks").select("title, steps(note)").eq("steps.note", title).execute()
    assert len(outer.data) >= len(inner.data)
    none = (
        north.client.table("tasks")
        .select("title, steps(note)")
        .eq("id", task["id"])
        .is_("steps", "null")
        .execute()
    )
    assert none.data == []


def test_many_to_many_embeds_through_the_junction(north: Person, task: dict[str, Any]) -> None:
    rows = [{"team_id": NORTH, "task_id": task["id"], "skill_id": skill} for skill in (1, 2)]
    north.client.table("task_skills").insert(rows).execute()
    query = (
        north.client.table("tasks")
        .select("skills(name)")
        .eq("id", task["id"])
        .order("name", foreign_table="skills")
    )
    assert query.execute().data == [{"skills": [{"name": "Welding"}, {"name": "Wiring"}]}]


def test_embeds_nest_and_to_one_embeds_spread(north: Person, task: dict[str, Any]) -> None:
    north.client.table("steps").insert({"team_id": NORTH, "task_id": task["id"], "position": 1}).execute()
    query = north.client.table("steps").select(
        "position, tasks(title, lead:fitters!tasks_lead_fkey(name)), ...tasks(number)"
    )
    (row,) = query.eq("task_id", task["id"]).execute().data
    assert row == {
        "position": 1,
        "tasks": {"title": task["title"], "lead": {"name": "Ada"}},
        "number": task["number"],
    }


def test_an_ambiguous_embed_names_its_choices(http: httpx.Client) -> None:
    answer = http.get("/rest/v1/tasks", params={"select": "title,fitters(name)"})
    assert (answer.status_code, answer.json()["code"]) == (300, "PGRST201")
    assert "fitters!tasks_lead_fkey" in answer.json()["hint"]
    unknown = http.get("/rest/v1/tasks", params={"select": "title,vault(content)"})
    assert (unknown.status_code, unknown.json()["code"]) == (400, "PGRST200")


def test_rows_order_by_an_embedded_column(north: Person) -> None:
    query = north.client.table("tasks").select("lead:fitters!tasks_lead_fkey!inner(name)").limit(5)
    found: Any = query.order("lead(name)").execute().data
    assert found == sorted(found, key=lambda row: row["lead"]["name"])


def test_formats_are_those_of_postgrest(http: httpx.Client, title: str) -> None:
    row = {
        "team_id": NORTH, "title": title, "price": 12.5, "weight": "12345678901234567890.123456789",
        "starts_at": "2026-11-20T11:00:00+01:00", "happened_at": "2026-11-20 10:00:00.5",
        "on_day": "2026-11-20", "during": "[2027-01-01 10:00+00,2027-01-01 11:00+00)",
        "reminders": ["2026-11-20T10:00:00Z"], "tags": ["a", 'quo"te'], "details": {"deep": [1.5, None, "x"]},
    }  # fmt: skip
    assert http.post("/rest/v1/tasks", json=row).status_code == 201
    columns = "price,weight,starts_at,happened_at,on_day,during,reminders,tags,details,urgency,"
    columns += "as_text:price::text,deep:details->deep->0"
    text = http.get("/rest/v1/tasks", params={"select": columns, "title": f"eq.{title}"}).text
    assert text == (
        '[{"price":12.50,"weight":12345678901234567890.123456789,"starts_at":"2026-11-20T10:00:00+00:00",'
        '"happened_at":"2026-11-20T10:00:00.5","on_day":"2026-11-20",'
        '"during":"[\\"2027-01-01 10:00:00+00\\",\\"2027-01-01 11:00:00+00\\")",'
        '"reminders":["2026-11-20T10:00:00+00:00"],"tags":["a","quo\\"te"],"details":{"deep": [1.5, null, "x"]},'
        '"urgency":"low","as_text":"12.50","deep":1.5}]'
    )


def test_rows_are_inserted_in_bulk_with_their_defaults(http: httpx.Client, title: str) -> None:
    rows = [
        {"team_id": NORTH, "title": f"{title} 1", "urgency": "high"},
        {"team_id": NORTH, "title": f"{title} 2"},
    ]
    uneven = http.post("/rest/v1/tasks", json=rows)
    assert (uneven.status_code, uneven.json()["code"]) == (400, "PGRST102")
    params = {"columns": '"team_id","title","urgency"', "select": "title,urgency,tags"}
    headers = {"prefer": "return=representation,missing=default"}
    answer = http.post("/rest/v1/tasks", json=rows, params=params, headers=headers)
    assert answer.status_code == 201, answer.text
    assert answer.json() == [
        {"title": f"{title} 1", "urgency": "high", "tags": []},
        {"title": f"{title} 2", "urgency": "low", "tags": []},
    ]


def test_an_upsert_merges_or_ignores(http: httpx.Client, task: dict[str, Any]) -> None:
    row = {"team_id": NORTH, "title": task["title"], "price": 99}
    params = {"on_conflict": "team_id,title", "select": "id,price"}
    ignored = http.post("/rest/v1/tasks", json=row, params=params,
                        headers={"prefer": "resolution=ignore-duplicates,return=representation"})  # fmt: skip
    assert ignored.json() == []
    merged = http.post("/rest/v1/tasks", json=row, params=params,
                       headers={"prefer": "resolution=merge-duplicates,return=representation"})  # fmt: skip
    assert merged.json() == [{"id": task["id"], "price": 99}]


def test_a_change_returns_rows_with_embeds_and_null_sets_null(north: Person, task: dict[str, Any]) -> None:
    query = north.client.table("tasks").update({"price": None, "details": {"new": True}}).eq("id", task["id"])
    (row,) = query.select("price, details, lead:fitters!tasks_lead_fkey(name)").execute().data
    assert row == {"price": None, "details": {"new": True}, "lead": {"name": "Ada"}}


def test_deleting_needs_a_filter_and_returns_what_went(
    north: Person, http: httpx.Client, task: dict[str, Any]
) -> None:
    careless = http.delete("/rest/v1/tasks")
    assert (careless.status_code, careless.json()["message"]) == (400, "DELETE requires a WHERE clause")
    assert http.patch("/rest/v1/tasks", json={"price": 1}).status_code == 400
    gone = north.client.table("tasks").delete().eq("id", task["id"]).select("title").execute()
    assert titles(gone) == [task["title"]]
    assert http.delete("/rest/v1/tasks", params={"id": f"eq.{task['id']}"}).status_code == 204


def test_what_does_not_exist_is_named(http: httpx.Client) -> None:
    table = http.get("/rest/v1/taskz")
    assert (table.status_code, table.json()["code"]) == (404, "PGRST205")
    assert "public.tasks" in table.json()["hint"]
    column = http.get("/rest/v1/tasks", params={"select": "colour"})
    assert (column.status_code, column.json()["code"]) == (400, "42703")
    written = http.post("/rest/v1/tasks", json={"colour": "red"})
    assert (written.status_code, written.json()["code"]) == (400, "PGRST204")
    schema = http.get("/rest/v1/tasks", headers={"accept-profile": "auth"})
    assert (schema.status_code, schema.json()["code"]) == (406, "PGRST106")
    filters = http.get("/rest/v1/tasks", params={"title": "resembles.x"})
    assert (filters.status_code, filters.json()["code"]) == (400, "PGRST100")
    body = http.post("/rest/v1/tasks", content=b"{", headers={"content-type": "application/json"})
    assert (body.status_code, body.json()["code"]) == (400, "PGRST102")
    aggregate = http.get("/rest/v1/tasks", params={"select": "price.sum()"})
    assert (aggregate.status_code, aggregate.json()["code"]) == (400, "PGRST123")


def test_values_are_data_and_never_sql(http: httpx.Client) -> None:
    hostile = "'; drop table public.steps; --"
    for params in ({"title": f"eq.{hostile}"}, {"details->>a'b": f"eq.{hostile}"}, {"select": f'title,"{hostile}"'},
                   {"order": f'title,"{hostile}"'}, {"select": f"x:details->>'{hostile}"}):  # fmt: skip
        assert http.get("/rest/v1/tasks", params={"select": "title"} | params).status_code in {200, 400}
    assert http.get("/rest/v1/steps", params={"select": "id"}).status_code == 200
    assert http.get("/rest/v1/tasks", params={"select": "price::text; drop table steps"}).status_code == 400


def test_the_api_follows_the_schema_without_a_restart(
    service: Client, superuser: Superuser, http: httpx.Client, title: str
) -> None:
    name = f"made_{title.rsplit(maxsplit=1)[-1]}"
    superuser.execute(f"create table public.{name} (id integer primary key, price numeric)")
    try:
        deadline = time.monotonic() + 60
        while http.get(f"/rest/v1/{name}").status_code == 404 and time.monotonic() < deadline:
            time.sleep(0.02)
        row = {"id": 1, "price": 1.5}
        assert service.table(name).insert(row).execute().data == [row]
    finally:
        superuser.execute(f"drop table public.{name}")


def test_browsers_may_call_from_anywhere(http: httpx.Client) -> None:
    headers = {
        "origin": "http://localhost:3000",
        "access-control-request-headers": "apikey,authorization,prefer",
    }
    answer = http.options("/rest/v1/tasks", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "prefer" in answer.headers["access-control-allow-headers"]
