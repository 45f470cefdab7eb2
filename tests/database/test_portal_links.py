"""Self-service by signed link: see, choose a window, move and cancel within the limits (INT-6, TEN-8)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from support.booking import at, book, call
from support.factory import Company
from support.sql import AsUser, Connection, Row, one, refused, value


def offered(company: Company, *hours: int) -> tuple[Row, list[Row]]:
    """Return a job with windows of two hours on MONDAY."""
    job = company.job()
    return job, [
        company.add(
            "job_time_windows",
            dispatch_job_id=job["id"],
            window_start=at(hour),
            window_end=at(hour + 2),
            source="system_suggested",
        )
        for hour in hours
    ]


def link(db: Connection, job: Row) -> str:
    """Return the token of a job's link."""
    token: str = call(db, "portal_link", job_id=job["id"])
    return token


def test_the_holder_sees_the_job_and_nothing_internal(
    db: Connection, company: Company, as_user: AsUser
) -> None:
    ana = company.technician(display_name="Ana Ruiz", phone="+16085550123")
    job = company.job(notes_internal="Pays late", notes_customer_visible="Bring a ladder")
    book(db, job, ana, starts_at=at(9))
    token = link(db, job)
    with as_user(role="anon"):
        seen = call(db, "portal_appointment", token=token)
    assert seen["appointments"][0]["technician_first_name"] == "Ana"
    assert seen["notes"] == "Bring a ladder"
    for secret in ("Pays late", "Ruiz", "+16085550123", str(ana["id"]), str(company.id)):
        assert secret not in str(seen)


def test_a_changed_or_foreign_token_opens_nothing(db: Connection, company: Company, as_user: AsUser) -> None:
    job, other = company.job(), company.job()
    payload, expiry, signature = link(db, job).split(".")
    stolen = str(other["id"]).replace("-", "")
    forged = [
        f"{stolen}.{expiry}.{signature}",
        f"{payload}.{int(expiry) + 1}.{signature}",
        f"{payload}.{expiry}.{signature[:-1]}",
        f"{payload}.{expiry}.",
        "",
        None,
        "a.b",
        "' or true --",
    ]
    with as_user(role="anon"):
        for token in forged:
            with refused(db, "PT404", "link_invalid"):
                call(db, "portal_appointment", token=token)


def test_a_link_runs_out(db: Connection, company: Company) -> None:
    payload, _, _ = link(db, company.job()).split(".")
    past = value(db, "select extract(epoch from now())::bigint - 1")
    old = f"{payload}.{past}"
    signature = value(db, "select private.signature('portal_links', %s)", (old,))
    token = f"{old}.{signature}"
    with refused(db, "PT404", "link_invalid"):
        call(db, "portal_appointment", token=token)


def test_choosing_a_window_books_into_it(db: Connection, company: Company, as_user: AsUser) -> None:
    company.technician()
    job, (morning, evening) = offered(company, 9, 14)
    token = link(db, job)
    with as_user(role="anon"):
        seen = call(db, "portal_choose_window", token=token, window_id=evening["id"])
        assert call(db, "portal_choose_window", token=token, window_id=evening["id"]) == seen
    visit = one(db, "select starts_at, arrival_window_start, arrival_window_end from appointments")
    assert at(14) <= visit["starts_at"] <= at(16)
    assert (visit["arrival_window_start"], visit["arrival_window_end"]) == (at(14), at(16))
    assert [window["is_selected"] for window in seen["windows"]] == [False, True]
    with as_user(role="anon"):
        call(db, "portal_choose_window", token=token, window_id=morning["id"])
    assert at(9) <= value(db, "select starts_at from appointments") <= at(11)
    assert value(db, "select reason::text from appointment_reschedules") == "customer_request"


def test_a_full_window_is_refused_and_the_choice_undone(db: Connection, company: Company) -> None:
    ana = company.technician()
    job, (window,) = offered(company, 9)
    book(db, company.job(estimated_duration_minutes=240), ana, starts_at=at(9))
    with refused(db, "PT409", "window_is_full"):
        call(db, "portal_choose_window", token=link(db, job), window_id=window["id"])
    assert value(db, "select is_selected from job_time_windows") is False


def test_only_offered_windows_can_be_chosen(db: Connection, company: Company) -> None:
    company.technician()
    job, _ = offered(company, 9)
    _, (foreign,) = offered(company, 14)
    with refused(db, "PT404", "window_not_found"):
        call(db, "portal_choose_window", token=link(db, job), window_id=foreign["id"])


def test_the_customer_moves_as_often_as_the_org_allows(db: Connection, company: Company) -> None:
    company.technician()
    job, windows = offered(company, 9, 12, 15)
    token = link(db, job)
    for window in windows:
        call(db, "portal_choose_window", token=token, window_id=window["id"])
    with refused(db, "PT409", "reschedule_limit"):
        call(db, "portal_choose_window", token=token, window_id=windows[0]["id"])


