"""The days of a simulated quarter: which jobs flake, when registries are away, what is really broken - by seed alone.

Rule: the fate of a job is drawn from a hash of what it is (day, version, side, run, attempt, job) and from the time
at which it runs, never from a stream that another decision could move. So every policy lives through the same days.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from math import sqrt

from benchmarks.quarter_logs import (
    COMPILE_ERROR,
    EXIT,
    LINT_ERROR,
    LOST_RUNNER,
    WRONG_CREDENTIAL,
    Tool,
    away,
    failed_tests,
    hiccup,
    stamped,
    test_name,
)
from bot.simulator.repositories import Annotation
from bot.simulator.runs import Attempt, Run
from bot.simulator.script import Outcome, Script, Staging
from bot.simulator.world import World

WORKFLOW = "release.yml"
LINES = ("1.0", "0.24", "0.23", "0.22")
FIRST = datetime(2026, 12, 1, 9, tzinfo=UTC)
"""The first Tuesday."""
WHYS = ("break", "outage", "network", "test")
"""Why jobs fail, the gravest first."""
_VERSION = re.compile(r"\d+\.\d+\.\d+")
EXIT_NOTE = Annotation(EXIT.removeprefix("##[error]"))


@dataclass(frozen=True, slots=True)
class Kind:
    """A job of the release workflow. `minutes`: the least and the most it takes; `fetches`: from a registry."""

    name: str
    needs: tuple[str, ...]
    tool: Tool
    minutes: tuple[float, float]
    fetches: bool = False


TESTED = ("test-core", "test-api", "test-ui", "test-tools")
KINDS = (
    Kind("build", (), Tool.GRADLE, (7, 10), fetches=True),
    Kind("test-core", ("build",), Tool.GRADLE, (14, 20)),
    Kind("test-api", ("build",), Tool.SUREFIRE, (13, 19), fetches=True),
    Kind("test-ui", ("build",), Tool.JEST, (10, 16), fetches=True),
    Kind("test-tools", ("build",), Tool.PYTEST, (9, 15)),
    Kind("integration", TESTED, Tool.PYTEST, (14, 20)),
    Kind("package", ("integration",), Tool.JEST, (6, 9), fetches=True),
    Kind("publish", ("package",), Tool.SUREFIRE, (6, 9), fetches=True),
)
JOBS = {kind.name: kind for kind in KINDS}
POOL = 3
"""Tests of one job that are flaky."""


@dataclass(frozen=True, slots=True)
class Place:
    """One side (a repository) of one version on one day."""

    day: int
    line: str
    repo: str

    @property
    def version(self) -> str:
        return f"{self.line}.{self.day + 1}"


@dataclass(frozen=True, slots=True)
class Break:
    """Something that is really wrong. `in_code`: its mending is a commit, so that only a new run can pass."""

    name: str
    job: str
    in_code: bool


BREAKS = (
    Break("compile error", "build", in_code=True),
    Break("new test", "test-core", in_code=True),
    Break("lint error", "test-ui", in_code=True),
    Break("wrong credential", "publish", in_code=False),
    Break("flaky test for good", "integration", in_code=True),
)


@dataclass(frozen=True, slots=True)
class Outage:
    day: int
    after: timedelta
    lasts: timedelta


@dataclass(frozen=True, slots=True)
class Quarter:
    """What is fixed before anybody does anything."""

    seed: int
    tuesdays: int
    repos: tuple[str, str]

    def drawn(self, *what: object) -> float:
        """From 0 up to 1, the same for the same thing."""
        text = "/".join(map(str, (self.seed, *what)))
        return int.from_bytes(sha256(text.encode()).digest()[:7]) / 2**56

    def morning(self, day: int) -> datetime:
        """When the day's releases begin."""
        return FIRST + timedelta(weeks=day)

    def places(self, day: int) -> list[Place]:
        return [Place(day, line, repo) for line in LINES for repo in self.repos]

    def rate(self, repo: str, job: str) -> float:
        return 0.02 + 0.13 * self.drawn("rate", repo, job)

    def pool(self, repo: str, job: str) -> tuple[str, ...]:
        first = int(self.drawn("pool", repo, job) * 50)
        return tuple(test_name(JOBS[job].tool, job, first + number) for number in range(POOL))

    def outages(self) -> tuple[Outage, ...]:
        days = self._days("outage")
        spans = (timedelta(minutes=40), timedelta(minutes=90))
        return tuple(
            Outage(day, timedelta(minutes=60 * self.drawn("outage", day, "after")), span)
            for day, span in zip(days, spans, strict=False)
        )

    def breaks(self) -> dict[Place, Break]:
        """On days of their own; the flaky test breaks late, when it can be known as flaky."""
        days = self._days("break")[: len(BREAKS)]
        ordered = [*(day for day in days if day != max(days)), max(days)]
        return {
            self._one_of(day, what): what for day, what in zip(ordered, BREAKS[-len(ordered) :], strict=True)
        }

    def _one_of(self, day: int, what: Break) -> Place:
        places = self.places(day)
        return places[int(self.drawn("break", what.name) * len(places))]

    def _days(self, why: str) -> list[int]:
        return sorted(range(self.tuesdays), key=lambda day: self.drawn(why, "day", day))

    def reaction(self, place: Place, call: int) -> timedelta:
        """Until a person who is called acts: 5 to 45 minutes, 20 on average, most often 10."""
        chance, low, most, high = self.drawn("reaction", place, call), 5.0, 10.0, 45.0
        if chance < (most - low) / (high - low):
            return timedelta(minutes=low + sqrt(chance * (high - low) * (most - low)))
        return timedelta(minutes=high - sqrt((1 - chance) * (high - low) * (high - most)))


