"""One simulated Tuesday: four versions in two repositories, how long their runs take, which jobs flake, one outage.

Rule: everything follows from the seed. What a job takes belongs to its version and side, not to the attempt, so that
the shortest possible day is the same for every policy; whether it flakes belongs to the attempt.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from benchmarks.quarter_fates import QUEUE, Fate, Fated
from benchmarks.quarter_logs import Tool, away, test_name
from benchmarks.quarter_world import KINDS, Kind, drawn
from bot.core.versions import Version
from bot.simulator.world import World
from tests.scenarios.stage import EE, OSS

VERSIONS = ("0.24.9", "1.0.4", "1.1.1", "1.2.0")
EARLIER = ("0.24.8", "1.0.3", "1.1.0")
"""Released on other days; 1.2 is a new line."""
REPOS = (OSS, EE)
START, BUILD, IMAGES = "global-start-release.yml", "pre-release.yml", "release-docker.yml"
STEPS = {START: "start", BUILD: "", IMAGES: "docker"}
MORNING = datetime(2026, 12, 1, 9, tzinfo=UTC)
FLAKY = 0.05
OUTAGE = timedelta(minutes=20)
OUTAGE_BEGINS = timedelta(minutes=150)
"""Within so much time after the start; a day without a failure takes about as long."""
REGISTRIES = (frozenset({Tool.GRADLE, Tool.SUREFIRE}), frozenset({Tool.JEST}))
"""Who fetches from which: Maven Central and npm. One of them is away on each day."""
TAKES = {START: (2, 4), BUILD: (50, 70), IMAGES: (15, 25)}
"""Minutes of a run whose jobs succeed at once, runners' queues included."""
JOBS: dict[str, tuple[Kind, ...]] = {
    START: (Kind("start", (), Tool.PYTEST, (2, 4)),),
    BUILD: KINDS,
    IMAGES: (
        Kind("image", (), Tool.GRADLE, (9, 14), fetches=True),
        Kind("smoke-test", ("image",), Tool.PYTEST, (3, 6)),
        Kind("push", ("smoke-test",), Tool.JEST, (2, 4), fetches=True),
    ),
}
POOL = 3
"""Tests of one job that are flaky."""


@dataclass(frozen=True, slots=True)
class Place:
    """One side of one version."""

    version: str
    repo: str

    def step(self, workflow: str) -> str:
        """What the pipeline file calls it."""
        edition = "oss" if self.repo == OSS else "ee"
        return "-".join(filter(None, (edition, STEPS[workflow])))


PLACES = tuple(Place(version, repo) for version in VERSIONS for repo in REPOS)


def series(version: str) -> str:
    return version.rpartition(".")[0]


@dataclass(frozen=True, slots=True)
class Tuesday:
    seed: int

    def outage(self) -> tuple[datetime, datetime]:
        begins = MORNING + OUTAGE_BEGINS * drawn(self.seed, "outage")
        return begins, begins + OUTAGE

    def away(self) -> frozenset[Tool]:
        """Whose registry is."""
        return REGISTRIES[int(drawn(self.seed, "registry") * len(REGISTRIES))]

    def takes(self, place: Place, workflow: str) -> dict[str, timedelta]:
        """Of each job, without its queue; together they make the run as long as it was drawn."""
        least, most = TAKES[workflow]
        whole = timedelta(minutes=least + (most - least) * self._drawn(place, workflow, "run"))
        raw: dict[str, timedelta] = {}
        for kind in JOBS[workflow]:
            low, high = kind.minutes
            raw[kind.name] = timedelta(minutes=low + (high - low) * self._drawn(place, workflow, kind.name))
        chain = _longest(JOBS[workflow], raw)
        factor = (whole - QUEUE * len(chain)) / sum((raw[name] for name in chain), timedelta())
        return {name: span * factor for name, span in raw.items()}

    def length(self, place: Place, workflow: str) -> timedelta:
        """Of a run without a failure."""
        takes = self.takes(place, workflow)
        chain = _longest(JOBS[workflow], takes)
        return sum((takes[name] + QUEUE for name in chain), timedelta())

    def bound(self) -> timedelta:
        """The longest chain: both editions, then the images of each edition one after the other, in the best order."""
        ends = []
        for repo in REPOS:
            free = timedelta()
            for built, version in sorted((self._built(version), version) for version in VERSIONS):
                free = max(free, built) + self.length(Place(version, repo), IMAGES)
            ends.append(free)
        return max(ends)

    def bound_without_order(self) -> timedelta:
        """As `bound`, if all images may be made at the same time."""
        return max(self._built(place.version) + self.length(place, IMAGES) for place in PLACES)

    def _built(self, version: str) -> timedelta:
        """When both editions are."""
        sides = [Place(version, repo) for repo in REPOS]
        return max(self.length(side, START) + self.length(side, BUILD) for side in sides)

    def _drawn(self, place: Place, *what: str) -> float:
        return drawn(self.seed, place.version, place.repo, *what, "minutes")


def _longest(kinds: Sequence[Kind], takes: dict[str, timedelta]) -> tuple[str, ...]:
    """The chain of jobs that takes longest; a job comes after those it needs."""
    best: dict[str, tuple[timedelta, tuple[str, ...]]] = {}
    for kind in kinds:
        span, chain = max((best[name] for name in kind.needs), default=(timedelta(), ()))
        best[kind.name] = (span + takes[kind.name], (*chain, kind.name))
    return max(best.values())[1]


class FatedJobs(Fated):
    """One attempt of a run on that day. `number`: which run of its workflow and place it is, from 0."""

    def __init__(
        self, world: World, tuesday: Tuesday, place: Place, workflow: str, *, number: int, attempt: int
    ) -> None:
        super().__init__(world, JOBS[workflow])
        self._tuesday, self._place = tuesday, place
        self._drawn_by = (tuesday.seed, place.version, place.repo, workflow, number, attempt)
        self._takes = tuesday.takes(place, workflow)

    def drawn(self, job: str, what: str) -> float:
        return drawn(*self._drawn_by, job, what)

    def fate(self, kind: Kind, now: datetime) -> Fate:
        takes = self._takes[kind.name]
        begins, ends = self._tuesday.outage()
        if kind.fetches and kind.tool in self._tuesday.away() and begins < now + takes and now < ends:
            soon = timedelta(minutes=1 + 2 * self.drawn(kind.name, "soon"))
            return Fate(max(now, begins) + soon - now, "outage", tuple(away(kind.tool)))
        if self.drawn(kind.name, "flake") < FLAKY:
            return self.flake(kind, takes, tuple(self._pool(kind)))
        return Fate(takes)

    def _pool(self, kind: Kind) -> Iterator[str]:
        """The flaky tests of the job, on this day the same in all versions."""
        first = int(drawn(self._tuesday.seed, "pool", self._place.repo, kind.name) * 50)
        return (test_name(kind.tool, kind.name, first + number) for number in range(POOL))


def higher(one: str, other: str) -> bool:
    return Version.parse(one) > Version.parse(other)
