"""Many rounds, told while they are fought, and the table at the end.

Rule: a round is known by the seed and its number alone, and can be fought again alone.
"""

import asyncio
import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.processes.disk import NoSmallDisk
from tests.processes.fleet import Misbehaved
from tests.processes.moments import Moment, moments
from tests.processes.rounds import CALM, KINDS, Kind, Result, Round, play

_NEWS_EVERY = 2.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What is fought. `only`: numbers of single rounds; `kinds`: names, all when empty."""

    rounds: int
    seed: int = 0
    only: tuple[int, ...] = ()
    kinds: tuple[str, ...] = ()
    database: str = "sqlite"
    pooled: bool = False
    """Every second round goes through a transaction pooler."""
    replicas: int = 1
    at_once: int = 1


@dataclass(slots=True)
class Tally:
    """All results so far; `red`: number, kind and violations of rounds that did not hold."""

    results: dict[str, list[Result]] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    reached: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    red: list[tuple[int, str, Path, list[str]]] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    known: list[Moment] = field(default_factory=list)

    @property
    def done(self) -> int:
        return sum(map(len, self.results.values()))

    @property
    def kills(self) -> int:
        return sum(result.kills for results in self.results.values() for result in results)


def kinds_of(plan: Plan) -> list[Kind]:
    """One after the other in the proportion of their shares, as evenly as they go."""
    fitting = [
        kind for kind in KINDS if (not plan.kinds or kind.name in plan.kinds) and kind.fits(plan.database)
    ]
    places = [
        ((number + 0.5) / kind.share, kind.name, kind) for kind in fitting for number in range(kind.share)
    ]
    cycle = [kind for _, _, kind in sorted(places, key=lambda place: place[:2])]
    return [cycle[number % len(cycle)] for number in range(plan.rounds)]


class Campaign:
    def __init__(self, plan: Plan, known: Sequence[Moment]) -> None:
        self._plan, self._kinds = plan, kinds_of(plan)
        self._order = sorted(known, key=lambda moment: moment.number)
        self.tally = Tally(known=list(known))

    async def fight(self) -> Tally:
        waiting = list(self._plan.only or range(self._plan.rounds))[::-1]

        async def work() -> None:
            while waiting:
                await self._one(waiting.pop())

        news = asyncio.create_task(self._tell())
        try:
            await asyncio.gather(*(work() for _ in range(self._plan.at_once)))
        finally:
            news.cancel()
        return self.tally

    async def _one(self, number: int) -> None:
        kind, tally, began = self._kinds[number], self.tally, time.monotonic()
        folder = Path(tempfile.mkdtemp(prefix=f"release-bot-round-{number}-"))
        told = Round(
            folder,
            Random(f"{self._plan.seed} {number}"),
            database=self._plan.database,
            pooled=self._plan.pooled and bool(number % 2),
            replicas=self._plan.replicas,
            moment=self._moment(number),
        )
        try:
            result = await play(kind, told)
        except NoSmallDisk as error:
            tally.skipped[kind.name] = str(error)
            shutil.rmtree(folder)
            return
        tally.seconds.append(time.monotonic() - began)
        tally.results.setdefault(kind.name, []).append(result)
        if result.moment is not None:
            (tally.reached if result.reached else tally.missed)[str(result.moment)] += 1
        if result.violations:
            tally.red.append((number, kind.name, folder, result.violations))
            _say(f"round {number} ({kind.name}) is red: {'; '.join(result.violations)[:1000]}; see {folder}")
        else:
            shutil.rmtree(folder)

    def _moment(self, number: int) -> Moment | None:
        """Every moment in its turn, those of great consequence first."""
        before = sum(kind.name == self._kinds[number].name for kind in self._kinds[:number])
        return self._order[before % len(self._order)] if self._order else None

    async def _tell(self) -> None:
        began = time.monotonic()
        while True:
            await asyncio.sleep(_NEWS_EVERY)
            tally = self.tally
            all_of_them = len(self._plan.only) or self._plan.rounds
            _say(
                f"{time.monotonic() - began:6.0f} s  {tally.done} of {all_of_them} rounds, "
                f"{tally.kills} kills, {len(tally.red)} red",
                passing=True,
            )


async def survey(folder: Path, *, database: str = "sqlite") -> list[Moment]:
    """The moments of a release, taken from one in which nothing happens. Misbehaved when that goes wrong already."""
    result = await play(CALM, Round(folder, Random(0), database=database, alone=True))
    if result.violations:
        raise Misbehaved(f"a release in which nothing happens does not go well: {result.violations}")
    return moments(result.ledger)


def table(tally: Tally) -> list[str]:
    """The figures, a line each."""
    lines = [f"{'kind':<24}{'rounds':>8}{'kills':>8}{'dispatches':>12}{'persons':>9}{'violations':>12}"]
    total = [0] * 5
    for kind in KINDS:
        results = tally.results.get(kind.name, [])
        row = [
            len(results),
            sum(result.kills for result in results),
            sum(result.dispatches for result in results),
            sum(len(result.helped) for result in results),
            sum(len(result.violations) for result in results),
        ]
        total = [one + other for one, other in zip(total, row, strict=True)]
        skipped = f"  SKIPPED: {tally.skipped[kind.name]}" if kind.name in tally.skipped else ""
        lines.append(_row(kind.name, row) + skipped)
    lines.append(_row("all", total))
    if tally.seconds:
        lines.append(
            f"seconds a round: median {statistics.median(tally.seconds):.1f}, longest {max(tally.seconds):.1f}"
        )
    covered = {str(moment) for moment in tally.known} & set(tally.reached)
    lines.append(f"moments of a release at which it was killed: {len(covered)} of {len(tally.known)}")
    return lines


def _row(name: str, row: Sequence[int]) -> str:
    return f"{name:<24}{row[0]:>8}{row[1]:>8}{row[2]:>12}{row[3]:>9}{row[4]:>12}"


def _say(text: str, *, passing: bool = False) -> None:
    """`passing`: on a terminal the next line takes its place."""
    end = "\r" if passing and sys.stdout.isatty() else "\n"
    print(text, end=end, flush=True)
