"""The release as a whole: turns, needs, approvals, pause, cancel and the end."""

from dataclasses import replace

import pytest

from bot.core import commands
from bot.core.effects import CancelRun, CheckSend, ConfirmRun, FindRun, RerunFailedJobs
from bot.core.events import (
    RepositoryBarred,
    RerunAccepted,
    RunGone,
    SendDone,
    SendNotDone,
    SendRefused,
    SendUnknown,
    Tick,
)
from bot.core.model import ReleaseWord
from bot.core.trouble import Trouble, TroubleKind
from tests.core.releases import (
    A_DAY,
    APPROVAL,
    FIFTEEN_MINUTES,
    NO_ACCESS,
    OSS,
    PLACES,
    TWO_EDITIONS,
    WITH_APPROVAL,
    Journey,
    ordered,
    run_seen,
)

CANCEL = commands.Cancel(pipeline="release")
PAUSE = commands.Pause(pipeline="release")
RESUME = commands.Resume(pipeline="release")


def over(journey: Journey) -> Journey:
    """The run of the step is over on GitHub, cancelled."""
    return journey.ends("cancelled")


# -- turns and needs -------------------------------------------------------------------------------------


def test_a_release_waits_for_the_one_before_it_and_starts_when_that_is_over() -> None:
    journey = Journey(ahead="1.0.2")
    waiting = (journey.release.word, journey.release.ahead, journey.effects)

    journey.hears(Tick(None))

    assert waiting == (ReleaseWord.WAITING, "1.0.2", ())
    assert (journey.release.word, journey.effects) == (ReleaseWord.RUNNING, (CheckSend("build", 1),))


def test_a_turn_once_given_is_not_taken_back() -> None:
    journey = Journey()

    journey.hears(Tick("1.0.2"))

    assert (journey.release.turn, journey.release.ahead) == (True, None)


def test_a_whole_release_of_two_editions() -> None:
    journey = Journey(TWO_EDITIONS)
    journey.starts("oss-start", 1).passes("oss-start", 1)
    journey.starts("ee-start", 2).passes("ee-start", 2)
    journey.finds(run_seen(3), step="oss")
    journey.passes("oss", 3)
    docker_early = journey.kind("oss-docker")
    journey.finds(run_seen(4), step="ee")
    journey.passes("ee", 4)
    journey.starts("oss-docker", 5).starts("ee-docker", 6)
    journey.passes("ee-docker", 6)
    word_before = journey.release.word
    journey.passes("oss-docker", 5)

    assert (docker_early, word_before) == ("waiting", ReleaseWord.RUNNING)
    assert journey.release.word is ReleaseWord.RELEASED
    assert [(opened.step, opened.send) for opened in journey.opened] == [
        ("oss-start", 1),
        ("ee-start", 1),
        ("oss-docker", 1),
        ("ee-docker", 1),
    ]
    assert [notice.kind for notice in journey.notices] == ["released", "day"]


def test_one_edition_in_trouble_does_not_hold_up_the_other() -> None:
    journey = Journey(TWO_EDITIONS).is_refused("ee-start")

    journey.starts("oss-start", 1).passes("oss-start", 1)

    assert journey.release.word is ReleaseWord.NEEDS_ATTENTION
    assert journey.kind("oss") == "expecting"


def test_a_finished_release_hears_nothing_any_more() -> None:
    journey = Journey().starts().passes()
    before = journey.release

    decision = journey.hears(RunGone("build", 7))

    assert (decision.release, decision.notices, decision.effects) == (before, (), ())


# -- approvals -------------------------------------------------------------------------------------------


def test_an_approval_is_asked_once_and_again_every_day() -> None:
    journey = Journey(APPROVAL)
    told = [journey.told("approval")]
    for hours in (23, 1, 12, 12):
        journey.waits(hours * 3_600)
        told.append(journey.told("approval"))

    assert told == [1, 1, 2, 2, 3]
    assert journey.release.word is ReleaseWord.RUNNING


