"""What the engine is given and what it answers: plain, immutable values.

Times are integer seconds since an epoch the caller chooses (one per problem), durations and
travel are integer seconds, distances integer metres. Places are row numbers of the matrices;
shifts and visits are named by their position in the problem's tuples.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Strategy = Literal["time_minimization", "distance_minimization", "priority_first", "balanced"]

Reason = Literal[
    "no_eligible_technician",
    "no_time_in_window",
    "no_common_time",
    "shift_too_short",
    "unreachable",
    "locked",
    "capacity",
    "not_worth_the_travel",
    "needs_tools",
    "needs_parts",
    "waits_for_earlier_visit",
    "not_looked_into",
]

Parts = tuple[tuple[str, int], ...]  # of which part how many

PRIORITY_RANK = {"low": 0, "normal": 1, "high": 2, "emergency": 3}


class ProblemError(ValueError):
    """The problem contradicts itself, so that no plan could be right."""


@dataclass(frozen=True, slots=True)
class Break:
    """A pause of `duration` seconds that must start within [earliest, latest].

    Travel may be interrupted by it, service may not.
    """

    earliest: int
    latest: int
    duration: int


@dataclass(frozen=True, slots=True)
class Depot:
    """Where a technician can fetch whatever the van lacks: every tool, and any number of any part.

    Loading takes `duration` seconds; `windows` are closed ranges for its start, none means any time.
    """

    place: int
    duration: int = 0
    windows: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Shift:
    """One technician's working day, which becomes one route.

    The technician leaves `start_place` at `starts` or later and is back at `end_place` by `ends`.
    `max_work` limits service plus travel (home legs included, waiting and breaks not);
    `max_span` limits the time from leaving to returning, less breaks; `capacity` the sum of loads.
    `unavailable` are half-open intervals in which the technician neither drives nor works.
    `tools` and `parts` are in the van as the day begins; one stop at the `depot` may add what the
    visits after it need. Its loading time counts as work. `pace` multiplies what movable visits take
    here, `paces` says so for some kinds of work by themselves: 1.2 takes a fifth longer. `speed` divides
    the time of all ways: at 1.2 they take a sixth less.
    """

    id: str
    technician_id: str
    start_place: int
    end_place: int
    starts: int
    ends: int
    breaks: tuple[Break, ...] = ()
    max_work: int | None = None
    unavailable: tuple[tuple[int, int], ...] = ()
    max_span: int | None = None
    capacity: int | None = None
    tools: tuple[str, ...] = ()
    parts: Parts = ()
    depot: Depot | None = None
    pace: float = 1.0
    paces: tuple[tuple[str, float], ...] = ()
    speed: float = 1.0

    @property
    def places(self) -> tuple[int, ...]:
        """All places the shift itself names."""
        ends = self.start_place, self.end_place
        return ends if self.depot is None else (*ends, self.depot.place)

    def renumbered(self, row: Mapping[int, int]) -> Shift:
        """Return the shift with other numbers for its places."""
        return replace(
            self,
            start_place=row[self.start_place],
            end_place=row[self.end_place],
            depot=self.depot and replace(self.depot, place=row[self.depot.place]),
        )


class FixedPlace(NamedTuple):
    """Where a locked or started visit stands: index of the shift, and the exact start of service."""

    shift: int
    start: int


class CurrentPlace(NamedTuple):
    """Where a movable visit is booked today: index of the shift, and the start of service."""

    shift: int
    start: int


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit at one place by one technician.

    `windows` are closed ranges for the start of service, in order and disjoint; none means any time.
    `weight` is the cost of leaving it unserved, in seconds of travel. `eligible` names the shifts
    that may serve it. `setup_before` and `setup_after` are seconds at the place kept free of
    anything else, travel included. `tools` must be in the van, `parts` are used up. Fixed visits are
    served even when something is missing that no stop at the depot could bring in time. `paced` of
    the seconds of `duration` (None: all) follow the pace of the technician for this `kind` of work;
    fixed visits and parts of groups always take their duration. `familiar` names the shifts of
    technicians who know the customer; with None it does not matter who comes.
    """

    id: str
    place: int
    duration: int
    windows: tuple[tuple[int, int], ...] = ()
    weight: float = 3600.0
    priority: str = "normal"
    eligible: tuple[int, ...] = ()
    fixed: FixedPlace | None = None
    current: CurrentPlace | None = None
    setup_before: int = 0
    setup_after: int = 0
    load: int = 0
    tools: tuple[str, ...] = ()
    parts: Parts = ()
    kind: str = ""
    paced: int | None = None
    familiar: tuple[int, ...] | None = None


