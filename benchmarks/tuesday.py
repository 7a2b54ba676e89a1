"""A simulated Tuesday, many times: four versions in two repositories under the bot and under the old flow.

Rule: both live through the same seeded days, and virtual time only, so the table does not depend on the machine.
`python -m benchmarks.tuesday [--seeds 1000] [--seed 1] [--jobs 2] [--minutes M]`
"""

import argparse
import asyncio
import gc
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from datetime import timedelta

from benchmarks.tuesday_bot import by_bot
from benchmarks.tuesday_figures import Day, Wrong
from benchmarks.tuesday_old import AS_PEOPLE_DO, TYPED, by_old_flow
from benchmarks.tuesday_world import FLAKY, OUTAGE, OUTAGE_BEGINS, TAKES, VERSIONS, Tuesday
from bot.log import configure

PROGRESS = 1.5
SHARES = {"median": 0.5, "nine of ten": 0.9, "worst": 1.0}


def minutes_of(span: timedelta) -> int:
    return round(span / timedelta(minutes=1))


TIMES = ", ".join(f"{file} {low}-{high}" for file, (low, high) in TAKES.items())
MODEL = f"""\
The day: {", ".join(VERSIONS)}, each in two repositories, all started at once with the pipeline file of
docs/tuesday.yml. Minutes of a run without a failure:
{TIMES}.
Each job fails with {FLAKY:.0%} per attempt: three times in four a test, else the network or the runner. A start
fails before it pushes its tag. No night was watched and the database is new. Maven Central or npm is away for
{minutes_of(OUTAGE)} minutes, beginning within {minutes_of(OUTAGE_BEGINS)} minutes: every job that runs then and fetches
from it fails. Nothing is broken.
The bot: who is called types `/release retry` ten minutes later. Images of an edition are made one by one.
The old flow: looks every five minutes, runs a failed run again as a whole at each look, dispatches the images of
a version once both editions are green, and calls a person after 72 looks at a step, who starts them anew ten
minutes later. It looks at start runs too, which the real one did not. `retag-latest` is typed by hand, on for
{AS_PEOPLE_DO}, as if each were a day's newest.
The bound: the longest chain of attempts that succeed, without a wait, with the images of an edition one by one.
The old flow does not keep that order, so it can be quicker than this bound."""


@dataclass(frozen=True, slots=True)
class Lived:
    """One seed under both policies."""

    seed: int
    bound: timedelta
    free_bound: timedelta
    bot: Day
    old: Day


def live(seed: int) -> Lived:
    """In a process of its own, maybe."""
    gc.disable()
    tuesday = Tuesday(seed)
    lived = Lived(
        seed,
        tuesday.bound(),
        tuesday.bound_without_order(),
        asyncio.run(by_bot(tuesday)),
        by_old_flow(tuesday),
    )
    gc.collect()
    return lived


def main() -> None:
    parser = argparse.ArgumentParser(description="A simulated Tuesday, many times, under two policies.")
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1, help="the first one")
    parser.add_argument("--jobs", type=int, default=2, help="processes at the same time")
    parser.add_argument("--minutes", type=float, help="begin no further seed after so long")
    wanted = parser.parse_args()
    seeds = range(wanted.seed, wanted.seed + wanted.seeds)
    lived = list(_lived(seeds, wanted.jobs, (wanted.minutes or float("inf")) * 60))
    for line in report(sorted(lived, key=lambda each: each.seed)):
        print(line)


def _lived(seeds: Sequence[int], jobs: int, most: float) -> Iterator[Lived]:
    begun, left, under_way = time.monotonic(), list(reversed(seeds)), set[Future[Lived]]()
    done = 0
    with ProcessPoolExecutor(jobs, initializer=configure, initargs=("error", "json")) as pool:
        while left or under_way:
            if time.monotonic() - begun > most:
                left.clear()
            while left and len(under_way) < jobs + 1:
                under_way.add(pool.submit(live, left.pop()))
            over, under_way = wait(under_way, timeout=PROGRESS, return_when=FIRST_COMPLETED)
            done += len(over)
            spent = time.monotonic() - begun
            print(f"{done} of {len(seeds)} Tuesdays, {spent:.0f} s", file=sys.stderr, flush=True)
            yield from (each.result() for each in over)


# -- the report ----------------------------------------------------------------------------------------------------


def report(lived: Sequence[Lived]) -> Iterator[str]:
    yield MODEL
    yield f"\n{len(lived)} Tuesdays, seeds {lived[0].seed} to {lived[-1].seed}"
    yield f"\n{'':<62}{'the bot':>22}{'the old flow':>22}{'ratio':>10}"
    for title, bot, old in _rows(lived):
        ratio = f"{old / bot:.2f}" if bot and isinstance(bot, float) and isinstance(old, float) else ""
        yield f"{title:<62}{_cell(bot):>22}{_cell(old):>22}{ratio:>10}"
    yield from _names(lived)
    yield from _slowest(lived)
    yield from _called(lived)


Cell = str | float


def _cell(value: Cell) -> str:
    return value if isinstance(value, str) else f"{value:,.1f}"


