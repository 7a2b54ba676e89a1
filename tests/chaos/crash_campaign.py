"""`python -m tests.chaos.crash_campaign`: the process ends at every point of every story, and once more.

Rule: a telling is decided by its story and the places of its ends alone, so that a red one can be told again with
`--scenario NAME --at PLACE [PLACE]`.
"""

import argparse
import asyncio
import contextlib
import gc
import hashlib
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import TextIO

import structlog
from structlog.typing import EventDict, WrappedLogger

from tests.chaos.crash_branches import Branches
from tests.chaos.crash_points import CrashStage, Point, Trace, inline_sqlite
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
        with inline_sqlite(stage), _listening(stage, errors), _alarm():
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
    after = [(point.name, point.remains) for point in trace.points[last + 1 :]]
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
        with inline_sqlite(stage):
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
    reports = [each if isinstance(each, Result) else _silent(plan, str(each)) for each in branches.reports]
    if told.wrong or len(reports) != len(plan.places):
        itself = Result.of(told)
        reports.append(
            replace(itself, wrong=(*itself.wrong, f"{len(reports)} of {len(plan.places)} places met"))
        )
    return reports


def _silent(plan: Walk, why: str) -> Result:
    return Result(plan.story, plan.ends, f"{plan.story}: {plan.ends}", (why,), "", "", ())


def results(plans: Sequence[Walk], means: "Means") -> Iterator[Result]:
    """Tells them in their order while there is time, and says how far it is."""
    began, done, all_of_them = time.monotonic(), 0, sum(len(plan.places) for plan in plans)
    with contextlib.ExitStack() as stack:
        pool = None
        if means.jobs > 1:
            pool = stack.enter_context(get_context("fork").Pool(means.jobs, maxtasksperchild=50))
        for told in pool.imap_unordered(walk, plans) if pool else map(walk, plans):
            yield from told
            done += len(told)
            left = (time.monotonic() - began) / max(1, done) * (all_of_them - done)
            _say(f"\r{done} of {all_of_them} told, about {left / 60:.0f} minutes more   ", to=sys.stderr)
            if means.over:
                break
    _say("\n", to=sys.stderr)


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """How much there is to tell with, and which of the pairs are told: `most` of them after the first `skip`, in
    the order that `seed` gives."""

    jobs: int = 1
    until: float = float("inf")
    seed: int = 0
    most: int | None = None
    skip: int = 0

    @property
    def over(self) -> bool:
        return time.monotonic() > self.until

    def part(self, plans: list[tuple[int, int]]) -> list[tuple[int, int]]:
        random.Random(self.seed).shuffle(plans)
        return plans[self.skip :][: self.most]


@dataclass(slots=True)
class Tally:
    """What came of the tellings of one kind."""

    told: int = 0
    red: list[Result] = field(default_factory=list)
    marks: defaultdict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    """How the stories went on that had the same remains."""

    def take(self, result: Result) -> None:
        self.told += 1
        self.marks[result.story, result.remains].add(result.mark)
        if result.wrong:
            self.red.append(result)
            _say(f"RED {result.where}\n  at {result.ends}: " + "\n  ".join(result.wrong) + "\n")

    @property
    def unlike(self) -> int:
        """Remains that were the same while the stories went on differently: there must be none."""
        return sum(len(marks) > 1 for marks in self.marks.values())


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


def singles(stories: Sequence[str], means: Means) -> bool:
    """Every single point of the stories, and a table. Of those with the same remains one comes first."""
    tallies = {story: Tally() for story in stories}
    firsts = {story: first_of_each_remains(story) for story in stories}
    others = {story: sorted(set(range(len(usually(story).points))) - set(firsts[story])) for story in stories}
    plans = [
        plan for places in (firsts, others) for story in stories for plan in in_walks(story, places[story])
    ]
    for result in results(plans, means):
        tallies[result.story].take(result)
    _say(f"{'scenario':<16}{'points':>8}{'covered':>9}{'remains':>9}{'unlike':>8}{'violations':>12}\n")
    for story, tally in tallies.items():
        points = len(usually(story).points)
        row = f"{points:>8}{tally.told:>9}{len(tally.marks):>9}{tally.unlike:>8}{len(tally.red):>12}"
        _say(f"{story:<16}{row}\n")
    total = sum(tally.told for tally in tallies.values())
    _say(f"covered {total} of {sum(len(plan.places) for plan in plans)} points\n")
    return not any(tally.red or tally.unlike for tally in tallies.values())


