"""What would have to give way for a visit left out: each thing tried on the plan as it stands.

Every other visit keeps its technician and its order and may start at another time within its
windows; breaks move as they may. What is returned has been done, and can be done again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from truckroll.engine.arrays import Day, Plan
from truckroll.engine.hopeless import ANY_COST
from truckroll.engine.insert import take_node
from truckroll.engine.interactive import plan_of
from truckroll.engine.model import Problem, Route, Visit
from truckroll.engine.prepare import FAR, Prepared, prepare_once
from truckroll.engine.result import route_of
from truckroll.engine.squeeze import cheapest_displacement, put_back, squeeze, squeeze_each
from truckroll.engine.unserved import ALWAYS, IsOver, never

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

STEP = 300  # seconds: amounts are told in steps of five minutes
DAY = 86_400
MOST_OVERWORK = 4 * 3600
# What a second of each is worth, in seconds of driving, so that relaxations of different kinds can be ranked.
PRICE_OF_A_SECOND: Mapping[Kind, float] = {
    "start_later": 1.0,
    "start_earlier": 1.0,
    "shorter": 2.0,
    "shift_ends_later": 3.0,
    "shift_starts_earlier": 3.0,
    "work_limit": 3.0,
}


Shifts = NDArray[np.int64] | Sequence[int]
Amounts = NDArray[np.int64]


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
    is_over: IsOver = never,
) -> tuple[Verdict | None, ...]:
    """Return for each wish what would serve it; nothing is made to start before `earliest`.

    `stretch` says of each shift how many seconds earlier it could begin and later it could end. None
    stands for a wish that matters less than others and was not tried, since time `is_over`.
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
    prepared = prepare_once(replace(problem, visits=(*problem.visits, *extra)), searched=False)
    plan, sound = plan_of(prepared, routes)
    ground = _Ground(prepared, plan, sound, earliest, stretch)
    verdicts: list[Verdict | None] = [None] * len(wishes)
    for tried, i in enumerate(sorted(range(len(wishes)), key=lambda i: -wishes[i].visit.weight)):
        if tried >= ALWAYS and is_over():
            break
        verdicts[i] = ground.verdict(len(problem.visits) + i, wishes[i])
    return tuple(verdicts)


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
        self.stretch = np.array(stretch, np.int64).reshape(-1, 2)
        self.dropped = np.zeros(plan.nodes.shape[1], np.int32)
        # Taking the place of what is booked costs at least this, and is nothing to tell.
        booked = day.visits["price"][day.visits["booked_shift"] >= 0]
        dearest = np.max(plan.routes["cost"], initial=0.0)
        self.booked_cost = float(np.min(booked, initial=ANY_COST) - dearest)

    def verdict(self, x: int, wish: Wish) -> Verdict:
        """Try everything on one visit."""
        own = [v for v in wish.visit.eligible if self.sound[v]]
        wanted = tuple(
            (max(-FAR, a - self.prepared.origin), min(FAR, b - self.prepared.origin)) for a, b in wish.wanted
        )
        possible = self._from_now(wanted)
        with self._windows(x, possible):
            costs = self._costs(x, own)
            able = {v for v, cost in zip(own, self._costs(x, own, self.base), strict=True) if cost < ANY_COST}
            not_now = [v for v, cost in zip(own, costs, strict=True) if cost >= ANY_COST]
            full = [v for v in not_now if v in able]
            none = [v for v in not_now if v not in able]
            found = [
                *self._as_it_is(x, own, costs),
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
        changed = _Changed(self.day.visits, [x])
        windows = windows[: self.most_windows + 8] or [(FAR, FAR)]
        self.day.windows[self.scratch : self.scratch + len(windows)] = windows
        row["first_window"], row["last_window"] = self.scratch, self.scratch + len(windows)
        row["opens"], row["closes"] = windows[0][0], windows[-1][1]
        return changed

    def _costs(self, x: int, shifts: Shifts, plan: Plan | None = None) -> NDArray[np.float64]:
        """Return what visit x would add to each of the shifts, ANY_COST where it has no room."""
        costs = np.full(len(shifts), ANY_COST)
        squeeze_each(self.day, self.plan if plan is None else plan, np.array(shifts, np.int64), x, costs)
        return costs

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

    def _as_it_is(self, x: int, own: Sequence[int], costs: NDArray[np.float64]) -> Iterable[Relaxation]:
        if own and np.min(costs) < ANY_COST:
            yield self._done(x, own[int(np.argmin(costs))], "as_it_is")

    def _rules(self, x: int, wish: Wish) -> Iterable[Relaxation]:
        for rule, shifts in wish.but_for.items():
            sound = [v for v in shifts if self.sound[v]]
            costs = self._costs(x, sound)
            if sound and np.min(costs) < ANY_COST:
                i = int(np.argmin(costs))
                cost = float(costs[i]) + wish.price.get(rule, 0.0)
                yield self._done(x, sound[i], "rule", rule=rule, cost=cost)

    def _shifts(self, x: int, own: Sequence[int]) -> Iterable[Relaxation]:
        """Lengthen shifts at either end, or let more be worked in them."""
        shifts, among = self.day.shifts, np.array(own, np.int64)
        earlier_by, later_by = self.stretch[among].T

        def later(v: Shifts, amount: Amounts) -> None:
            shifts["ends"][v] += amount
            shifts["closes"][v] += amount

        def earlier(v: Shifts, amount: Amounts) -> None:
            shifts["starts"][v] -= amount

        def longer(v: Shifts, amount: Amounts) -> None:
            for limit in ("max_work", "max_span"):
                shifts[limit][v] = np.minimum(FAR, shifts[limit][v] + amount)

        ahead = shifts["starts"][among] - self.earliest
        yield from self._least(x, among, "shift_starts_earlier", np.minimum(earlier_by, ahead), earlier)
        yield from self._least(x, among, "shift_ends_later", later_by, later)
        limited = among[np.minimum(shifts["max_work"][among], shifts["max_span"][among]) < FAR]
        yield from self._least(x, limited, "work_limit", np.full(len(limited), MOST_OVERWORK), longer)

    def _shorter(self, x: int, own: Sequence[int]) -> Iterable[Relaxation]:
        visits = self.day.visits

        def shorter(_: Shifts, amount: Amounts) -> None:
            visits["occupies"][x] -= amount[0]
            visits["work"][x] -= amount[0]

        # Less than half of the work is another job.
        most = np.full(len(own), int(visits["work"][x]) // 2)
        yield from self._least(x, np.array(own, np.int64), "shorter", most, shorter)

    def _times(self, x: int, own: Sequence[int], wanted: tuple[tuple[int, int], ...]) -> Iterable[Relaxation]:
        """Let it start before or after its windows."""
        if not wanted:
            return
        directions: tuple[tuple[Kind, int, int], ...] = (("start_later", 0, 1), ("start_earlier", 1, 0))
        for kind, before, after in directions:

            def moved(_: Shifts, amount: Amounts, before: int = before, after: int = after) -> None:
                by = int(amount[0])
                wider = [(a - before * by, b + after * by) for a, b in wanted]
                self._windows(x, _joined(self._from_now(wider)))

            # What is due already is not late by a day, but by all the time since.
            overdue = max(0, self.earliest - wanted[-1][1]) if after else 0
            most = np.full(len(own), DAY + overdue)
            yield from self._least(x, np.array(own, np.int64), kind, most, moved)

    def _drops(self, x: int, own: Sequence[int]) -> Iterable[Relaxation]:
        """Drop visits nobody was promised, if that alone makes room."""
        day, plan = self.day, self.plan
        changed = _Changed(day.visits, [x])
        listed = day.eligible[
            int(day.visits[x]["first_eligible"]) : int(day.visits[x]["last_eligible"])
        ].copy()
        first = int(day.visits[x]["first_eligible"])
        allowed = [v for v in listed if v in own]
        day.eligible[first : first + len(allowed)] = allowed
        day.visits[x]["last_eligible"] = first + len(allowed)
        v, count, cost = cheapest_displacement(day, plan, x, self.booked_cost, self.dropped)
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
        shifts: NDArray[np.int64],
        kind: Kind,
        most: Amounts,
        relax: Callable[[Shifts, Amounts], None],
    ) -> Iterable[Relaxation]:
        """Find the least amount, in whole steps, by which some shift then serves it; `most` limits each shift's."""

        def costs(among: NDArray[np.int64], steps: Amounts) -> NDArray[np.float64]:
            with _Changed(self.day.visits, [x]), _Changed(self.day.shifts, among):
                relax(among, steps * STEP)
                return self._costs(x, among)

        reach = most // STEP
        shifts, reach = shifts[reach > 0], reach[reach > 0]
        able = costs(shifts, reach) < ANY_COST if len(shifts) else np.zeros(0, np.bool_)
        if not able.any():
            return
        shifts, reach = shifts[able], reach[able]
        low, high = 0, int(reach.max())
        fits: NDArray[np.float64] | None = None
        while high - low > 1:
            middle = (low + high) // 2
            among = shifts[reach >= middle]
            now = costs(among, np.full(len(among), middle)) if len(among) else np.zeros(0)
            if (now < ANY_COST).any():
                high, fits = middle, now[now < ANY_COST]
                reach, shifts = reach[reach >= middle][now < ANY_COST], among[now < ANY_COST]
            else:
                low = middle
        if fits is None:
            shifts = shifts[reach >= high]
            fits = costs(shifts, np.full(len(shifts), high))
            if np.min(fits) >= ANY_COST:  # an amount that helps only where it is exact
                return
        best = shifts[[int(np.argmin(fits))]]
        with _Changed(self.day.visits, [x]), _Changed(self.day.shifts, best):
            relax(best, np.array([high * STEP]))
            yield self._done(x, int(best[0]), kind, amount_s=high * STEP)


class _Changed:
    """Puts rows of an array back as they were, at the end of a block."""

    def __init__(self, rows: Any, chosen: Shifts) -> None:
        self.rows, self.chosen, self.was = rows, chosen, rows[chosen]

    def put_back(self) -> None:
        self.rows[self.chosen] = self.was

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