def test_what_follows_an_approval_waits_for_it() -> None:
    journey = Journey(WITH_APPROVAL).starts().passes()

    journey.waits(A_DAY)

    assert (journey.kind("go"), journey.kind("ship"), journey.effects) == ("awaiting-approval", "waiting", ())


# -- pause -----------------------------------------------------------------------------------------------


def test_a_paused_release_sends_nothing_even_when_everything_was_read() -> None:
    journey = Journey()
    journey.orders(PAUSE)

    journey.sends()

    assert (journey.opened, journey.kind(), journey.release.word) == ([], "due", ReleaseWord.PAUSED)


def test_a_paused_release_re_runs_nothing_by_itself_until_it_is_resumed() -> None:
    journey = PLACES["cooling"]()
    journey.orders(PAUSE)
    journey.waits(3_600)
    paused = journey.effects

    journey.orders(RESUME)

    assert (paused, journey.effects) == ((), (RerunFailedJobs("build", 7, 1),))


def test_a_run_that_is_live_goes_on_while_the_release_is_paused() -> None:
    journey = ordered(Journey(WITH_APPROVAL).starts(), PAUSE)

    journey.passes()

    assert (journey.kind(), journey.release.word) == ("passed", ReleaseWord.PAUSED)


def test_a_paused_release_that_needs_a_person_says_so() -> None:
    journey = ordered(Journey().is_refused(), PAUSE)

    assert journey.release.word is ReleaseWord.NEEDS_ATTENTION


# -- cancel ----------------------------------------------------------------------------------------------

AT_ONCE = [
    "waiting",
    "due",
    "expecting",
    "diagnosing",
    "cooling",
    "awaiting approval",
    "failed",
    "refused",
    "never found",
    "never appeared",
    "nothing ran",
    "barred, due",
    "barred, expecting",
    "barred, diagnosing",
    "barred, cooling",
    "unanswered, due",
    "unanswered, diagnosing",
]


@pytest.mark.parametrize("place", AT_ONCE)
def test_cancel_ends_at_once_what_has_no_run_and_no_unknown_send(place: str) -> None:
    journey = ordered(PLACES[place](), CANCEL)

    assert journey.release.word is ReleaseWord.CANCELLED
    assert (journey.effects, journey.wake_at, journey.told("cancelled")) == ((), None, 1)


@pytest.mark.parametrize("place", ["running", "held", "timed out", "barred, running", "unanswered, running"])
def test_cancel_of_a_live_run_waits_until_github_says_that_it_is_over(place: str) -> None:
    journey = ordered(PLACES[place](), CANCEL)
    word, effects = journey.release.word, journey.effects

    journey.sees(run_seen(conclusion="cancelled"), confirmed=False)
    announced = journey.release.word
    over(journey)

    assert word is announced is ReleaseWord.RUNNING
    assert CancelRun("build", 7, 1) in effects
    assert journey.release.word is ReleaseWord.CANCELLED


@pytest.mark.parametrize("place", ["finding", "two candidates", "barred, finding"])
def test_cancel_looks_for_an_unknown_send_and_cancels_its_run(place: str) -> None:
    journey = ordered(PLACES[place](), CANCEL)
    looked = journey.effects

    journey.finds(run_seen())

    assert looked == (FindRun("build", 1),)
    assert CancelRun("build", 7, 1) in journey.effects
    assert over(journey).release.word is ReleaseWord.CANCELLED


@pytest.mark.parametrize("place", ["finding", "two candidates", "barred, finding"])
@pytest.mark.parametrize("candidates", [(), (run_seen(7), run_seen(8))])
def test_cancel_ends_an_unknown_send_when_its_time_has_passed(
    place: str, candidates: tuple[()] | tuple[object, object]
) -> None:
    journey = ordered(PLACES[place](), CANCEL)
    runs = (run_seen(7), run_seen(8)) if candidates else ()
    journey.finds(*runs)
    word = journey.release.word

    journey.waits(FIFTEEN_MINUTES)
    journey.finds(*runs)

    assert word is ReleaseWord.RUNNING
    assert journey.release.word is ReleaseWord.CANCELLED


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        (SendNotDone("build", 1, "401", 5.0), "cancelled"),
        (SendRefused("build", 1, Trouble(TroubleKind.REFUSED)), "cancelled"),
        (SendUnknown("build", 1, "lost"), "finding"),
        (SendDone("build", 1, 7, None), "running"),
    ],
)
def test_cancel_during_a_send_waits_for_its_outcome(
    outcome: SendNotDone | SendRefused | SendUnknown | SendDone, kind: str
) -> None:
    journey = ordered(Journey().sends(), CANCEL)
    word = journey.release.word

    journey.hears(outcome)

    assert (word, journey.kind()) == (ReleaseWord.RUNNING, kind)


