"""One job placed by itself, and who could do it (OPT-1, OPT-2, OPT-12)."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import uuid4

from support import sql
from support.booking import at
from support.factory import MONDAY
from support.functions import SERVICE_KEY, Day

PERIOD = {"earliest": MONDAY.isoformat(), "latest": (MONDAY + timedelta(days=1)).isoformat()}


def test_proposing_ranks_candidates_and_books_nothing(day: Day) -> None:
    job = day.job()
    answer = day.post(f"/dispatch/jobs/{job['id']}/auto_schedule", PERIOD | {"max_results": 3}).get_json()
    assert len(answer["candidates"]) == 3
    assert answer["candidates"][0]["technician_names"][0] in {"Ann", "Bob"}
    scores = [one["score"] for one in answer["candidates"]]
    assert scores == sorted(scores, reverse=True)
    assert sql.value(day.db, "select count(*) from public.appointments") == 0


def test_committing_books_the_best_candidate(day: Day) -> None:
    job = day.job()
    path = f"/dispatch/jobs/{job['id']}/auto_schedule"
    best = day.post(path, PERIOD).get_json()["candidates"][0]
    answer = day.post(path, PERIOD | {"mode": "commit"}).get_json()
    appointment = answer["appointment"]
    assert datetime.fromisoformat(appointment["starts_at"]) == datetime.fromisoformat(best["starts_at"])
    assignment = appointment["assignments"][0]
    assert assignment["technician_id"] == best["technician_ids"][0]
    assert assignment["optimization_run_id"] == answer["run_id"]
    run = day.call("GET", f"/dispatch/runs/{answer['run_id']}").get_json()
    assert (run["kind"], run["status"]) == ("auto_schedule", "applied")


def test_a_retried_commit_books_once(day: Day) -> None:
    job = day.job()
    path = f"/dispatch/jobs/{job['id']}/auto_schedule"
    body = PERIOD | {"mode": "commit", "idempotency_key": "call-17"}
    first, second = day.post(path, body), day.post(path, body)
    assert first.get_json()["appointment"]["id"] == second.get_json()["appointment"]["id"]
    assert sql.value(day.db, "select count(*) from public.appointments") == 1


def test_when_nobody_has_time_the_answer_is_422(day: Day) -> None:
    job = day.job(required_skills={day.company.skill("gas"): 1})
    answer = day.post(f"/dispatch/jobs/{job['id']}/auto_schedule", PERIOD | {"mode": "commit"})
    assert (answer.status_code, answer.get_json()["message"]) == (422, "no_slot")
    assert day.post(f"/dispatch/jobs/{job['id']}/auto_schedule", PERIOD).get_json()["candidates"] == []


def test_suggestions_come_with_reasons_and_so_do_refusals(day: Day) -> None:
    ann = day.technician("Ann")
    day.company.visit(day.job(), ann, starts_at=at(9))
    day.company.technician({"plumbing": 1}, display_name="Ned")
    job = day.job()
    answer = day.post(f"/dispatch/jobs/{job['id']}/suggest_assignments", PERIOD).get_json()
    by_name = {one["technician_name"]: one for one in answer["suggestions"]}
    assert by_name["Ann"]["can_do"]
    assert by_name["Bob"]["can_do"]
    assert by_name["Ann"]["booked_minutes"] == 60
    assert by_name["Bob"]["parts"].keys() >= {"soon", "travel", "skill_fit"}
    assert not by_name["Eve"]["can_do"]
    assert "lacks" in by_name["Eve"]["reasons"][0]
    assert "level" in by_name["Ned"]["reasons"][0]
    assert [one["can_do"] for one in answer["suggestions"]] == [True, True, False, False]


def test_other_companies_jobs_do_not_exist(day: Day) -> None:
    job = day.job()
    stranger = type(day.company)(day.db).member("owner")
    for name in ("auto_schedule", "suggest_assignments"):
        path = f"/dispatch/jobs/{job['id']}/{name}"
        assert day.post(path, PERIOD, as_user=stranger).status_code == 404
        assert (
            day.post(
                path, PERIOD | ({"mode": "commit"} if name == "auto_schedule" else {}), as_user=stranger
            ).status_code
            == 404
        )
        assert day.post(f"/dispatch/jobs/{uuid4()}/{name}", PERIOD).status_code == 404
        assert day.post(f"/dispatch/jobs/{job['id']}/{name}", {"earliest": "tomorrow"}).status_code == 400


def test_the_cron_learns_from_what_was_completed(day: Day) -> None:
    service = day.company.service({}, standard_duration_minutes=60)
    ann = day.technician("Ann")
    visit = day.company.visit(day.company.job(service=service), ann, starts_at=MONDAY - timedelta(days=400))
    for status in ("en_route", "on_site", "completed"):
        day.db.execute(
            "update public.job_assignments set status = %s where appointment_id = %s", (status, visit["id"])
        )
    headers = {"Authorization": f"Bearer {SERVICE_KEY}"}
    answers = [day.client.post("/cron/refresh_performance", headers=headers).get_json() for _ in range(2)]
    assert answers == [{"refreshed": [str(day.company.id)]}, {"refreshed": []}]
    assert day.post("/cron/refresh_performance").status_code == 403
