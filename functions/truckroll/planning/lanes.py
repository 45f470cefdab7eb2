"""People who may have several visits at once: one shift of the engine's for each of their lanes (AVL-1)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from truckroll.planning.snapshot import Claim, Snapshot, WorkingStretch

Interval = tuple[int, int]


def stretch_of(stretches: Sequence[WorkingStretch], claims: Iterable[Claim], claim: Claim) -> int | None:
    """Return the stretch a claim lies in, for the most part, in its lane; None when it touches none.

    Where somebody was given more at once than they may have, a claim beyond goes to a lane that is free.
    """
    own = [i for i, one in enumerate(stretches) if one.technician_id == claim.technician_id]
    shared = [(_shared((stretches[i].starts_s, stretches[i].ends_s), _during(claim)), i) for i in own]
    longest, last = max(shared, default=(0, -1))
    if longest <= 0:
        return None
    lanes = {stretches[i].lane: i for i in own if stretches[i].starts_s == stretches[last].starts_s}
    if claim.lane in lanes:
        return lanes[claim.lane]
    taken = {
        other.lane
        for other in claims
        if other.technician_id == claim.technician_id and _shared(_during(other), _during(claim)) > 0
    }
    return next((i for lane, i in lanes.items() if lane not in taken), last)


def other_lanes(stretches: Sequence[WorkingStretch], home: int) -> frozenset[int]:
    """Return the other lanes of a stretch: what stays at its time stays in its lane, as the ledger has it."""
    stretch = stretches[home]
    return frozenset(
        i
        for i, one in enumerate(stretches)
        if i != home and (one.technician_id, one.starts_s) == (stretch.technician_id, stretch.starts_s)
    )


def one_lane_each(snapshot: Snapshot, shifts: Iterable[int], *, first: bool) -> tuple[int, ...]:
    """Return these shifts with one lane of each stretch: nobody is two of a crew.

    It is the emptiest lane, or the `first`, which has the van's parts.
    """
    by_stretch: dict[object, list[int]] = {}
    for v in shifts:
        stretch = snapshot.stretches[v]
        by_stretch.setdefault((stretch.technician_id, stretch.starts_s), []).append(v)
    taken: defaultdict[object, int] = defaultdict(int)
    if any(len(lanes) > 1 for lanes in by_stretch.values()) and not first:
        for claim in snapshot.claims:
            taken[claim.technician_id, claim.lane] += claim.ends_s - claim.starts_s

    def emptiness(v: int) -> tuple[int, int]:
        stretch = snapshot.stretches[v]
        return taken[stretch.technician_id, stretch.lane], stretch.lane

    return tuple(sorted(min(lanes, key=emptiness) for lanes in by_stretch.values()))


def breaks_of(snapshot: Snapshot, stretch: WorkingStretch) -> tuple[tuple[int, int, int], ...]:
    """Return a stretch's breaks; in all lanes at the same time, since nobody rests in one of them.

    It is the time nearest to the middle of the break's window at which nothing is booked; where
    something is booked at any, each lane rests when it can.
    """
    if stretch.lanes == 1:
        return stretch.breaks
    busy = [_during(claim) for claim in snapshot.claims if claim.technician_id == stretch.technician_id]
    busy += stretch.unavailable
    found: list[tuple[int, int, int]] = []
    for earliest, latest, length in stretch.breaks:
        middle = (earliest + latest) // 2
        edges = [at for begin, end in busy for at in (begin - length, end)]
        free = [
            at
            for at in (middle - middle % 60, earliest, latest, *edges)
            if earliest <= at <= latest and not any(_shared((at, at + length), one) > 0 for one in busy)
        ]
        if not free:
            found.append((earliest, latest, length))
            continue
        at = min(free, key=lambda one: (abs(one - middle), one))
        busy.append((at, at + length))
        found.append((at, at, length))
    return tuple(found)


def _during(claim: Claim) -> Interval:
    return claim.starts_s, claim.ends_s


def _shared(one: Interval, other: Interval) -> int:
    return min(one[1], other[1]) - max(one[0], other[0])
