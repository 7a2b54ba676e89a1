"""That Tuesday with the old flow: it looks every five minutes and runs whatever failed again as a whole.

Rules: a step's first look is at once, 72 looks are the limit, then a person is called and starts the step's looks anew.
It is kinder than the flow was: it looks at the run that starts a release too, and its looks fall together.
"""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from benchmarks.quarter_people import LONGEST_DAY, MOST_OLD_LOOKS, OLD_LOOKS, passes
from benchmarks.tuesday_figures import (
    Call,
    Day,
    Wrong,
    failures,
    job_minutes,
    reruns,
    since_morning,
    truth,
    wrong_names,
)
from benchmarks.tuesday_github import Switches, runs_of, stage_day
from benchmarks.tuesday_world import (
    BUILD,
    IMAGES,
    MORNING,
    PLACES,
    REPOS,
    START,
    VERSIONS,
    Place,
    Tuesday,
    series,
)
from bot.simulator.clock import VirtualClock
from bot.simulator.runs import Run
from bot.simulator.world import World

REACTION = timedelta(minutes=10)
TYPED = {
    "every version": VERSIONS,
    "the newest line and the new one": VERSIONS[-2:],
    "the highest version alone": VERSIONS[-1:],
}
"""For which versions `retag-latest` is typed, by who may type it."""
AS_PEOPLE_DO = "the newest line and the new one"


@dataclass(slots=True)
class Wait:
    """The loop of looks for one step; `workflow`: what it looks at now."""

    place: Place
    workflow: str
    looks: int = 0
    passed: bool = False


class OldTuesday:
    """Everything that the flow and its people do on that day."""

    def __init__(self, world: World) -> None:
        self._world, self._cron = world, world.hand("cron")
        self._waits = [Wait(place, START) for place in PLACES]
        self._images: dict[str, list[Wait]] = {}
        self.said: dict[str, datetime] = {}
        self.calls: list[Call] = []
        self.requests = 0
        self.writes = 0

    def begin(self) -> None:
        for place in PLACES:
            self._asks(2)  # is there such a tag? then the dispatch
            workflow = self._world.repository(place.repo).workflows[START]
            ref = f"release/{series(place.version)}"
            self._cron.starts(workflow, ref, releaseVersion=place.version, jdk="17")
        self._look()

    def _asks(self, requests: int, *, writes: int = 1) -> None:
        self.requests += requests
        self.writes += writes

    def _look(self) -> None:
        for wait in [*self._waits, *(wait for waits in self._images.values() for wait in waits)]:
            if not wait.passed and wait.looks < MOST_OLD_LOOKS:
                self._look_at(wait)
        for version in VERSIONS:
            self._goes_on(version)
        if len(self.said) < len(VERSIONS):
            self._world.after(OLD_LOOKS, self._look)

    def _look_at(self, wait: Wait) -> None:
        self._asks(1, writes=0)
        wait.looks += 1
        run = self._newest(wait)
        if run is not None and run.status == "completed":
            if run.conclusion == "success":
                wait.passed = True
                return
            self._asks(1)
            self._cron.reruns(run)
        if wait.looks == MOST_OLD_LOOKS:
            self._call(wait)

    def _newest(self, wait: Wait) -> Run | None:
        """Of the workflow that it waits for; the start is over when its tag has started the next one."""
        if wait.workflow == START and runs_of(self._world, wait.place, BUILD):
            wait.workflow = BUILD
        runs = runs_of(self._world, wait.place, wait.workflow)
        return runs[-1] if runs else None

    def _goes_on(self, version: str) -> None:
        """Once both editions are seen green come the images of both, at once; then the version is out."""
        built = all(wait.passed for wait in self._waits if wait.place.version == version)
        if built and version not in self._images:
            self._images[version] = [self._makes_images(Place(version, repo)) for repo in REPOS]
        waits = self._images.get(version, [])
        if waits and all(wait.passed for wait in waits):
            self.said.setdefault(version, self._world.now())

    def _makes_images(self, place: Place) -> Wait:
        self._asks(2)  # the dispatch, and the first look
        switches = Switches(
            place.version in TYPED[AS_PEOPLE_DO], series=True, lts=series(place.version) == "1.0"
        )
        workflow = self._world.repository(place.repo).workflows[IMAGES]
        self._cron.starts(workflow, f"v{place.version}", **switches.inputs())
        return Wait(place, IMAGES, looks=1)

    def _call(self, wait: Wait) -> None:
        now, place = self._world.now(), wait.place
        why = truth(self._world, place, wait.workflow)
        step = place.step(wait.workflow)
        self.calls.append(Call(place.version, step, since_morning(now), why, "the looks are used up"))
        self._world.after(REACTION, lambda: self._starts_again(wait))

    def _starts_again(self, wait: Wait) -> None:
        wait.looks = 0


def by_old_flow(tuesday: Tuesday) -> Day:
    begun = time.process_time()
    clock = VirtualClock(MORNING)
    world = World(clock)
    world.hook.active = False
    world.add_repository(REPOS[0])
    world.add_repository(REPOS[1], visibility="private")
    stage_day(world, tuesday)
    old = OldTuesday(world)
    old.begin()
    passes(clock, world, until=MORNING + LONGEST_DAY)
    return Day(
        seed=tuesday.seed,
        walls={version: since_morning(at) for version, at in old.said.items()},
        calls=tuple(old.calls),
        requests=old.requests,
        unchanged=0,
        writes=old.writes,
        reruns=reruns(world),
        failures=failures(world),
        job_minutes=job_minutes(world),
        dispatches=len(PLACES) * 2,
        doubled=0,
        wrong={who: _wrong(world, versions) for who, versions in TYPED.items()},
        spent=time.process_time() - begun,
    )


def _wrong(world: World, versions: tuple[str, ...]) -> Wrong:
    """As if `retag-latest` had been typed for those; it changes nothing else of the day."""

    def typed(run: Run, name: str) -> bool:
        return name != "latest" or run.head_branch.removeprefix("v") in versions

    return wrong_names(world, typed)
