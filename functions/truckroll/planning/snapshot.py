"""What SQL says about the days of a run, read in one snapshot: who works, what is booked, what waits, how far."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from truckroll.planning.van_stock import Needs, Van

Coordinates = tuple[float, float] | None  # latitude, longitude in degrees; None is no distance from anywhere


@dataclass(frozen=True, slots=True)
class WorkingStretch:
    """Uninterrupted working time of a technician, from home to home. Times are seconds since 1970.

    Of somebody who may have several visits at once there is one of it for each of the `lanes`.
    `pace` multiplies what work done alone takes the technician, `speed` divides the time of the ways.
    """

    technician_id: UUID
    technician_name: str
    # Not `date`: within the class that would be the field itself.
    date: dt.date
    starts_s: int
    ends_s: int
    home: Coordinates
    max_work_s: int | None
    unavailable: tuple[tuple[int, int], ...]
    breaks: tuple[tuple[int, int, int], ...]
    lane: int = 1
    lanes: int = 1
    pace: float = 1.0
    speed: float = 1.0


@dataclass(frozen=True, slots=True)
class Claim:
    """An entry of the ledger: a booked visit with its buffers, or anything else that takes a technician's time.

    `windows` are closed ranges for the start of service of a visit that may be moved. `usual_s` is
    how long its service usually takes where it was booked for what that takes its technician, else
    None; `familiar` are technicians who know its customer.
    """

    reservation_id: UUID
    technician_id: UUID
    starts_s: int
    ends_s: int
    place: Coordinates
    assignment_id: UUID | None
    job_id: UUID | None
    job_version: int | None
    priority: str
    requirement: str | None
    service_starts_s: int
    service_ends_s: int
    is_movable: bool
    windows: tuple[tuple[int, int], ...]
    lane: int = 1
    usual_s: int | None = None
    familiar: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class WorkPart:
    """What a visit takes of one technician: a segment of it, or all of it where `position` is None.

    `starts_s` and `claim_starts_s` count from the start of the visit; the claim holds buffers and
    blocked pauses too.
    """

    position: int | None
    starts_s: int
    service_s: int
    claim_starts_s: int
    claim_s: int


@dataclass(frozen=True, slots=True)
class ThingStretch:
    """When one lane of a bay, a mobile unit or a piece of equipment can be had, but for what is taken."""

    resource_id: UUID
    starts_s: int
    ends_s: int
    unavailable: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class WaitingJob:
    """A job of which `visits` wait, one after the other; with an `obstacle` it can't be planned at all.

    `windows` are those of the first of them; of joint work no more than that is planned at once.
    `parts` is what it takes of each of `crew_size` technicians; beside them it needs one of
    `place_ids`, bays or mobile units, and all of `equipment_ids`. With `own_pace`, `service_s` is what
    it usually takes; `familiar` are technicians who know the customer.
    """

    job_id: UUID
    job_version: int
    priority: str
    requirement: str
    place: Coordinates
    service_s: int
    before_s: int
    after_s: int
    weight: float
    windows: tuple[tuple[int, int], ...]
    obstacle: str | None
    crew_size: int = 1
    parts: tuple[WorkPart, ...] = ()
    place_ids: tuple[UUID, ...] = ()
    equipment_ids: tuple[UUID, ...] = ()
    own_pace: bool = False
    familiar: tuple[UUID, ...] = ()
    visits: int = 1

    @property
    def is_joint(self) -> bool:
        """Whether it claims more than one stretch of one technician's time, all of it or nothing."""
        composite = any(part.position is not None for part in self.parts)
        return composite or self.crew_size > 1 or bool(self.place_ids or self.equipment_ids)


@dataclass(frozen=True, slots=True)
class Costs:
    """The company's weights of a plan, see the settings plan_… of orgs: seconds of driving, and two factors."""

    move_s: float = 900.0
    move_after_event_s: float = 300.0
    km_s: float = 0.0
    waiting: float = 0.0
    balance: float = 0.5
    continuity_s: float = 600.0


@dataclass(frozen=True)
class Snapshot:
    """The input of one plan. `able` maps requirement and day to the technicians who may do it.

    `brings` maps the same to who could bring each skill of a crew along, one set a skill.

    `not_before_s`: nothing is moved or planned to before this second since 1970.
    """

    base_revision: str
    dates: tuple[dt.date, ...]
    technician_ids: tuple[UUID, ...]
    stretches: tuple[WorkingStretch, ...]
    claims: tuple[Claim, ...]
    jobs: tuple[WaitingJob, ...]
    able: Mapping[tuple[str, dt.date], frozenset[UUID]]
    places: tuple[Coordinates, ...]
    travel_s: NDArray[np.int32]
    distance_m: NDArray[np.int32]
    not_before_s: int = 0
    things: tuple[ThingStretch, ...] = ()
    brings: Mapping[tuple[str, dt.date], tuple[frozenset[UUID], ...]] = field(default_factory=dict)
    vans: Mapping[UUID, Van] = field(default_factory=dict)
    needs: Mapping[UUID, Needs] = field(default_factory=dict)
    part_names: Mapping[str, str] = field(default_factory=dict)
    costs: Costs = Costs()
