"""The gap to the best known cost on public instances, of our engine and of its rivals in the same run.

Solomon and Gehring-Homberger count distance by the DIMACS convention; the site-dependent, multi-depot and
prize-collecting variants as `bench.variants` says.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

from bench import solomon, variants
from bench.contest import OURS, contestants, entered
from bench.figures import Figure
from bench.rivals import task_of

from truckroll.engine import Problem


@dataclass(frozen=True)
class Family:
    """A set of instances: how to find, read and judge them, which are the sample, the bars in percent by seconds."""

    paths: Callable[[], list[Path]]
    read: Callable[[Path], Problem]
    best_known: Callable[[Path], float]
    every: int
    bars: dict[float, float]
    seconds: tuple[float, ...] = (5.0,)
    all_served: bool = True


def _solomon(
    folder: str, every: int, bars: dict[float, float], seconds: tuple[float, ...] = (5.0,)
) -> Family:
    return Family(
        lambda: sorted((solomon.instances() / folder).glob("*.txt")),
        solomon.read,
        lambda path: solomon.best_known(path.stem) * solomon.UNIT,
        every,
        bars,
        seconds,
    )


def _variant(folder: str, every: int) -> Family:
    collecting = folder == "pcvrptw"
    return Family(
        lambda: variants.paths(folder),
        variants.read,
        variants.best_known,
        every,
        {},
        all_served=not collecting,
    )


FAMILIES = {
    "solomon": _solomon("solomon", 5, {5: 0.5}, (1.0, 5.0)),
    "gh200": _solomon("homberger_200", 3, {5: 0.5}, (5.0, 30.0)),
    "gh400": _solomon("homberger_400", 3, {5: 1.5, 30: 0.8}, (5.0, 30.0)),
    "gh1000": _solomon("homberger_1000", 4, {5: 5.0, 30: 2.5}, (5.0, 30.0)),
    "sdvrptw": _variant("sdvrptw", 5),
    "mdvrptw": _variant("mdvrptw", 4),
    "pcvrptw": _variant("pcvrptw", 2),
}


def measure_public(name: str, options: argparse.Namespace) -> Iterator[Figure]:
    """Yield mean and worst gap of each contestant over a set of public instances."""
    family = FAMILIES[name]
    paths = family.paths()
    if not paths:
        raise FileNotFoundError(f"no instances of {name} in {solomon.instances()}")
    chosen = paths if options.all else paths[:: family.every]
    tasks = [(path, task_of(family.read(path), 0.0, options.seed)) for path in chosen]
    for seconds in [options.seconds] if options.seconds else family.seconds:
        for contestant in contestants(options):
            gaps: dict[str, float] = {}
            remarks: list[str] = []
            refused: list[str] = []
            for path, task in tasks:
                entry = entered(contestant, replace(task, seconds=seconds), options)
                if entry.solution is None:
                    refused.append(entry.remark)
                    continue
                if family.all_served and entry.solution.unserved:
                    refused.append("leaves clients out")
                    continue
                remarks.append(entry.remark)
                gaps[path.stem] = 100.0 * (entry.solution.objective / family.best_known(path) - 1.0)
            bar = family.bars.get(seconds) if contestant == OURS else None
            note = "; ".join([*_counted(refused, len(tasks), "not in the mean"), *_noted(remarks)])
            yield _figure(f"{name}, {len(tasks)} instances, {seconds:g} s: {contestant}", gaps, note, bar)


def _noted(remarks: list[str]) -> list[str]:
    """Return what there is to say of plans that count: how fast ours was found, what was wrong with a rival's."""
    if remarks and remarks[0].endswith("steps/s"):
        return remarks[:1]
    return _counted([one for one in remarks if one], len(remarks), "in the mean")


def _counted(remarks: list[str], of: int, how: str) -> list[str]:
    return [f"{remarks[0]} ({len(remarks)} of {of}, {how})"] if remarks else []


def _figure(name: str, gaps: dict[str, float], note: str, bar: float | None) -> Figure:
    if not gaps:
        return Figure(name, "–", note=note)
    mean, worst = fmean(gaps.values()), max(gaps, key=lambda one: gaps[one])
    return Figure(
        name,
        f"{mean:.2f} %",
        f"≤ {bar:g} %" if bar else "",
        None if bar is None else mean <= bar,
        f"worst {worst} {gaps[worst]:.2f} %" + (f"; {note}" if note else ""),
    )