@dataclass(slots=True)
class Days:
    """A quarter as it goes under one policy: the days begun so far, and what has been mended."""

    quarter: Quarter
    world: World
    begun: dict[int, datetime] = field(default_factory=dict)
    mended: dict[Place, datetime] = field(default_factory=dict)
    _breaks: dict[Place, Break] = field(init=False)
    _outages: tuple[Outage, ...] = field(init=False)

    def __post_init__(self) -> None:
        self._breaks, self._outages = self.quarter.breaks(), self.quarter.outages()

    def stage(self) -> None:
        """The release workflow of both repositories, whose jobs go as they are fated."""
        inputs, title = ["releaseVersion", "sendId"], "Release {releaseVersion} ({sendId})"
        for name in self.quarter.repos:
            made = self.world.add_workflow(
                self.world.repository(name), WORKFLOW, inputs=inputs, run_name=title
            )
            made.rules.append(_Fates(self, name))

    def begin(self, day: int) -> None:
        """It is 09:00; every maintained line has a new commit since last week."""
        self.begun[day] = self.world.now()
        for name in self.quarter.repos:
            for line in LINES:
                self.world.hand("ada").pushes(
                    self.world.repository(name), branch(line), f"Work of week {day}"
                )

    def place(self, run: Run) -> Place:
        return place_of(run.repository.full_name, run.inputs["releaseVersion"])

    def runs(self, place: Place) -> list[Run]:
        """Oldest first."""
        every = self.world.repository(place.repo).runs.values()
        return [run for run in every if run.inputs.get("releaseVersion") == place.version]

    def passed_at(self, place: Place) -> datetime | None:
        """When a run of that side had succeeded."""
        good = (run.attempt for run in self.runs(place) if run.conclusion == "success")
        return min((attempt.updated_at for attempt in good), default=None)

    def broken(self, place: Place) -> Break | None:
        """What is wrong there until a person has mended it."""
        return None if place in self.mended else self._breaks.get(place)

    def ever_broken(self, place: Place) -> Break | None:
        return self._breaks.get(place)

    def outage_until(self, at: datetime) -> datetime | None:
        """The end of the outage that goes on at that moment."""
        for outage in self._outages:
            if (begun := self.begun.get(outage.day)) is not None:
                since = begun + outage.after
                if since <= at < since + outage.lasts:
                    return since + outage.lasts
        return None


def place_of(repo: str, version: str) -> Place:
    line, _, patch = version.rpartition(".")
    return Place(int(patch) - 1, line, repo)


def branch(line: str) -> str:
    return f"{line}.x"


# -- fates -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fate:
    """How a job goes. `why`: one of `WHYS`, or nothing when it succeeds."""

    takes: timedelta
    why: str = ""
    log: tuple[str, ...] | None = None
    annotation: Annotation = EXIT_NOTE


