"""The days of a simulated quarter: which jobs flake, when registries are away, what is really broken - by seed alone.

Rule: the fate of a job is drawn from a hash of what it is (day, version, side, run, attempt, job) and from the time
at which it runs, never from a stream that another decision could move. So every policy lives through the same days.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from math import sqrt

from benchmarks.quarter_logs import Tool, test_name
from bot.simulator.runs import Run
from bot.simulator.world import World

WORKFLOW = "release.yml"
NIGHTLY = "nightly.yml"
LINES = ("1.0", "0.24", "0.23", "0.22")
FIRST = datetime(2026, 12, 1, 9, tzinfo=UTC)
"""The first Tuesday."""


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


def drawn(*what: object) -> float:
    """From 0 up to 1, the same for the same thing; the seed is a part of it."""
    text = "/".join(map(str, what))
    return int.from_bytes(sha256(text.encode()).digest()[:7]) / 2**56


@dataclass(frozen=True, slots=True)
class Quarter:
    """What is fixed before anybody does anything."""

    seed: int
    tuesdays: int
    repos: tuple[str, str]
    nights: bool = True

    def drawn(self, *what: object) -> float:
        """From 0 up to 1, the same for the same thing."""
        return drawn(self.seed, *what)

    def morning(self, day: int) -> datetime:
        """When the day's releases begin."""
        return FIRST + timedelta(weeks=day)

    def mornings(self, day: int) -> tuple[datetime, ...]:
        """Those of that week, from Monday to Friday."""
        return tuple(self.morning(day) + timedelta(days=number) for number in range(-1, 4))

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


def night_of(at: datetime) -> str:
    """What a night is called, from its first run to the last re-run in the morning."""
    return f"night of {at:%Y-%m-%d}"
