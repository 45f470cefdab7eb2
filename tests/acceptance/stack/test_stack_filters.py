"""REST tables: filters, orders, ranges and counts, over three rows that differ in every column."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from postgrest import CountMethod, ReturnMethod

from support.workshop import NORTH, Person

ONE, TWO, ODD = "shelf one", "shelf two", 'shelf (3), "odd"'


def hour_of(day: str) -> str:
    return f"[{day} 08:00+00,{day} 09:00+00)"


@pytest.fixture(scope="session")
def shelf(north: Person) -> str:
    # Three tasks that differ in every type of column, found by their `during`.
    rows: list[dict[str, Any]] = [
        {"title": ONE, "urgency": "low", "price": 10, "starts_at": "2031-01-01T08:00:00Z",
         "tags": ["a", "b,c"], "details": {"size": "s", "n": 1}, "during": hour_of("2031-01-01")},
        {"title": TWO, "urgency": "high", "price": 20.25, "starts_at": "2031-01-02T08:00:00+02:00",
         "tags": ["b"], "details": {"size": "m", "n": 2}, "during": hour_of("2031-01-02")},
        {"title": ODD, "urgency": "high", "price": None, "starts_at": None,
         "tags": [], "details": [1, 2], "during": hour_of("2031-01-03")},
    ]  # fmt: skip
    table = north.client.table("tasks")
    table.insert([{**row, "team_id": NORTH} for row in rows], returning=ReturnMethod.minimal).execute()
    return "[2031-01-01 00:00+00,2031-02-01 00:00+00)"


@pytest.mark.parametrize(
    ("name", "filters", "expected"),
    [
        ("eq", {"urgency": "eq.high"}, [ODD, TWO]),
        ("neq", {"urgency": "neq.high"}, [ONE]),
        ("gt and lt", {"price": ["gt.5", "lt.15"]}, [ONE]),
        ("gte with an offset", {"starts_at": "gte.2031-01-02T06:00:00Z"}, [TWO]),
        ("like", {"title": "like.shelf t*"}, [TWO]),
        ("ilike", {"title": "ilike.SHELF O*"}, [ONE]),
        ("match", {"title": r"match.^shelf \("}, [ODD]),
        ("in", {"title": 'in.("shelf one","shelf (3), \\"odd\\"")'}, [ODD, ONE]),
        ("in nothing", {"title": "in.()"}, []),
        ("is null", {"price": "is.null"}, [ODD]),
        ("not is null", {"price": "not.is.null"}, [ONE, TWO]),
        ("contains", {"tags": 'cs.{"b,c"}'}, [ONE]),
        ("contained", {"tags": "cd.{b,x}"}, [ODD, TWO]),
        ("overlaps", {"tags": "ov.{a,b}"}, [ONE, TWO]),
        ("range overlaps", {"during": ["ov.[2031-01-01 08:30+00,2031-01-02 08:30+00)"]}, [ONE, TWO]),
        ("range adjacent", {"during": ["adj.[2031-01-01 07:00+00,2031-01-01 08:00+00)"]}, [ONE]),
        ("jsonb contains", {"details": 'cs.{"size":"m"}'}, [TWO]),
        ("json path", {"details->>size": "eq.s"}, [ONE]),
        ("json path compares as json", {"details->n": "gte.2"}, [TWO]),
        ("not", {"title": "not.eq.shelf one"}, [ODD, TWO]),
        ("or", {"or": "(price.gt.15,tags.cs.{a})"}, [ONE, TWO]),
        ("nested", {"or": '(title.eq."shelf one",and(urgency.eq.high,not.or(price.is.null,price.lt.5)))'}, [ONE, TWO]),
        ("not and", {"not.and": "(urgency.eq.high,price.is.null)"}, [ONE, TWO]),
        ("any", {"title": 'eq(any).{"shelf one","shelf two"}'}, [ONE, TWO]),
        ("distinct", {"price": "isdistinct.10"}, [ODD, TWO]),
        ("full text", {"title": "plfts(english).shelf two"}, [TWO]),
    ],
)  # fmt: skip
def test_filters_select_as_postgrest_does(
    http: httpx.Client, shelf: str, name: str, filters: dict[str, Any], expected: list[str]
) -> None:
    own = filters.pop("during", []) if isinstance(filters.get("during"), list) else []
    params = {"select": "title", "order": "title", "during": [f"ov.{shelf}", *own], **filters}
    answer = http.get("/rest/v1/tasks", params=params)
    assert answer.status_code == 200, f"{name}: {answer.text}"
    assert [row["title"] for row in answer.json()] == sorted(expected), name
    filters.update({"during": own} if own else {})


def test_ranges_and_counts_say_where_one_is(http: httpx.Client, shelf: str) -> None:
    params = {"select": "title", "order": "title", "during": f"ov.{shelf}"}
    part = http.get("/rest/v1/tasks", params=params, headers={"range": "1-1", "prefer": "count=exact"})
    assert (part.status_code, part.headers["content-range"]) == (206, "1-1/3")
    whole = http.get("/rest/v1/tasks", params=params, headers={"prefer": "count=exact"})
    assert (whole.status_code, whole.headers["content-range"]) == (200, "0-2/3")
    uncounted = http.get("/rest/v1/tasks", params=params | {"limit": 2, "offset": 1})
    assert (uncounted.status_code, uncounted.headers["content-range"]) == (200, "1-2/*")
    beyond = http.get("/rest/v1/tasks", params=params | {"offset": 9}, headers={"prefer": "count=exact"})
    assert (beyond.status_code, beyond.json()["code"]) == (416, "PGRST103")
    head = http.head("/rest/v1/tasks", params=params, headers={"prefer": "count=exact"})
    assert (head.headers["content-range"], head.content) == ("0-2/3", b"")


def test_counts_come_to_the_client(north: Person, shelf: str) -> None:
    query = north.client.table("tasks").select("title", count=CountMethod.exact).filter("during", "ov", shelf)
    answer = query.order("title").range(0, 1).execute()
    assert (answer.count, len(answer.data)) == (3, 2)


def test_an_order_puts_nulls_where_asked(http: httpx.Client, shelf: str) -> None:
    def prices(order: str) -> list[Any]:
        found = http.get(
            "/rest/v1/tasks", params={"select": "price", "during": f"ov.{shelf}", "order": order}
        )
        return [row["price"] for row in found.json()]

    assert prices("price.desc.nullslast") == [20.25, 10, None]
    assert prices("price.desc") == [None, 20.25, 10]
    assert prices("price.asc.nullsfirst") == [None, 10, 20.25]


def test_one_row_is_asked_for_and_given_or_refused(north: Person, shelf: str, http: httpx.Client) -> None:
    table = north.client.table("tasks")
    assert table.select("title").eq("title", ONE).single().execute().data == {"title": ONE}
    assert table.select("title").eq("title", "nothing").maybe_single().execute() is None
    headers = {"accept": "application/vnd.pgrst.object+json"}
    many = http.get("/rest/v1/tasks", params={"select": "title", "during": f"ov.{shelf}"}, headers=headers)
    assert (many.status_code, many.json()["code"]) == (406, "PGRST116")
    assert many.json()["details"] == "The result contains 3 rows"


def test_a_single_representation_that_is_not_single_changes_nothing(http: httpx.Client, shelf: str) -> None:
    headers = {"prefer": "return=representation", "accept": "application/vnd.pgrst.object+json"}
    params = {"during": f"ov.{shelf}", "select": "title"}
    answer = http.patch("/rest/v1/tasks", json={"price": 1}, params=params, headers=headers)
    assert answer.status_code == 406
    assert http.get("/rest/v1/tasks", params=params | {"price": "eq.1"}).json() == []


def test_a_view_is_read_with_the_callers_rights(south: Person, shelf: str, http: httpx.Client) -> None:
    params = {"select": "title,lead:fitters!tasks_lead_fkey(name)", "during": f"ov.{shelf}", "order": "title"}
    assert [row["title"] for row in http.get("/rest/v1/urgent_tasks", params=params).json()] == [ODD, TWO]
    assert south.client.table("urgent_tasks").select("title").execute().data == []
