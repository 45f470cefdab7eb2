"""What would have to give way for a visit left out: each thing tried on the plan as it stands.

Every other visit keeps its technician and its order and may start at another time within its
windows; breaks move as they may. What is returned has been done, and can be done again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from truckroll.engine.arrays import Day, Plan
from truckroll.engine.insert import take_node
from truckroll.engine.interactive import plan_of
from truckroll.engine.model import Problem, Route, Visit
from truckroll.engine.prepare import FAR, Prepared, prepare
from truckroll.engine.result import route_of
from truckroll.engine.squeeze import cheapest_displacement, put_back, squeeze

Kind = Literal[
    "as_it_is",
    "start_later",
    "start_earlier",
    "shorter",
    "shift_ends_later",
    "shift_starts_earlier",
    "work_limit",
    "rule",
    "drop",
]

ANY_COST = 1e15
STEP = 300  # seconds: amounts are told in steps of five minutes
DAY = 86_400
# What a second of each is worth, in seconds of driving, so that relaxations of different kinds can be ranked.
PRICE_OF_A_SECOND: Mapping[Kind, float] = {
    "start_later": 1.0,
    "start_earlier": 1.0,
    "shorter": 2.0,
    "shift_ends_later": 3.0,
    "shift_starts_earlier": 3.0,
    "work_limit": 3.0,
}


@dataclass(frozen=True, slots=True)
class Wish:
    """A visit left out, and what may be asked for it.

    `wanted` are the closed ranges in which it should start, without regard to what is possible now;
    none means any time. `but_for` names, for each rule, the shifts that only this rule keeps from
    serving it; `price` is what breaking each of them costs, in seconds of driving.
    """

    visit: Visit
    wanted: tuple[tuple[int, int], ...] = ()
    but_for: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    price: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Relaxation:
    """One way to serve a visit after all.

    `amount_s` is by how much a time or a duration gives way, `rule` which rule is broken, `dropped`
    the visits it takes the place of. `route` is the whole route of the shift that then serves it,
    the visit named by its position behind the problem's own. `cost` ranks, in seconds of driving.
    """

    kind: Kind
    shift: int
    starts: int
    added_travel_s: int
    cost: float
    route: Route
    amount_s: int = 0
    rule: str = ""
    dropped: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of trying: the ways to serve it, cheapest first, and the shifts that may but can't.

    `full` shifts could serve it beside what is fixed, `no_time` shifts not even then.
    """

    relaxations: tuple[Relaxation, ...]
    full: tuple[int, ...]
    no_time: tuple[int, ...]


def relaxations(
    problem: Problem,
    routes: Iterable[Route],
    wishes: Sequence[Wish],
    *,
    earliest: int,
    stretch: Sequence[tuple[int, int]],
) -> tuple[Verdict, ...]:
    """Return for each wish what would serve it; nothing is made to start before `earliest`.

    `stretch` says of each shift how many seconds earlier it could begin and later it could end.
    """
    extra = tuple(
        replace(
            one.visit,
            id=f"wish {i}: {one.visit.id}",
            eligible=tuple(
                sorted({*one.visit.eligible, *(v for some in one.but_for.values() for v in some)})
            ),
            fixed=None,
            current=None,
        )
        for i, one in enumerate(wishes)
    )
    prepared = prepare(replace(problem, visits=(*problem.visits, *extra)))
    plan, sound = plan_of(prepared, routes)
    ground = _Ground(prepared, plan, sound, earliest, stretch)
    return tuple(ground.verdict(len(problem.visits) + i, one) for i, one in enumerate(wishes))


