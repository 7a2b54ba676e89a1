"""How the jobs of the simulated quarter go: each one's fate, as the script of an attempt that the simulator plays.

Rule: a fate is drawn at the moment at which its job starts, so that an outage hits whoever runs in it.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from benchmarks.quarter_logs import (
    COMPILE_ERROR,
    EXIT,
    LINT_ERROR,
    LOST_RUNNER,
    WRONG_CREDENTIAL,
    away,
    failed_tests,
    hiccup,
    stamped,
)
from benchmarks.quarter_world import (
    KINDS,
    LINES,
    NIGHTLY,
    WORKFLOW,
    Break,
    Days,
    Kind,
    Place,
    branch,
    night_of,
    place_of,
)
from bot.simulator.repositories import Annotation
from bot.simulator.runs import Attempt
from bot.simulator.script import Outcome, Script, Staging
from bot.simulator.world import World

WHYS = ("break", "outage", "network", "test")
"""Why jobs fail, the gravest first."""
_VERSION = re.compile(r"\d+\.\d+\.\d+")
QUEUE = timedelta(seconds=20)
"""Until a runner takes a job."""
EXIT_NOTE = Annotation(EXIT.removeprefix("##[error]"))


def stage_jobs(days: Days) -> None:
    """The release workflow of both repositories, whose jobs go as they are fated."""
    inputs, title = ["releaseVersion", "sendId"], "Release {releaseVersion} ({sendId})"
    for name in days.quarter.repos:
        made = days.world.add_workflow(days.world.repository(name), WORKFLOW, inputs=inputs, run_name=title)
        made.rules.append(_Fates(days, name))


def stage_nights(days: Days) -> None:
    """The nightly workflow of both repositories: the same jobs, tests and flake rates."""
    for name in days.quarter.repos:
        made = days.world.add_workflow(days.world.repository(name), NIGHTLY)
        made.rules.append(_FatesAtNight(days, name))


@dataclass(frozen=True, slots=True)
class Fate:
    """How a job goes. `why`: one of `WHYS`, or nothing when it succeeds."""

    takes: timedelta
    why: str = ""
    log: tuple[str, ...] | None = None
    annotation: Annotation = EXIT_NOTE


class Fated(ABC):
    """One attempt of a run; a job's fate is drawn at the moment at which it starts."""

    def __init__(self, world: World, kinds: Iterable[Kind]) -> None:
        self._world, self.kinds = world, {kind.name: kind for kind in kinds}
        self.fates: dict[str, tuple[Fate, datetime]] = {}

    @abstractmethod
    def fate(self, kind: Kind, now: datetime) -> Fate: ...

    @abstractmethod
    def drawn(self, job: str, what: str) -> float:
        """From 0 up to 1, of this attempt alone."""

    def starts(self, job: str) -> timedelta:
        now = self._world.now()
        fate = self.fate(self.kinds[job], now)
        self.fates[job] = (fate, now + fate.takes)
        return fate.takes

    def outcome(self, job: str) -> Outcome:
        """KeyError before the job has started."""
        fate, ended = self.fates[job]
        if not fate.why:
            return Outcome()
        log = None if fate.log is None else stamped(fate.log, ended)
        return Outcome("failure", log, (fate.annotation,))

    def played(self, script: Script) -> Script:
        """The script by which the simulator plays it."""
        return replace(
            script,
            jobs=tuple(self.kinds),
            needs={name: kind.needs for name, kind in self.kinds.items()},
            job_takes=_Times(self),
            outcomes=_Outcomes(self),
            queue=QUEUE,
        )

    def flake(self, kind: Kind, takes: timedelta, pool: Sequence[str]) -> Fate:
        """One time in four it is the network or the runner, else a test of the pool or two."""
        of_network = self.drawn(kind.name, "kind") < 1 / 4
        return self._network(kind, takes) if of_network else self._flaky(kind, takes, pool)

    def _flaky(self, kind: Kind, takes: timedelta, pool: Sequence[str]) -> Fate:
        first = int(self.drawn(kind.name, "which") * len(pool))
        tests = [pool[first]]
        if self.drawn(kind.name, "two") < 1 / 4:
            tests.append(pool[(first + 1) % len(pool)])
        return Fate(takes, "test", tuple(failed_tests(kind.tool, kind.name, tests)))

    def _network(self, kind: Kind, takes: timedelta) -> Fate:
        takes *= 0.1 + 0.8 * self.drawn(kind.name, "part")
        if self.drawn(kind.name, "runner") < 1 / 3:
            return Fate(takes, "network", None, Annotation(LOST_RUNNER))
        return Fate(takes, "network", tuple(hiccup(kind.tool)))


