"""A dispatch leaves at most once, and its run is found or a person is asked (contract, promise 1)."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from bot.core import commands
from bot.core.draft import Decision, SendClosed
from bot.core.effects import CheckSend, ConfirmRun, Dispatch, FindRun, SeekRun
from bot.core.events import (
    BotStarted,
    Candidates,
    Event,
    RepositoryOpen,
    RunGone,
    SendChecked,
    SendDone,
    SendHeldBack,
    SendNotDone,
    SendRefused,
    SendStopped,
    SendUnknown,
)
from bot.core.model import ReleaseWord
from bot.core.sends import MOST_REFUSALS
from bot.core.states import BoundRun, Due, Expecting, Finding, NeedsPerson, Running, Sending
from bot.core.trouble import Trouble, TroubleKind
from tests.core.releases import (
    FIFTEEN_MINUTES,
    OSS,
    PLACES,
    TWO_EDITIONS,
    WATCH,
    Journey,
    run_seen,
    watched_run,
)

URL = "https://github.com/acme/widget/actions/runs/7"
STOP = Trouble(TroubleKind.STRANGE_RUN, "run 5")


def trouble(journey: Journey) -> TroubleKind:
    state = journey.state()
    assert isinstance(state, NeedsPerson), state
    return state.trouble.kind


def test_both_editions_start_at_once_and_nothing_else_does() -> None:
    journey = Journey(TWO_EDITIONS)

    assert journey.effects == (CheckSend("oss-start", 1), CheckSend("ee-start", 1))


def test_a_send_number_is_written_down_before_its_one_request_is_wanted() -> None:
    journey = Journey()

    decision = journey.hears(SendChecked("build", journey.now, "r1-build-1"))

    assert decision.opened is not None
    assert (decision.opened.step, decision.opened.send, decision.opened.nonce) == ("build", 1, "r1-build-1")
    assert decision.effects == (Dispatch("build", 1),)


@pytest.mark.parametrize("age", [10, 60])
def test_what_was_read_too_long_ago_opens_no_send(age: float) -> None:
    journey = Journey()

    decision = journey.hears(SendChecked("build", journey.now - timedelta(seconds=age), None))

    assert decision.opened is None
    assert decision.effects == (CheckSend("build", 1),)


def test_a_read_for_a_send_that_came_to_nothing_does_not_open_the_next_one() -> None:
    journey = Journey()
    read = SendChecked("build", journey.now, "r1-build-1")
    journey.hears(read)
    journey.hears(SendNotDone("build", 1, "401", 5.0))

    journey.hears(read)

    assert len(journey.opened) == 1


def test_a_definite_no_is_sent_again_by_itself_under_a_new_number_after_the_wait() -> None:
    journey = Journey().sends()

    journey.hears(SendNotDone("build", 1, "a rate limit", 60.0))
    effects_before, wake = journey.effects, journey.wake_at
    journey.waits(60)

    assert (effects_before, wake) == ((), journey.now)
    assert journey.effects == (CheckSend("build", 2),)
    assert [(closed.send, closed.outcome) for closed in journey.closed] == [(1, "not done: a rate limit")]
    journey.sends()
    assert [opened.send for opened in journey.opened] == [1, 2]


def test_a_refusal_needs_a_person_and_nothing_is_sent_again() -> None:
    journey = Journey().is_refused()

    journey.waits(100_000)

    assert trouble(journey) is TroubleKind.REFUSED
    assert (journey.effects, journey.wake_at, journey.told("person")) == ((), None, 1)
    assert [(closed.send, closed.outcome) for closed in journey.closed] == [(1, "refused")]


@pytest.mark.parametrize(
    "lost",
    [
        SendUnknown("build", 1, "the answer was lost"),
        SendDone("build", 1, None, None),
        BotStarted(),
    ],
)
def test_whatever_is_not_definite_is_looked_for_and_never_sent_again(lost: Event) -> None:
    journey = Journey().sends()

    decision = journey.hears(lost)
    journey.hears(SendChecked("build", journey.now, None))
    journey.hears(BotStarted())

    assert decision.effects == (FindRun("build", 1),)
    assert len(journey.opened) == 1
    assert (journey.closed, journey.effects) == ([], (FindRun("build", 1),))


def test_a_send_held_back_is_read_again_after_the_pause() -> None:
    journey = Journey()

    journey.hears(SendHeldBack("build", "another send is not bound yet", 3.0))
    waiting = journey.effects
    journey.waits(3)

    assert (waiting, journey.effects) == ((), (CheckSend("build", 1),))


def test_a_send_that_only_a_person_can_judge_uses_no_number() -> None:
    journey = Journey()

    journey.hears(SendStopped("build", STOP))

    assert (journey.opened, trouble(journey)) == ([], TroubleKind.STRANGE_RUN)


def test_the_run_that_github_names_is_bound_and_confirmed() -> None:
    journey = Journey().sends()

    decision = journey.hears(SendDone("build", 1, 7, URL))

    assert decision.effects == (ConfirmRun("build", 7, 1),)
    assert [(bound.step, bound.run_id) for bound in decision.bound] == [("build", 7)]
    assert [(closed.send, closed.outcome) for closed in decision.closed] == [(1, "bound")]


def test_a_run_that_github_named_but_does_not_show_yet_is_not_taken_for_deleted() -> None:
    journey = Journey().sends()
    journey.hears(SendDone("build", 1, 7, URL))

    journey.hears(RunGone("build", 7))
    young = journey.kind()
    journey.waits(FIFTEEN_MINUTES)
    journey.hears(RunGone("build", 7))

    journey.hears(RunGone("build", 7))

    assert (young, trouble(journey)) == ("running", TroubleKind.NEVER_APPEARED)
    assert journey.told("person") == 1


@pytest.mark.parametrize("outcome", [SendDone("build", 1, 7, URL), SendRefused("build", 1, STOP)])
def test_the_outcome_of_an_older_send_changes_nothing(outcome: Event) -> None:
    journey = Journey().sends()
    journey.hears(SendNotDone("build", 1, "401", 0.0))
    journey.waits(1)
    journey.sends()
    before = journey.release

    journey.hears(outcome)

    assert journey.release == before


# -- finding and expecting -------------------------------------------------------------------------------


def test_the_run_of_a_lost_answer_is_found() -> None:
    journey = Journey().loses_the_answer()

    decision = journey.finds(run_seen())

    assert journey.kind() == "running"
    assert [(closed.send, closed.outcome) for closed in decision.closed] == [(1, "bound")]


def test_a_run_that_is_over_when_it_is_found_is_confirmed_first() -> None:
    journey = Journey().loses_the_answer()

    decision = journey.finds(run_seen(conclusion="success"))

    assert journey.kind() == "running"
    assert decision.effects == (ConfirmRun("build", 7, 1),)


def test_a_run_that_waits_for_an_environment_when_it_is_found_calls_for_its_approval() -> None:
    journey = Journey().loses_the_answer()

    decision = journey.finds(run_seen(status="waiting"))
    journey.sees(run_seen(status="waiting"))

    assert decision.effects == (ConfirmRun("build", 7, 1),)
    assert journey.told("environment") == 1


def test_a_run_never_found_needs_a_person_and_frees_the_way_for_others() -> None:
    journey = Journey().loses_the_answer()
    journey.waits(FIFTEEN_MINUTES - 1)
    journey.finds()
    early = journey.kind()

    journey.waits(1)
    decision = journey.finds()

    assert (early, trouble(journey)) == ("finding", TroubleKind.NEVER_FOUND)
    assert [(closed.send, closed.outcome) for closed in decision.closed] == [(1, "never found")]


@pytest.mark.parametrize("make", [lambda: Journey().loses_the_answer(), lambda: Journey(WATCH)])
def test_only_time_in_which_github_could_be_read_counts(make: Callable[[], Journey]) -> None:
    journey = make()
    journey.finds()

    journey.waits(7_200)
    journey.finds(blind=7_200)
    after_the_dark = journey.kind()
    journey.waits(FIFTEEN_MINUTES)
    journey.finds()

    assert after_the_dark != "needs-person"
    assert journey.release.word is ReleaseWord.NEEDS_ATTENTION


def test_the_same_dark_time_told_twice_is_given_back_once() -> None:
    journey = Journey().loses_the_answer()
    journey.waits(7_200)
    journey.finds(blind=7_200)

    journey.finds(blind=7_200)

    state = journey.state()
    assert isinstance(state, Finding)
    assert (state.until - journey.now).total_seconds() == FIFTEEN_MINUTES


def test_two_candidates_are_both_named_and_none_is_taken() -> None:
    journey = Journey().loses_the_answer()

    decision = journey.finds(run_seen(7), run_seen(8))

    state = journey.state()
    assert isinstance(state, NeedsPerson)
    assert (state.trouble.kind, state.trouble.detail) == (TroubleKind.TWO_CANDIDATES, "runs 7 and 8")
    assert len(state.trouble.links) == 2
    assert decision.bound == ()


@pytest.mark.parametrize("place", ["never found", "never appeared"])
def test_a_run_that_appears_after_all_lets_the_release_go_on_by_itself(place: str) -> None:
    journey = PLACES[place]()

    journey.finds(run_seen() if place == "never found" else watched_run())

    assert journey.release.word is ReleaseWord.RUNNING
    assert journey.told("person") == 1


def test_an_awaited_run_is_asked_for_once_and_again_when_its_time_is_over() -> None:
    journey = Journey(WATCH)
    first = journey.effects
    journey.finds()
    between = journey.effects

    journey.waits(FIFTEEN_MINUTES)

    assert (first, between, journey.effects) == ((SeekRun("build"),), (), (SeekRun("build"),))


def test_the_wait_for_a_run_stands_still_while_the_release_is_paused() -> None:
    journey = Journey(WATCH)
    journey.finds()
    journey.waits(600)
    journey.orders(commands.Pause(pipeline="release"))
    journey.waits(7_200)
    journey.finds()
    while_paused = journey.kind()

    journey.orders(commands.Resume(pipeline="release"))

    state = journey.state()
    assert while_paused == "expecting"
    assert isinstance(state, Expecting)
    assert (state.until - journey.now).total_seconds() == 300


def test_time_that_was_dark_while_the_release_was_paused_is_given_back_once() -> None:
    journey = Journey(WATCH)
    journey.orders(commands.Pause(pipeline="release"))
    journey.waits(7_200)
    journey.finds(blind=7_200)

    journey.orders(commands.Resume(pipeline="release"))

    state = journey.state()
    assert isinstance(state, Expecting)
    assert (state.until - journey.now).total_seconds() == FIFTEEN_MINUTES


@pytest.mark.parametrize("place", ["barred, due", "barred, finding", "barred, expecting"])
def test_a_repository_that_answers_again_gives_back_the_time(place: str) -> None:
    journey = PLACES[place]()
    journey.now += timedelta(days=2)

    journey.hears(RepositoryOpen(OSS))

    state = journey.state()
    if isinstance(state, Finding | Expecting):
        assert (state.until - journey.now).total_seconds() == FIFTEEN_MINUTES
    else:
        assert isinstance(state, Due)
        assert journey.effects == (CheckSend("build", 1),)


def refused_with_401(journey: Journey, *, times: int) -> None:
    """Each is sent under a new number, after the wait."""
    for _ in range(times):
        journey.sends()
        journey.hears(
            SendNotDone("build", journey.release.steps["build"].sends, "401", 5.0, unauthorized=True)
        )
        journey.waits(5)


def test_a_token_that_is_refused_again_and_again_calls_a_person_in_the_end() -> None:
    journey = Journey()
    refused_with_401(journey, times=MOST_REFUSALS - 1)
    before = journey.kind()

    refused_with_401(journey, times=1)

    state = journey.state()
    assert before == "due"
    assert isinstance(state, NeedsPerson)
    assert state.trouble.kind is TroubleKind.REFUSED
    assert f"{MOST_REFUSALS} sends in a row" in state.trouble.detail
    assert journey.effects == ()


def test_only_refusals_in_a_row_count_and_a_person_s_retry_begins_anew() -> None:
    journey = Journey()
    refused_with_401(journey, times=MOST_REFUSALS - 1)
    journey.sends()
    journey.hears(SendNotDone("build", journey.release.steps["build"].sends, "a rate limit", 0.0))
    refused_with_401(journey, times=MOST_REFUSALS - 1)
    after_a_limit = journey.kind()
    refused_with_401(journey, times=1)

    journey.orders(commands.Retry(pipeline="release", step="build"))
    refused_with_401(journey, times=MOST_REFUSALS - 1)

    assert (after_a_limit, journey.kind()) == ("due", "due")


# -- what is remembered of a send ------------------------------------------------------------------------


def test_a_send_may_leave_for_ten_seconds_after_its_read_and_keeps_its_nonce() -> None:
    journey = Journey()
    read_at = journey.now
    journey.now += timedelta(seconds=4)

    journey.hears(SendChecked("build", read_at, "r1-build-1"))
    sending = journey.state()
    journey.hears(SendUnknown("build", 1, "lost"))

    finding = journey.state()
    assert isinstance(sending, Sending)
    assert isinstance(finding, Finding)
    assert (sending.send_by - read_at).total_seconds() == 10
    assert (sending.nonce, finding.nonce) == ("r1-build-1", "r1-build-1")


@pytest.mark.parametrize("url", [URL, None])
def test_the_run_that_github_names_is_queued_until_something_is_heard_of_it(url: str | None) -> None:
    journey = Journey().sends()

    journey.hears(SendDone("build", 1, 7, url))

    state = journey.state()
    assert isinstance(state, Running)
    assert state.run == BoundRun(7, 1, "queued", None, "", url or "", journey.now)


ENDS: dict[str, tuple[Callable[[], Journey], Callable[[Journey], Decision], str]] = {
    "named": (PLACES["sending"], lambda journey: journey.hears(SendDone("build", 1, 7, URL)), "bound"),
    "refused": (PLACES["sending"], lambda journey: journey.hears(SendRefused("build", 1, STOP)), "refused"),
    "not done": (
        PLACES["sending"],
        lambda journey: journey.hears(SendNotDone("build", 1, "401", 5.0)),
        "not done: 401",
    ),
    "found": (PLACES["finding"], lambda journey: journey.finds(run_seen()), "bound"),
    "found late": (PLACES["never found"], lambda journey: journey.finds(run_seen()), "bound"),
    "found while barred": (PLACES["barred, finding"], lambda journey: journey.finds(run_seen()), "bound"),
    "two": (PLACES["finding"], lambda journey: journey.finds(run_seen(7), run_seen(8)), "two candidates"),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_send_whose_end_is_known_frees_its_place_for_others(end: str) -> None:
    make, happens, outcome = ENDS[end]

    decision = happens(make())

    assert decision.closed == (SendClosed("build", 1, outcome),)


def test_a_send_that_was_never_found_frees_its_place_for_others() -> None:
    assert PLACES["never found"]().closed == [SendClosed("build", 1, "never found")]


@pytest.mark.parametrize("status", ["queued", "in_progress", "waiting"])
def test_a_run_is_bound_as_github_shows_it(status: str) -> None:
    journey = Journey().loses_the_answer()

    journey.finds(run_seen(status=status))

    state = journey.state()
    assert isinstance(state, Running)
    assert (state.run.status, state.run.conclusion) == (status, None)


def test_a_run_that_is_over_when_it_is_found_stands_as_running_until_that_is_confirmed() -> None:
    journey = Journey().loses_the_answer()

    decision = journey.finds(run_seen(conclusion="success"))

    state = journey.state()
    assert isinstance(state, Running)
    assert (state.run.status, state.run.conclusion) == ("in_progress", None)
    assert decision.reasons == ("build: bound to run 7",)


def test_the_pause_between_two_looks_is_not_dark_time() -> None:
    journey = Journey().loses_the_answer()
    journey.now += timedelta(seconds=300)

    journey.hears(Candidates("build", journey.now, journey.now - timedelta(seconds=60), 60.0, ()))

    state = journey.state()
    assert isinstance(state, Finding)
    assert (state.until - journey.now).total_seconds() == FIFTEEN_MINUTES - 300


@pytest.mark.parametrize("make", [lambda: Journey().loses_the_answer(), lambda: Journey(WATCH)])
def test_time_given_back_for_the_dark_is_kept_by_the_looks_that_follow(make: Callable[[], Journey]) -> None:
    journey = make()
    journey.finds()
    journey.waits(7_200)
    journey.finds(blind=7_200)

    journey.waits(FIFTEEN_MINUTES - 1)
    decision = journey.finds()

    assert decision.notices == ()
    assert journey.kind() in {"finding", "expecting"}
