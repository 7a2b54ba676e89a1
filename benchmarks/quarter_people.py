"""People on release day, and the two policies that do without the bot.

Rule: whoever is called does the right thing, some time later; only how they learn of a failure differs.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from benchmarks.quarter_fates import reasons, stage_jobs
from benchmarks.quarter_world import WORKFLOW, Days, Place, Quarter, branch
from bot.simulator.clock import VirtualClock
from bot.simulator.runs import Run
from bot.simulator.world import World

LOOKS = timedelta(minutes=15)
OLD_LOOKS = timedelta(minutes=5)
MOST_OLD_LOOKS = 72
AFTER_OUTAGE = timedelta(minutes=2)
LONGEST_DAY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Call:
    """A person was called to one side of a release. `shown`: why jobs of its last attempt that is over had failed."""

    place: Place
    at: datetime
    shown: frozenset[str]


@dataclass(frozen=True, slots=True)
class Lived:
    """A quarter that is over. `told`: when a release was said to be released, where somebody says so."""

    days: Days
    calls: list[Call]
    told: dict[str, datetime]


class Keyboard(Protocol):
    """How somebody makes things go on."""

    def failed_jobs_again(self, place: Place, run: Run) -> None: ...
    def new_run(self, place: Place) -> None: ...


class ByHand:
    """On GitHub's pages."""

    def __init__(self, days: Days) -> None:
        self._days, self._hand = days, days.world.hand("maya")

    def failed_jobs_again(self, place: Place, run: Run) -> None:
        del place
        self._hand.reruns_failed_jobs(run)

    def new_run(self, place: Place) -> None:
        workflow = self._days.world.repository(place.repo).workflows[WORKFLOW]
        self._hand.starts(workflow, branch(place.line), releaseVersion=place.version, sendId="by hand")


@dataclass(slots=True)
class Team:
    """Who is called, and what they do then."""

    days: Days
    keyboard: Keyboard
    calls: list[Call] = field(default_factory=list)
    acted: Callable[[Place], None] | None = None

    def call(self, place: Place) -> None:
        number = sum(call.place == place for call in self.calls)
        ended = [each for each in self.days.runs(place)[-1].attempts if each.status == "completed"]
        shown = frozenset(reasons(ended[-1])) if ended else frozenset[str]()
        self.calls.append(Call(place, self.days.world.now(), shown))
        self.days.world.after(self.days.quarter.reaction(place, number), lambda: self._act(place))

    def _act(self, place: Place) -> None:
        """The right thing: wait while it runs or a registry is known to be away; mend what is broken; run it again."""
        days, world, run = self.days, self.days.world, self.days.runs(place)[-1]
        away = days.outage_until(world.now())
        if run.status != "completed" or away:
            again = away + AFTER_OUTAGE if away else world.now() + LOOKS
            world.agenda.at(again, lambda: self._act(place))
            return
        if run.conclusion != "success":
            self._mend(place, run)
        if self.acted:
            self.acted(place)

    def _mend(self, place: Place, run: Run) -> None:
        found = self.days.broken(place)
        if found is None or run.attempt.job(found.job).conclusion != "failure":
            self.keyboard.failed_jobs_again(place, run)
            return
        self.days.mended[place] = self.days.world.now()
        if found.in_code:
            mender = self.days.world.hand("ada")
            mender.pushes(run.repository, branch(place.line), f"Mend the {found.name}")
            self.keyboard.new_run(place)
        else:
            self.keyboard.failed_jobs_again(place, run)


# -- the other policies ----------------------------------------------------------------------------------


class ByHandDay:
    """One day on which people start and watch the runs themselves."""

    def __init__(self, team: Team, places: list[Place]) -> None:
        self._team, self._days, self._places = team, team.days, places
        self._seen: set[tuple[int, int]] = set()

    def begin(self) -> None:
        for place in self._places:
            self._team.keyboard.new_run(place)
        self._days.world.after(LOOKS, self._look)

    def _look(self) -> None:
        for run in _failed(self._days, self._places):
            if (run.id, run.attempt.number) not in self._seen:
                self._seen.add((run.id, run.attempt.number))
                self._team.call(self._days.place(run))
        if not _all_passed(self._days, self._places):
            self._days.world.after(LOOKS, self._look)


class OldDay:
    """One day of the old flow: whatever failed is run again whole, at every look, until the looks are used up."""

    def __init__(self, team: Team, places: list[Place]) -> None:
        self._team, self._days = team, team.days
        self._looks = dict.fromkeys(places, 0)
        team.acted = self._start_again

    def begin(self) -> None:
        for place in self._looks:
            self._team.keyboard.new_run(place)
        self._days.world.after(OLD_LOOKS, self._look)

    def _start_again(self, place: Place) -> None:
        self._looks[place] = 0

    def _look(self) -> None:
        for run in _failed(self._days, list(self._looks)):
            place = self._days.place(run)
            if self._looks[place] < MOST_OLD_LOOKS:
                self._days.world.hand("cron").reruns(run)
        for place, looks in self._looks.items():
            self._looks[place] = looks + 1
            if looks + 1 == MOST_OLD_LOOKS and self._days.passed_at(place) is None:
                self._team.call(place)
        if not _all_passed(self._days, list(self._looks)):
            self._days.world.after(OLD_LOOKS, self._look)


def _failed(days: Days, places: list[Place]) -> list[Run]:
    newest = [days.runs(place)[-1] for place in places]
    return [run for run in newest if run.status == "completed" and run.conclusion != "success"]


def _all_passed(days: Days, places: list[Place]) -> bool:
    return all(days.passed_at(place) is not None for place in places)


# -- a quarter without the bot ---------------------------------------------------------------------------


def by_hand(quarter: Quarter, policy: type[ByHandDay] | type[OldDay]) -> Lived:
    """The whole quarter on a GitHub of its own."""
    clock = VirtualClock()
    world = World(clock)
    world.hook.active = False
    public, private = quarter.repos
    world.add_repository(public)
    world.add_repository(private, visibility="private")
    days = Days(quarter, world)
    stage_jobs(days)
    team = Team(days, ByHand(days))
    for day in range(quarter.tuesdays):
        clock.move_to(quarter.morning(day))
        days.begin(day)
        policy(team, quarter.places(day)).begin()
        passes(clock, world, until=quarter.morning(day) + LONGEST_DAY)
    return Lived(days, team.calls, {})


def passes(clock: VirtualClock, world: World, *, until: datetime) -> None:
    """Time passes until nothing is left to happen, or the day is over."""
    while (due := world.next_due()) is not None and due <= until:
        clock.move_to(max(due, clock.now()))
        world.turn()
