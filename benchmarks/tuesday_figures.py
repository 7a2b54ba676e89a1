"""What one Tuesday cost and brought under one policy, counted from what GitHub saw.

Rule: plain values, so that a day can come from another process; nothing is asked of a policy that GitHub knows.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from benchmarks.quarter_fates import WHYS, reasons
from benchmarks.quarter_figures import minutes
from benchmarks.tuesday_github import RETAG_LATEST, RETAG_LTS, RETAG_SERIES, every_run, passed_at, runs_of
from benchmarks.tuesday_world import (
    EARLIER,
    IMAGES,
    MORNING,
    REPOS,
    VERSIONS,
    Place,
    higher,
    series,
)
from bot.simulator.runs import Run
from bot.simulator.world import World

LTS = "1.0"


@dataclass(frozen=True, slots=True)
class Call:
    """A person was called. `truth`: why each failed attempt of the step's run had failed; `said`: in which words."""

    version: str
    step: str
    after: timedelta
    truth: tuple[str, ...]
    said: str

    @property
    def kind(self) -> str:
        return ", then ".join(self.truth) or "nothing had failed"


@dataclass(frozen=True, slots=True)
class Wrong:
    """Moves of a name to a lower version than it had, and names that did not end at the highest version that is out."""

    moves: int
    ends: int


@dataclass(frozen=True, slots=True)
class Day:
    """`walls`: from the morning until a version is said to be released. `wrong`: moves of a name, by the way in which
    the switches were set; `unchanged`: requests among `requests` that GitHub answered with 304, which cost nothing.
    """

    seed: int
    walls: dict[str, timedelta]
    calls: tuple[Call, ...]
    requests: int
    unchanged: int
    writes: int
    reruns: int
    failures: Counter[str]
    job_minutes: float
    dispatches: int
    doubled: int
    wrong: dict[str, Wrong]
    spent: float

    @property
    def wall(self) -> timedelta | None:
        """None when not all were released."""
        return max(self.walls.values()) if len(self.walls) == len(VERSIONS) else None

    @property
    def alone(self) -> int:
        """Versions that were released without a person."""
        return len(self.walls.keys() - {call.version for call in self.calls})


def reruns(world: World) -> int:
    return sum(len(run.attempts) - 1 for _, _, run in every_run(world))


def failures(world: World) -> Counter[str]:
    """Failed jobs' reasons, of every attempt, the gravest of each."""
    return Counter(why for _, _, run in every_run(world) for why in truth_of(run))


def job_minutes(world: World) -> float:
    return sum(minutes(attempt) for _, _, run in every_run(world) for attempt in run.attempts)


def truth(world: World, place: Place, workflow: str) -> tuple[str, ...]:
    """Why the attempts of the newest run failed."""
    runs = runs_of(world, place, workflow)
    return tuple(truth_of(runs[-1])) if runs else ()


def truth_of(run: Run) -> Iterator[str]:
    for attempt in run.attempts:
        if attempt.status == "completed" and attempt.conclusion != "success":
            found = reasons(attempt)
            yield next((why for why in WHYS if why in found), attempt.conclusion or "?")


# -- names ---------------------------------------------------------------------------------------------------------

Typed = Callable[[Run, str], bool]
"""Whether the run moves that name."""


def by_inputs(run: Run, name: str) -> bool:
    """As the workflow was told."""
    wanted = {"latest": RETAG_LATEST, "lts": RETAG_LTS}.get(name, RETAG_SERIES)
    return run.inputs[wanted] == "true"


def wrong_names(world: World, typed: Typed) -> Wrong:
    found = [_wrong_names(world, repo, typed) for repo in REPOS]
    return Wrong(sum(each.moves for each in found), sum(each.ends for each in found))


def _wrong_names(world: World, repo: str, typed: Typed) -> Wrong:
    out = [(at, version) for version in VERSIONS if (at := passed_at(world, Place(version, repo), IMAGES))]
    moves = ends = 0
    for name in ("latest", "lts", *map(series, VERSIONS)):
        rivals = [version for version in EARLIER if _could_have(version, name)]
        holder = max(rivals, key=_order, default="")
        for _, version in sorted(out):
            if not _could_have(version, name):
                continue
            rivals.append(version)
            if typed(_run(world, Place(version, repo)), name):
                moves += bool(holder) and higher(holder, version)
                holder = version
        ends += bool(rivals) and holder != max(rivals, key=_order)
    return Wrong(moves, ends)


def _could_have(version: str, name: str) -> bool:
    return name == "latest" or series(version) == (LTS if name == "lts" else name)


def _order(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _run(world: World, place: Place) -> Run:
    """The one that made the images."""
    return next(run for run in runs_of(world, place, IMAGES) if run.conclusion == "success")


def since_morning(at: datetime) -> timedelta:
    return at - MORNING
