"""Runs that GitHub cancelled by itself: what is read from its words, and what follows from them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.cancel_words import began, cut_off, group_of
from bot.core.commands import Pause
from bot.core.effects import AwaitOthers, CheckSend, JudgeCancel, RerunFailedJobs
from bot.core.events import CancelJudged, WayFree
from bot.core.facts import JobFacts
from bot.core.gave_way import stands_behind
from bot.core.model import NoteKind, Release
from bot.core.plan import Retry
from bot.core.states import GaveWay, NeedsPerson
from bot.core.trouble import TroubleKind
from tests.core.releases import (
    EE,
    NOON,
    SIX_HOURS,
    Journey,
    dispatch_step,
    ordered,
    plan_of,
    run_seen,
    watch_step,
    watched_run,
)

FOR_IMAGES = "Canceling since a higher priority waiting request for 'images' exists"
BY_WALT = "The run was canceled by @walt."


@pytest.mark.parametrize(
    ("said", "group"),
    [
        (FOR_IMAGES, "images"),
        (f"{FOR_IMAGES}.", "images"),
        ("Build: " + FOR_IMAGES, "images"),
        ("Cancelling since a higher priority waiting request for images exists", "images"),
        ("Canceled since a higher priority waiting request for 'it's a group' exists", "it's a group"),
        ("Canceling since a higher priority waiting request for 'what exists' exists", "what exists"),
        (BY_WALT, ""),
        ("The operation was cancelled by @release-bot[bot].", ""),
        ("The operation was canceled.", None),
        ("Canceling since a higher priority waiting request for '' exists", None),
        ("Canceling since somebody else came", None),
        ("", None),
    ],
)
def test_who_cancelled_is_read_from_what_github_says(said: str, group: str | None) -> None:
    assert group_of([said]) == group


def test_a_person_among_those_who_cancelled_makes_it_a_persons_cancel() -> None:
    assert group_of([FOR_IMAGES, BY_WALT]) == ""
    assert group_of([BY_WALT, FOR_IMAGES]) == ""
    assert group_of(["The operation was canceled.", FOR_IMAGES]) == "images"
    assert group_of([]) is None


def test_only_jobs_that_were_cut_off_say_who_did_it_and_any_job_may_have_begun() -> None:
    job = JobFacts(1, "build", "completed", "cancelled", None, 71, None)
    passed = replace(job, id=2, conclusion="success", began=True)
    skipped = replace(job, id=3, conclusion="skipped")

    assert cut_off([passed, job, skipped]) == (job,)
    assert began([passed, job])
    assert not began([job, skipped])
    assert not began([])


# -- what follows ----------------------------------------------------------------------------------------


def cancelled(journey: Journey | None = None, run_id: int = 7) -> Journey:
    return (journey or Journey().starts(run_id=run_id)).ends("cancelled", run_id=run_id)


def gave_way(journey: Journey | None = None, run_id: int = 7) -> Journey:
    made = cancelled(journey, run_id)
    made.hears(CancelJudged("build", run_id, 1, "images", others=(9, 8)))
    return made


def trouble_of(journey: Journey) -> TroubleKind:
    state = journey.state()
    assert isinstance(state, NeedsPerson)
    return state.trouble.kind


def test_of_a_cancelled_run_it_is_asked_who_did_it_and_nothing_else() -> None:
    assert cancelled().effects == (JudgeCancel("build", 7, 1),)


def test_a_run_that_gave_way_waits_for_the_others_and_is_dispatched_anew() -> None:
    journey = gave_way()
    state = journey.state()
    assert isinstance(state, GaveWay)
    assert (state.group, state.others) == ("images", (9, 8))
    assert list(journey.effects) == [AwaitOthers("build", 7, 1)]
    assert journey.noted() == [NoteKind.GAVE_WAY]
    assert journey.told("person") == 0

    journey.hears(WayFree("build", 7, 1))
    assert journey.effects == (CheckSend("build", 2),)
    assert journey.starts(run_id=12).passes(run_id=12).release.word == "released"


def test_a_second_time_a_person_is_asked() -> None:
    journey = gave_way()
    journey.hears(WayFree("build", 7, 1))
    gave_way(journey.starts(run_id=12), run_id=12)
    assert trouble_of(journey) is TroubleKind.GROUP_CANCELLED
    assert journey.told("person") == 1


def test_what_had_begun_is_not_sent_again() -> None:
    journey = cancelled()
    journey.hears(CancelJudged("build", 7, 1, "images", began=True))
    assert trouble_of(journey) is TroubleKind.GROUP_CANCELLED


def test_the_cancel_of_a_person_is_left_to_people() -> None:
    journey = cancelled()
    journey.hears(CancelJudged("build", 7, 1))
    assert trouble_of(journey) is TroubleKind.CANCELLED


@pytest.mark.parametrize("event", [WayFree("build", 7, 2), WayFree("build", 8, 1), WayFree("other", 7, 1)])
def test_the_way_of_another_run_frees_nothing(event: WayFree) -> None:
    journey = gave_way()
    if event.step == "build":
        journey.hears(event)
    assert journey.kind() == "gave-way"


def test_what_a_person_runs_again_meanwhile_is_adopted() -> None:
    journey = gave_way()
    journey.sees(run_seen(attempt=2, by="walt"))
    journey.hears(WayFree("build", 7, 1))
    assert journey.kind() == "running"
    assert journey.noted()[-1] is NoteKind.ADOPTED_RERUN
    assert journey.release.steps["build"].sends == 1


def test_others_that_never_end_are_told_to_a_person() -> None:
    journey = gave_way()
    assert journey.wake_at == journey.now.replace(hour=18)
    journey.waits(SIX_HOURS - 1)
    assert journey.kind() == "gave-way"
    journey.waits(1)
    assert trouble_of(journey) is TroubleKind.GROUP_CANCELLED


# -- a run that somebody else started --------------------------------------------------------------------


def watched(retry: Retry) -> Journey:
    journey = Journey(plan_of(replace(watch_step(), retry=retry)))
    journey.finds(watched_run())
    over = replace(watched_run(), status="completed", conclusion="cancelled")
    journey.sees(over)
    journey.hears(CancelJudged("build", 7, 1, "images", others=(9,)))
    return journey


def test_a_watched_run_that_gave_way_is_run_again_at_once_and_that_counts() -> None:
    journey = watched(Retry())
    journey.hears(WayFree("build", 7, 1))
    assert journey.effects == (RerunFailedJobs("build", 7, 1),)
    assert journey.release.steps["build"].reruns_in_all == 1


def test_a_watched_run_that_must_not_be_run_again_by_itself_is_left_to_people() -> None:
    assert trouble_of(watched(Retry(0, 0, 0, 0))) is TroubleKind.GROUP_CANCELLED


# -- several at once -------------------------------------------------------------------------------------


def other(make: Callable[[], Journey]) -> Release:
    return replace(make().release, id="r0")


def on_its_way() -> Journey:
    journey = gave_way()
    journey.hears(WayFree("build", 7, 1))
    return journey


def later() -> Journey:
    return gave_way(Journey(now=NOON + timedelta(minutes=1)).starts())


def elsewhere() -> Journey:
    return gave_way(Journey(plan_of(dispatch_step(repo=EE))).starts())


@pytest.mark.parametrize(
    ("make", "behind"),
    [
        (gave_way, True),
        (on_its_way, True),
        (lambda: on_its_way().sends(), True),
        (lambda: on_its_way().loses_the_answer(), True),
        (lambda: on_its_way().starts(run_id=12), True),
        (lambda: ordered(on_its_way(), Pause(pipeline="release")), False),
        (lambda: gave_way(on_its_way().starts(run_id=12), run_id=12), False),
        (lambda: on_its_way().starts(run_id=12).passes(run_id=12), False),
        (later, False),
        (elsewhere, False),
        (lambda: Journey().starts(), False),
    ],
    ids=[
        "it has waited longer",
        "its new dispatch is due",
        "it is being sent",
        "its run is looked for",
        "its new run is under way",
        "it is paused",
        "it needs a person",
        "it has passed",
        "it has waited less",
        "it is in another repository",
        "it never gave way",
    ],
)
def test_of_several_that_gave_way_one_goes_after_the_other(make: Callable[[], Journey], behind: bool) -> None:
    mine = gave_way().release
    assert stands_behind(mine, "build", [other(make), mine]) is behind


def test_of_two_that_gave_way_exactly_one_stands_behind_the_other() -> None:
    mine, its = gave_way().release, other(gave_way)
    both = [mine, its]
    assert [stands_behind(mine, "build", both), stands_behind(its, "build", both)] == [True, False]


def test_a_run_of_this_release_that_the_bot_cancelled_is_not_run_again() -> None:
    journey = Journey()
    journey.waits(60)
    journey.starts().ends("cancelled")
    journey.hears(CancelJudged("build", 7, 1, ours=True))

    assert (journey.kind(), journey.told("person")) == ("needs-person", 1)
