"""What each role of the demo company sees of its schedule through the API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg
import pytest
from postgrest.exceptions import APIError

from support.sql import value
from support.workshop import Somebody
from truckroll.cli.api import rows, rpc

Document = dict[str, Any]
Booked = dict[str, Document]

TECHNICIANS = {"technician": "T01", "plumber": "T07"}
SERVICES = {"technician": "furnace_repair", "plumber": "leak_repair"}
NORTH_SIDE = {"postal_code": "53704", "latitude": 43.1193, "longitude": -89.3350}  # both work there


@pytest.fixture(scope="module")
def known(superuser: psycopg.Connection[Any]) -> Callable[[str], str]:
    """Tell the id of something in the demo company by its name."""

    def identifier(name: str) -> str:
        found: UUID = value(superuser, "select md5('four-lakes ' || %s)::uuid", (name,))
        return str(found)

    return identifier


@pytest.fixture(scope="module")
def booked(demo: Somebody, known: Callable[[str], str]) -> Booked:
    """Book a visit at a place of the portal customer's for either technician who can sign in."""
    client = demo("dispatcher").client
    (org,) = rows(client.table("orgs").select("id"))
    customer = known("customer C001")
    place = {"org_id": org["id"], "customer_id": customer} | NORTH_SIDE
    (site,) = rows(client.table("customer_locations").insert(place))
    visits = {}
    for name, number in TECHNICIANS.items():
        (service,) = rows(client.table("services").select("id, name").eq("code", SERVICES[name]))
        (job,) = rows(
            client.table("dispatch_jobs").insert(
                {
                    "org_id": org["id"],
                    "customer_id": customer,
                    "location_id": site["id"],
                    "service_id": service["id"],
                    "title": service["name"],
                }
            )
        )
        technicians = [known(f"technician {number}")]
        (slot,) = rpc(client, "find_slots", job_id=job["id"], technician_ids=technicians, max_results=1)
        visits[name] = rpc(
            client,
            "book_appointment",
            job_id=job["id"],
            technician_ids=technicians,
            starts_at=slot["starts_at"],
        )
    return visits


def column(demo: Somebody, name: str, table: str, wanted: str = "id") -> set[Any]:
    """Return a column of everything somebody sees of a table."""
    found = demo(name).client.table(table).select(wanted).limit(10_000)
    return {row[wanted] for row in rows(found)}


def count(superuser: psycopg.Connection[Any], table: str) -> int:
    query: Any = f"select count(*) from public.{table} where org_id = md5('four-lakes')::uuid"
    return int(value(superuser, query))


@pytest.mark.parametrize("name", TECHNICIANS)
def test_a_technician_sees_their_own_visits_and_no_others(
    name: str, demo: Somebody, booked: Booked, known: Callable[[str], str]
) -> None:
    other = next(one for one in TECHNICIANS if one != name)
    assert column(demo, name, "job_assignments", "technician_id") == {
        known(f"technician {TECHNICIANS[name]}")
    }
    visits = column(demo, name, "appointments")
    assert booked[name]["id"] in visits
    assert booked[other]["id"] not in visits
    assert visits == column(demo, name, "job_assignments", "appointment_id")
    jobs = column(demo, name, "dispatch_jobs")
    assert booked[name]["dispatch_job_id"] in jobs
    assert booked[other]["dispatch_job_id"] not in jobs
    refused(demo, name, "schedule_board", starts_on="2026-12-01")
    refused(demo, name, "job_queue")


def test_a_customer_sees_the_portal_and_nothing_behind_it(demo: Somebody, booked: Booked) -> None:
    shown = rows(demo("customer").client.table("portal_appointments").select("*"))
    assert {visit["id"] for visit in booked.values()} <= {row["appointment_id"] for row in shown}
    assert not {"technician_id", "org_id", "phone", "score"} & {key for row in shown for key in row}
    for table in (
        "appointments",
        "job_assignments",
        "dispatch_jobs",
        "customers",
        "technician_profiles",
        "reservations",
        "orgs",
    ):
        assert column(demo, "customer", table) == set(), table
    refused(demo, "customer", "schedule_board", starts_on="2026-12-01")


def test_a_cashier_sees_no_schedule(demo: Somebody, booked: Booked) -> None:
    assert booked
    for table in ("appointments", "job_assignments", "reservations", "technician_shifts", "dispatch_jobs"):
        assert column(demo, "cashier", table) == set(), table
    refused(demo, "cashier", "schedule_board", starts_on="2026-12-01")
    refused(demo, "cashier", "job_queue")


def test_an_advisor_sees_one_facility(
    demo: Somebody, booked: Booked, known: Callable[[str], str], superuser: psycopg.Connection[Any]
) -> None:
    assert booked
    here = known("facility East Washington")
    assert column(demo, "advisor", "dispatch_jobs", "facility_id") == {here}
    jobs = value(superuser, "select count(*) from public.dispatch_jobs where facility_id = %s", (here,))
    assert len(column(demo, "advisor", "dispatch_jobs")) == jobs < count(superuser, "dispatch_jobs")
    assert not {visit["id"] for visit in booked.values()} & column(demo, "advisor", "appointments")


@pytest.mark.parametrize("table", ["appointments", "job_assignments", "dispatch_jobs", "customers"])
def test_an_owner_sees_everything(
    table: str, demo: Somebody, booked: Booked, superuser: psycopg.Connection[Any]
) -> None:
    assert booked
    assert len(column(demo, "owner", table)) == count(superuser, table) > 0


def refused(demo: Somebody, name: str, function: str, **arguments: Any) -> None:
    with pytest.raises(APIError) as caught:
        rpc(demo(name).client, function, **arguments)
    assert (caught.value.code, caught.value.message) == ("42501", "permission_missing")
