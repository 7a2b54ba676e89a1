"""What is said of runs that nobody takes up, and of steps that take longer than they use to."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.commands import Cancel, Pause, Resume
from bot.core.effects import ConfirmRun
from bot.core.events import RepositoryOpen, SendDone
from bot.core.lateness import LEAST_PREDECESSORS, MOST_PREDECESSORS, usual_times, with_usual_times
from bot.core.model import Note, NoteKind, Release
from bot.core.plan import Plan
from bot.core.states import Cancelled, Passed, Skipped
from tests.core.releases import (
    DISPATCH,
    FIFTEEN_MINUTES,
    NOON,
    OSS,
    WITH_APPROVAL,
    Journey,
    barred,
    dispatch_step,
    ordered,
    plan_of,
    run_seen,
    watch_step,
)

CONFIRM = ConfirmRun("build", 7, 1)


def notes(journey: Journey, kind: NoteKind) -> list[Note]:
    return [note for note in journey.release.steps["build"].notes if note.kind is kind]


# -- runs that nobody takes up ---------------------------------------------------------------------------


def queued(status: str = "queued") -> Journey:
    """Its run is there, and no runner has it."""
    journey = Journey().sends()
    journey.hears(SendDone("build", 1, 7, None))
    journey.sees(run_seen(status=status))
    return journey


@pytest.mark.parametrize(
    ("status", "waits_for"), [("queued", ""), ("requested", ""), ("pending", "its concurrency group")]
)
def test_a_run_that_nobody_has_taken_up_for_long_is_told_once(status: str, waits_for: str) -> None:
    journey = queued(status)
    assert journey.wake_at == NOON + timedelta(seconds=FIFTEEN_MINUTES)
    journey.waits(FIFTEEN_MINUTES)
    assert list(journey.effects) == [CONFIRM]
    assert notes(journey, NoteKind.QUEUED_LONG) == []  # it may have begun while nobody heard of it

    journey.sees(run_seen(status=status))
    (note,) = notes(journey, NoteKind.QUEUED_LONG)
    assert (note.number, note.attempt, note.text) == (900, 1, waits_for)
    journey.waits(FIFTEEN_MINUTES)
    journey.sees(run_seen(status=status))
    assert len(notes(journey, NoteKind.QUEUED_LONG)) == 1
    assert journey.effects == ()


@pytest.mark.parametrize("status", ["in_progress", "waiting"])
def test_a_run_that_was_taken_up_unheard_is_not_told(status: str) -> None:
    journey = queued()
    journey.waits(FIFTEEN_MINUTES)
    journey.sees(run_seen(status=status))
    assert notes(journey, NoteKind.QUEUED_LONG) == []
    assert journey.effects == ()


def test_what_was_only_announced_is_not_told() -> None:
    journey = queued()
    journey.waits(FIFTEEN_MINUTES)
    journey.sees(run_seen(status="queued"), confirmed=False)
    assert notes(journey, NoteKind.QUEUED_LONG) == []
    assert journey.effects == (CONFIRM,)


def test_a_minute_less_is_not_long_and_dark_time_is_told_in_full() -> None:
    journey = queued()
    journey.waits(FIFTEEN_MINUTES - 60)
    journey.sees(run_seen(status="queued"))
    assert notes(journey, NoteKind.QUEUED_LONG) == []
    journey.waits(1_830)
    journey.sees(run_seen(status="queued"))
    assert [note.number for note in notes(journey, NoteKind.QUEUED_LONG)] == [44 * 60]


def test_each_attempt_has_its_own_queue() -> None:
    journey = queued()
    for attempt in (1, 2):
        began = journey.now
        journey.sees(run_seen(status="queued", attempt=attempt, started=began, by="walt"))
        journey.waits(FIFTEEN_MINUTES)
        journey.sees(run_seen(status="queued", attempt=attempt, started=began, by="walt"))
    assert [note.attempt for note in notes(journey, NoteKind.QUEUED_LONG)] == [1, 2]


def test_a_job_that_waits_for_a_runner_after_others_is_no_run_in_the_queue() -> None:
    journey = queued()
    journey.sees(run_seen(status="in_progress"))
    journey.sees(run_seen(status="queued"))
    journey.waits(FIFTEEN_MINUTES)
    assert journey.effects == ()


# -- steps that take longer ------------------------------------------------------------------------------

USUAL = 1_800.0


def usually(journey: Journey, seconds: float = USUAL) -> Journey:
    record = replace(journey.release.steps["build"], usual=seconds)
    journey.release = journey.release.with_step("build", record)
    return journey


def test_a_step_that_takes_longer_than_usual_is_said_to_be_late_once() -> None:
    journey = usually(Journey().starts())
    assert journey.wake_at == NOON + timedelta(seconds=USUAL)
    journey.waits(USUAL - 1)
    assert notes(journey, NoteKind.LATE) == []
    journey.waits(1)
    assert [note.number for note in notes(journey, NoteKind.LATE)] == [1_800]
    journey.waits(USUAL)
    assert len(notes(journey, NoteKind.LATE)) == 1
    assert journey.told("person") == 0


def test_a_step_is_late_once_whatever_else_is_told_of_it() -> None:
    journey = usually(Journey().starts())
    journey.waits(USUAL)
    for attempt in range(2, 20):
        journey.is_rerun(attempt=attempt, by="walt")
    journey.waits(USUAL)
    assert notes(journey, NoteKind.LATE) == []  # it has gone out of the kept lines, and does not come again


def test_a_step_that_is_over_in_time_is_not_late() -> None:
    journey = usually(Journey(WITH_APPROVAL).starts())
    journey.waits(USUAL - 1)
    journey.passes()
    journey.waits(USUAL)
    assert notes(journey, NoteKind.LATE) == []


def test_a_step_of_which_nothing_is_known_is_never_late() -> None:
    journey = Journey().starts()
    journey.waits(10 * USUAL)
    assert notes(journey, NoteKind.LATE) == []


def test_time_in_which_an_environment_waited_does_not_make_a_step_late_in_any_attempt() -> None:
    journey = usually(Journey().starts())
    journey.sees(run_seen(status="waiting"))
    journey.waits(3_600)
    assert notes(journey, NoteKind.LATE) == []
    journey.sees(run_seen(status="in_progress"))
    journey.waits(600)
    journey.is_rerun(attempt=2, by="walt")
    journey.waits(USUAL - 601)
    assert notes(journey, NoteKind.LATE) == []
    journey.waits(1)
    assert len(notes(journey, NoteKind.LATE)) == 1


def test_an_approval_that_was_refused_took_time_as_well() -> None:
    journey = usually(Journey().starts())
    journey.sees(run_seen(status="waiting"))
    journey.waits(3_600)
    journey.ends("failure").is_rerun(attempt=2, by="walt")
    assert notes(journey, NoteKind.LATE) == []
    assert journey.release.steps["build"].held == 3_600


@pytest.mark.parametrize(
    "stops",
    [
        lambda journey: ordered(journey, Pause(pipeline="release")),
        lambda journey: ordered(journey, Cancel(pipeline="release")),
        barred,
    ],
    ids=["paused", "being cancelled", "a person is needed"],
)
def test_what_people_have_stopped_or_been_called_for_is_not_late(stops: Callable[[Journey], Journey]) -> None:
    journey = stops(usually(Journey().starts()))
    journey.waits(2 * USUAL)
    assert notes(journey, NoteKind.LATE) == []


@pytest.mark.parametrize(
    ("stops", "goes_on"),
    [
        (
            lambda journey: ordered(journey, Pause(pipeline="release")),
            lambda journey: ordered(journey, Resume(pipeline="release")),
        ),
        (barred, lambda journey: journey.hears(RepositoryOpen(OSS))),
    ],
    ids=["paused", "a person was needed"],
)
def test_time_in_which_people_stopped_it_or_were_called_does_not_make_a_step_late(
    stops: Callable[[Journey], Journey], goes_on: Callable[[Journey], Journey | None]
) -> None:
    journey = usually(Journey().starts())
    journey.waits(600)
    stops(journey)
    journey.waits(2 * USUAL)
    goes_on(journey)
    journey.waits(USUAL - 601)
    assert notes(journey, NoteKind.LATE) == []
    journey.waits(1)
    assert len(notes(journey, NoteKind.LATE)) == 1


def test_what_stood_still_for_two_reasons_at_once_stood_still_once() -> None:
    journey = ordered(Journey().starts(), Pause(pipeline="release"))
    journey.sees(run_seen(status="waiting"))
    journey.waits(3_600)
    journey.orders(Resume(pipeline="release"))
    journey.waits(600)
    journey.sees(run_seen(status="in_progress"))
    assert journey.release.steps["build"].held == 4_200


# -- what is usual ---------------------------------------------------------------------------------------


def released(seconds: float, plan: Plan = DISPATCH, version: str = "1.0.2") -> Release:
    """A release whose step took so long."""
    journey = Journey(replace(plan, version=version)).starts()
    journey.waits(seconds)
    return journey.passes().release


def releases(seconds: Iterable[float]) -> list[Release]:
    return [released(each) for each in seconds]


@pytest.mark.parametrize(
    ("minutes", "usual"),
    [
        ((10, 11, 12, 13, 14, 15, 16, 17, 18, 60), 19),
        ((60, 10, 18, 11, 12, 13, 14, 15, 16, 17), 19),
        ((10.5,) * 10, 11),
        (tuple(range(1, 21)), 19),
    ],
)
def test_nine_of_ten_predecessors_were_over_within_what_is_usual(
    minutes: tuple[float, ...], usual: int
) -> None:
    known = usual_times(DISPATCH, releases(60 * each for each in minutes))
    assert known == {"build": 60 * usual}
    assert sum(60 * each < known["build"] for each in minutes) >= 0.9 * len(minutes)


def test_too_few_predecessors_tell_nothing() -> None:
    few = releases([600] * (LEAST_PREDECESSORS - 1))
    assert usual_times(DISPATCH, few) == {}
    assert with_usual_times(Journey().release, few).steps["build"].usual is None


def test_only_the_newest_predecessors_count() -> None:
    newest, older = releases([600] * MOST_PREDECESSORS), releases([60_000] * 20)
    assert usual_times(DISPATCH, [*newest, *older]) == {"build": 660}


SHIPS = plan_of(replace(dispatch_step(), workflow="ship.yml"))


def _ended(release: Release, state: Passed | Skipped | Cancelled) -> Release:
    return release.with_step("build", replace(release.steps["build"], state=state))


@pytest.mark.parametrize(
    "strange",
    [
        lambda release: _ended(release, Skipped(NOON, "maya")),
        lambda release: _ended(release, Cancelled(NOON)),
        lambda release: release.with_step("build", replace(release.steps["build"], began_at=None)),
        lambda release: release.with_step(
            "build", replace(release.steps["build"], found=release.steps["build"].run)
        ),
        lambda release: replace(release, plan=SHIPS),
        lambda release: replace(release, plan=plan_of(watch_step())),
        lambda release: replace(release, plan=plan_of(), steps={}),
    ],
    ids=[
        "skipped",
        "cancelled",
        "never begun",
        "taken up",
        "another workflow",
        "another kind",
        "no such step",
    ],
)
def test_what_did_not_do_the_same_work_is_no_predecessor(strange: Callable[[Release], Release]) -> None:
    before = [*releases([600] * 9), strange(released(600))]
    assert usual_times(DISPATCH, before) == {}


def test_a_new_release_knows_what_is_usual_of_each_step() -> None:
    release = with_usual_times(Journey(WITH_APPROVAL).release, releases([600] * 10))
    assert {name: record.usual for name, record in release.steps.items()} == {
        "build": 660.0,
        "go": None,
        "ship": None,
    }


def test_a_pause_of_a_predecessor_was_no_time_of_its_step() -> None:
    journey = ordered(Journey().starts(), Pause(pipeline="release"))
    journey.waits(3_600)
    journey.orders(Resume(pipeline="release"))
    journey.waits(600)
    assert usual_times(DISPATCH, [journey.passes().release] * 10) == {"build": 660}


def test_letter_case_of_a_repository_makes_no_other_work() -> None:
    plan = plan_of(dispatch_step(repo="Acme/Widget"))
    assert usual_times(plan, releases([600] * 10)) == {"build": 660}
