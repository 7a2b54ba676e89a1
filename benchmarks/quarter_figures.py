"""What a policy cost and brought, counted from what GitHub saw.

Rule: nothing is asked of a policy that GitHub does not know, so all policies are counted by the same rule.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median_low

from benchmarks.quarter_fates import WHYS, reasons
from benchmarks.quarter_people import Lived
from benchmarks.quarter_world import LINES, Days, Place
from bot.simulator.runs import Attempt, Run

NONE = timedelta(0)


@dataclass(frozen=True, slots=True)
class Figures:
    """`walls`: of the releases that were finished, by version."""

    releases: int
    walls: dict[str, timedelta]
    reruns: int
    job_minutes: float
    wrong: int
    needless: int
    calls: int
    calls_for: Counter[str]

    @property
    def typical(self) -> timedelta:
        return median_low(self.walls.values()) if self.walls else NONE

    @property
    def worst(self) -> timedelta:
        return max(self.walls.values(), default=NONE)


def figures(lived: Lived) -> Figures:
    days = lived.days
    quarter = days.quarter
    called = {(call.place.day, call.place.line) for call in lived.calls}
    broken = {(place.day, place.line) for place in quarter.breaks()}
    runs = [
        run for day in range(quarter.tuesdays) for place in quarter.places(day) for run in days.runs(place)
    ]
    return Figures(
        releases=quarter.tuesdays * len(LINES),
        walls=dict(_walls(lived)),
        reruns=sum(len(run.attempts) - 1 for run in runs),
        job_minutes=sum(minutes(attempt) for run in runs for attempt in run.attempts),
        wrong=sum(_wrong(days, run) for run in runs),
        needless=len(called - broken),
        calls=len(lived.calls),
        calls_for=Counter(next((why for why in WHYS if why in call.shown), "") for call in lived.calls),
    )


def _walls(lived: Lived) -> Iterator[tuple[str, timedelta]]:
    """From the start in the morning to the end of the last run, or to the bot's word, which comes later."""
    days = lived.days
    for day, begun in days.begun.items():
        for line in LINES:
            sides = [Place(day, line, repo) for repo in days.quarter.repos]
            ends = [at for side in sides if (at := days.passed_at(side)) is not None]
            if len(ends) == len(sides):
                version = sides[0].version
                yield version, max([*ends, lived.told.get(version, begun)]) - begun


def minutes(attempt: Attempt) -> float:
    """Of the jobs that ran in this attempt; those that are kept from an earlier one carry its times."""
    spent = [
        job.completed_at - job.started_at
        for job in attempt.jobs
        if job.started_at and job.completed_at and job.started_at >= attempt.started_at
    ]
    return sum(spent, NONE) / timedelta(minutes=1)


def _wrong(days: Days, run: Run) -> int:
    """Re-runs of an attempt that showed a real break, before anybody had mended it."""
    place = days.place(run)
    mended: datetime | None = days.mended.get(place)
    pairs = zip(run.attempts, run.attempts[1:], strict=False)
    return sum(
        "break" in reasons(before) and (mended is None or again.started_at < mended)
        for before, again in pairs
    )
