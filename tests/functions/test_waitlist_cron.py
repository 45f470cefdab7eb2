"""The waitlist is served by cron: freed time is offered without anybody asking, and links stay unsaid (BKG-14)."""

from __future__ import annotations

from support.booking import at, call
from support.functions import SERVICE_KEY, Day

PATH = "/cron/offer_freed_times"


def test_cron_offers_freed_time_without_telling_the_links(day: Day) -> None:
    ann = day.technician("Ann")
    visit = day.company.visit(day.job(), ann, starts_at=at(9))
    waiting = day.job()
    call(day.db, "join_waitlist", job_id=waiting["id"], earliest=at(0), latest=at(0, 1))
    call(day.db, "cancel_appointment", appointment_id=visit["id"], reason="weather")
    key = {"Authorization": f"Bearer {SERVICE_KEY}"}
    (offer,) = day.client.post(PATH, headers=key).get_json()["offered"]
    assert (offer["job_id"], "token" in offer) == (str(waiting["id"]), False)
    assert day.client.post(PATH, headers=key).get_json() == {"offered": []}
    assert day.post(PATH, {}).status_code == 403
