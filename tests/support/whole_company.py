"""A company in which every RPC has something to do, and calls of every RPC that succeed there."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from support.booking import at, book, call
from support.factory import MONDAY, Company
from support.plan import propose, run_for, stop
from support.sql import Connection, Row, acting_as, one, value

JUNK_IN_STEPS: tuple[Any, ...] = (
    None,
    "x",
    1,
    [],
    {},
    [None],
    ["x"],
    [[]],
    True,
    "infinity",
    "-infinity",
    "2027-13-45",
    "",
)


@dataclass(frozen=True)
class Call:
    """One way to call a function, by whom, and junk that only makes sense there."""

    arguments: dict[str, Any]
    user_id: UUID | None = None
    role: str = "authenticated"
    junk: dict[str, list[str]] = field(default_factory=dict)

    def but(self, changes: dict[str, Any]) -> Call:
        """Return the call with other arguments."""
        return replace(self, arguments=self.arguments | changes)


@dataclass(frozen=True)
class Shop:
    """The rows that calls refer to."""

    company: Company
    owner: UUID
    ana: Row
    bob: Row
    bay: Row
    service: Row
    composite: Row

    def job(self, service: Row | None = None, **values: Any) -> Row:
        """Add an unscheduled job."""
        return self.company.job(service=service or self.service, **values)


def calls_of_a_whole_company(db: Connection) -> dict[str, list[Call]]:
    """Fill the database; return the ways to call each function."""
    shop = _shop(Company(db))
    calls: dict[str, list[dict[str, Any]]] = {}
    for part in (_searches, _bookings, _visits, _waitlist, _portal, _plans):
        calls |= part(shop)
    ways = {
        function: [Call(_plain(arguments), shop.owner) for arguments in ways]
        for function, ways in calls.items()
    }
    ways["offer_freed_times"] = [Call({"max_offers": 100}, role="service_role")]
    ways["refresh_performance"] = [Call({"max_orgs": 100}, role="service_role")]
    ways["book_coordinated"] = [
        replace(way, junk={"steps": _changed_steps(json.loads(way.arguments["steps"]))})
        for way in ways["book_coordinated"]
    ]
    return ways


def _plain(arguments: dict[str, Any]) -> dict[str, Any]:
    return {
        name: json.dumps(given) if name in {"steps", "segments"} and given else given
        for name, given in arguments.items()
    }


def _shop(company: Company) -> Shop:
    owner = company.member("owner")
    facility = company.facility()
    bay = company.bay(facility)
    service = company.service({"hvac": 1}, buffer_before_minutes=15, buffer_after_minutes=15)
    composite = company.service(place_kind="bay")
    for position, minutes in enumerate((30, 15), 1):
        company.add(
            "service_segments",
            service_id=composite["id"],
            position=position,
            name="Part",
            duration_minutes=minutes,
            pause_after_minutes=15,
        )
    composite = one(company.db, "select * from public.services where id = %s", (composite["id"],))
    ana, bob = (company.technician({"hvac": 3}) for _ in range(2))
    return Shop(company, owner, ana, bob, bay, service, composite)


def _searches(shop: Shop) -> dict[str, list[dict[str, Any]]]:
    job, composite = shop.job(), shop.job(shop.composite)
    period = {"earliest": at(0), "latest": at(0, 2)}
    limits = {"max_results": 3}
    of_org = {"org_id": shop.company.id}
    search = period | limits | {"duration_minutes": 60, "technician_ids": [shop.ana["id"]]}
    place = {"service_id": shop.service["id"], "location_id": job["location_id"]}
    placement = {"technician_ids": [shop.ana["id"]], "starts_at": at(9), "ends_at": at(10)}
    people = period | limits | of_org | {"duration_minutes": 60}
    return {
        "find_slots": [
            search | {"job_id": job["id"]},
            search | place,
            period | limits | {"job_id": composite["id"], "resource_kind": "bay"},
        ],
        "available_people": [
            people | {"service_id": shop.service["id"]},
            people | {"skill_codes": ["hvac"]},
        ],
        "check_placement": [
            placement | {"job_id": job["id"], "resource_id": None, "appointment_id": None},
            {
                "job_id": composite["id"],
                "technician_ids": [shop.ana["id"], shop.bob["id"]],
                "starts_at": at(9),
                "resource_id": shop.bay["id"],
            },
        ],
        "person_calendar": [period | {"technician_id": shop.ana["id"], "grid_minutes": 15}],
        "schedule_board": [
            of_org | {"starts_on": MONDAY.date(), "days": 1, "facility_id": None, "zone_id": None}
        ],
        "job_queue": [limits | of_org],
        "unassigned_appointments": [limits | of_org],
        "create_org": [
            {"name": "New", "slug": "new-one", "time_zone": "UTC", "country": "US", "idempotency_key": "k"}
        ],
    }


def _bookings(shop: Shop) -> dict[str, list[dict[str, Any]]]:
    company = shop.company
    job, composite = shop.job(), shop.job(shop.composite)
    same = company.site(company.customer())
    several = [company.job(same, shop.service)["id"] for _ in range(2)]
    offer = call(
        company.db, "find_coordinated_slots", job_ids=several, earliest=at(0), latest=at(0, 1), max_results=1
    )[0]
    source = {"customer_id": same["customer_id"], "location_id": same["id"], "service_id": shop.service["id"]}
    estimate = company.add("estimates", status="approved", **source)
    order = company.add("work_orders", status="approved", **source)
    asked: dict[str, Any] = {
        "starts_at": at(9, 1),
        "technician_ids": None,
        "resource_id": None,
        "override": None,
    }
    asked |= {"duration_minutes": 70, "duration_reason": "Stairs", "idempotency_key": "k"}
    times = {"starts_at": at(9), "ends_at": at(10)}
    window = {"arrival_window_start": at(8), "arrival_window_end": at(10)}
    some = {"technician_ids": [shop.ana["id"]], "override": None, "segments": None, "idempotency_key": "k"}
    hold = call(company.db, "hold_slot", technician_ids=[shop.ana["id"]], job_id=job["id"], starts_at=at(13))
    held = {"technician_ids": [shop.ana["id"]], "minutes": 5, "resource_id": None, "idempotency_key": "k"}
    place = {"service_id": shop.service["id"], "location_id": job["location_id"]}
    segments = [{"position": 2, "technician_id": str(shop.bob["id"])}]
    return {
        "book_appointment": [
            {"job_id": job["id"], "resource_id": None, "hold_token": None} | some | times | window,
            {"job_id": job["id"], "hold_token": hold["hold_token"], "starts_at": at(13)} | some,
            {"job_id": composite["id"], "resource_id": shop.bay["id"], "starts_at": at(9)}
            | some
            | {"segments": segments},
        ],
        "hold_slot": [
            held | times | {"job_id": job["id"]},
            held | times | place,
            held | {"starts_at": at(9), "job_id": composite["id"], "resource_id": shop.bay["id"]},
        ],
        "release_hold": [{"hold_token": hold["hold_token"]}],
        "appointment_from_source": [
            asked | {"source_type": "estimate", "source_id": estimate["id"]},
            asked | {"source_type": "work_order", "source_id": order["id"]},
        ],
        "find_coordinated_slots": [
            {"job_ids": several, "earliest": at(0), "latest": at(0, 1), "max_results": 1}
            | {"min_gap_minutes": 0, "max_gap_minutes": 60}
        ],
        "book_coordinated": [{"steps": offer["steps"], "idempotency_key": "k"}],
    }


def _visits(shop: Shop) -> dict[str, list[dict[str, Any]]]:
    db = shop.company.db
    job = shop.job()
    visit = book(db, job, shop.ana, starts_at=at(9, 2))
    parts = shop.job(shop.composite)
    composite = book(db, parts, shop.bob, starts_at=at(9, 3), resource_id=shop.bay["id"])
    assignment = {"assignment_id": visit["assignments"][0]["id"]}
    to: dict[str, Any] = {
        "starts_at": at(13, 2),
        "ends_at": None,
        "technician_ids": None,
        "reason": "weather",
        "notes": "Ice",
    }
    to |= {"customer_confirmed": True, "notify": True, "override": None, "idempotency_key": "k"}
    reason = {"reason": "customer_request", "idempotency_key": "k"}
    crew = {"technician_id": shop.bob["id"], "is_primary": True, "override": None, "idempotency_key": "k"}
    report = {
        "status": "accepted",
        "occurred_at": None,
        "latitude": 43.0,
        "longitude": -89.0,
        "note": "On my way",
    }
    failed = value(
        db,
        "update job_notifications set status = 'failed', needs_follow_up = true where appointment_id = %s"
        " and recipient_type = 'customer' returning id",
        (visit["id"],),
    )
    return {
        "follow_up_notification": [{"notification_id": failed, "note": "Called"}],
        "reschedule_appointment": [
            to | {"appointment_id": visit["id"]},
            to | {"appointment_id": composite["id"]},
        ],
        "cancel_appointment": [
            reason | {"appointment_id": visit["id"], "notes": None},
            reason | {"appointment_id": composite["id"], "notes": None},
        ],
        "assign_technician": [
            crew | {"appointment_id": visit["id"], "replaces_technician_id": None},
            crew | {"appointment_id": visit["id"], "replaces_technician_id": shop.ana["id"]},
        ],
        "unassign_technician": [
            reason | {"appointment_id": visit["id"], "technician_id": shop.ana["id"]},
            reason | {"appointment_id": composite["id"], "technician_id": shop.bob["id"]},
        ],
        "lock_assignment": [assignment | {"locked": True}],
        "set_assignment_eta": [assignment | {"eta": datetime.now(UTC) + timedelta(hours=1)}],
        "set_assignment_status": [assignment | report | {"idempotency_key": "k"}],
        "edit_assignment_notes": [assignment | {"notes": "Ring twice", "version": 0}],
        "plan_follow_up": [{"job_id": job["id"], "reason": "Part ordered", "idempotency_key": "k"}],
    }


def _waitlist(shop: Shop) -> dict[str, list[dict[str, Any]]]:
    db = shop.company.db
    waiting, joining = shop.job(), shop.job()
    call(db, "join_waitlist", job_id=waiting["id"], earliest=at(0, 4), latest=at(0, 5))
    taken = book(db, shop.job(), shop.ana, starts_at=at(9, 4))
    call(db, "cancel_appointment", appointment_id=taken["id"], reason="customer_request")
    with acting_as(db, role="service_role"):
        offer = call(db, "offer_freed_times")
    period = {"earliest": at(0), "latest": at(0, 5), "idempotency_key": "k"}
    return {
        "join_waitlist": [period | {"job_id": joining["id"]}],
        "leave_waitlist": [{"job_id": waiting["id"]}],
        "claim_waitlist_offer": [{"token": offer["token"]}],
    }


def _portal(shop: Shop) -> dict[str, list[dict[str, Any]]]:
    company = shop.company
    choosing, canceling = shop.job(), shop.job()
    window = company.add(
        "job_time_windows", dispatch_job_id=choosing["id"], window_start=at(9, 7), window_end=at(11, 7)
    )
    book(company.db, canceling, shop.bob, starts_at=at(9, 8))
    token = call(company.db, "portal_link", job_id=choosing["id"])
    other = call(company.db, "portal_link", job_id=canceling["id"])
    return {
        "portal_link": [{"job_id": choosing["id"], "days": 30}],
        "portal_appointment": [{"token": token}, {"token": other}],
        "portal_choose_window": [{"token": token, "window_id": window["id"]}],
        "portal_cancel": [{"token": other, "reason": "Sold the house"}],
    }


def _plans(shop: Shop) -> dict[str, list[dict[str, Any]]]:
    company = shop.company
    job = company.job(company.site(company.customer()), priority="high")
    run = propose(company, run_for(company, shop.owner), [(shop.bob, [stop(company, job, 15)])])
    plan = {"run_id": run["id"], "base_revision": run["base_revision"], "idempotency_key": str(uuid4())}
    route = one(company.db, "select id from public.route_plans where optimization_run_id = %s", (run["id"],))
    return {
        "apply_plan": [plan, plan | {"accept": [route["id"]]}],
        "compare_plans": [{"run_ids": [run["id"]]}],
    }


def _changed_steps(steps: list[dict[str, Any]]) -> list[str]:
    """Spoil each field of the last step in every way, and the list as a whole."""
    *first, last = steps
    changed = [[*first, last | {name: value}] for name in last for value in JUNK_IN_STEPS]
    changed += [[*first, {key: last[key] for key in last if key != name}] for name in last]
    later = (MONDAY + timedelta(days=2000)).isoformat()
    changed += [
        steps[::-1],
        steps[:1],
        steps * 2,
        [steps[0], steps[0]],
        [*steps, {}],
        [*first, last | {"starts_at": later}],
    ]
    return [json.dumps(some) for some in changed]