class Part(NamedTuple):
    """One visit of a group: its service starts `offset` seconds after the group's start.

    Parts of one role are served on one shift, parts of different roles on different shifts.
    """

    visit: int
    offset: int = 0
    role: int = 0


@dataclass(frozen=True, slots=True)
class Group:
    """Visits served together or not at all: a crew, a visit with its bay, the parts of a composite visit.

    The windows and weights are those of its visits: the group starts only when every part is within
    its own, and leaving it unserved costs the sum. Each of `covers` names shifts of which at least
    one must serve a part, for what a crew has to bring along together. Its visits may be neither
    fixed nor booked.
    """

    id: str
    parts: tuple[Part, ...]
    covers: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Series:
    """Visits of one job, in their order: each starts at least `gap` seconds after the one before it ended.

    On whatever shift. One is served only if all before it are; being fixed counts as served, and
    between fixed visits nothing is asked. A visit is in one series at most, and then in no group.
    """

    id: str
    visits: tuple[int, ...]
    gap: int = 0


@dataclass(frozen=True, slots=True)
class Objective:
    """What a plan costs, in seconds of travel: the search minimises the sum of the terms.

    `travel` per second driven; `distance` per metre driven; `stability` for each visit taken from
    the shift it is booked on (to another or to nobody); `balance` multiplies the sum over shifts of
    work squared over the mean length of a shift, so equal work is cheapest; an unserved visit costs
    its weight times `priority_factor` to the power of its rank above normal; `span` per second
    between leaving and returning, breaks and unavailable time not counted, so that waiting costs too
    (on a route without visits, only its driving); `continuity` for each visit that goes to a shift
    which is not among those `familiar` to it.
    """

    travel: float = 1.0
    distance: float = 0.0
    stability: float = 0.0
    balance: float = 0.0
    priority_factor: float = 1.0
    span: float = 0.0
    continuity: float = 0.0

    @classmethod
    def for_strategy(
        cls, strategy: Strategy, *, stability: float = 0.0, continuity: float = 0.0
    ) -> Objective:
        """Return the weights of one of the named strategies.

        Raises ProblemError for a name that is none of them.
        """
        if strategy == "time_minimization":
            return cls(stability=stability, continuity=continuity)
        if strategy == "distance_minimization":
            # 0.12 s per metre is what a metre costs at 30 km/h, so weights of visits keep their
            # meaning; a trace of time settles ties between equally long roads.
            return cls(travel=0.02, distance=0.12, stability=stability, continuity=continuity)
        if strategy == "priority_first":
            return cls(stability=stability, priority_factor=10.0, continuity=continuity)
        if strategy == "balanced":
            return cls(stability=stability, balance=0.5, continuity=continuity)
        raise ProblemError(f"no strategy is called {strategy!r}")

    def price(self, visit: Visit) -> float:
        """Return the cost of leaving the visit unserved, in seconds of travel."""
        rank = PRIORITY_RANK.get(visit.priority, 1) - 1
        moved = self.stability if visit.current is not None else 0.0
        return visit.weight * self.priority_factor**rank + moved


