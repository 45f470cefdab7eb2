"""What will happen in the week, whatever anybody plans: drawn once from a seed, hidden from the scheduler."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import count
from math import asin, cos, radians, sin, sqrt
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("America/Chicago")
DAYS = 5
SOUTH_WEST, NORTH_EAST = (42.96, -89.58), (43.18, -89.22)  # degrees: about 24 km by 29 km
SKILLS = ("hvac", "plumbing", "electrical", "refrigeration")
DETOUR, KMH = 1.3, 40.0
RUSH = {7: 1.3, 8: 1.4, 16: 1.35, 17: 1.4}  # by hour of the day; otherwise roads are free
BACKLOG, ORDINARY, EMERGENCIES = 40, 50, 4  # requests before the week, and a day, for ten technicians
CANCELS, ABSENT = 0.08, 0.03
OVERRUN = 0.28  # standard deviation of the logarithm of a job's real length
Place = tuple[float, float]


@dataclass(frozen=True)
class Technician:
    """Who works: where from, what they can, when."""

    number: int
    home: Place
    skills: dict[str, int]
    starts: time
    ill_on: date | None


@dataclass(frozen=True)
class Service:
    """What is offered."""

    skill: str
    level: int
    minutes: int


@dataclass(frozen=True)
class Request:
    """A customer's wish and its fate: when it comes, how long the work really takes, what becomes of it."""

    number: int
    arrives: datetime
    service: int
    place: Place
    is_emergency: bool
    really_minutes: float
    cancels: datetime | None
    is_absent: bool


@dataclass(frozen=True)
class World:
    """The week from its Monday on."""

    monday: date
    technicians: tuple[Technician, ...]
    services: tuple[Service, ...]
    requests: tuple[Request, ...]


def imagined(seed: int, monday: date, technicians: int = 10) -> World:
    """Return the week of a seed; the same for the same Monday."""
    rng = random.Random(f"week {seed}")
    crew = tuple(_technician(rng, n) for n in range(technicians))
    services = tuple(
        Service(skill, level, rng.choice((45, 60, 60, 75, 90))) for skill in SKILLS for level in (1, 2, 3)
    )
    ill = rng.sample(range(technicians), 2)
    crew = tuple(
        Technician(
            one.number, one.home, one.skills, one.starts, monday + timedelta(days=1 + 2 * ill.index(n))
        )
        if n in ill
        else one
        for n, one in enumerate(crew)
    )
    numbers = count()
    before = at(monday - timedelta(days=1), 12)
    scale = technicians / 10
    many = round(BACKLOG * scale)
    requests = [_request(rng, next(numbers), before, services, emergency=False) for _ in range(many)]
    for n in range(DAYS):
        day = monday + timedelta(days=n)
        for emergency, many in ((False, ORDINARY), (True, EMERGENCIES)):
            # Nobody who calls on Friday afternoon expects to be served this week.
            until = 12 if n == DAYS - 1 else 15 if emergency else 18
            for _ in range(round(many * scale * (0.4 if n == DAYS - 1 and not emergency else 1.0))):
                moment = at(day, 8) + timedelta(minutes=rng.uniform(0, 60 * (until - 8)))
                requests.append(_request(rng, next(numbers), moment, services, emergency=emergency))
    return World(monday, crew, services, tuple(sorted(requests, key=lambda one: one.arrives)))


def at(day: date, hour: float) -> datetime:
    """Return a local time of a day."""
    return datetime.combine(day, time(), ZONE) + timedelta(hours=hour)


def estimated_s(a: Place, b: Place) -> float:
    """Return the seconds of a drive on free roads, as the scheduler estimates them too."""
    lat, lon = radians(b[0] - a[0]), radians(b[1] - a[1])
    arc = sin(lat / 2) ** 2 + cos(radians(a[0])) * cos(radians(b[0])) * sin(lon / 2) ** 2
    return 2 * 6_371_000 * asin(sqrt(arc)) * DETOUR / (KMH / 3.6)


def driven_s(a: Place, b: Place, leaves: datetime) -> float:
    """Return the seconds a drive really takes at this hour, the same for everybody who drives it then."""
    moment = leaves.astimezone(ZONE)
    luck = random.Random(f"{a} {b} {moment:%d %H}").uniform(0.92, 1.15)
    return estimated_s(a, b) * RUSH.get(moment.hour, 1.0) * luck


def _technician(rng: random.Random, number: int) -> Technician:
    skills = {skill: rng.randint(2, 4) for skill in rng.sample(SKILLS, rng.choice((2, 2, 3)))}
    # Every skill is somebody's, whatever the draw.
    skills.setdefault(SKILLS[number % len(SKILLS)], rng.randint(3, 5))
    return Technician(number, _place(rng), skills, time(rng.choice((7, 8, 8, 9))), None)


def _request(
    rng: random.Random, number: int, arrives: datetime, services: tuple[Service, ...], *, emergency: bool
) -> Request:
    service = rng.randrange(len(services))
    stretched = services[service].minutes * rng.lognormvariate(0.0, OVERRUN)
    cancels = (
        arrives + timedelta(hours=rng.uniform(2, 60)) if rng.random() < CANCELS and not emergency else None
    )
    absent = rng.random() < ABSENT and not emergency
    return Request(number, arrives, service, _place(rng), emergency, stretched, cancels, absent)


def _place(rng: random.Random) -> Place:
    return tuple(  # type: ignore[return-value]
        round(a + (b - a) * rng.betavariate(1.6, 1.6), 5) for a, b in zip(SOUTH_WEST, NORTH_EAST, strict=True)
    )
