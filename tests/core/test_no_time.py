"""A step may be given no time at all (`0s`): a person is called, nothing is sent twice, the truth still wins."""

from dataclasses import replace

from bot.core import commands
from bot.core.causes import Cause
from bot.core.effects import ConfirmRun, FindRun, SeekRun
from bot.core.events import CancelJudged, RerunAccepted, SendDone
from bot.core.model import ReleaseWord
from bot.core.states import NeedsPerson
from bot.core.trouble import TroubleKind
from tests.core.releases import OSS, Journey, dispatch_step, plan_of, run_seen, watch_step, watched_run

NO_TIMEOUT = plan_of(replace(dispatch_step(), timeout=0.0))
NO_WAIT = plan_of(replace(dispatch_step(), appears_within=0.0))
NO_WATCH = plan_of(replace(watch_step(), appears_within=0.0))


def trouble(journey: Journey) -> TroubleKind:
    state = journey.state()
    assert isinstance(state, NeedsPerson), state
    return state.trouble.kind


# -- timeout: 0s -----------------------------------------------------------------------------------


def test_a_run_without_time_calls_a_person_once_and_passes_when_it_succeeds() -> None:
    journey = Journey(NO_TIMEOUT).starts()
    assert (trouble(journey), journey.told("person"), journey.effects) == (TroubleKind.TIMED_OUT, 1, ())

    for _ in range(3):
        journey.waits(60)
        journey.sees(run_seen())
    assert (journey.told("person"), journey.effects, journey.wake_at) == (1, (), None)

    journey.passes()
    assert journey.release.word is ReleaseWord.RELEASED


def test_a_run_without_time_that_is_over_when_it_is_first_seen_needs_nobody() -> None:
    journey = Journey(NO_TIMEOUT).sends()
    journey.hears(SendDone("build", 1, 7, f"https://github.com/{OSS}/actions/runs/7"))
    assert journey.effects == (ConfirmRun("build", 7, 1),)

    journey.passes()
    assert (journey.release.word, journey.told("person")) == (ReleaseWord.RELEASED, 0)


def test_no_time_stands_still_while_github_waits_for_an_environment() -> None:
    journey = Journey(NO_TIMEOUT).sends()
    journey.hears(SendDone("build", 1, 7, f"https://github.com/{OSS}/actions/runs/7"))
    journey.sees(run_seen(status="waiting"))
    journey.waits(3_600)
    held = journey.kind(), journey.effects

    journey.sees(run_seen())
    assert held == ("running", ())
    assert trouble(journey) is TroubleKind.TIMED_OUT


def test_a_release_whose_run_has_no_time_can_be_cancelled() -> None:
    journey = Journey(NO_TIMEOUT).starts()
    journey.orders(commands.Cancel(pipeline="release"))
    journey.ends("cancelled")

    assert journey.release.word is ReleaseWord.CANCELLED


def test_what_gave_way_without_time_calls_a_person_and_is_not_sent_again() -> None:
    journey = Journey(NO_TIMEOUT).sends()
    journey.hears(SendDone("build", 1, 7, f"https://github.com/{OSS}/actions/runs/7"))
    journey.ends("cancelled")
    journey.hears(CancelJudged("build", 7, 1, "images", others=(6,)))
    journey.waits(0)

    assert trouble(journey) is TroubleKind.GROUP_CANCELLED
    assert len(journey.opened) == 1


# -- appears-within: 0s ----------------------------------------------------------------------------


def test_after_a_lost_answer_github_is_asked_once_and_then_a_person() -> None:
    journey = Journey(NO_WAIT).loses_the_answer()
    assert [*journey.effects] == [FindRun("build", 1)]

    journey.finds()
    assert [*journey.effects] == []
    assert (trouble(journey), journey.told("person")) == (TroubleKind.NEVER_FOUND, 1)
    assert len(journey.opened) == 1

    journey.finds(run_seen())
    journey.passes()
    assert journey.release.word is ReleaseWord.RELEASED
    assert len(journey.opened) == 1


def test_a_watched_run_that_is_not_there_calls_a_person_and_is_taken_when_it_comes() -> None:
    journey = Journey(NO_WATCH)
    assert [*journey.effects] == [SeekRun("build")]

    journey.finds()
    assert [*journey.effects] == []
    assert (trouble(journey), journey.told("person")) == (TroubleKind.NEVER_APPEARED, 1)

    journey.finds(watched_run())
    assert journey.kind() == "running"


def test_a_watched_run_that_is_there_needs_nobody() -> None:
    journey = Journey(NO_WATCH)
    journey.finds(watched_run())

    assert (journey.kind(), journey.told("person")) == ("running", 0)


def test_a_pause_stops_no_time_too() -> None:
    journey = Journey(NO_WATCH)
    journey.orders(commands.Pause(pipeline="release"))
    journey.waits(3_600)
    journey.finds()
    assert (journey.kind(), journey.effects) == ("expecting", ())

    journey.orders(commands.Resume(pipeline="release"))
    journey.finds()
    assert trouble(journey) is TroubleKind.NEVER_APPEARED


def test_a_re_run_that_github_shows_late_is_taken_over() -> None:
    journey = Journey(NO_WAIT).starts().fails(Cause.TRANSIENT)
    journey.waits(30)
    journey.hears(RerunAccepted("build", 7, 1))
    journey.sees(run_seen(conclusion="failure"))
    assert trouble(journey) is TroubleKind.RERUN_LOST

    journey.is_rerun(attempt=2)
    journey.passes(attempt=2)
    assert journey.release.word is ReleaseWord.RELEASED
