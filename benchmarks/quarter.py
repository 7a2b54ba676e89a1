"""A simulated quarter of release days under three policies: the bot, nobody re-runs, everything is re-run.

Rule: the same seeded days for all, and virtual time only, so the table does not depend on the machine.
`python -m benchmarks.quarter [--seed S] [--tuesdays 12] [--no-nights]`
"""

import argparse
import asyncio
import sys
from collections.abc import Iterator, Sequence
from datetime import timedelta
from statistics import median

from benchmarks.quarter_bot import by_bot
from benchmarks.quarter_fates import WHYS
from benchmarks.quarter_figures import NONE, Figures, figures
from benchmarks.quarter_judged import Needless
from benchmarks.quarter_notes import Answer, Record
from benchmarks.quarter_people import ByHandDay, OldDay, by_hand
from benchmarks.quarter_world import Quarter
from bot.core.causes import Cause
from bot.log import configure
from tests.scenarios.stage import EE, OSS

MATTERS = {
    "break": "a real break",
    "outage": "a registry that is away",
    "network": "a moment's network failure",
    "test": "a flaky test",
}
POLICIES = ("the bot", "(a) by hand", "(b) old flow")


def main() -> None:
    parser = argparse.ArgumentParser(description="A simulated quarter of release days under three policies.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tuesdays", type=int, default=12)
    parser.add_argument(
        "--no-nights", action="store_true", help="no nightly runs that the bot can learn from"
    )
    wanted = parser.parse_args()
    configure("error", "json")
    quarter = Quarter(wanted.seed, wanted.tuesdays, (OSS, EE), nights=not wanted.no_nights)
    print("(a) by hand, (b) the old flow", file=sys.stderr)
    others = [figures(by_hand(quarter, policy)) for policy in (ByHandDay, OldDay)]
    lived, record = asyncio.run(by_bot(quarter))
    for line in _report(quarter, [figures(lived), *others], record):
        print(line)


def _report(quarter: Quarter, columns: Sequence[Figures], record: Record) -> Iterator[str]:
    nights = "with the nights between them" if quarter.nights else "no nights"
    yield f"{quarter.tuesdays} Tuesdays, {nights}, seed {quarter.seed}: {len(quarter.breaks())} real breaks"
    yield f"\n{'':<52}" + "".join(f"{name:>16}" for name in POLICIES)
    for title, cells in _rows(columns):
        yield f"{title:<52}" + "".join(f"{cell:>16}" for cell in cells)
    yield from _judgements(record)
    yield "\nThe bot alone"
    for title, value in [*_brake(record), *_answers(record.answers), *_sends(record)]:
        yield f"  {title:<68} {value}"
    yield "\nThe bot called a person although nothing was broken (what was the matter, judged as)"
    for each in record.needless:
        yield from _needless(each)


def _rows(columns: Sequence[Figures]) -> Iterator[tuple[str, list[str]]]:
    yield "releases finished", [f"{len(each.walls)} of {each.releases}" for each in columns]
    yield "re-runs spent, requests", [str(each.reruns) for each in columns]
    yield "job-minutes run", [f"{each.job_minutes:.0f}" for each in columns]
    yield "wrong re-runs (of a real break, bound to fail)", [str(each.wrong) for each in columns]
    yield "releases that needed a person for flakes or network", [str(each.needless) for each in columns]
    yield "times a person was called", [str(each.calls) for each in columns]
    for why in WHYS:
        yield f"  for {MATTERS[why]}", [str(each.calls_for[why]) for each in columns]
    yield "wall time of a release, median", [_span(each.typical) for each in columns]
    yield "wall time of a release, worst", [_span(each.worst) for each in columns]
    yield "hours of release time in all", [f"{_hours(each):.1f}" for each in columns]
    saved = [f"{_saved(columns[0], other):.1f}" for other in columns[1:]]
    yield "hours of release time the bot saves, in total", ["", *saved]


def _judgements(record: Record) -> Iterator[str]:
    yield f"\n{'Failed attempts by what was the matter, judged as':<52}" + "".join(f"{c:>12}" for c in Cause)
    for why in WHYS:
        yield f"  {MATTERS[why]:<50}" + "".join(f"{record.judged[why, str(c)]:>12}" for c in Cause)


def _brake(record: Record) -> Iterator[tuple[str, object]]:
    held = sorted(hold.lasted for hold in record.holds)
    yield "re-runs that the outage brake held", len(held)
    services = sorted({hold.service for hold in record.holds})
    yield "  for", ", ".join(services) or "-"
    late = sum((hold.late for hold in record.holds), NONE)
    yield "  in all, and of that with the registries back", f"{_span(sum(held, NONE))}, {_span(late)}"
    yield "  median, longest", f"{_span(_middle(held))}, {_span(_last(held))}"
    over = sorted(hold.late for hold in record.holds)
    yield "  with the registries back, median, longest", f"{_span(_middle(over))}, {_span(_last(over))}"
    tried = sum(hold.back is not None and hold.gone < hold.back for hold in record.holds)
    baseless = sum(hold.back is None for hold in record.holds)
    yield "  gone while the registries were away; due when nothing was away", f"{tried}; {baseless}"


def _answers(answers: Sequence[Answer]) -> Iterator[tuple[str, object]]:
    free = [answer for answer in answers if not answer.held]
    yield "failures answered by a re-run of the bot itself", f"{len(answers)}, {len(free)} of them not held"
    waits = sorted(answer.after for answer in free)
    bare = sorted(answer.after - answer.pause for answer in free)
    yield "not held: failed delivery to re-run request, median, worst", _seconds(waits)
    yield "  without the configured pause (30 s, doubled each time)", _seconds(bare)
    yield "GitHub reads for a failure, median, most", _counts([answer.reads for answer in answers])
    yield (
        "GitHub writes for a failure, the re-run among them, median, most",
        _counts([a.writes for a in answers]),
    )


def _needless(found: Needless) -> Iterator[str]:
    place, at = found.call.place, found.call.at
    told = ", then ".join(f"{'+'.join(sorted(each.truth))} {each.cause}" for each in found.behind)
    yield f"  {place.version} of {place.repo} at {at:%H:%M}: {told or 'nothing was judged'}"
    for about in found.behind[-1].about if found.behind else ():
        yield f"    {about}"


def _sends(record: Record) -> Iterator[tuple[str, object]]:
    yield "dispatches, and double ones among them (must be 0)", f"{record.sends}, {record.doubled}"


def _hours(each: Figures) -> float:
    return sum(each.walls.values(), NONE) / timedelta(hours=1)


def _saved(bot: Figures, other: Figures) -> float:
    """Over the releases that both finished."""
    both = bot.walls.keys() & other.walls.keys()
    return sum((other.walls[name] - bot.walls[name] for name in both), NONE) / timedelta(hours=1)


def _span(span: timedelta) -> str:
    minutes = round(span / timedelta(minutes=1))
    return f"{minutes // 60}h {minutes % 60:02}m"


def _seconds(spans: Sequence[timedelta]) -> str:
    return f"{_middle(spans).total_seconds():.1f} s, {_last(spans).total_seconds():.1f} s"


def _counts(numbers: Sequence[int]) -> str:
    return f"{median(numbers):.0f}, {max(numbers)}" if numbers else "-"


def _middle(spans: Sequence[timedelta]) -> timedelta:
    return spans[len(spans) // 2] if spans else NONE


def _last(spans: Sequence[timedelta]) -> timedelta:
    return spans[-1] if spans else NONE


if __name__ == "__main__":
    main()
