"""What a release wants from the world in every place: effects, the time to wake up, repositories to look at."""

import pytest

from bot.core.effects import (
    AwaitOthers,
    CheckSend,
    ConfirmRun,
    Dispatch,
    Effect,
    FindRun,
    JudgeCancel,
    JudgeFailure,
    RerunFailedJobs,
    SeekRun,
)
from bot.core.wants import wanted, watched
from tests.core.releases import (
    A_DAY,
    FIFTEEN_MINUTES,
    OSS,
    PLACES,
    SIX_HOURS,
    TWO_EDITIONS,
    Journey,
    run_seen,
)

Wants = tuple[tuple[Effect, ...], float | None, bool]

WANTS: dict[str, Wants] = {
    "waiting": ((), None, False),
    "in line": ((), None, False),
    "due": ((CheckSend("build", 1),), None, True),
    "sending": ((Dispatch("build", 1),), None, False),
    "finding": ((FindRun("build", 1),), FIFTEEN_MINUTES, True),
    "expecting": ((SeekRun("build"),), FIFTEEN_MINUTES, True),
    "running": ((), SIX_HOURS, True),
    "held": ((), A_DAY, True),
    "diagnosing": ((JudgeFailure("build", 7, 1),), None, True),
    "judging a cancel": ((JudgeCancel("build", 7, 1),), None, True),
    "gave way": ((AwaitOthers("build", 7, 1),), SIX_HOURS, True),
    "gave way twice": ((), None, True),
    "cooling": ((), 33, True),
    "rerunning": ((ConfirmRun("build", 7, 2),), FIFTEEN_MINUTES, True),
    "awaiting approval": ((), A_DAY, False),
    "failed": ((), None, True),
    "refused": ((), None, False),
    "timed out": ((), None, True),
    "never found": ((), None, True),
    "never appeared": ((), None, True),
    "two candidates": ((), None, True),
    "nothing ran": ((), None, True),
    "barred, due": ((), None, True),
    "barred, finding": ((), None, True),
    "barred, expecting": ((), None, True),
    "barred, running": ((), None, True),
    "barred, diagnosing": ((), None, True),
    "barred, gave way": ((), None, True),
    "barred, cooling": ((), None, True),
    "barred, rerunning": ((), None, True),
    "unanswered, due": ((CheckSend("build", 1),), None, True),
    "unanswered, diagnosing": ((JudgeFailure("build", 7, 1),), None, True),
    "unanswered, judging a cancel": ((JudgeCancel("build", 7, 1),), None, True),
    "unanswered, running": ((ConfirmRun("build", 7, 1),), None, True),
    "passed": ((), None, False),
}
"""For every place: the effects, the seconds until it wakes up, and whether its repository is looked at."""


@pytest.mark.parametrize("place", PLACES)
def test_what_is_wanted_in_every_place(place: str) -> None:
    journey = PLACES[place]()

    seconds = None if journey.wake_at is None else round((journey.wake_at - journey.now).total_seconds())

    assert (journey.effects, seconds, OSS in watched(journey.release)) == WANTS[place]


@pytest.mark.parametrize(
    ("place", "effect"),
    [
        ("cooling", RerunFailedJobs("build", 7, 1)),
        ("running", ConfirmRun("build", 7, 1)),
        ("expecting", SeekRun("build")),
        ("finding", FindRun("build", 1)),
    ],
)
def test_what_becomes_due_with_time_is_wanted_from_that_moment_on(place: str, effect: Effect) -> None:
    journey = PLACES[place]()
    assert journey.wake_at is not None

    assert effect in wanted(journey.release, journey.wake_at)


def test_the_release_wakes_up_for_whatever_comes_first() -> None:
    journey = Journey(TWO_EDITIONS).starts("oss-start", 1).loses_the_answer("ee-start")

    assert journey.wake_at is not None
    assert (journey.wake_at - journey.now).total_seconds() == FIFTEEN_MINUTES


def test_only_repositories_with_a_live_or_awaited_run_are_looked_at() -> None:
    journey = Journey(TWO_EDITIONS).starts("oss-start", 1).is_refused("ee-start")

    assert watched(journey.release) == {OSS}


def test_an_announced_end_is_confirmed_until_github_has_said_so() -> None:
    journey = PLACES["running"]()
    journey.sees(run_seen(conclusion="failure"), confirmed=False)
    wanted_first = journey.effects

    journey.waits(60)

    assert wanted_first == journey.effects == (ConfirmRun("build", 7, 1),)


def test_a_run_found_while_it_waits_for_an_approval_is_confirmed_before_any_time_is_set() -> None:
    journey = Journey().loses_the_answer()

    journey.finds(run_seen(status="waiting"))

    assert (journey.effects, journey.wake_at) == ((ConfirmRun("build", 7, 1),), None)
