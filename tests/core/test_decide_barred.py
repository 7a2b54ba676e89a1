"""A repository that refuses the bot: what waits for it, what goes on, and how a cancel ends all the same."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core import commands
from bot.core.effects import CheckSend
from bot.core.events import RepositoryBarred, RepositoryOpen, SendHeldBack
from bot.core.model import ReleaseWord
from bot.core.states import Cancelled
from bot.core.trouble import Trouble, TroubleKind
from tests.core.releases import (
    A_DAY,
    EE,
    FIFTEEN_MINUTES,
    NO_ACCESS,
    OSS,
    PLACES,
    SIX_HOURS,
    TWO_EDITIONS,
    WITH_APPROVAL,
    Journey,
    dispatch_step,
    ordered,
    plan_of,
    run_seen,
)
from tests.core.test_decide_releases import CANCEL

APPROVE = commands.Approve(pipeline="release")
TWO_SENDS = plan_of(dispatch_step("one"), replace(dispatch_step("two"), workflow="other.yml"))


def both_run() -> Journey:
    return Journey(TWO_EDITIONS).starts("oss-start", 1).starts("ee-start", 2)


@pytest.mark.parametrize(
    ("repo", "barred", "free"), [(OSS, "oss-start", "ee-start"), (EE, "ee-start", "oss-start")]
)
def test_only_the_steps_of_the_repository_wait_for_it_and_go_on_when_it_answers(
    repo: str, barred: str, free: str
) -> None:
    journey = both_run()

    journey.hears(RepositoryBarred(repo, NO_ACCESS))
    while_barred = (journey.kind(barred), journey.kind(free))
    journey.hears(RepositoryOpen(repo))

    assert while_barred == ("needs-person", "running")
    assert (journey.kind(barred), journey.kind(free)) == ("running", "running")


def test_a_step_behind_others_that_are_over_waits_for_its_repository_too() -> None:
    journey = Journey(TWO_EDITIONS).starts("oss-start", 1).passes("oss-start", 1)

    journey.hears(RepositoryBarred(OSS, NO_ACCESS))
    while_barred = journey.kind("oss")
    journey.hears(RepositoryOpen(OSS))

    assert (while_barred, journey.kind("oss")) == ("needs-person", "expecting")


def by_turns(journey: Journey, trouble: Trouble = NO_ACCESS) -> Journey:
    """The repository answers for a moment, and refuses again."""
    journey.hears(RepositoryOpen(OSS))
    journey.hears(RepositoryBarred(OSS, trouble))
    return journey


def test_a_repository_that_answers_and_refuses_by_turns_is_told_once_a_day() -> None:
    journey = by_turns(by_turns(Journey().starts()))
    assert journey.release.word is ReleaseWord.NEEDS_ATTENTION
    assert (journey.told("person"), journey.release.steps["build"].problems) == (1, 1)

    journey.waits(A_DAY - 1)
    assert by_turns(journey).told("person") == 1
    journey.waits(1)
    assert by_turns(journey).told("person") == 2


def test_another_trouble_of_a_repository_is_told_at_once() -> None:
    journey = by_turns(by_turns(Journey().starts()), Trouble(TroubleKind.MOVED, "acme/gadget"))

    assert journey.told("person") == 2


def test_a_step_behind_an_approval_waits_for_its_repository_too() -> None:
    journey = Journey(WITH_APPROVAL).starts().passes()
    journey.orders(APPROVE)

    journey.hears(RepositoryBarred(OSS, NO_ACCESS))
    while_barred = journey.kind("ship")
    journey.hears(RepositoryOpen(OSS))

    assert (while_barred, journey.kind("ship")) == ("needs-person", "due")


def test_a_repository_that_was_moved_and_is_back_lets_the_release_go_on() -> None:
    journey = Journey().starts()
    journey.hears(RepositoryBarred(OSS, Trouble(TroubleKind.MOVED, "acme/gadget")))
    moved = journey.release.word

    decision = journey.hears(RepositoryOpen(OSS))

    assert (moved, journey.release.word) == (ReleaseWord.NEEDS_ATTENTION, ReleaseWord.RUNNING)
    assert decision.reasons[0].startswith("build: ")


def test_a_pause_before_a_send_is_kept_while_the_repository_refuses_the_bot() -> None:
    journey = Journey()
    journey.hears(SendHeldBack("build", "a rate limit", 60.0))
    journey.hears(RepositoryBarred(OSS, NO_ACCESS))
    journey.waits(30)

    journey.hears(RepositoryOpen(OSS))
    early = journey.effects
    journey.waits(30)

    assert (early, journey.effects) == ((), (CheckSend("build", 1),))


# -- while the release is cancelled ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "seconds"),
    [("running", SIX_HOURS), ("finding", FIFTEEN_MINUTES), ("rerunning", FIFTEEN_MINUTES)],
)
def test_a_cancel_waits_for_the_repository_as_long_as_the_step_may_last_and_not_longer(
    place: str, seconds: float
) -> None:
    journey = ordered(PLACES[place](), CANCEL)
    ends = journey.now + timedelta(seconds=seconds)

    journey.now = ends - timedelta(seconds=1)
    early = journey.hears(RepositoryBarred(OSS, NO_ACCESS))
    journey.now = ends
    decision = journey.hears(RepositoryBarred(OSS, NO_ACCESS))

    assert early.release.word is ReleaseWord.RUNNING
    assert journey.state() == Cancelled(ends)
    assert journey.release.word is ReleaseWord.CANCELLED
    assert decision.reasons[0].startswith("build: ")
    assert journey.told("person") == 0


@pytest.mark.parametrize(
    ("repo", "ended", "live"), [(OSS, "oss-start", "ee-start"), (EE, "ee-start", "oss-start")]
)
def test_a_cancel_gives_up_only_what_is_in_the_repository_that_refuses_the_bot(
    repo: str, ended: str, live: str
) -> None:
    journey = ordered(both_run(), CANCEL)
    journey.now += timedelta(seconds=SIX_HOURS)

    journey.hears(RepositoryBarred(repo, NO_ACCESS))

    assert (journey.kind(ended), journey.kind(live)) == ("cancelled", "running")


def test_a_cancel_that_gives_up_one_step_goes_on_with_the_next_of_the_repository() -> None:
    journey = ordered(Journey(TWO_SENDS).starts("one", 1).starts("two", 2), CANCEL)
    journey.now += timedelta(seconds=SIX_HOURS)

    journey.hears(RepositoryBarred(OSS, NO_ACCESS))

    assert journey.release.word is ReleaseWord.CANCELLED


FIRST_NEWS: dict[str, Callable[[Journey], object]] = {
    "nothing": lambda journey: journey.sees(run_seen(conclusion="failure")),
    "a second attempt": lambda journey: journey.is_rerun(attempt=2),
}


@pytest.mark.parametrize(("news", "kind"), [("nothing", "rerunning"), ("a second attempt", "running")])
def test_a_re_run_that_may_be_under_way_is_looked_for_a_full_minute(news: str, kind: str) -> None:
    journey = PLACES["cooling"]()
    journey.waits(33)
    journey.orders(CANCEL)

    journey.waits(59)
    FIRST_NEWS[news](journey)

    assert journey.kind() == kind


def test_a_reminder_whose_time_came_while_the_repository_was_barred_is_given_when_it_answers() -> None:
    journey = PLACES["held"]()
    journey.hears(RepositoryBarred(OSS, NO_ACCESS))
    journey.waits(A_DAY)
    told = journey.told("environment")

    journey.hears(RepositoryOpen(OSS))

    assert journey.told("environment") == told + 1
    assert journey.wake_at == journey.now + timedelta(days=1)
