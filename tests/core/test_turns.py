"""Whose turn it is among steps of one `one-at-a-time` name."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from bot.core import commands
from bot.core.events import (
    AdoptAsked,
    CancelJudged,
    RepositoryBarred,
    RepositoryOpen,
    SendStopped,
    TurnGiven,
    TurnTaken,
    WayFree,
)
from bot.core.model import NameMove, Release, new_release
from bot.core.plan import DispatchStep, Plan
from bot.core.states import Behind, InLine, StepWord, Waiting, word_of
from bot.core.trouble import Trouble, TroubleKind
from bot.core.turns import Turn, holds, turns
from tests.core.releases import (
    A_DAY,
    DISPATCH,
    EE,
    FIFTEEN_MINUTES,
    NO_ACCESS,
    OSS,
    PLACES,
    Journey,
    dispatch_step,
    plan_of,
    run_seen,
)

LINE = replace(dispatch_step(), one_at_a_time="images")
OTHER_LINE = replace(dispatch_step(), one_at_a_time="charts")
PAUSE, RESUME, CANCEL, RETRY = (
    commands.Pause(pipeline="release"),
    commands.Resume(pipeline="release"),
    commands.Cancel(pipeline="release"),
    commands.Retry(pipeline="release"),
)


def of_version(version: str, step: DispatchStep = LINE, *, home: str = OSS) -> Journey:
    plan: Plan = replace(plan_of(step), version=version, home=home)
    journey = Journey(plan)
    journey.release = replace(journey.release, id=f"r{version}")
    return journey


def next_ones(*journeys: Journey) -> list[str]:
    """The versions whose turn it is."""
    found = turns([journey.release for journey in journeys])
    return [turn.release_id.removeprefix("r") for turn in found if turn.behind is None]


def behind(version: str, *, stuck: bool = False, home: str = OSS) -> Behind:
    return Behind(home, "release", version, "build", stuck)


def given(version: str, step: DispatchStep = LINE) -> Journey:
    """A release whose step has its turn."""
    journey = of_version(version, step)
    journey.hears(TurnGiven("build"))
    return journey


# -- the order -------------------------------------------------------------------------------------------


def test_a_step_with_others_of_its_name_wants_nothing_before_its_turn() -> None:
    journey = of_version("1.0.3")
    assert (journey.kind(), word_of(journey.state()), journey.effects) == ("in-line", StepWord.WAITING, ())


def test_the_lowest_version_of_those_that_wait_goes_first() -> None:
    assert next_ones(of_version("1.0.10"), of_version("1.0.9"), of_version("1.1.0")) == ["1.0.9"]


def test_of_one_version_in_two_homes_the_older_release_goes_first() -> None:
    older, newer = of_version("1.0.3"), of_version("1.0.3", home=EE)
    newer.release = replace(newer.release, id="r1.0.3 of ee")
    assert next_ones(older, newer) == ["1.0.3"]


def test_a_higher_version_that_has_its_turn_keeps_it() -> None:
    assert next_ones(given("1.1.0"), of_version("1.0.3")) == []


def test_steps_of_different_names_do_not_mind_each_other() -> None:
    assert next_ones(of_version("1.0.3"), of_version("1.1.0", OTHER_LINE)) == ["1.0.3", "1.1.0"]


def test_who_waits_is_told_behind_whom() -> None:
    found = list(turns([given("1.1.0").release, of_version("1.0.3").release]))
    assert found == [Turn("r1.0.3", "build", behind("1.1.0"))]


def test_being_behind_somebody_is_remembered_once() -> None:
    journey = of_version("1.0.3")
    first = journey.hears(TurnTaken("build", behind("1.1.0")))
    again = journey.hears(TurnTaken("build", behind("1.1.0")))
    assert (bool(first.reasons), again.reasons, again.release) == (True, (), first.release)


# -- who holds its turn, and who gives it away -------------------------------------------------------------


def failed(journey: Journey) -> None:
    journey.starts()
    journey.fails()


def lost(journey: Journey) -> None:
    journey.loses_the_answer()


def running(journey: Journey) -> None:
    journey.starts()


def never_found(journey: Journey) -> None:
    journey.loses_the_answer()
    journey.finds()
    journey.waits(FIFTEEN_MINUTES)
    journey.finds()
    assert journey.kind() == "needs-person"


def cancelling(journey: Journey) -> None:
    journey.starts()
    journey.orders(CANCEL)


@pytest.mark.parametrize("happens", [running, failed, lost, never_found, cancelling])
def test_whoever_may_have_a_run_holds_the_others_up(happens: Callable[[Journey], None]) -> None:
    journey = given("1.1.0")
    happens(journey)
    assert next_ones(journey, of_version("1.0.3")) == []


def test_a_failed_step_says_that_it_is_stuck() -> None:
    journey = given("1.1.0")
    failed(journey)
    assert next(turns([journey.release, of_version("1.0.3").release])).behind == behind("1.1.0", stuck=True)


def refused(journey: Journey) -> None:
    journey.is_refused()


def stopped(journey: Journey) -> None:
    journey.hears(SendStopped("build", Trouble(TroubleKind.TAG_EXISTS, "v1.1.0")))


def barred(journey: Journey) -> None:
    journey.hears(RepositoryBarred(OSS, NO_ACCESS))


def paused(journey: Journey) -> None:
    journey.orders(PAUSE)


def passed(journey: Journey) -> None:
    journey.starts().passes()


def cancelled(journey: Journey) -> None:
    journey.orders(CANCEL)


@pytest.mark.parametrize("happens", [refused, stopped, barred, paused, passed, cancelled])
def test_whoever_has_certainly_no_run_lets_the_others_pass(happens: Callable[[Journey], None]) -> None:
    journey = given("1.1.0")
    happens(journey)
    assert next_ones(journey, of_version("1.2.0")) == ["1.2.0"]


def test_a_step_that_was_refused_waits_for_a_new_turn_when_it_is_tried_again() -> None:
    journey = given("1.1.0")
    refused(journey)
    journey.orders(RETRY)
    assert (journey.kind(), journey.effects) == ("in-line", ())


def test_a_step_that_was_barred_waits_for_a_new_turn_when_its_repository_answers() -> None:
    journey = given("1.1.0")
    barred(journey)
    journey.hears(RepositoryOpen(OSS))
    assert journey.kind() == "in-line"


def test_a_step_that_waits_in_a_barred_repository_calls_a_person() -> None:
    journey = of_version("1.1.0")
    barred(journey)
    called = journey.kind()
    journey.hears(RepositoryOpen(OSS))
    assert (called, journey.kind(), journey.told("person")) == ("needs-person", "in-line", 1)


def test_a_failed_step_keeps_its_turn_when_it_is_dispatched_anew() -> None:
    journey = given("1.1.0")
    failed(journey)
    journey.orders(commands.Redo(pipeline="release", step="build"))
    assert journey.kind() == "due"


def test_a_paused_release_is_passed_over_and_has_no_turn_before_it_is_resumed() -> None:
    journey = of_version("1.0.3")
    journey.orders(PAUSE)
    other = of_version("1.1.0")
    while_paused = next_ones(journey, other)
    journey.hears(TurnGiven("build"))
    kind = journey.kind()
    journey.orders(RESUME)

    assert (while_paused, kind, next_ones(journey, other)) == (["1.1.0"], "in-line", ["1.0.3"])


def test_a_step_that_waits_for_its_turn_can_be_skipped_and_is_cancelled_at_once() -> None:
    skipped, ended = of_version("1.0.3"), of_version("1.0.4")
    skipped.orders(commands.Skip(pipeline="release", step="build"))
    ended.orders(CANCEL)
    assert (skipped.kind(), ended.kind()) == ("skipped", "cancelled")


def test_a_step_without_a_name_waits_for_nobody() -> None:
    assert Journey(DISPATCH).kind() == "due"


def test_whoever_stands_behind_somebody_stuck_is_told_after_an_hour_and_then_once_a_day() -> None:
    journey = of_version("1.0.3")
    journey.hears(TurnTaken("build", behind("1.1.0", stuck=True)))
    told = []
    for hours in (0.9, 0.2, 22, 3, 20):
        journey.waits(3_600 * hours)
        told.append(journey.told("line"))

    assert told == [0, 1, 1, 2, 2]


def test_whoever_stands_behind_somebody_at_work_is_not_told() -> None:
    journey = of_version("1.0.3")
    journey.hears(TurnTaken("build", behind("1.1.0")))
    journey.waits(A_DAY)

    assert (journey.told("line"), journey.wake_at) == (0, None)


# -- no circle -------------------------------------------------------------------------------------------


def in_line_at(place: str, version: str) -> Release:
    """A release whose only step stands in line, or in any other place that a step with a turn can be in."""
    release = PLACES[place]().release
    step = release.plan.steps[0]
    steps = (replace(step, one_at_a_time="images"),) if isinstance(step, DispatchStep) else (step,)
    return replace(release, id=f"r{version}", plan=replace(release.plan, steps=steps, version=version))


@pytest.mark.parametrize("place", PLACES)
def test_whoever_is_waited_for_waits_for_no_other_step(place: str) -> None:
    """So steps of different releases cannot wait for each other in a circle, whatever their states are."""
    other = in_line_at(place, "1.1.0")
    found = list(turns([of_version("1.2.0").release, other]))
    free = {turn.release_id for turn in found if turn.behind is None}
    held = holds(other.steps["build"])

    assert len(free) == (0 if held else 1)
    if held:
        assert not isinstance(other.steps["build"].state, InLine | Waiting)


# -- names that move ---------------------------------------------------------------------------------------


def test_what_was_decided_about_names_is_taken_when_the_run_has_passed_and_not_before() -> None:
    journey = of_version("1.1.0")
    moves = (NameMove("latest", "1.0.3", "1.1.0"), NameMove("lts", "1.0.3", "1.0.3"))
    journey.hears(TurnGiven("build", moves, (("retag-latest", "true"),)))
    journey.starts()
    seen = run_seen(conclusion="success", started=journey.now)
    before = journey.hears(TurnTaken("build", behind("1.0.3")))
    decision = journey.sees(seen, jobs_ran=True)

    assert journey.release.steps["build"].inputs == (("retag-latest", "true"),)
    assert before.taken == ()
    assert [(taken.step, taken.name) for taken in decision.taken] == [("build", "latest")]


@pytest.mark.parametrize(("own", "taken"), [(True, ["latest"]), (False, [])])
def test_a_run_that_is_adopted_moves_the_names_only_if_the_bot_itself_started_it(
    own: bool, taken: list[str]
) -> None:
    journey = of_version("1.1.0")
    journey.hears(TurnGiven("build", (NameMove("latest", "1.0.3", "1.1.0"),)))
    journey.loses_the_answer()
    journey.hears(AdoptAsked("build", run_seen(), "maya", own=own))
    decision = journey.sees(run_seen(conclusion="success", started=journey.now), jobs_ran=True)

    assert [each.name for each in decision.taken] == taken


def test_a_failed_step_that_once_gave_way_keeps_its_turn_when_its_release_is_paused() -> None:
    """Half of its images may be out."""
    journey = given("1.1.0")
    journey.starts().ends("cancelled")
    journey.hears(CancelJudged("build", 7, 1, "images"))
    journey.hears(WayFree("build", 7, 1))
    journey.hears(TurnGiven("build"))
    journey.starts(run_id=8)
    journey.fails(run_id=8)
    journey.orders(commands.Redo(pipeline="release", step="build"))
    journey.orders(PAUSE)

    assert (journey.kind(), next_ones(journey, of_version("1.2.0"))) == ("due", [])


def test_a_run_that_a_release_before_this_one_left_is_taken_up_instead_of_starting_another() -> None:
    journey = Journey(DISPATCH)
    release = new_release(
        "r1",
        DISPATCH,
        issue=7,
        comment_id=99,
        starter=journey.release.starter,
        asked_at=journey.now,
    )
    found = Journey().starts().release.steps["build"].run
    journey.release = release.with_step("build", replace(release.steps["build"], found=found))
    journey.waits(0)
    assert (journey.kind(), journey.opened, [bound.run_id for bound in journey.bound]) == ("running", [], [7])
