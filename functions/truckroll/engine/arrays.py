"""The problem and the plan as arrays, as the compiled search wants them.

`Day` never changes during a search, `Plan` does. A route is a row of nodes: numbers below the
count of visits are visits, the rest pauses. Between two nodes lies a slot; slot k is the gap
before node k, the last one the gap before the way home. Times are seconds since `Day.origin`.

The last of the visits, from `Day.depots_from` on, are stops at the depot, one for each shift that
may need one: free to leave out, served only by that shift, and never in anybody's hand.

Travel may be interrupted by pauses. With the last visit left at t, pauses of total length B taken
since, and c the end of the last of them, the next place is reached at max(t + B + travel, c):
`ready` is t + B and `clock` is c. Symmetrically `latest_arrival` bounds ready + travel to the next
place and `latest_clock` bounds clock, so whether a visit fits a slot needs no look at the rest.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from truckroll.engine.reference import by_reference

SHIFT = np.dtype(
    [
        ("start_place", np.int32),
        ("end_place", np.int32),
        ("starts", np.int32),
        ("closes", np.int32),  # the end of the shift
        ("ends", np.int32),  # when to be back: later than that only where fixed visits demand it
        ("max_work", np.int32),
        ("max_span", np.int32),
        ("capacity", np.int32),
        ("first_break", np.int32),  # its movable breaks, as a range of pauses
        ("last_break", np.int32),
        ("depot", np.int32),  # its stop at the depot among the visits, or -1
        ("pace", np.int32),  # its technician's column of `Day.more`
        ("roads", np.int32),  # the first row of its technician's block of `Day.travel` and `Day.cost`
        ("twin", np.int32),  # the nearest earlier shift that differs in nothing but its id, or -1
    ],
    align=True,
)
VISIT = np.dtype(
    [
        ("place", np.int32),
        ("occupies", np.int32),  # service with its buffers
        ("work", np.int32),  # service alone
        ("before", np.int32),
        ("load", np.int32),
        ("opens", np.int32),
        ("closes", np.int32),
        ("first_window", np.int32),
        ("last_window", np.int32),
        ("first_eligible", np.int32),
        ("last_eligible", np.int32),
        ("last_nearby", np.int32),  # of them those whose home is no farther than visits beside it
        ("fixed_shift", np.int32),  # -1 when it may move
        ("fixed_until", np.int32),  # when the technician is free again after a fixed visit
        ("booked_shift", np.int32),  # -1 when it is not booked today
        ("group", np.int32),  # -1 when it is served on its own
        ("known", np.int32),  # whether it matters who knows the customer, see `Day.knows`
        ("predecessor", np.int32),  # the visit of its series that has to be over first, or -1
        ("successor", np.int32),
        (
            "lag",
            np.int32,
        ),  # from its predecessor's begin to its own, at least, if that takes as long as usual
        ("price", np.float64),
    ],
    align=True,
)
GROUP = np.dtype(
    [
        ("first_part", np.int32),  # its parts, as a range of `Day.parts`, those of one role together
        ("last_part", np.int32),
        ("roles", np.int32),
        ("first_cover", np.int32),  # as a range of the rows of `Day.covers`
        ("last_cover", np.int32),
    ],
    align=True,
)
PART = np.dtype(
    [
        ("visit", np.int32),
        ("after", np.int32),  # from the group's start to the begin of its buffer
        ("role", np.int32),
    ],
    align=True,
)
PAUSE = np.dtype(
    [
        ("shift", np.int32),
        ("earliest", np.int32),
        ("latest", np.int32),
        ("duration", np.int32),
        ("index", np.int32),  # which of the shift's breaks it is; -1 for unavailable time
    ],
    align=True,
)
SLOT = np.dtype(
    [
        ("place", np.int32),
        ("next_place", np.int32),
        ("ready", np.int32),
        ("clock", np.int32),
        ("latest_arrival", np.int32),
        ("latest_clock", np.int32),
        ("leg_cost", np.float32),
        ("leg_travel", np.int32),
    ],
    align=True,
)
ROUTE = np.dtype(
    [
        ("length", np.int32),
        ("visits", np.int32),
        ("load", np.int32),
        ("work", np.int32),
        ("span", np.int32),  # kept up only where the objective counts it
        ("busy", np.int32),  # travel, service and buffers: the span without waiting
        ("depot_at", np.int32),  # the position of its stop at the depot, or -1
        ("cost", np.float64),
    ],
    align=True,
)
MOST_BESIDE = 40  # neighbours of one visit in `Day.beside`
NO_SPLIT = -(2**30)


@by_reference
class Day(NamedTuple):
    """The problem. Window times are those at which the buffer before service begins.

    `travel` and `cost` hold one square block for each speed that somebody drives at, one below the
    other: from place a to place b shift v takes `travel[shifts[v].roads + a, b]`. The first block is
    the usual speed.
    """

    travel: NDArray[np.int32]
    travel_to: NDArray[np.int32]  # each block transposed, so that all ways to one place lie together
    cost: NDArray[np.float32]
    cost_to: NDArray[np.float32]
    shifts: NDArray[Any]
    visits: NDArray[Any]
    windows: NDArray[np.int32]
    eligible: NDArray[np.int32]
    may_serve: NDArray[np.bool_]
    pauses: NDArray[Any]
    near: NDArray[np.int32]  # for each visit the others, nearest first, itself at the front
    groups: NDArray[Any]
    parts: NDArray[Any]
    covers: NDArray[np.bool_]  # by cover and shift
    ordered: NDArray[np.int32]  # visits with a predecessor, each behind it
    beside: NDArray[np.int32]  # for each visit x, 2y + 1 to follow visit y, 2y to precede it, then -1
    more: NDArray[np.int32]  # by visit and pace, the seconds it takes more than `occupies` and `work` say
    knows: NDArray[np.bool_]  # by visit and shift, whether its technician knows the customer
    stability: float
    continuity: float
    balance: float  # cost of a second of work squared
    span: float  # cost of a second between leaving and returning; that of travel is in `cost`
    depots_from: int
    stocked: bool  # whether any visit needs something a van may lack
    # By kind of part or tool: what each visit needs, below them what each shift's van holds.
    # A tool that is needed counts -1, so that nothing is used up.
    stock: NDArray[np.int32]


@by_reference
class Plan(NamedTuple):
    """One plan: rows of nodes, and what follows from them."""

    nodes: NDArray[np.int32]
    slots: NDArray[Any]
    routes: NDArray[Any]
    shift_of: NDArray[np.int32]  # by visit, -1 when unserved
    position_of: NDArray[np.int32]
    begins: NDArray[np.int32]  # when each node begins at the earliest, its buffer first
    trial: NDArray[np.int32]  # the same for a route under trial, see `span_with`
    # As in Day, but those of parts of groups narrowed to their one start, those of series to their turn.
    windows: NDArray[np.int32]
    splits: NDArray[np.int32]  # by visit, see `order.py`, or NO_SPLIT
    ranges: NDArray[np.int32]  # slots to look at: shift, first and last position
    used: NDArray[np.int32]  # by shift and kind of part, what it uses before its stop at the depot


def empty_plan(shifts: int, visits: int, width: int, windows: NDArray[np.int32], kinds: int) -> Plan:
    """Return a plan with no node in any route; `width` is the most nodes a route can hold, `kinds` of parts."""
    return Plan(
        nodes=np.zeros((shifts, width), np.int32),
        slots=np.zeros((shifts, width + 1), SLOT),
        routes=np.zeros(shifts, ROUTE),
        shift_of=np.full(visits, -1, np.int32),
        position_of=np.zeros(visits, np.int32),
        begins=np.zeros((shifts, width + 1), np.int32),
        trial=np.zeros(width + 2, np.int32),
        windows=windows.copy(),
        splits=np.full(visits, NO_SPLIT, np.int32),
        ranges=np.zeros((2 * (shifts + MOST_BESIDE), 3), np.int32),
        used=np.zeros((shifts, kinds), np.int32),
    )