@pytest.mark.parametrize("place", ["rerunning", "barred, rerunning"])
def test_cancel_waits_for_a_re_run_that_github_accepted_and_cancels_it(place: str) -> None:
    journey = ordered(PLACES[place](), CANCEL)
    looked = journey.effects

    journey.is_rerun(attempt=2)

    assert looked == (ConfirmRun("build", 7, 2),)
    assert CancelRun("build", 7, 2) in journey.effects
    assert journey.ends("cancelled", attempt=2).release.word is ReleaseWord.CANCELLED


def test_cancel_in_the_moment_of_a_re_run_looks_whether_it_was_made() -> None:
    journey = PLACES["cooling"]()
    journey.waits(33)

    journey.orders(CANCEL)
    journey.hears(RerunAccepted("build", 7, 1))
    looked = journey.effects
    journey.waits(60)
    journey.sees(run_seen(conclusion="failure"))

    assert looked == (ConfirmRun("build", 7, 2),)
    assert journey.release.word is ReleaseWord.CANCELLED


def test_a_run_that_succeeds_while_it_is_cancelled_is_told_as_passed() -> None:
    journey = ordered(Journey().starts(), CANCEL)

    journey.passes()

    assert (journey.kind(), journey.release.word) == ("passed", ReleaseWord.CANCELLED)


def test_a_run_deleted_while_it_is_cancelled_is_over() -> None:
    journey = ordered(Journey().starts(), CANCEL)

    journey.hears(RunGone("build", 7))

    assert journey.release.word is ReleaseWord.CANCELLED


def test_a_paused_release_can_be_cancelled() -> None:
    journey = ordered(ordered(Journey().starts(), PAUSE), CANCEL)

    assert over(journey).release.word is ReleaseWord.CANCELLED


def test_a_repository_that_refuses_the_bot_while_cancelling_calls_nobody_again_and_again() -> None:
    journey = ordered(Journey().starts(), CANCEL)

    for _ in range(3):
        journey.hears(RepositoryBarred(OSS, NO_ACCESS))

    assert (journey.told("person"), journey.kind()) == (0, "running")


def test_cancel_ends_every_step_that_is_not_over_and_keeps_those_that_are() -> None:
    journey = Journey(TWO_EDITIONS).starts("oss-start", 1).passes("oss-start", 1).starts("ee-start", 2)

    journey.orders(CANCEL)
    journey.ends("cancelled", "ee-start", 2)

    kinds = [journey.kind(step.name) for step in journey.plan]
    assert kinds == ["passed", "cancelled", "cancelled", "cancelled", "cancelled", "cancelled"]
    assert journey.release.word is ReleaseWord.CANCELLED


# -- notices ---------------------------------------------------------------------------------------------


def test_every_problem_is_told_once_and_a_new_one_again() -> None:
    journey = Journey().is_refused()
    for _ in range(3):
        journey.waits(3_600)
    first = journey.told("person")

    journey.orders(commands.Retry(pipeline="release", step="build"))
    journey.sends()
    journey.hears(SendRefused("build", 2, Trouble(TroubleKind.REFUSED, "again")))

    assert (first, journey.told("person")) == (1, 2)
    assert len({notice.key for notice in journey.notices}) == 2


def test_retries_beyond_the_budget_do_not_call_for_the_same_attempt_twice() -> None:
    journey = Journey().starts().fails()

    journey.sees(replace(run_seen(conclusion="failure"), html_url="elsewhere"))

    assert journey.told("person") == 1
