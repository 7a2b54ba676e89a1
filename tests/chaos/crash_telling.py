"""One telling of a story, and many that share their beginning.

Rule: a telling is decided by its story and the places of its ends alone. What the bot does wrong in it is said, and
never raised.
"""

import asyncio
import contextlib
import gc
import hashlib
import random
import shutil
import signal
import tempfile
from collections import defaultdict
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import structlog
from structlog.typing import EventDict, WrappedLogger

from tests.chaos.crash_branches import Branches
from tests.chaos.crash_points import CrashStage, Point, Trace
from tests.chaos.crash_stories import REST, STORIES, Day
from tests.chaos.crash_verdict import Seen, shown, wrongs

LONGEST = 120
"""Seconds after which a telling that does not come to its end is given up."""
_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own is made there


@dataclass(frozen=True, slots=True)
class Telling:
    """A story that was told with the process ending at these places, and what came of it."""

    story: str
    ends: tuple[int, ...]
    points: tuple[Point, ...]
    seen: Seen | None
    wrong: tuple[str, ...]
    mark: str
    """The same for two tellings that went on in the same way after their last end, byte for byte."""

    @property
    def where(self) -> str:
        met = ", then ".join(str(self.points[place]) for place in self.ends if place < len(self.points))
        return f"{self.story}: {met or 'no end'}"


def tell(story: str, ends: Sequence[int] = (), branches: Branches | None = None) -> Telling:
    """Tells a story once. Never raises for what the bot does wrong."""
    trace, errors = Trace(tuple(ends), branches or Branches()), list[str]()
    folder = Path(tempfile.mkdtemp(prefix="crash-", dir=_MEMORY if _MEMORY.is_dir() else None))
    stage = CrashStage(folder, trace)
    day = Day(stage)
    usual = usually(story).seen if ends or branches else None
    if story != "new-database":
        (folder / "bot.db").write_bytes(ready_made())
    seen: Seen | None = None
    try:
        with stage.disk, _listening(stage, errors), _alarm():
            asyncio.run(_tell(story, day))
            if missed := [place for place in trace.ends_at if place >= len(trace.points)]:
                errors.append(f"the story has no points {missed}: it is not told the same way twice")
            errors += list(wrongs(day, usual))
            seen = Seen.of(day)
    except (Exception, asyncio.CancelledError) as error:
        errors.append(f"{type(error).__name__}: {error}")
    finally:
        if stage.folder != folder or not trace.branches.doubled:
            shutil.rmtree(stage.folder)
    return Telling(story, trace.ends_at, tuple(trace.points), seen, tuple(errors), _mark(trace, day))


async def _tell(story: str, day: Day) -> None:
    asyncio.get_running_loop().set_exception_handler(_unheard)
    await STORIES[story](day)
    await day.stage.passes(seconds=REST.total_seconds())
    day.stage.trace.over = True
    await day.stage.closes()


def _unheard(loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    structlog.get_logger(__name__).error("nobody heard of this", **{k: repr(v) for k, v in context.items()})


def _mark(trace: Trace, day: Day) -> str:
    last = trace.ends_at[-1] if trace.ends_at else -1
    # The kind and not the name: the address of a log is good for one reading, and says how many there were.
    after = [(point.kind, point.remains) for point in trace.points[last + 1 :]]
    return hashlib.sha256(repr((after, shown(day))).encode()).hexdigest()[:16]


@lru_cache
def usually(story: str) -> Telling:
    """The story when nothing ends."""
    told = tell(story)
    assert not told.wrong, told.wrong
    return told


@lru_cache
def ready_made() -> bytes:
    """A database file that has its tables already."""
    told: list[bytes] = []

    async def make() -> None:
        stage = CrashStage(Path(folder), Trace())
        with stage.disk:
            await stage.opens()
            await stage.closes()
        told.append((stage.folder / "bot.db").read_bytes())

    with tempfile.TemporaryDirectory() as folder, _listening(None, []):
        asyncio.run(make())
    return told[0]


@contextlib.contextmanager
def _listening(stage: CrashStage | None, errors: list[str]) -> Iterator[None]:
    """Nothing is logged; errors of a living process are kept."""

    def hear(logger: WrappedLogger, level: str, line: EventDict) -> EventDict:
        if level in {"error", "exception", "critical"} and not (stage and stage.wire.cut):
            errors.append(f"logged: {line}")
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[hear])
    try:
        yield
    finally:
        structlog.configure(**before)