def test_canceling_by_link(db: Connection, company: Company, as_user: AsUser) -> None:
    job = company.job()
    book(db, job, company.technician(), starts_at=at(9))
    token = link(db, job)
    with as_user(role="anon"):
        assert call(db, "portal_cancel", token=token, reason="Fixed it myself")["status"] == "canceled"
        with refused(db, "PT409", "nothing_to_change"):
            call(db, "portal_cancel", token=token)
    assert one(db, "select cancel_reason, cancel_notes from appointments") == {
        "cancel_reason": "customer_request",
        "cancel_notes": "Fixed it myself",
    }


@pytest.mark.parametrize("rpc", ["portal_cancel", "portal_choose_window"])
def test_short_notice_is_for_the_phone(db: Connection, company: Company, rpc: str) -> None:
    job, (window,) = offered(company, 14)
    soon = value(db, "select now() + interval '5 hours'")
    company.visit(job, company.technician(), starts_at=soon)
    arguments = {"window_id": window["id"]} if rpc == "portal_choose_window" else {}
    with refused(db, "PT409", "notice_too_short"):
        call(db, rpc, token=link(db, job), **arguments)
    assert value(db, "select starts_at from appointments") == soon
    assert value(db, "select ends_at - starts_at from appointments") == timedelta(hours=1)


def test_only_staff_makes_links(db: Connection, company: Company, as_user: AsUser) -> None:
    job = company.job()
    for user in (company.member("customer"), Company(db).member("owner")):
        with as_user(user), refused(db, "PT404", "job_not_found"):
            link(db, job)
    with as_user(role="anon"), refused(db, "42501"):
        link(db, job)
    with as_user(company.member("office")), refused(db, "42501", "permission_missing"):
        link(db, job)
    with as_user(company.member("service_advisor")):
        assert link(db, job)


def test_a_visit_does_not_fill_the_window_it_is_moved_to(db: Connection, company: Company) -> None:
    ana = company.technician()
    job, (window,) = offered(company, 9)
    for hour in (8, 12):
        book(db, company.job(estimated_duration_minutes=60), ana, starts_at=at(hour))
    book(
        db, job, ana, starts_at=at(10), ends_at=at(11.5), override={"reason": "x", "codes": ["travel_before"]}
    )
    call(db, "portal_choose_window", token=link(db, job), window_id=window["id"])
    moved = one(
        db,
        "select starts_at, ends_at - starts_at as length from appointments where dispatch_job_id = %s",
        (job["id"],),
    )
    assert at(9) <= moved["starts_at"] <= at(11)
    assert moved["length"] == timedelta(minutes=90), "it stays as long as it was booked"


def test_a_visit_under_way_is_no_longer_changed_nor_booked_twice(db: Connection, company: Company) -> None:
    job, (window,) = offered(company, 14)
    visit = book(db, job, company.technician(), starts_at=at(9))
    call(db, "set_assignment_status", assignment_id=visit["assignments"][0]["id"], status="en_route")
    with refused(db, "PT409", "nothing_to_change"):
        call(db, "portal_choose_window", token=link(db, job), window_id=window["id"])
    db.execute("update dispatch_jobs set status = 'canceled', cancel_reason = 'duplicate'")
    with refused(db, "PT409", "nothing_to_change"):
        call(db, "portal_choose_window", token=link(db, job), window_id=window["id"])


def test_of_several_visits_the_next_is_canceled_and_the_others_are_shown(
    db: Connection, company: Company
) -> None:
    ana, job = company.technician(), company.job(visits_planned=2)
    for hour in (9, 13):
        book(db, job, ana, starts_at=at(hour))
    seen = call(db, "portal_cancel", token=link(db, job))
    assert [visit["status"] for visit in seen["appointments"]] == ["canceled", "scheduled"]
    assert seen["status"] == "scheduled"


def test_what_plans_and_emergencies_moved_does_not_count_against_the_customer(
    db: Connection, company: Company
) -> None:
    company.technician()
    job, windows = offered(company, 9, 12)
    token = link(db, job)
    call(db, "portal_choose_window", token=token, window_id=windows[0]["id"])
    visit = one(db, "select id, starts_at, ends_at from appointments")
    plan = company.add("optimization_runs", kind="optimize_all", starts_on=at(0).date())
    insertion = company.add(
        "optimization_runs",
        kind="emergency_insertion",
        starts_on=at(0).date(),
        dispatch_job_id=company.job()["id"],
    )
    for run, reason in ((plan, "optimization"), (insertion, "emergency")):
        company.add(
            "appointment_reschedules",
            appointment_id=visit["id"],
            from_starts_at=visit["starts_at"],
            from_ends_at=visit["ends_at"],
            to_starts_at=visit["starts_at"],
            to_ends_at=visit["ends_at"],
            from_technician_ids=[],
            to_technician_ids=[],
            reason=reason,
            optimization_run_id=run["id"],
        )
    call(db, "portal_choose_window", token=token, window_id=windows[1]["id"])
    assert at(12) <= value(db, "select starts_at from appointments") <= at(14)
