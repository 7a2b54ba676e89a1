"""The outage brake: one re-run tries a service that fails several, the others wait for what comes of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from bot.core import commands
from bot.core.causes import Cause
from bot.core.events import Judged, RerunAccepted
from bot.core.outage import CALM, LONGEST, LONGEST_PROOF, orders
from bot.core.plan import Retry
from bot.core.states import Cooling
from bot.core.trouble import Background, Hold
from tests.core.releases import NOON, Journey, dispatch_step, plan_of, run_seen, verdict

CENTRAL = "repo.maven.apache.org"
PATIENT = plan_of(dispatch_step(retry=Retry(transient=9, wait=30.0)))


@dataclass(slots=True)
class Day:
    """Some releases of one home, each with a step `build`, on one clock; the brake is asked after every verb."""

    journeys: list[Journey] = field(default_factory=list)
    now: datetime = NOON

    def starts(self, count: int, *, home: str | None = None) -> None:
        for _ in range(count):
            number = len(self.journeys)
            journey = Journey(PATIENT if home is None else replace(PATIENT, home=home), now=self.now)
            journey.release = replace(journey.release, id=f"r{number}")
            self.journeys.append(journey.starts(run_id=100 + number))

    def waits(self, *, minutes: float = 0, seconds: float = 0) -> None:
        self.now += timedelta(minutes=minutes, seconds=seconds)
        for journey in self.journeys:
            journey.waits((self.now - journey.now).total_seconds())
        self._brakes()

    def fails(
        self, number: int, *, attempt: int = 1, jobs: int = 1, lasted: float = 300.0, service: str = CENTRAL
    ) -> None:
        journey, run_id = self.journeys[number], 100 + number
        journey.ends("failure", run_id=run_id, attempt=attempt)
        background = Background(service=service, jobs=jobs, seconds=lasted, lasted=lasted)
        judged = Judged("build", run_id, attempt, verdict(Cause.TRANSIENT), "", background)
        journey.hears(judged)
        self._brakes()

    def is_rerun(self, number: int, *, attempt: int = 2) -> None:
        self.journeys[number].hears(RerunAccepted("build", 100 + number, attempt - 1))
        self.journeys[number].is_rerun(run_id=100 + number, attempt=attempt)
        self._brakes()

    def passes(self, number: int, *, attempt: int = 2) -> None:
        seen = run_seen(100 + number, conclusion="success", attempt=attempt, started=self.now)
        self.journeys[number].sees(seen, jobs_ran=True)
        self._brakes()

    def _brakes(self) -> None:
        for _ in range(3):
            told = orders([journey.release for journey in self.journeys], self.now)
            for release_id, order in told:
                self._of(release_id).hears(order)
        assert not orders([journey.release for journey in self.journeys], self.now), "the brake never rests"

    def _of(self, release_id: str) -> Journey:
        return next(journey for journey in self.journeys if journey.release.id == release_id)

    def cooling(self, number: int) -> Cooling:
        state = self.journeys[number].state()
        assert isinstance(state, Cooling)
        return state

    def hold(self, number: int) -> Hold | None:
        return self.cooling(number).hold

    def due_in(self, number: int) -> float:
        return (self.cooling(number).until - self.now).total_seconds()


@pytest.fixture
def day() -> Day:
    return Day()


def fail_together(day: Day, numbers: Sequence[int]) -> None:
    for number in numbers:
        day.fails(number)


def test_two_failures_are_no_outage(day: Day) -> None:
    day.starts(2)
    fail_together(day, [0, 1])

    assert [day.hold(0), day.hold(1)] == [None, None]
    assert day.due_in(1) <= 33


def test_three_releases_that_fail_together_are_held_and_one_tries(day: Day) -> None:
    day.starts(3)
    fail_together(day, [0, 1, 2])

    tries = day.cooling(0)
    assert tries.hold is not None
    assert (tries.hold.service, tries.hold.count, tries.hold.probe) == (CENTRAL, 3, True)
    assert day.due_in(0) <= 33
    for number in (1, 2):
        hold = day.hold(number)
        assert hold is not None
        assert (hold.probe, hold.next_try) == (False, tries.until)
        assert day.due_in(number) >= LONGEST_PROOF.total_seconds()


def test_several_jobs_of_one_attempt_are_an_outage_that_the_next_release_feels(day: Day) -> None:
    day.starts(2)
    day.fails(0, jobs=4)
    day.fails(1)

    hold = day.hold(1)
    assert hold is not None
    assert not hold.probe


def test_one_job_that_fails_again_and_again_is_no_outage(day: Day) -> None:
    day.starts(2)
    for attempt in (1, 2, 3, 4):
        day.fails(0, attempt=attempt)
        day.is_rerun(0, attempt=attempt + 1)
    day.fails(1)

    assert day.hold(1) is None


def test_failures_far_apart_are_no_outage(day: Day) -> None:
    day.starts(3)
    for number in range(3):
        day.fails(number)
        day.waits(minutes=11)

    assert [day.cooling(number).hold for number in range(3)] == [None, None, None]


def test_another_service_is_another_matter(day: Day) -> None:
    day.starts(3)
    fail_together(day, [0, 1])
    day.fails(2, service="ghcr.io")

    assert [day.hold(number) for number in range(3)] == [None, None, None]


def test_a_success_lets_the_others_go_soon_and_not_all_at_once(day: Day) -> None:
    day.starts(6)
    fail_together(day, range(6))
    day.waits(seconds=40)
    day.is_rerun(0)
    day.waits(minutes=5)
    day.passes(0)

    gone = [day.due_in(number) for number in range(1, 6)]
    assert [day.hold(number) for number in range(1, 6)] == [None] * 5
    assert all(0 <= seconds <= 120 for seconds in gone)
    assert len({round(seconds) for seconds in gone}) > 1


def test_a_try_that_outlives_the_failure_lets_the_others_go_though_it_still_runs(day: Day) -> None:
    day.starts(3)
    fail_together(day, [0, 1, 2])
    day.waits(seconds=40)
    day.is_rerun(0)

    hold = day.hold(1)
    assert hold is not None
    assert hold.next_try is None
    # It had failed after five minutes: half as long again and some more is proof enough.
    assert day.due_in(1) <= 5 * 60 * 1.1 + 60 + 120


def test_a_try_that_fails_makes_the_next_one_wait_longer_and_is_made_by_another(day: Day) -> None:
    day.starts(3)
    fail_together(day, [0, 1, 2])
    day.waits(seconds=40)
    day.is_rerun(0)
    day.waits(minutes=5)
    day.fails(0, attempt=2)

    hold = day.hold(1)
    assert hold is not None
    assert hold.probe
    assert day.due_in(1) == pytest.approx(120)

    day.waits(seconds=121)
    day.is_rerun(1)
    day.waits(minutes=5)
    day.fails(1, attempt=2)

    hold = day.hold(2)
    assert hold is not None
    assert hold.probe
    assert day.due_in(2) == pytest.approx(240)


def test_a_rerun_that_got_past_its_failure_long_ago_is_no_try_of_an_outage_that_begins_now(day: Day) -> None:
    day.starts(4)
    day.fails(0, lasted=60)
    day.waits(seconds=40)
    day.is_rerun(0)
    day.waits(minutes=30)
    fail_together(day, [1, 2, 3])

    held = [day.hold(number) for number in (1, 2, 3)]
    assert [hold is not None and hold.probe for hold in held] == [True, False, False]
    assert all(day.due_in(number) >= LONGEST_PROOF.total_seconds() for number in (2, 3))


def test_what_fails_while_a_try_is_under_way_waits_for_it_too(day: Day) -> None:
    day.starts(3)
    fail_together(day, [0, 1, 2])
    day.waits(seconds=40)
    day.is_rerun(0)
    day.starts(1)
    day.fails(3)

    hold = day.hold(3)
    assert hold is not None
    assert hold.next_try is None


def test_a_person_who_asks_for_the_rerun_gets_it_at_once(day: Day) -> None:
    day.starts(3)
    fail_together(day, [0, 1, 2])
    day.journeys[2].orders(commands.Retry(pipeline="release", version="1.0.3", step="build"))
    day.waits(seconds=1)

    assert day.cooling(2).by == "maya"
    assert day.due_in(2) <= 0


def test_a_paused_release_does_not_make_the_try(day: Day) -> None:
    day.starts(3)
    day.journeys[0].orders(commands.Pause(pipeline="release", version="1.0.3"))
    fail_together(day, [0, 1, 2])

    hold = day.hold(1)
    assert hold is not None
    assert hold.probe


def test_an_outage_of_which_nothing_is_heard_any_more_is_over(day: Day) -> None:
    day.starts(3)
    fail_together(day, [0, 1, 2])
    day.journeys[0].orders(commands.Pause(pipeline="release", version="1.0.3"))
    day.waits(minutes=CALM.total_seconds() / 60 + 1)

    assert [day.hold(number) for number in range(3)] == [None, None, None]


def test_nothing_is_held_for_longer_than_the_longest_outage(day: Day) -> None:
    day.starts(8)
    fail_together(day, range(8))
    began, attempts = day.now, dict.fromkeys(range(8), 1)
    while day.now - began < LONGEST + timedelta(minutes=5):
        day.waits(minutes=1)
        for number in attempts:
            state = day.journeys[number].state()
            if isinstance(state, Cooling) and state.until <= day.now:
                attempts[number] += 1
                day.is_rerun(number, attempt=attempts[number])
                day.fails(number, attempt=attempts[number], lasted=10)

    assert all(day.hold(n) is None for n in attempts if isinstance(day.journeys[n].state(), Cooling))


def test_the_count_tells_of_its_own_home_alone(day: Day) -> None:
    day.starts(2)
    day.starts(2, home="acme/elsewhere")
    fail_together(day, range(4))

    hold = day.hold(1)
    assert hold is not None
    assert hold.count == 2