@contextlib.contextmanager
def _alarm() -> Iterator[None]:
    def ring(number: int, frame: object) -> None:
        raise TimeoutError(f"not over after {LONGEST} seconds")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(LONGEST)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


# -- many tellings ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Result:
    """What is kept of a telling."""

    story: str
    ends: tuple[int, ...]
    where: str
    wrong: tuple[str, ...]
    mark: str
    remains: str
    """What its last end left behind."""
    after: tuple[tuple[int, str], ...]
    """Place and remains of every point after its last end."""

    @classmethod
    def of(cls, told: Telling) -> "Result":
        last = told.ends[-1] if told.ends else -1
        remains = told.points[last].remains if 0 <= last < len(told.points) else ""
        after = tuple((point.place, point.remains) for point in told.points[last + 1 :])
        return cls(told.story, told.ends, told.where, told.wrong, told.mark, remains, after)


@dataclass(frozen=True, slots=True)
class Walk:
    """A telling with these ends, and one more for each of the places."""

    story: str
    ends: tuple[int, ...]
    places: tuple[int, ...]

    def without(self, told: Container[tuple[str | int, ...]]) -> "Walk":
        """The rest of it."""
        left = (place for place in self.places if (self.story, *self.ends, place) not in told)
        return replace(self, places=tuple(left))


def walk(plan: Walk) -> list[Result]:
    """A result for each of the places. Rubbish is collected between tellings and not in them."""
    usually(plan.story)
    gc.collect()
    gc.freeze()
    gc.disable()
    branches = Branches(frozenset(plan.places))
    try:
        told = tell(plan.story, plan.ends, branches)
        if branches.doubled:
            branches.report(Result.of(told))
    finally:
        branches.ends()
        gc.enable()
        gc.unfreeze()
    reports = [each if isinstance(each, Result) else _silent(plan, str(each)) for each in branches.reports]
    if told.wrong or len(reports) != len(plan.places):
        itself = Result.of(told)
        reports.append(
            replace(itself, wrong=(*itself.wrong, f"{len(reports)} of {len(plan.places)} places met"))
        )
    return reports


def _silent(plan: Walk, why: str) -> Result:
    return Result(plan.story, plan.ends, f"{plan.story}: {plan.ends}", (why,), "", "", ())


def in_walks(story: str, places: Sequence[int], size: int = 25) -> list[Walk]:
    """Neighbours together, so that little is told twice."""
    return [Walk(story, (), tuple(places[start : start + size])) for start in range(0, len(places), size)]


def one_of_each_kind(story: str) -> list[int]:
    """Few places that stand for every kind of point.

    Points with the same remains stand for each other; those are taken that stand for most kinds not yet taken.
    """
    kinds: defaultdict[str, set[str]] = defaultdict(set)
    places: dict[str, int] = {}
    for point in usually(story).points:
        kinds[point.remains].add(point.kind)
        places.setdefault(point.remains, point.place)
    left, chosen = set().union(*kinds.values()), list[int]()
    while left:
        best = max(kinds, key=lambda remains: (len(kinds[remains] & left), -places[remains]))
        left -= kinds[best]
        chosen.append(places[best])
    return sorted(chosen)


def some(story: str, number: int, seed: int = 0) -> list[int]:
    """So many places, drawn by a seed."""
    everywhere = range(len(usually(story).points))
    return sorted(random.Random(f"{story} {seed}").sample(everywhere, number))


def first_of_each_remains(story: str) -> list[int]:
    firsts: dict[str, int] = {}
    for point in usually(story).points:
        firsts.setdefault(point.remains, point.place)
    return list(firsts.values())
