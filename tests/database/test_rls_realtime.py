"""Who may join which realtime topic, asked the way Supabase Realtime asks when a client joins a private channel.

It writes one message of each extension to the topic as the database owner, reads them back as the client and then
tries to write as the client, all in a transaction that it rolls back.
"""

from __future__ import annotations

from uuid import UUID

import psycopg
import pytest

from support import sql
from support.factory import Company, user
from support.sql import AsUser, Connection, Row

EXTENSIONS = ("broadcast", "presence")
BOTH, NONE = set(EXTENSIONS), set[str]()


@pytest.fixture
def company(db: Connection) -> Company:
    return Company(db)


@pytest.fixture
def run(company: Company) -> Row:
    return company.add("optimization_runs", kind="optimize_all", starts_on="2027-03-01")


def permitted(db: Connection, as_user: AsUser, topic: str, who: UUID | None) -> tuple[set[str], set[str]]:
    """Return the extensions somebody may receive on a topic, and those they may send."""
    role = "authenticated" if who else "anon"
    with db.transaction(force_rollback=True):
        db.execute("select set_config('realtime.topic', %s, true)", (topic,))
        for extension in EXTENSIONS:
            db.execute("insert into realtime.messages (topic, extension) values (%s, %s)", (topic, extension))
        with as_user(who, role=role):
            received = sql.rows(db, "select extension from realtime.messages where topic = %s", (topic,))
        sent = set()
        for extension in EXTENSIONS:
            try:
                with as_user(who, role=role):
                    db.execute(
                        "insert into realtime.messages (topic, extension) values (%s, %s) returning id",
                        (topic, extension),
                    )
                sent.add(extension)
            except psycopg.errors.InsufficientPrivilege:
                pass
    return {row["extension"] for row in received}, sent


@pytest.mark.parametrize(
    ("role", "receives", "sends"),
    [
        ("owner", BOTH, {"presence"}),
        ("dispatcher", BOTH, {"presence"}),
        ("office", BOTH, {"presence"}),
        ("technician", NONE, NONE),
        ("customer", NONE, NONE),
        ("cashier", NONE, NONE),
    ],
)
def test_the_schedule_is_for_who_sees_it(
    db: Connection, company: Company, as_user: AsUser, role: str, receives: set[str], sends: set[str]
) -> None:
    topic = f"org:{company.id}:schedule"
    assert permitted(db, as_user, topic, company.member(role)) == (receives, sends)


@pytest.mark.parametrize(("role", "receives"), [("dispatcher", BOTH), ("office", NONE), ("technician", NONE)])
def test_positions_are_for_who_may_see_them(
    db: Connection, company: Company, as_user: AsUser, role: str, receives: set[str]
) -> None:
    topic = f"org:{company.id}:positions"
    assert permitted(db, as_user, topic, company.member(role)) == (receives, NONE)


def test_a_technician_s_topic_is_for_themselves_and_dispatchers(
    db: Connection, company: Company, as_user: AsUser
) -> None:
    tess = company.technician(user_id=company.member("technician"))
    colleague = company.technician(user_id=company.member("technician"))
    topic = f"technician:{tess['id']}"
    assert permitted(db, as_user, topic, tess["user_id"]) == (BOTH, NONE)
    assert permitted(db, as_user, topic, company.member("dispatcher")) == (BOTH, NONE)
    assert permitted(db, as_user, topic, colleague["user_id"]) == (NONE, NONE)
    assert permitted(db, as_user, topic, company.member("cashier")) == (NONE, NONE)


def test_a_run_s_topic_is_for_planners_of_its_company(
    db: Connection, company: Company, as_user: AsUser, run: Row
) -> None:
    topic = f"run:{run['id']}"
    assert permitted(db, as_user, topic, company.member("dispatcher")) == (BOTH, NONE)
    assert permitted(db, as_user, topic, company.member("office")) == (NONE, NONE)


def test_other_companies_strangers_and_anon_hear_nothing(
    db: Connection, company: Company, as_user: AsUser, run: Row
) -> None:
    removed = company.member("dispatcher")
    db.execute("delete from public.org_members where user_id = %s", (removed,))
    technician = company.technician()
    for who in (Company(db).member("owner"), removed, user(db), None):
        for topic in (
            f"org:{company.id}:schedule",
            f"org:{company.id}:positions",
            f"technician:{technician['id']}",
            f"run:{run['id']}",
        ):
            assert permitted(db, as_user, topic, who) == (NONE, NONE), topic


def test_who_is_limited_to_a_facility_does_not_hear_the_whole_company(
    db: Connection, company: Company, as_user: AsUser
) -> None:
    member = company.add("org_members", user_id=user(db), role="service_advisor")
    company.add("member_facilities", member_id=member["id"], facility_id=company.facility()["id"])
    assert permitted(db, as_user, f"org:{company.id}:schedule", member["user_id"]) == (NONE, NONE)


@pytest.mark.parametrize(
    "shape", ["org:{}", "org:{}:schedule:more", "ORG:{}:schedule", "{}", "org:{}:", "", "org::schedule"]
)
def test_no_other_topic_exists(db: Connection, company: Company, as_user: AsUser, shape: str) -> None:
    assert permitted(db, as_user, shape.format(company.id), company.member("owner")) == (NONE, NONE)


def test_positions_are_not_told_on_the_schedule(db: Connection, company: Company) -> None:
    technician = company.technician()
    db.execute("delete from realtime.messages")
    company.add("technician_locations", technician_id=technician["id"], latitude=43.0, longitude=-89.0)
    assert sql.value(db, "select topic from realtime.messages") == f"org:{company.id}:positions"


def test_a_booked_visit_is_told_to_the_board_and_the_technician(db: Connection, company: Company) -> None:
    technician = company.technician()
    company.visit(company.job(), technician)
    told = sql.rows(
        db,
        "select distinct topic from realtime.messages "
        "where private and extension = 'broadcast' and payload ->> 'table' = 'job_assignments'",
    )
    assert {row["topic"] for row in told} == {f"org:{company.id}:schedule", f"technician:{technician['id']}"}


def test_of_a_canceled_visit_only_that_it_is_gone_is_told(db: Connection, company: Company) -> None:
    visit = company.visit(company.job(), company.technician())
    db.execute("delete from realtime.messages")
    db.execute(
        "update public.appointments set status = 'canceled', cancel_reason = 'weather', cancel_notes = 'Owes us money'"
    )
    told = sql.rows(db, "select payload from realtime.messages where payload ->> 'table' <> 'dispatch_jobs'")
    assert {message["payload"]["record"]["status"] for message in told} == {"canceled"}
    assert {message["payload"]["table"] for message in told} == {"appointments", "job_assignments"}
    for message in told:
        for version in ("record", "old_record"):
            assert message["payload"][version]["id"]
            for column in ("cancel_reason", "cancel_notes", "starts_at", "scheduled_start_at", "location_id"):
                assert message["payload"][version].get(column) is None, column
    assert str(visit["id"]) in str(told)