class _Attempt:
    """One attempt of a run; a job's fate is drawn at the moment at which it starts."""

    def __init__(self, days: Days, place: Place, run: int, number: int) -> None:
        self._days, self._place, self._run, self._number = days, place, run, number
        self.fates: dict[str, tuple[Fate, datetime]] = {}

    def starts(self, job: str) -> timedelta:
        now = self._days.world.now()
        fate = self._fate(JOBS[job], now)
        self.fates[job] = (fate, now + fate.takes)
        return fate.takes

    def outcome(self, job: str) -> Outcome:
        """KeyError before the job has started."""
        fate, ended = self.fates[job]
        if not fate.why:
            return Outcome()
        log = None if fate.log is None else stamped(fate.log, ended)
        return Outcome("failure", log, (fate.annotation,))

    def _drawn(self, job: str, what: str) -> float:
        quarter, place = self._days.quarter, self._place
        return quarter.drawn(place.day, place.line, place.repo, self._run, self._number, job, what)

    def _fate(self, kind: Kind, now: datetime) -> Fate:
        days, job = self._days, kind.name
        least, most = kind.minutes
        takes = timedelta(minutes=least + (most - least) * self._drawn(job, "minutes"))
        soon = timedelta(minutes=1 + 2 * self._drawn(job, "soon"))
        if kind.fetches and days.outage_until(now + soon):
            return Fate(soon, "outage", tuple(away(kind.tool)))
        found = days.broken(self._place)
        if found and found.job == job:
            return self._broken(found, kind, takes)
        if self._drawn(job, "flake") >= days.quarter.rate(self._place.repo, job):
            return Fate(takes)
        of_network = self._drawn(job, "kind") < 1 / 4
        return self._network(kind, takes) if of_network else self._flaky(kind, takes)

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
                test = self._days.quarter.pool(self._place.repo, kind.name)[0]
        return Fate(takes, "break", tuple(failed_tests(kind.tool, kind.name, [test])))

    def _flaky(self, kind: Kind, takes: timedelta) -> Fate:
        pool = self._days.quarter.pool(self._place.repo, kind.name)
        first = int(self._drawn(kind.name, "which") * len(pool))
        tests = [pool[first]]
        if self._drawn(kind.name, "two") < 1 / 4:
            tests.append(pool[(first + 1) % len(pool)])
        return Fate(takes, "test", tuple(failed_tests(kind.tool, kind.name, tests)))

    def _network(self, kind: Kind, takes: timedelta) -> Fate:
        takes *= 0.1 + 0.8 * self._drawn(kind.name, "part")
        if self._drawn(kind.name, "runner") < 1 / 3:
            return Fate(takes, "network", None, Annotation(LOST_RUNNER))
        return Fate(takes, "network", tuple(hiccup(kind.tool)))


@dataclass(frozen=True, slots=True)
class _Times(Mapping[str, timedelta]):
    """Asked when a job starts."""

    attempt: _Attempt

    def __getitem__(self, job: str) -> timedelta:
        return self.attempt.starts(job)

    def __iter__(self) -> Iterator[str]:
        return iter(JOBS)

    def __len__(self) -> int:
        return len(JOBS)


@dataclass(frozen=True, slots=True)
class _Outcomes(Mapping[str, Outcome]):
    """Asked when a job ends."""

    attempt: _Attempt

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
        self._next = _Attempt(self._days, place, runs.index(run_number), attempt)
        return True

    def change(self, script: Script) -> Script:
        assert self._next is not None
        needs = {kind.name: kind.needs for kind in KINDS}
        return replace(
            script,
            jobs=tuple(JOBS),
            needs=needs,
            job_takes=_Times(self._next),
            outcomes=_Outcomes(self._next),
            queue=timedelta(seconds=20),
        )


def reasons(attempt: Attempt) -> set[str]:
    """Why jobs of the attempt failed, of `WHYS`; empty when none did."""
    outcomes = attempt.script.outcomes
    assert isinstance(outcomes, _Outcomes)
    fates = outcomes.attempt.fates
    return {
        fates[job.name][0].why for job in attempt.jobs if job.conclusion == "failure" and job.name in fates
    }
