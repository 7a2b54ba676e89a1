"""The table of the simulated Tuesdays, and what of the bot's days somebody should look at.

Rule: says in its head what was modelled, so that nobody takes a figure for more than it is.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from benchmarks.tuesday_figures import Day, Wrong
from benchmarks.tuesday_old import AS_PEOPLE_DO, TYPED
from benchmarks.tuesday_world import FLAKY, MORNING, OUTAGE, OUTAGE_BEGINS, TAKES, VERSIONS, Tuesday

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


def report(lived: Sequence[Lived]) -> Iterator[str]:
    yield MODEL
    yield f"\n{len(lived)} Tuesdays, seeds {lived[0].seed} to {lived[-1].seed}"
    yield f"\n{'':<62}{'the bot':>22}{'the old flow':>22}{'ratio':>10}"
    for title, bot, old in _Table(lived).rows():
        ratio = f"{old / bot:.2f}" if bot and isinstance(bot, float) and isinstance(old, float) else ""
        yield f"{title:<62}{_cell(bot):>22}{_cell(old):>22}{ratio:>10}"
    yield from _names(lived)
    yield from _slowest(lived)
    yield from _called(lived)


Cell = str | float
Row = tuple[str, Cell, Cell]


def _cell(value: Cell) -> str:
    return value if isinstance(value, str) else f"{value:,.1f}"


class _Table:
    def __init__(self, lived: Sequence[Lived]) -> None:
        self._lived = lived
        self._bot, self._old = [each.bot for each in lived], [each.old for each in lived]
        self._versions = len(VERSIONS) * len(lived)

    def rows(self) -> Iterator[Row]:
        yield from self._people()
        yield from self._walls()
        yield from self._costs()
        yield from self._mistakes()

    def _row(self, title: str, show: Callable[[Sequence[Day]], Cell]) -> Row:
        return title, show(self._bot), show(self._old)

    def _sum(self, title: str, count: Callable[[Day], float], *, per: float = 1) -> Row:
        return self._row(title, lambda of: sum(map(count, of)) / per)

    def _people(self) -> Iterator[Row]:
        versions, days = self._versions, len(self._lived)
        yield self._row("versions released", lambda of: f"{sum(len(day.walls) for day in of)} of {versions}")
        yield self._row(
            "versions released without a person", lambda of: _part(sum(day.alone for day in of), versions)
        )
        yield self._row("days without a person", lambda of: _part(sum(not day.calls for day in of), days))
        yield self._sum("times a person was called", lambda day: len(day.calls))
        yield self._sum("  while the registry was away", _calls_while_away)

    def _walls(self) -> Iterator[Row]:
        for name, share in SHARES.items():
            bot, old = (_share([day.wall for day in of], share) for of in (self._bot, self._old))
            yield f"wall time of the day, {name}", _span(bot), _span(old)
        for name, share in SHARES.items():
            yield f"  against the bound, {name}", *_against(self._lived, share, lambda each: each.bound)
        free = _against(self._lived, 0.5, lambda each: each.free_bound)
        yield "  against the bound without an order between images, median", *free
        yield self._row("wall time of a version, median", lambda of: _span(_share(_version_walls(of), 0.5)))

    def _costs(self) -> Iterator[Row]:
        versions, days = self._versions, len(self._lived)
        yield self._sum("GitHub calls per version", lambda day: day.requests, per=versions)
        yield self._sum("  of those answered 304: no charge", lambda day: day.unchanged, per=versions)
        yield self._sum("  of those writes", lambda day: day.writes, per=versions)
        yield self._sum("re-runs per day", lambda day: day.reruns, per=days)
        yield self._sum("failed attempts per day", lambda day: day.failures.total(), per=days)
        yield self._sum("  for the registry", lambda day: day.failures["outage"], per=days)
        yield self._sum("  for a moment's network failure", lambda day: day.failures["network"], per=days)
        yield self._sum("  for a flaky test", lambda day: day.failures["test"], per=days)
        yield self._sum("job-minutes per day", lambda day: day.job_minutes, per=days)
        yield self._sum("processor time of the simulation per day, seconds", lambda day: day.spent, per=days)

    def _mistakes(self) -> Iterator[Row]:
        yield self._row(
            "moves of a name to a lower version", lambda of: str(sum(_wrong(day).moves for day in of))
        )
        yield self._row(
            "names that ended at a lower version", lambda of: str(sum(_wrong(day).ends for day in of))
        )
        yield self._sum("dispatches", lambda day: day.dispatches)
        yield self._row("double dispatches", lambda of: str(sum(day.doubled for day in of)))


def _calls_while_away(day: Day) -> int:
    begins, ends = Tuesday(day.seed).outage()
    return sum(begins <= MORNING + call.after < ends for call in day.calls)


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
