"""The flakes of each line: as a comment, as text for a terminal, and as a report in Markdown.

Rule: one grouping, one way to count and to write for all three. In a comment the repositories go through an
`Audience`; the other two are for operators, who may see everything. Names of tests and jobs are foreign text in each.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby

from bot.core.audience import Audience
from bot.core.ledger import Flake
from bot.core.present.inert import code, cut, plain
from bot.core.present.words import count, duration

MOST_OF_A_LINE = 10
"""Flakes of one line that are listed in a comment; the rest is counted."""
MOST_IN_A_REPORT = 50
"""The same, for the operators' text and the report."""

_NO_TEST = "no test named"
_HEADER = "| test | job | flaked | of failures | last seen | minutes lost |\n| --- | --- | ---: | ---: | --- | ---: |"
_COLUMNS = ("flaked", "of failures", "last seen", "minutes lost", "test", "job")
_RIGHT = frozenset({"flaked", "of failures", "minutes lost"})

WHAT_IS_A_FLAKE = "A flake failed and then passed on the same commit."
WHAT_FEEDS_IT = (
    "The re-runs of releases show that, and so do the finished runs of workflows "
    "that the pipeline file names under `observe:`. What a service or the network was to blame for is left out."
)


@dataclass(frozen=True, slots=True)
class Line:
    """One maintained line of one repository and its flakes."""

    repo: str
    name: str
    flakes: tuple[Flake, ...]

    @property
    def totals(self) -> str:
        """For example `2 flakes, seen 14 times, 48m lost`."""
        return _totals(self.flakes)


def lines_of(flakes: Sequence[Flake]) -> tuple[Line, ...]:
    """The flakes by repository and line, the newest series first; within a line in the order given."""
    ordered = sorted(flakes, key=lambda flake: (flake.repo, _newest_first(flake.line)))
    groups = groupby(ordered, key=lambda flake: (flake.repo, flake.line))
    return tuple(Line(repo, name, tuple(those)) for (repo, name), those in groups)


def flakes_answer(
    flakes: Sequence[Flake], audience: Audience, *, days: int, line: str | None, left_out: bool
) -> str:
    """The comment. `left_out`: the pipeline has repositories that are not for these readers or for who asks; of those
    there is nothing here, not even how many they are.
    """
    lines = lines_of([flake for flake in flakes if audience.sees(flake.repo)])
    if lines:
        parts = [f"{WHAT_IS_A_FLAKE} These did in {_period(days)}, the most frequent first."]
    else:
        nothing = _nothing(days, f"the line {code(line)}" if line else None)
        parts = [f"{nothing} {WHAT_IS_A_FLAKE} {WHAT_FEEDS_IT}"]
    for each in lines:
        parts.append(f"**{code(each.repo)}, line {code(each.name)}**: {each.totals}.")
        parts.append(_table(each.flakes, MOST_OF_A_LINE))
    if left_out:
        parts.append("Repositories that you, or others who read this, may not see are left out.")
    return cut("\n\n".join(parts))


def flakes_text(flakes: Sequence[Flake], *, days: int, about: str | None = None) -> str:
    """For a terminal: a small aligned table for each line. `about`: what was asked for, when not everything."""
    lines = lines_of(flakes)
    if not lines:
        return f"{_nothing(days, about)} {WHAT_IS_A_FLAKE} {WHAT_FEEDS_IT}".replace("`", "")
    parts = [f"Flakes of {_period(days)}: {_totals(flakes)}."]
    for line in lines:
        title = f"{plain(line.repo)}, line {plain(line.name)}: {line.totals}"
        parts.append("\n".join([title, *_aligned(line.flakes[:MOST_IN_A_REPORT])]))
        parts.extend(_rest(line.flakes, MOST_IN_A_REPORT))
    return "\n\n".join(parts)


def flakes_report(flakes: Sequence[Flake], *, days: int, until: datetime, about: str | None = None) -> str:
    """In Markdown, to be pasted: what cost most comes first, lines as well as flakes."""
    begin = (until - timedelta(days=days)).astimezone(UTC)
    parts = [
        f"# Flakes from {begin:%Y-%m-%d} to {until.astimezone(UTC):%Y-%m-%d}",
        f"{WHAT_IS_A_FLAKE} {WHAT_FEEDS_IT}",
    ]
    lines = sorted(lines_of(sorted(flakes, key=_cost)), key=lambda line: _cost_of_all(line.flakes))
    parts.append(f"In all: {_totals(flakes)}." if lines else _nothing(days, about and code(about)))
    for line in lines:
        parts.append(f"## {code(line.repo)}, line {code(line.name)}")
        parts.append(f"{_capital(line.totals)}.")
        parts.append(_table(line.flakes, MOST_IN_A_REPORT))
    return cut("\n\n".join(parts))


