"""The scheduling engine: a pure function from a problem to a plan, compiled with numba.

It knows nothing of databases, and of time only what a clock it is given says; a long search may start
processes of its own, which end with it. The caller says who may serve which visit; the engine
decides who does, in which order and when.
"""

from truckroll.engine.interactive import best_insertions
from truckroll.engine.measure import metrics
from truckroll.engine.model import (
    Break,
    CurrentPlace,
    Depot,
    Fetch,
    FixedPlace,
    Group,
    Insertion,
    Objective,
    Part,
    Pause,
    Problem,
    ProblemError,
    Progress,
    Route,
    Series,
    Shift,
    Solution,
    Stop,
    Unserved,
    Visit,
)
from truckroll.engine.solver import solve

__all__ = [
    "Break",
    "CurrentPlace",
    "Depot",
    "Fetch",
    "FixedPlace",
    "Group",
    "Insertion",
    "Objective",
    "Part",
    "Pause",
    "Problem",
    "ProblemError",
    "Progress",
    "Route",
    "Series",
    "Shift",
    "Solution",
    "Stop",
    "Unserved",
    "Visit",
    "best_insertions",
    "metrics",
    "solve",
]
