"""The nights of the simulated quarter: the jobs of a release, run on every maintained line from Monday to Friday.

Rules: a night runs on a new commit that is never broken, and somebody runs once again in the morning what failed. The
bot is not there meanwhile, so nights cost it nothing; it finds them when it looks in the morning. No table counts them.
"""

from datetime import datetime, timedelta

from benchmarks.quarter_fates import stage_nights
from benchmarks.quarter_world import LINES, NIGHTLY, Days, branch, night_of
from bot.simulator.clock import VirtualClock
from bot.simulator.repositories import Repository
from bot.simulator.runs import Run

BEFORE_MORNING = timedelta(hours=6)
AGAIN_BEFORE_MORNING = timedelta(minutes=90)
OVER_BEFORE_MORNING = timedelta(minutes=5)
KEPT = timedelta(days=7)
"""Nobody asks for older nightly runs; listing them all would take most of the processor's time."""


class Nights:
    """What happens between the release days."""

    def __init__(self, days: Days, clock: VirtualClock) -> None:
        self._days, self._clock = days, clock
        self._places = [days.world.repository(name) for name in days.quarter.repos]
        stage_nights(days)

    def live_through(self, morning: datetime) -> None:
        """The night before that morning, if it is not too late for it; it is five minutes before the morning then."""
        world, begins = self._days.world, morning - BEFORE_MORNING
        if self._clock.now() <= begins:
            world.hook.active = False
            self._passes(until=begins)
            runs = [self._starts(place, line) for place in self._places for line in LINES]
            self._passes(until=morning - AGAIN_BEFORE_MORNING)
            for run in runs:
                if run.conclusion == "failure":
                    world.hand("walt").reruns_failed_jobs(run)
            self._passes(until=morning - OVER_BEFORE_MORNING)
            world.hook.active = True
        for place in self._places:
            _forget(place, before=morning - KEPT)

    def _starts(self, place: Repository, line: str) -> Run:
        self._days.world.hand("ada").pushes(place, branch(line), f"Work of {night_of(self._clock.now())}")
        return self._days.world.hand("cron").starts(place.workflows[NIGHTLY], branch(line))

    def _passes(self, *, until: datetime) -> None:
        """In large steps: only GitHub is awake."""
        agenda = self._days.world.agenda
        while (due := agenda.next_due()) is not None and due <= until:
            self._clock.move_to(max(due, self._clock.now()))
            agenda.turn()
        self._clock.move_to(until)


def _forget(place: Repository, *, before: datetime) -> None:
    nightly = place.workflows[NIGHTLY]
    for run in [run for run in place.runs.values() if run.workflow is nightly and run.created_at < before]:
        del place.runs[run.id]
        for attempt in run.attempts:
            for job in attempt.jobs:
                place.check_runs.pop(job.check_run.id, None)