def flake_json(flake: Flake) -> str:
    """One object on one line. `last` is UTC, `minutes` those lost, to a tenth."""
    told = {
        "repo": flake.repo,
        "line": flake.line,
        "workflow": flake.workflow,
        "job": flake.job,
        "test": flake.test,
        "rule": flake.rule,
        "healed": flake.healed,
        "failures": flake.failures,
        "last": f"{flake.last.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "minutes": round(flake.seconds / 60, 1),
    }
    return json.dumps(told)


# -- counting --------------------------------------------------------------------------------------


def _totals(flakes: Sequence[Flake]) -> str:
    """A failed job with two flaky tests is in both of their times, so a sum may say too much."""
    jobs = [(flake.repo, flake.line, flake.workflow, flake.job) for flake in flakes]
    most = "at most " if len(set(jobs)) < len(jobs) else ""
    seen = sum(flake.healed for flake in flakes)
    lost = duration(sum(flake.seconds for flake in flakes))
    times = "once" if seen == 1 else f"{seen} times"
    return f"{count(len(flakes), 'flake')}, seen {times}, {most}{lost} lost"


def _cost(flake: Flake) -> tuple[float, int, str, str]:
    return (-flake.seconds, -flake.healed, flake.job, flake.test or "")


def _cost_of_all(flakes: Sequence[Flake]) -> float:
    return -sum(flake.seconds for flake in flakes)


def _newest_first(line: str) -> tuple[int, int, int, str]:
    """Series by number, 1.10 before 1.9; then branches by name."""
    found = re.fullmatch(r"(\d+)\.(\d+)", line, re.ASCII)
    return (0, -int(found[1]), -int(found[2]), line) if found else (1, 0, 0, line)


# -- writing ---------------------------------------------------------------------------------------


def _nothing(days: int, about: str | None) -> str:
    return f"No flake{f' of {about}' if about else ''} is known from {_period(days)}."


def _period(days: int) -> str:
    return f"the last {days} days" if days != 1 else "the last day"


def _table(flakes: Sequence[Flake], most: int) -> str:
    rows = "\n".join(_row(flake) for flake in flakes[:most])
    return "\n\n".join([f"{_HEADER}\n{rows}", *_rest(flakes, most)])


def _rest(flakes: Sequence[Flake], most: int) -> Iterator[str]:
    if len(flakes) > most:
        yield f"And {len(flakes) - most} more."


def _row(flake: Flake) -> str:
    """Inside code spans the foreign text has no bar that could end a cell."""
    because = f" (rule {code(flake.rule)})" if flake.rule else ""
    test = code(flake.test, most=200) if flake.test is not None else f"{_NO_TEST}{because}"
    cells = [test, code(_place(flake), most=200), *_numbers(flake)]
    return f"| {' | '.join(cells)} |"


def _aligned(flakes: Sequence[Flake]) -> Iterator[str]:
    """Rows of one width; what can be long comes last."""
    table = [_COLUMNS, *((*_numbers(flake), _named(flake), plain(_place(flake))) for flake in flakes)]
    widths = [max(len(row[column]) for row in table) for column in range(len(_COLUMNS))]
    for row in table:
        cells = (
            cell.rjust(width) if name in _RIGHT else cell.ljust(width)
            for cell, width, name in zip(row, widths, _COLUMNS, strict=True)
        )
        yield f"  {'  '.join(cells)}".rstrip()


def _numbers(flake: Flake) -> tuple[str, str, str, str]:
    last = f"{flake.last.astimezone(UTC):%Y-%m-%d}"
    return str(flake.healed), str(flake.failures), last, _minutes(flake.seconds)


def _named(flake: Flake) -> str:
    if flake.test is not None:
        return plain(flake.test)
    return f"({_NO_TEST}{f', rule {plain(flake.rule)}' if flake.rule else ''})"


def _place(flake: Flake) -> str:
    return f"{flake.workflow}: {flake.job}"


def _minutes(seconds: float) -> str:
    """Rounded; what is short is not nothing."""
    return f"{seconds / 60:.0f}" if seconds >= 60 else "under 1"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
