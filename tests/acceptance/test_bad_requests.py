"""Bad input through REST and the functions: refused with a code, a sentence and a hint, and nothing is written."""

# ruff: noqa: E501 - one request a line, a table to be read down

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest

from support.bad_requests import Bad, everything, ids, refusal, rpc, somebodys_token
from truckroll_local.keys import signed
from truckroll_local.stack import Stack

Ids = dict[str, object]

TEN, ELEVEN = "2027-03-01T10:00:00Z", "2027-03-01T11:00:00Z"
PLACED = {"job_id": "$job", "technician_ids": ["$person"], "starts_at": TEN}
JOB = {"org_id": "$org", "title": "Leak", "contact_phone": "+16085550199"}
CUSTOMER = {"org_id": "$org", "name": "Rosa Diaz", "phone": "+16085550199"}
CALENDAR = {"technician_id": "$person", "earliest": TEN, "latest": ELEVEN}

READING = [
    Bad("malformed id", "GET", "/rest/v1/dispatch_jobs?id=eq.nonsense", 400, "22P02"),
    Bad("unknown enum value", "GET", "/rest/v1/dispatch_jobs?priority=eq.soonish", 400, "22P02"),
    Bad("unknown column in filter", "GET", "/rest/v1/dispatch_jobs?colour=eq.red", 400, "42703"),
    Bad("unknown column in select", "GET", "/rest/v1/dispatch_jobs?select=colour", 400, "42703"),
    Bad("unknown embed", "GET", "/rest/v1/customers?select=*,nonsense(*)", 400, "PGRST200"),
    Bad("unknown operator", "GET", "/rest/v1/dispatch_jobs?id=like-ish.1", 400, "PGRST100"),
    Bad("unknown order", "GET", "/rest/v1/customers?order=nope", 400, "42703"),
    Bad("limit no number", "GET", "/rest/v1/customers?limit=many", 400, "PGRST100"),
    Bad("unknown table", "GET", "/rest/v1/nonsense", 404, "PGRST205"),
    Bad("private table", "GET", "/rest/v1/idempotency_keys", 404, "PGRST205"),
    Bad("private schema", "GET", "/rest/v1/orgs", 406, "PGRST106", headers={"accept-profile": "private"}),
    Bad("unknown path", "GET", "/nonsense", 404, "PGRST125"),
    Bad("unknown method", "PUT", "/rest/v1/customers", 405, "PGRST117", body=CUSTOMER),
    Bad(
        "writing by GET",
        "GET",
        "/rest/v1/rpc/cancel_appointment?appointment_id=$appointment&reason=weather",
        405,
        "25006",
    ),
]
WRITING = [
    Bad("broken JSON", "POST", "/rest/v1/customers", 400, "PGRST102", raw=b'{"name":'),
    Bad("a form", "POST", "/rest/v1/customers", 400, "PGRST102", raw=b"name=Rosa"),
    Bad("NUL in text", "POST", "/rest/v1/customers", 400, "22P05", raw=b'{"name": "a\\u0000b"}'),
    Bad("unknown column", "POST", "/rest/v1/customers", 400, "PGRST204", CUSTOMER | {"colour": 1}),
    Bad("malformed phone", "POST", "/rest/v1/customers", 400, "23514", CUSTOMER | {"phone": "608 555"}),
    Bad("word for number", "POST", "/rest/v1/dispatch_jobs", 400, "22P02", JOB | {"estimated_duration_minutes": "long"}),
    Bad("negative duration", "POST", "/rest/v1/dispatch_jobs", 400, "23514", JOB | {"estimated_duration_minutes": -5}),
    Bad("unknown priority", "POST", "/rest/v1/dispatch_jobs", 400, "22P02", JOB | {"priority": "soonish"}),
    Bad("nobody to call", "POST", "/rest/v1/dispatch_jobs", 400, "23514", {"org_id": "$org", "title": "Leak"}),
    Bad("unknown label", "POST", "/rest/v1/customers", 400, "unknown_tier", CUSTOMER | {"tier": "platinum-ish"}),
    Bad("unknown customer", "POST", "/rest/v1/dispatch_jobs", 409, "23503", JOB | {"customer_id": "$nobody"}),
    Bad("customer of another company", "POST", "/rest/v1/dispatch_jobs", 409, "23503", JOB | {"customer_id": "$their_customer"}),
    Bad("row of another company", "POST", "/rest/v1/dispatch_jobs", 403, "42501", JOB | {"org_id": "$their_org"}),
    Bad("label of another company", "POST", "/rest/v1/customers", 403, "permission_missing", CUSTOMER | {"org_id": "$their_org", "tier": "?"}),
    Bad(
        "reversed time off", "POST", "/rest/v1/technician_time_off", 400, "23514",
        {"org_id": "$org", "technician_id": "$person", "starts_at": ELEVEN, "ends_at": TEN, "reason": "sick"},
    ),
    Bad(
        "reversed window", "POST", "/rest/v1/job_time_windows", 400, "23514",
        {"org_id": "$org", "dispatch_job_id": "$job", "window_start": ELEVEN, "window_end": TEN},
    ),
    Bad("job completed by hand", "PATCH", "/rest/v1/dispatch_jobs?id=eq.$job", 409, "status_is_derived", {"status": "completed"}),
    Bad("visit without booking", "POST", "/rest/v1/appointments", 403, "42501", {"org_id": "$org"}),
    Bad("claim moved by hand", "PATCH", "/rest/v1/reservations?technician_id=eq.$person", 403, "42501", {"lane": 2}),
    Bad("claims deleted", "DELETE", "/rest/v1/reservations?technician_id=eq.$person", 403, "42501"),
    Bad("event forged", "POST", "/rest/v1/domain_events", 403, "42501", {"org_id": "$org", "type": "job.created"}),
    Bad("deleting everything", "DELETE", "/rest/v1/dispatch_jobs", 400, "21000"),
    Bad("moving to another company", "PATCH", "/rest/v1/dispatch_jobs?id=eq.$job", 403, "42501", {"org_id": "$their_org"}),
]  # fmt: skip
CALLS = [
    rpc("unknown function", "nonsense", 404, "PGRST202", {}),
    rpc("private function", "fail", 404, "PGRST202", {"status": 200, "code": "x"}),
    rpc("missing argument", "book_appointment", 404, "PGRST202", {"job_id": "$job"}),
    rpc("unknown argument", "book_appointment", 404, "PGRST202", PLACED | {"colour": 1}),
    rpc("malformed job", "book_appointment", 400, "22P02", PLACED | {"job_id": "x"}),
    rpc("unknown job", "book_appointment", 404, "job_not_found", PLACED | {"job_id": "$nobody"}),
    rpc("job of another company", "book_appointment", 404, "job_not_found", PLACED | {"job_id": "$their_job"}),
    rpc("technician of another company", "book_appointment", 404, "technician_not_found", PLACED | {"technician_ids": ["$their_person"]}),
    rpc("bay of another company", "book_appointment", 404, "resource_not_found", PLACED | {"resource_id": "$their_bay"}),
    rpc("nobody", "book_appointment", 400, "technicians_invalid", PLACED | {"technician_ids": []}),
    rpc("twice the same", "book_appointment", 400, "technicians_invalid", PLACED | {"technician_ids": ["$person"] * 2}),
    rpc("text for a list", "book_appointment", 400, "22P02", PLACED | {"technician_ids": "$person"}),
    rpc("object for a list", "book_appointment", 400, "22P02", PLACED | {"technician_ids": {"id": "$person"}}),
    rpc("no time", "book_appointment", 400, "times_invalid", PLACED | {"starts_at": None}),
    rpc("words for a time", "book_appointment", 400, "22007", PLACED | {"starts_at": "tomorrow at noonish"}),
    rpc("no such day", "book_appointment", 400, "22008", PLACED | {"starts_at": "2027-02-30T10:00Z"}),
    rpc("reversed times", "book_appointment", 400, "times_invalid", PLACED | {"starts_at": ELEVEN, "ends_at": TEN}),
    rpc("endless", "book_appointment", 400, "times_invalid", PLACED | {"ends_at": "infinity"}),
    rpc("in a century", "book_appointment", 400, "times_invalid", PLACED | {"starts_at": "2127-03-01T10:00Z"}),
    rpc("years ago", "book_appointment", 400, "times_invalid", PLACED | {"starts_at": "2020-01-06T10:00Z"}),
    rpc("months ago", "book_appointment", 409, "placement_conflict", PLACED | {"starts_at": "2026-02-02T10:00Z"}),
    rpc("taken time", "book_appointment", 409, "placement_conflict", PLACED | {"starts_at": "2027-03-01T09:00:00Z"}),
    rpc("override as text", "book_appointment", 400, "override_invalid", PLACED | {"override": "yes"}),
    rpc("override without reason", "book_appointment", 400, "override_invalid", PLACED | {"override": {"codes": ["out_of_zone"]}}),
    rpc("unknown hold", "book_appointment", 409, "hold_expired", PLACED | {"starts_at": "2027-03-01T14:00:00Z", "hold_token": "$nobody"}),
    rpc("key too long", "book_appointment", 400, "idempotency_key_invalid", PLACED | {"idempotency_key": "k" * 5000}),
    rpc("key empty", "book_appointment", 400, "idempotency_key_invalid", PLACED | {"idempotency_key": ""}),
    rpc("hold for a month", "hold_slot", 400, "minutes_invalid", PLACED | {"minutes": 43200}),
    rpc("reversed check", "check_placement", 400, "times_invalid", PLACED | {"starts_at": ELEVEN, "ends_at": TEN}),
    rpc("check of another company", "check_placement", 404, "job_not_found", PLACED | {"job_id": "$their_job"}),
    rpc("huge max_results", "find_slots", 400, "max_results_invalid", {"job_id": "$job", "max_results": 2_000_000_000}),
    rpc("max_results beyond integers", "find_slots", 400, "22003", {"job_id": "$job", "max_results": 10**15}),
    rpc("slots for nothing", "find_slots", 400, "job_or_service_needed", {}),
    rpc("slots reversed", "find_slots", 400, "period_invalid", {"job_id": "$job", "earliest": ELEVEN, "latest": TEN}),
    rpc("slots of a century", "find_slots", 400, "period_invalid", {"job_id": "$job", "earliest": TEN, "latest": "2127-03-01"}),
    rpc("slots of no length", "find_slots", 400, "duration_invalid", {"job_id": "$job", "duration_minutes": 0}),
    rpc("unknown kind of resource", "find_slots", 400, "22P02", {"job_id": "$job", "resource_kind": "hangar"}),
    rpc("service of another company", "find_slots", 404, "service_not_found", {"service_id": "$their_service"}),
    rpc("calendar of another company", "person_calendar", 404, "technician_not_found", CALENDAR | {"technician_id": "$their_person"}),
    rpc("calendar by the second", "person_calendar", 400, "grid_invalid", CALENDAR | {"grid_minutes": 0}),
    rpc("board of a century", "schedule_board", 400, "period_invalid", {"starts_on": "2027-03-01", "days": 36500}),
    rpc("board of no day", "schedule_board", 400, "22008", {"starts_on": "2027-02-30"}),
    rpc("unknown facility", "schedule_board", 404, "facility_not_found", {"starts_on": "2027-03-01", "facility_id": "$nobody"}),
    rpc("negative max_results", "job_queue", 400, "max_results_invalid", {"max_results": -1}),
    rpc("unknown cancel reason", "cancel_appointment", 400, "unknown_cancel_reason", {"appointment_id": "$appointment", "reason": "mood"}),
    rpc("cancelling another company's", "cancel_appointment", 404, "appointment_not_found", {"appointment_id": "$their_appointment", "reason": "weather"}),
    rpc("unknown reschedule reason", "reschedule_appointment", 400, "22P02", {"appointment_id": "$appointment", "starts_at": TEN, "reason": "mood"}),
    rpc("unknown status", "set_assignment_status", 400, "22P02", {"assignment_id": "$assignment", "status": "lost"}),
    rpc("impossible step", "set_assignment_status", 409, "transition_not_allowed", {"assignment_id": "$assignment", "status": "completed"}),
    rpc("status of another company's", "set_assignment_status", 404, "assignment_not_found", {"assignment_id": "$their_assignment", "status": "accepted"}),
    rpc("unknown run", "apply_plan", 404, "run_not_found", {"run_id": "$nobody", "base_revision": "x"}),
    rpc("unknown hold released", "release_hold", 404, "hold_not_found", {"hold_token": "$nobody"}),
    rpc("somebody without rights", "schedule_board", 403, "permission_missing", {"starts_on": "2027-03-01"}, who="cashier"),
    rpc("a customer books", "book_appointment", 404, "job_not_found", PLACED, who="customer"),
    rpc("nobody signed in", "find_slots", 401, "42501", {"job_id": "$job"}, who=None),
    Bad("nobody signed in reads", "GET", "/rest/v1/customers", 401, "42501", who=None),
    Bad("nobody signed in writes", "POST", "/rest/v1/customers", 401, "42501", CUSTOMER, who=None),
]  # fmt: skip
FUNCTIONS = "/functions/v1/dispatch"
DAY = f"{FUNCTIONS}/days/2027-03-01/optimize_all"
TO_FUNCTIONS = [
    Bad("no such date", "POST", f"{FUNCTIONS}/days/2027-02-30/optimize_all", 400, "path_invalid", {}),
    Bad("words for a date", "POST", f"{FUNCTIONS}/days/tomorrow/optimize_all", 400, "path_invalid", {}),
    Bad("a day long gone", "POST", f"{FUNCTIONS}/days/2020-01-06/optimize_all", 400, "days_are_over", {}),
    Bad("a day in a century", "POST", f"{FUNCTIONS}/days/2127-03-01/optimize_all", 400, "days_too_far", {}),
    Bad("the last day", "POST", f"{FUNCTIONS}/days/9999-12-31/optimize_all", 400, "days_too_far", {"days": 14}),
    Bad("unknown path", "POST", f"{FUNCTIONS}/nonsense", 404, "no_such_path", {}),
    Bad("wrong method", "GET", DAY, 405, "method_not_allowed"),
    Bad("broken JSON", "POST", DAY, 400, "body_invalid", raw=b'{"days":'),
    Bad("a list", "POST", DAY, 400, "request_invalid", []),
    Bad("body too large", "POST", DAY, 413, "body_too_large", raw=b'{"x":"' + b"x" * 1_100_000 + b'"}'),
    Bad("unknown field", "POST", DAY, 400, "request_invalid", {"colour": 1}),
    Bad("unknown strategy", "POST", DAY, 400, "request_invalid", {"strategy": "best"}),
    Bad("word for number", "POST", DAY, 400, "request_invalid", {"time_limit_s": "long"}),
    Bad("a year of days", "POST", DAY, 400, "request_invalid", {"days": 365}),
    Bad("another company", "POST", DAY, 403, "permission_missing", {"org_id": "$their_org"}),
    Bad("unknown technician", "POST", DAY, 404, "technician_not_found", {"technician_ids": ["$nobody"]}),
    Bad("their technician", "POST", DAY, 404, "technician_not_found", {"technician_ids": ["$their_person"]}),
    Bad("key too long", "POST", DAY, 400, "idempotency_key_invalid", {}, headers={"idempotency-key": "k" * 3000}),
    Bad("malformed run", "GET", f"{FUNCTIONS}/runs/1", 400, "path_invalid"),
    Bad("unknown run", "GET", f"{FUNCTIONS}/runs/$nobody", 404, "run_not_found"),
    Bad("applying an unknown run", "POST", f"{FUNCTIONS}/runs/$nobody/apply", 404, "run_not_found", {}),
    Bad("malformed job", "POST", f"{FUNCTIONS}/jobs/1/auto_schedule", 400, "path_invalid", {}),
    Bad("their job", "POST", f"{FUNCTIONS}/jobs/$their_job/auto_schedule", 404, "job_not_found", {"mode": "commit"}),
    Bad("unknown mode", "POST", f"{FUNCTIONS}/jobs/$job/auto_schedule", 400, "request_invalid", {"mode": "yolo"}),
    Bad("reversed period", "POST", f"{FUNCTIONS}/jobs/$job/auto_schedule", 400, "period_invalid", {"earliest": ELEVEN, "latest": TEN}),
    Bad("time without zone", "POST", f"{FUNCTIONS}/jobs/$job/auto_schedule", 400, "request_invalid", {"earliest": "2027-03-01T10:00"}),
    Bad("NUL in a key", "POST", f"{FUNCTIONS}/jobs/$job/auto_schedule", 400, "request_invalid", raw=b'{"mode": "commit", "idempotency_key": "a\\u0000b"}'),
    Bad("half a character", "POST", f"{FUNCTIONS}/jobs/$job/auto_schedule", 400, "request_invalid", raw=b'{"idempotency_key": "a\\ud800b"}'),
    Bad("huge max_results", "POST", f"{FUNCTIONS}/jobs/$job/suggest_assignments", 400, "request_invalid", {"max_results": 10**6}),
    Bad("no date", "POST", f"{FUNCTIONS}/technicians/$person/optimize_route", 400, "request_invalid", {}),
    Bad("their route", "POST", f"{FUNCTIONS}/technicians/$their_person/optimize_route", 404, "technician_not_found", {"date": "2027-03-01"}),
    Bad("their visits", "POST", f"{FUNCTIONS}/technicians/$person/optimize_route", 404, "assignment_not_found", {"date": "2027-03-01", "assignment_ids": ["$their_assignment"]}),
    Bad("cron by hand", "POST", "/functions/v1/cron/process_optimization_runs", 403, "service_only"),
    Bad("somebody without rights", "POST", DAY, 403, "permission_missing", {}, who="cashier"),
    Bad("a customer plans", "POST", DAY, 403, "permission_missing", {"org_id": "$org"}, who="customer"),
    Bad("nobody plans", "POST", DAY, 401, "not_signed_in", {}, who=None),
    Bad("nobody books", "POST", f"{FUNCTIONS}/jobs/$job/auto_schedule", 401, "not_signed_in", {"mode": "commit"}, who=None),
]  # fmt: skip