class _Attempt(Fated):
    """One attempt of a release's or a night's run.

    `drawn_by`: what tells the attempt from every other. `place`: of a release, where something may be broken.
    """

    def __init__(self, days: Days, repo: str, place: Place | None, drawn_by: tuple[object, ...]) -> None:
        super().__init__(days.world, KINDS)
        self._days, self._repo, self._place, self._drawn_by = days, repo, place, drawn_by

    def drawn(self, job: str, what: str) -> float:
        return self._days.quarter.drawn(*self._drawn_by, job, what)

    def fate(self, kind: Kind, now: datetime) -> Fate:
        days, job = self._days, kind.name
        least, most = kind.minutes
        takes = timedelta(minutes=least + (most - least) * self.drawn(job, "minutes"))
        soon = timedelta(minutes=1 + 2 * self.drawn(job, "soon"))
        if kind.fetches and days.outage_until(now + soon):
            return Fate(soon, "outage", tuple(away(kind.tool)))
        found = days.broken(self._place) if self._place else None
        if found and found.job == job:
            return self._broken(found, kind, takes)
        if self.drawn(job, "flake") >= days.quarter.rate(self._repo, job):
            return Fate(takes)
        return self.flake(kind, takes, days.quarter.pool(self._repo, job))

    def _broken(self, found: Break, kind: Kind, takes: timedelta) -> Fate:
        match found.name:
            case "compile error":
                return Fate(takes * 0.3, "break", tuple(COMPILE_ERROR))
            case "lint error":
                return Fate(takes * 0.2, "break", tuple(LINT_ERROR))
            case "wrong credential":
                return Fate(takes * 0.5, "break", tuple(WRONG_CREDENTIAL))
            case "new test":
                test = "RenewalTest > renewsBeforeTheEnd()"
            case _:
                test = self._days.quarter.pool(self._repo, kind.name)[0]
        return Fate(takes, "break", tuple(failed_tests(kind.tool, kind.name, [test])))


@dataclass(frozen=True, slots=True)
class _Times(Mapping[str, timedelta]):
    """Asked when a job starts."""

    attempt: Fated

    def __getitem__(self, job: str) -> timedelta:
        return self.attempt.starts(job)

    def __iter__(self) -> Iterator[str]:
        return iter(self.attempt.kinds)

    def __len__(self) -> int:
        return len(self.attempt.kinds)


@dataclass(frozen=True, slots=True)
class _Outcomes(Mapping[str, Outcome]):
    """Asked when a job ends."""

    attempt: Fated

    def __getitem__(self, job: str) -> Outcome:
        return self.attempt.outcome(job)

    def __iter__(self) -> Iterator[str]:
        return iter(self.attempt.fates)

    def __len__(self) -> int:
        return len(self.attempt.fates)


class _Fates(Staging):
    """Says of every attempt of one repository's release workflow how it goes."""

    def __init__(self, days: Days, repo: str) -> None:
        super().__init__(attempts=None, runs=None, about=None)
        self._days, self._repo = days, repo
        self._of_place: dict[Place, list[int]] = {}
        self._next: _Attempt | None = None

    def applies(self, *, attempt: int, run_number: int, about: Collection[str]) -> bool:
        version = next(text for text in about if _VERSION.fullmatch(text))
        place = place_of(self._repo, version)
        runs = self._of_place.setdefault(place, [])
        if run_number not in runs:
            runs.append(run_number)
        names = (place.day, place.line, place.repo, runs.index(run_number), attempt)
        self._next = _Attempt(self._days, self._repo, place, names)
        return True

    def change(self, script: Script) -> Script:
        assert self._next is not None
        return self._next.played(script)


class _FatesAtNight(Staging):
    """The same for one repository's nightly workflow, which runs once in a night on each line."""

    def __init__(self, days: Days, repo: str) -> None:
        super().__init__(attempts=None, runs=None, about=None)
        self._days, self._repo = days, repo
        self._next: _Attempt | None = None

    def applies(self, *, attempt: int, run_number: int, about: Collection[str]) -> bool:
        del run_number
        line = next(line for line in LINES if branch(line) in about)
        names = (night_of(self._days.world.now()), line, self._repo, attempt)
        self._next = _Attempt(self._days, self._repo, None, names)
        return True

    def change(self, script: Script) -> Script:
        assert self._next is not None
        return self._next.played(script)


def reasons(attempt: Attempt) -> set[str]:
    """Why jobs of the attempt failed, of `WHYS`; empty when none did."""
    outcomes = attempt.script.outcomes
    assert isinstance(outcomes, _Outcomes)
    fates = outcomes.attempt.fates
    return {
        fates[job.name][0].why for job in attempt.jobs if job.conclusion == "failure" and job.name in fates
    }
