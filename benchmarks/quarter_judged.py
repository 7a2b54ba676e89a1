"""What the bot judged, beside what was true, and what of it a person was called for.

Rule: the bot's side is read from its journal, the truth from the scripts that the jobs played.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from benchmarks.quarter_fates import WHYS, reasons
from benchmarks.quarter_people import Call
from benchmarks.quarter_world import Days, Place
from bot.simulator.runs import Run
from bot.store.rows import JournalRow


@dataclass(frozen=True, slots=True)
class Judgement:
    """Of one failed attempt. `truth`: why its jobs failed, of `WHYS`; `about`: what was found in which job."""

    at: datetime
    place: Place
    run: int
    attempt: int
    truth: frozenset[str]
    cause: str
    about: tuple[str, ...]

    @property
    def gravest(self) -> str:
        return next(why for why in WHYS if why in self.truth)


@dataclass(frozen=True, slots=True)
class Needless:
    """A person was called although nothing was broken. `behind`: the judgements that led there, the last one last."""

    call: Call
    behind: tuple[Judgement, ...]


def run_of(days: Days, number: int) -> Run | None:
    places = (repo.runs.get(number) for repo in days.world.repositories.values())
    return next((run for run in places if run is not None), None)


def judgements(days: Days, journal: Sequence[JournalRow]) -> Iterator[Judgement]:
    for row in journal:
        event = row.event or {}
        verdict = event.get("verdict")
        if event.get("event") == "Judged" and isinstance(verdict, dict):
            number, attempt = int(str(event["run_id"])), int(str(event["attempt"]))
            run = run_of(days, number)
            assert run is not None
            truth = frozenset(reasons(run.attempts[attempt - 1]))
            about = tuple(_about(found) for found in verdict["findings"])
            yield Judgement(row.at, days.place(run), number, attempt, truth, str(verdict["cause"]), about)


def _about(found: dict[str, object]) -> str:
    tests = found.get("tests")
    named = f" ({', '.join(map(str, tests))})" if isinstance(tests, list) and tests else ""
    return f"{found['job']} {found['cause']}: {found['about']}{named}"


def needless(calls: Sequence[Call], judged: Sequence[Judgement]) -> Iterator[Needless]:
    """The calls to sides that show no real break."""
    for call in calls:
        if "break" not in call.shown:
            yield Needless(call, tuple(j for j in judged if j.place == call.place and j.at <= call.at))