def _rows(lived: Sequence[Lived]) -> Iterator[tuple[str, Cell, Cell]]:
    days = ([each.bot for each in lived], [each.old for each in lived])
    versions = len(VERSIONS) * len(lived)

    def row(title: str, show: Callable[[Sequence[Day]], Cell]) -> tuple[str, Cell, Cell]:
        return title, show(days[0]), show(days[1])

    def total(title: str, count: Callable[[Day], float], per: float = 1) -> tuple[str, Cell, Cell]:
        return row(title, lambda of: sum(map(count, of)) / per)

    yield row("versions released", lambda of: f"{sum(len(day.walls) for day in of)} of {versions}")
    yield row("versions released without a person", lambda of: _part(sum(day.alone for day in of), versions))
    yield row("days without a person", lambda of: _part(sum(not day.calls for day in of), len(lived)))
    yield total("times a person was called", lambda day: len(day.calls))
    for name, share in SHARES.items():
        yield row(f"wall time of the day, {name}", lambda of, s=share: _span(_share([d.wall for d in of], s)))  # type: ignore[misc]
    for name, share in SHARES.items():
        yield f"  against the bound, {name}", *_against(lived, share, lambda each: each.bound)
    free = _against(lived, 0.5, lambda each: each.free_bound)
    yield "  against the bound without an order between images, median", *free
    yield row("wall time of a version, median", lambda of: _span(_share(_version_walls(of), 0.5)))
    yield total("GitHub calls per version", lambda day: day.requests, versions)
    yield total("  of those answered 304, which count for nothing", lambda day: day.unchanged, versions)
    yield total("  of those writes", lambda day: day.writes, versions)
    yield total("re-runs per day", lambda day: day.reruns, len(lived))
    yield total("failed attempts per day", lambda day: day.failures.total(), len(lived))
    for why in ("outage", "network", "test"):
        yield total(f"  for {why}", lambda day, why=why: day.failures[why], len(lived))  # type: ignore[misc]
    yield total("job-minutes per day", lambda day: day.job_minutes, len(lived))
    yield row(
        "moves of a name to a lower version (must be 0)", lambda of: str(sum(_wrong(d).moves for d in of))
    )
    yield row(
        "names that ended at a lower version (must be 0)", lambda of: str(sum(_wrong(d).ends for d in of))
    )
    yield total("dispatches", lambda day: day.dispatches)
    yield row("double dispatches (must be 0)", lambda of: str(sum(day.doubled for day in of)))
    yield total("processor time per day, seconds", lambda day: day.spent, len(lived))


def _wrong(day: Day) -> Wrong:
    """The old flow's with the switches as people set them."""
    return day.wrong.get("") or day.wrong[AS_PEOPLE_DO]


def _part(some: int, of: int) -> str:
    return f"{some} ({some / of:.1%})"


def _version_walls(days: Sequence[Day]) -> list[timedelta]:
    return [wall for day in days for wall in day.walls.values()]


def _against(lived: Sequence[Lived], share: float, bound: Callable[[Lived], timedelta]) -> tuple[str, str]:
    """A day that never ended is left out; how many were released stands above."""
    ratios = (
        [each.bot.wall / bound(each) for each in lived if each.bot.wall is not None],
        [each.old.wall / bound(each) for each in lived if each.old.wall is not None],
    )
    bot, old = (f"{sorted(of)[_place(len(of), share)]:.2f}" if of else "-" for of in ratios)
    return bot, old


def _share(walls: Iterable[timedelta | None], share: float) -> timedelta | None:
    known = sorted(wall for wall in walls if wall is not None)
    return known[_place(len(known), share)] if known else None


def _place(count: int, share: float) -> int:
    return min(count - 1, int(count * share))


def _span(span: timedelta | None) -> str:
    if span is None:
        return "-"
    minutes = round(span / timedelta(minutes=1))
    return f"{minutes // 60}h {minutes % 60:02}m"


def _names(lived: Sequence[Lived]) -> Iterator[str]:
    yield "\nWrong moves of a name by the old flow, if `retag-latest` is typed for"
    for who in TYPED:
        wrong = [each.old.wrong[who] for each in lived]
        moves, ends = sum(each.moves for each in wrong), sum(each.ends for each in wrong)
        days = sum(each != Wrong(0, 0) for each in wrong)
        yield f"  {who:<40}{moves:>6} moves back, {ends:>6} names at a lower version in the end, on {days} days"


def _slowest(lived: Sequence[Lived]) -> Iterator[str]:
    yield "\nThe bot's slowest days against the bound"
    finished = [(each.bot.wall / each.bound, each) for each in lived if each.bot.wall is not None]
    for ratio, each in sorted(finished, key=lambda pair: -pair[0])[:5]:
        yield f"  seed {each.seed:<6} {_span(each.bot.wall)}, {ratio:.2f} of {_span(each.bound)}"
    for each in lived:
        if each.bot.wall is None:
            missing = ", ".join(version for version in VERSIONS if version not in each.bot.walls)
            yield f"  seed {each.seed:<6} never ended: {missing}"


def _called(lived: Sequence[Lived]) -> Iterator[str]:
    yield "\nThe bot called a person: why the attempts of that run had failed, how often, on which step, first seeds"
    kinds: dict[str, list[tuple[int, str]]] = {}
    for each in lived:
        for call in each.bot.calls:
            kinds.setdefault(call.kind, []).append((each.seed, call.step))
    for kind, calls in sorted(kinds.items(), key=lambda pair: -len(pair[1])):
        steps = ", ".join(
            f"{step} {count}" for step, count in Counter(step for _, step in calls).most_common()
        )
        yield f"  {len(calls):>5}  {kind}: {steps} (seeds {', '.join(str(seed) for seed, _ in calls[:5])})"
    yield "\nEvery call"
    for each in lived:
        for call in each.bot.calls:
            where = f"{_span(call.after)} {call.version} {call.step}"
            yield f"  seed {each.seed:<6}{where}: {call.kind} | {call.said[:110]}"


if __name__ == "__main__":
    main()