def pairs(story: str, means: Means) -> bool:
    """Every ordered pair of points of a story that leaves something behind which no other telling has left.

    Of the points with the same remains one is told first, since what follows is the same (`singles` holds every
    one of them to that). A second end whose remains a single one or another pair has left as well is not told
    again: the next process starts from the same database, the same GitHub and the same time.
    """
    firsts: dict[str, list[int]] = defaultdict(list)
    for point in usually(story).points:
        firsts[point.remains].append(point.place)
    tally = Tally()
    weights: defaultdict[str, int] = defaultdict(int)
    plans: dict[str, tuple[int, int]] = {}
    for result in results(in_walks(story, [places[0] for places in firsts.values()]), means):
        tally.take(result)
        for place, remains in result.after:
            weights[remains] += len(firsts[result.remains])
            if remains not in firsts:
                plans.setdefault(remains, (result.ends[0], place))
    chosen = means.part(sorted(plans.values()))
    covered = sum(weights[remains] for remains in firsts)
    seconds: defaultdict[int, list[int]] = defaultdict(list)
    for first, second in chosen:
        seconds[first].append(second)
    for result in results([Walk(story, (first,), tuple(then)) for first, then in seconds.items()], means):
        tally.take(result)
        covered += weights[result.remains]
    told = f"{tally.told - len(firsts)} of {len(plans)} second ends that leave something new"
    _say(f"{story}: {told} were told after {len(firsts)} first ones; violations: {len(tally.red)}\n")
    _say(f"covered {covered} of {sum(weights.values())} ordered pairs\n")
    if means.skip + len(chosen) < len(plans):
        _say(f"go on with --skip {means.skip + len(chosen)} --seed {means.seed}\n")
    return not tally.red and not tally.unlike


def again(story: str, ends: Sequence[int]) -> bool:
    """One telling, in all detail."""
    told = tell(story, ends)
    _say(f"{told.where}\n" + "".join(f"  {text}\n" for text in told.wrong))
    return not told.wrong


def _say(text: str, to: TextIO = sys.stdout) -> None:
    to.write(text)
    to.flush()


def campaign(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.crash_campaign", description=__doc__)
    parser.add_argument("--scenario", choices=STORIES, action="append", help="only this one; may be repeated")
    parser.add_argument(
        "--pairs", action="store_true", help="ordered pairs of points (of `main`, if none is named)"
    )
    parser.add_argument(
        "--at", type=int, nargs="+", metavar="PLACE", help="one telling, ended at these places"
    )
    parser.add_argument("--jobs", type=int, default=1, help="processes (default: 1)")
    parser.add_argument("--most", type=int, help="only so many pairs")
    parser.add_argument("--skip", type=int, default=0, help="without the first so many pairs")
    parser.add_argument("--seed", type=int, default=0, help="the order of the pairs (default: 0)")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin nothing new after so long")
    given = parser.parse_args(arguments)
    began = time.monotonic()
    means = Means(
        jobs=given.jobs, until=began + 60 * given.minutes, seed=given.seed, most=given.most, skip=given.skip
    )
    if given.at:
        good = again((given.scenario or ["main"])[0], given.at)
    elif given.pairs:
        good = min([pairs(story, means) for story in given.scenario or ["main"]])
    else:
        good = singles(given.scenario or list(STORIES), means)
    _say(f"{(time.monotonic() - began) / 60:.1f} minutes\n")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(campaign())
