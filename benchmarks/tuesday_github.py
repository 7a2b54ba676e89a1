"""GitHub on that Tuesday: the workflows of both repositories, and the runs that a version has there.

Rule: the same for every policy; only who presses the buttons differs.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from benchmarks.tuesday_world import (
    BUILD,
    EARLIER,
    IMAGES,
    PLACES,
    REPOS,
    START,
    VERSIONS,
    FatedJobs,
    Place,
    Tuesday,
    series,
)
from bot.simulator.repositories import Repository, Tag
from bot.simulator.runs import Input, Run
from bot.simulator.script import Script, Staging
from bot.simulator.world import World

RETAG_LATEST, RETAG_SERIES, RETAG_LTS = "retag-latest", "retag-series", "retag-lts"


def stage_day(world: World, tuesday: Tuesday) -> None:
    """Both repositories as they are in the morning. They exist already."""
    for name in REPOS:
        place = world.repository(name)
        for version in EARLIER:
            place.tags[f"v{version}"] = Tag(f"v{version}", place.branches[place.default_branch])
        for version in VERSIONS:
            world.hand("ada").pushes(place, f"release/{series(version)}", "Work of the week")
        _add_workflows(world, place)
        for workflow in (START, BUILD, IMAGES):
            place.workflows[workflow].rules.append(_Fates(world, tuesday, name, workflow))


def _add_workflows(world: World, place: Repository) -> None:
    start = world.add_workflow(place, START, inputs=["releaseVersion", "jdk"])
    start.on_run().pushes_tag("v{releaseVersion}")
    world.add_workflow(place, BUILD, on_tag=True)
    switch = Input(default="false", type="boolean")
    world.add_workflow(place, IMAGES, inputs={RETAG_LATEST: switch, RETAG_SERIES: switch, RETAG_LTS: switch})


class _Fates(Staging):
    """Says of every attempt of one workflow how it goes."""

    def __init__(self, world: World, tuesday: Tuesday, repo: str, workflow: str) -> None:
        super().__init__(attempts=None, runs=None, about=None)
        self._world, self._tuesday, self._repo, self._workflow = world, tuesday, repo, workflow
        self._numbers: dict[str, list[int]] = {}
        self._next: FatedJobs | None = None

    def applies(self, *, attempt: int, run_number: int, about: Collection[str]) -> bool:
        version = next(version for version in VERSIONS if version in about)
        runs = self._numbers.setdefault(version, [])
        if run_number not in runs:
            runs.append(run_number)
        place = Place(version, self._repo)
        self._next = FatedJobs(
            self._world, self._tuesday, place, self._workflow, number=runs.index(run_number), attempt=attempt
        )
        return True

    def change(self, script: Script) -> Script:
        assert self._next is not None
        return self._next.played(script)


def version_of(run: Run) -> str:
    return run.inputs.get("releaseVersion", run.head_branch.removeprefix("v"))


def runs_of(world: World, place: Place, workflow: str) -> list[Run]:
    """Oldest first."""
    every = world.repository(place.repo).workflows[workflow].runs
    return [run for run in every if version_of(run) == place.version]


def passed_at(world: World, place: Place, workflow: str) -> datetime | None:
    good = [run.attempt for run in runs_of(world, place, workflow) if run.conclusion == "success"]
    return min((attempt.updated_at for attempt in good), default=None)


def published_at(world: World, version: str) -> datetime | None:
    """When the images of both editions were out."""
    ends = [passed_at(world, Place(version, repo), IMAGES) for repo in REPOS]
    done = [at for at in ends if at is not None]
    return max(done) if len(done) == len(ends) else None


def every_run(world: World) -> Iterator[tuple[Place, str, Run]]:
    for place in PLACES:
        for workflow in (START, BUILD, IMAGES):
            for run in runs_of(world, place, workflow):
                yield place, workflow, run


@dataclass(frozen=True, slots=True)
class Switches:
    """What the person or the bot who dispatches the images of a version sets."""

    latest: bool
    series: bool
    lts: bool

    def inputs(self) -> dict[str, str]:
        given = {RETAG_LATEST: self.latest, RETAG_SERIES: self.series, RETAG_LTS: self.lts}
        return {name: "true" if on else "false" for name, on in given.items()}