class _Ground:
    """The plan with rows that may be changed for a trial and are put back after it."""

    def __init__(
        self,
        prepared: Prepared,
        plan: Plan,
        sound: Any,
        earliest: int,
        stretch: Sequence[tuple[int, int]],
    ) -> None:
        day = prepared.day
        self.scratch = len(day.windows)
        self.most_windows = max(
            1, int(np.max(day.visits["last_window"] - day.visits["first_window"], initial=1))
        )
        windows = np.concatenate([plan.windows, np.zeros((self.most_windows + 8, 2), np.int32)])
        self.day: Day = day._replace(shifts=day.shifts.copy(), visits=day.visits.copy(), windows=windows)
        self.prepared = replace(prepared, day=self.day)
        # One array for all: what is changed for a trial is changed for the schedules too.
        self.plan, self.sound = plan._replace(windows=windows), sound
        self.base = self.prepared.plan()._replace(windows=windows)
        self.earliest = earliest - prepared.origin
        self.stretch = stretch
        self.dropped = np.zeros(plan.nodes.shape[1], np.int32)

    def verdict(self, x: int, wish: Wish) -> Verdict:
        """Try everything on one visit."""
        own = [v for v in wish.visit.eligible if self.sound[v]]
        wanted = tuple(
            (max(-FAR, a - self.prepared.origin), min(FAR, b - self.prepared.origin)) for a, b in wish.wanted
        )
        possible = self._from_now(wanted)
        with self._windows(x, possible):
            costs = {v: self._cost(v, x) for v in own}
            full = [v for v in own if costs[v] >= ANY_COST and self._cost(v, x, self.base) < ANY_COST]
            none = [v for v in own if costs[v] >= ANY_COST and v not in full]
            found = [
                *self._as_it_is(x, costs),
                *self._rules(x, wish),
                *self._shifts(x, own),
                *self._shorter(x, own),
                *self._drops(x, own),
            ]
        found += self._times(x, own, wanted)
        ranked = sorted(found, key=lambda one: (one.cost, one.kind, one.shift))
        return Verdict(tuple(ranked), tuple(full), tuple(none))

    def _from_now(self, wanted: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
        """Return the part of wanted windows that lies ahead."""
        clipped = [(max(a, self.earliest), b) for a, b in wanted or [(-FAR, FAR)]]
        return tuple(one for one in clipped if one[0] <= one[1])

    def _windows(self, x: int, windows: Sequence[tuple[int, int]]) -> _Changed:
        """Give a visit other windows for a while; without any it can't be served."""
        row = self.day.visits[x]
        changed = _Changed(self.day.visits, x)
        windows = windows[: self.most_windows + 8] or [(FAR, FAR)]
        self.day.windows[self.scratch : self.scratch + len(windows)] = windows
        row["first_window"], row["last_window"] = self.scratch, self.scratch + len(windows)
        row["opens"], row["closes"] = windows[0][0], windows[-1][1]
        return changed

    def _cost(self, v: int, x: int, plan: Plan | None = None) -> float:
        return float(squeeze(self.day, self.plan if plan is None else plan, v, x, ANY_COST, False))

    def _done(self, x: int, v: int, kind: Kind, **more: Any) -> Relaxation:
        """Return what becomes of the route, by doing it."""
        length = int(self.plan.routes[v]["length"])
        saved = self.plan.nodes[v, :length].copy()
        before = more.pop("before", None) or route_of(self.prepared, self.plan, v)
        cost = float(squeeze(self.day, self.plan, v, x, ANY_COST, True))
        after = route_of(self.prepared, self.plan, v)
        put_back(self.day, self.plan, v, saved, length)
        own = next(stop for stop in after.stops if stop.visit == x)
        if kind == "shorter":
            brief = replace(own, ends=own.ends - more["amount_s"])
            after = replace(after, stops=tuple(brief if stop is own else stop for stop in after.stops))
        price = PRICE_OF_A_SECOND.get(kind, 0.0) * more.get("amount_s", 0)
        more["cost"] = round(more.get("cost", cost) + price, 1)
        return Relaxation(kind, v, own.starts, after.travel_s - before.travel_s, route=after, **more)

    def _as_it_is(self, x: int, costs: Mapping[int, float]) -> Iterable[Relaxation]:
        if costs and min(costs.values()) < ANY_COST:
            yield self._done(x, min(costs, key=lambda v: costs[v]), "as_it_is")

    def _rules(self, x: int, wish: Wish) -> Iterable[Relaxation]:
        for rule, shifts in wish.but_for.items():
            costs = {v: self._cost(v, x) for v in shifts if self.sound[v]}
            if costs and min(costs.values()) < ANY_COST:
                v = min(costs, key=lambda v: costs[v])
                yield self._done(x, v, "rule", rule=rule, cost=costs[v] + wish.price.get(rule, 0.0))

    def _shifts(self, x: int, own: Sequence[int]) -> Iterable[Relaxation]:
        """Lengthen shifts at either end, or let more be worked in them."""
        shifts = self.day.shifts

        def later(v: int, amount: int) -> None:
            shifts[v]["ends"] += amount
            shifts[v]["closes"] += amount

        def earlier(v: int, amount: int) -> None:
            shifts[v]["starts"] -= amount

        def longer(v: int, amount: int) -> None:
            for limit in ("max_work", "max_span"):
                shifts[v][limit] = min(FAR, int(shifts[v][limit]) + amount)

        now = self.earliest
        yield from self._least(
            x,
            own,
            "shift_starts_earlier",
            lambda v: min(self.stretch[v][0], int(shifts[v]["starts"]) - now),
            earlier,
        )
        yield from self._least(x, own, "shift_ends_later", lambda v: self.stretch[v][1], later)
        limited = [v for v in own if min(shifts[v]["max_work"], shifts[v]["max_span"]) < FAR]
        yield from self._least(x, limited, "work_limit", lambda _: 4 * 3600, longer)

    def _shorter(self, x: int, own: Sequence[int]) -> Iterable[Relaxation]:
        visits = self.day.visits

        def shorter(_: int, amount: int) -> None:
            visits[x]["occupies"] -= amount
            visits[x]["work"] -= amount

        # Less than half of the work is another job.
        yield from self._least(x, own, "shorter", lambda _: int(visits[x]["work"]) // 2, shorter)

    def _times(self, x: int, own: Sequence[int], wanted: tuple[tuple[int, int], ...]) -> Iterable[Relaxation]:
        """Let it start before or after its windows."""
        if not wanted:
            return
        directions: tuple[tuple[Kind, int, int], ...] = (("start_later", 0, 1), ("start_earlier", 1, 0))
        for kind, before, after in directions:

            def moved(_: int, amount: int, before: int = before, after: int = after) -> None:
                wider = [(a - before * amount, b + after * amount) for a, b in wanted]
                self._windows(x, _joined(self._from_now(wider)))

            # What is due already is not late by a day, but by all the time since.
            overdue = max(0, self.earliest - wanted[-1][1]) if after else 0
            yield from self._least(x, own, kind, lambda _: DAY + overdue, moved)  # noqa: B023

    def _drops(self, x: int, own: Sequence[int]) -> Iterable[Relaxation]:
        """Drop visits nobody was promised, if that alone makes room."""
        day, plan = self.day, self.plan
        changed = _Changed(day.visits, x)
        listed = day.eligible[
            int(day.visits[x]["first_eligible"]) : int(day.visits[x]["last_eligible"])
        ].copy()
        first = int(day.visits[x]["first_eligible"])
        allowed = [v for v in listed if v in own]
        day.eligible[first : first + len(allowed)] = allowed
        day.visits[x]["last_eligible"] = first + len(allowed)
        v, count, cost = cheapest_displacement(day, plan, x, ANY_COST, self.dropped)
        day.eligible[first : first + len(listed)] = listed
        changed.put_back()
        out = {int(one) for one in self.dropped[:count]}
        booked = any(int(day.visits[one]["booked_shift"]) >= 0 for one in out)
        if v < 0 or not out or booked:
            return
        before = route_of(self.prepared, plan, v)
        length = int(plan.routes[v]["length"])
        saved = plan.nodes[v, :length].copy()
        for k in range(length - 1, -1, -1):
            if int(plan.nodes[v, k]) in out:
                take_node(day, plan, v, k)
        yield self._done(x, v, "drop", dropped=tuple(sorted(out)), cost=float(cost), before=before)
        put_back(day, plan, v, saved, length)

    def _least(
        self,
        x: int,
        shifts: Sequence[int],
        kind: Kind,
        most: Callable[[int], int],
        relax: Callable[[int, int], None],
    ) -> Iterable[Relaxation]:
        """Find the least amount, in whole steps, by which some shift then serves it."""

        def costs(among: Iterable[int], steps: int) -> dict[int, float]:
            found: dict[int, float] = {}
            for v in among:
                if steps * STEP > most(v):
                    continue
                with _Changed(self.day.visits, x), _Changed(self.day.shifts, v):
                    relax(v, steps * STEP)
                    cost = self._cost(v, x)
                if cost < ANY_COST:
                    found[v] = cost
            return found

        reach: dict[int, int] = {v: most(v) // STEP for v in shifts}
        able = {v for v in shifts if reach[v] > 0 and costs([v], reach[v])}
        if not able:
            return
        low, high = 0, max(reach[v] for v in able)
        fits: dict[int, float] = {}
        while high - low > 1:
            middle = (low + high) // 2
            now = costs(able, middle)
            if now:
                high, fits = middle, now
                able = set(now)
            else:
                low = middle
        fits = fits or costs(able, high)
        if not fits:  # an amount that helps only where it is exact
            return
        v = min(fits, key=lambda v: (fits[v], v))
        with _Changed(self.day.visits, x), _Changed(self.day.shifts, v):
            relax(v, high * STEP)
            yield self._done(x, v, kind, amount_s=high * STEP)


class _Changed:
    """Puts a row of an array back as it was, at the end of a block."""

    def __init__(self, rows: Any, i: int) -> None:
        self.rows, self.i, self.was = rows, i, rows[i].copy()

    def put_back(self) -> None:
        self.rows[self.i] = self.was

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        self.put_back()


def _joined(windows: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return closed windows in order and disjoint."""
    joined: list[tuple[int, int]] = []
    for opens, closes in sorted(windows):
        if joined and opens <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(closes, joined[-1][1]))
        else:
            joined.append((opens, closes))
    return joined