@pytest.fixture(scope="module")
def known(stack: Stack) -> Ids:
    with psycopg.connect(stack.db_url, autocommit=True) as connection:
        return ids(connection)


@pytest.fixture(scope="module")
def api(stack: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.api_url, headers={"apikey": stack.anon_key}, timeout=60) as opened:
        yield opened


@pytest.fixture(scope="module")
def seen(superuser: psycopg.Connection[Any], known: Ids) -> list[dict[str, tuple[int, int]]]:
    """Keep what the tables held when last looked at."""
    assert known
    return [everything(superuser)]


@pytest.fixture
def untouched(superuser: psycopg.Connection[Any], seen: list[dict[str, tuple[int, int]]]) -> Iterator[None]:
    """Nothing is written while the test runs."""
    yield
    before, seen[0] = seen[0], everything(superuser)
    assert seen[0] == before


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("bad", READING + WRITING + CALLS, ids=str)
def test_the_rest_api_refuses(bad: Bad, stack: Stack, api: httpx.Client, known: Ids) -> None:
    token = somebodys_token(known[bad.who], stack.jwt_secret) if bad.who else stack.anon_key
    refusal(bad.sent(api, token, known), bad.status, bad.code)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("bad", TO_FUNCTIONS, ids=str)
def test_the_functions_refuse(bad: Bad, stack: Stack, api: httpx.Client, known: Ids) -> None:
    token = somebodys_token(known[bad.who], stack.jwt_secret) if bad.who else stack.anon_key
    answer = bad.sent(api, token, known)
    refusal(answer, bad.status, bad.code)
    assert answer.headers["x-request-id"]


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    ("path", "codes"),
    [
        ("/rest/v1/rpc/find_slots", {"expired": "PGRST303", "forged": "PGRST301", "garbage": "PGRST301"}),
        (DAY, dict.fromkeys(("expired", "forged", "garbage"), "not_signed_in")),
    ],
    ids=["rest", "functions"],
)
@pytest.mark.parametrize("proof", ["expired", "forged", "garbage"])
def test_a_token_that_proves_nothing(
    path: str, codes: dict[str, str], proof: str, stack: Stack, api: httpx.Client, known: Ids
) -> None:
    claims = {"sub": str(known["dispatcher"]), "role": "authenticated", "exp": int(time.time()) + 600}
    token = {
        "expired": signed(claims | {"exp": int(time.time()) - 600}, stack.jwt_secret),
        "forged": signed(claims | {"role": "service_role"}, "another secret of at least 32 bytes"),
        "garbage": "not.a.token",
    }[proof]
    answer = api.post(path, json={}, headers={"authorization": f"Bearer {token}"})
    refusal(answer, 401, codes[proof])


def test_without_a_key_nobody_is_heard(stack: Stack) -> None:
    for answer in (
        httpx.get(f"{stack.api_url}/rest/v1/customers", timeout=60),
        httpx.post(f"{stack.api_url}{DAY}", json={}, timeout=60),
    ):
        assert answer.status_code == 401
        assert answer.json().keys() == {"code", "message", "details", "hint"}