@dataclass(frozen=True, eq=False)
class Problem:
    """Shifts, visits and the square matrices between their places (seconds, metres; int32).

    Ways, and what visits take at a technician's own pace, are rounded up to multiples of `grain` seconds.
    """

    travel: NDArray[np.int32]
    distance: NDArray[np.int32] | None
    shifts: tuple[Shift, ...]
    visits: tuple[Visit, ...]
    weights: Objective = field(default_factory=Objective)
    groups: tuple[Group, ...] = ()
    grain: int = 1
    series: tuple[Series, ...] = ()


@dataclass(frozen=True, slots=True)
class Stop:
    """One visit on a route; `travel_s` and `distance_m` are those of the leg that leads to it.

    `arrives` may precede `starts` by waiting; `ends` is the end of service, without buffers.
    """

    visit: int
    arrives: int
    starts: int
    ends: int
    travel_s: int
    distance_m: int


@dataclass(frozen=True, slots=True)
class Pause:
    """A break as it was placed; `index` is its place in the shift's `breaks`."""

    starts: int
    ends: int
    index: int


@dataclass(frozen=True, slots=True)
class Fetch:
    """The stop at the depot after the first `after` stops, and what later stops need from there.

    `travel_s` and `distance_m` are those of the leg that leads to it.
    """

    after: int
    arrives: int
    starts: int
    ends: int
    travel_s: int
    distance_m: int
    tools: tuple[str, ...]
    parts: Parts


@dataclass(frozen=True, slots=True)
class Route:
    """What one shift does. `starts` is leaving the start place, `ends` being at the end place.

    A shift with nothing to do has no stops, and travels only where its two places differ.
    Breaks that no plan could honour beside the fixed visits are left out. With a `fetch`, the leg to
    the stop after it comes from the depot; `work_s` includes the loading there.
    """

    shift: int
    stops: tuple[Stop, ...]
    breaks: tuple[Pause, ...]
    starts: int
    ends: int
    travel_s: int
    distance_m: int
    work_s: int
    fetch: Fetch | None = None


@dataclass(frozen=True, slots=True)
class Unserved:
    """A visit nobody got, and why: a code and the figures behind it.

    `no_eligible_technician`: nobody may serve it (the caller knows whether for skills or zones).
    `no_time_in_window`: even on an empty day no eligible shift can start it within its windows.
    `no_common_time`: each part of its group would fit an empty day, but never all at the same time.
    `shift_too_short`: no eligible shift has room for it at any time, even without travel.
    `unreachable`: it would fit an eligible shift, were it not for the travel there and back.
    `locked`: it fits an empty day, but not beside the fixed visits.
    `capacity`: it fits only if others are dropped that cost more; detail `displaces` is the cheapest.
    `not_worth_the_travel`: it fits, at a cost above its weight.
    `needs_tools`, `needs_parts`: it would fit an empty day, were it not for what the van lacks;
    detail names that, and in `depot` whether anybody who might bring it knows a depot.
    `waits_for_earlier_visit`: the one before it in its series, detail `visit`, is left out too, or
    ends (detail `ends`, else None) too late for it.
    `not_looked_into`: somebody may serve it, and time was over before the rest was tried.
    """

    visit: int
    reason: Reason
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Progress:
    """State of a running search, given to the `progress` callback; `fraction` runs from 0 to 1."""

    iterations: int
    elapsed_s: float
    fraction: float
    objective: float
    served: int
    unserved: int


@dataclass(frozen=True, slots=True)
class Solution:
    """A plan: one route per shift, the visits nobody got, and how the search went.

    `curve` lists (seconds since the start of solve, best objective so far).
    """

    routes: tuple[Route, ...]
    unserved: tuple[Unserved, ...]
    objective: float
    iterations: int
    curve: tuple[tuple[float, float], ...]
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Insertion:
    """One way to add a visit to today's routes: before stop `position` of the shift's route.

    `cost` is in seconds of travel and ranks; `delays_s` is how much later the latest-moved of the
    following stops would start; `fetch` tells whether the way to the visit needs a new stop at the depot.
    """

    shift: int
    position: int
    arrives: int
    starts: int
    ends: int
    added_travel_s: int
    added_distance_m: int
    cost: float
    delays_s: int
    fetch: bool = False
