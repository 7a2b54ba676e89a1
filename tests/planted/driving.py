"""Bugs in the state machine and in what keeps it going."""

import asyncio
from dataclasses import replace
from typing import Any

from bot.core.states import Cancelled, Running
from tests.planted.bug import Bug

DRIVING = "tests/scenarios/test_driving.py"
HISTORIES = "tests/core/test_histories.py"
DECIDE = "tests/core/test_decide_runs.py"
LOST = "tests/scenarios/test_lost_webhooks.py"
RESTARTS = "tests/scenarios/test_restarts.py"
STEERING = "tests/scenarios/test_commands.py"
COMMANDS = "tests/scenarios/test_people.py"


def _any_order(right: Any) -> Any:
    """The last word heard counts, however old it is."""

    def run_level(draft: Any, event: Any) -> None:
        record = draft.record(event.step)
        if isinstance(record.state, Running) and record.state.run.id == event.run.id:
            known = replace(record.state.run, attempt=event.run.attempt, status="queued", conclusion=None)
            draft.put(event.step, replace(record.state, run=known))
        right(draft, event)

    return run_level


def _believed(right: Any) -> Any:
    """What a delivery says needs no look."""

    def run_level(draft: Any, event: Any) -> None:
        right(draft, replace(event, confirmed=True, jobs_ran=True))

    return run_level


def _passes_empty(right: Any) -> Any:
    def conclude(draft: Any, step: str, run: Any, *, jobs_ran: bool | None) -> None:
        del jobs_ran
        right(draft, step, run, jobs_ran=True)

    return conclude


def _cancel_is_failure(right: Any) -> Any:
    def conclude(draft: Any, step: str, run: Any, *, jobs_ran: bool | None) -> None:
        told = replace(run, conclusion="failure") if run.conclusion == "cancelled" else run
        right(draft, step, told, jobs_ran=jobs_ran)

    return conclude


def _always(value: object) -> Any:
    def remake(_: Any) -> Any:
        return lambda *_args, **_more: value

    return remake


def _sleeps(_: Any) -> Any:
    async def sleep(*_args: Any) -> None:
        await asyncio.Event().wait()

    return sleep


def _not_paused(right: Any) -> Any:
    def of_step(release: Any, *rest: Any) -> Any:
        return right(replace(release, paused_by=None), *rest)

    return of_step


def _cancelled_at_once(right: Any) -> Any:
    def cancel(draft: Any, step: str) -> None:
        if isinstance(draft.state(step), Running):
            draft.put(step, Cancelled(draft.now))
        else:
            right(draft, step)

    return cancel


def _forgets_the_stuck(right: Any) -> Any:
    async def live(self: Any) -> Any:
        return tuple(s for s in await right(self) if str(s.release.word) != "needs attention")

    return live


def _no_event(right: Any) -> Any:
    def write(connection: Any, stored: Any, change: Any) -> None:
        right(connection, stored, replace(change, event=None))

    return write


def _ahead(_: Any) -> Any:
    return lambda *_args, **_more: None


BUGS = (
    Bug(
        "late-news-move-back",
        "an older level of a run moves the step back",
        ("bot.core.runs:run_level",),
        _any_order,
        (HISTORIES, DECIDE, LOST),
    ),
    Bug(
        "delivery-believed",
        "a delivery ends a step without a look",
        ("bot.core.runs:run_level",),
        _believed,
        (HISTORIES, DECIDE),
    ),
    Bug(
        "nothing-ran-passes",
        "a green run whose jobs were all skipped passes",
        ("bot.core.runs:conclude",),
        _passes_empty,
        (DECIDE, DRIVING),
    ),
    Bug(
        "cancel-is-rerun",
        "a run that a person cancelled is judged and re-run like a failure",
        ("bot.core.runs:conclude",),
        _cancel_is_failure,
        (DECIDE, COMMANDS),
    ),
    Bug(
        "budget-without-end",
        "failed jobs are re-run as often as they fail",
        ("bot.core.runs:allowance",),
        _always(99),
        (DECIDE, "tests/scenarios/test_retrying.py"),
    ),
    Bug(
        "needs-ignored",
        "a step starts whatever its needs",
        ("bot.core.model:Release.needs_met",),
        _always(True),
        (HISTORIES, DRIVING, "tests/core/test_decide_releases.py"),
    ),
    Bug(
        "look-loop-stopped",
        "nobody looks at runs; only webhooks tell",
        ("bot.engine.look:Looker._keep_looking",),
        _sleeps,
        (LOST,),
    ),
    Bug(
        "listener-stopped",
        "nobody lists comments; only webhooks tell",
        ("bot.engine.listen:Listener.run",),
        _sleeps,
        (LOST,),
    ),
    Bug(
        "timer-stopped",
        "nobody wakes a release when its time has come",
        ("bot.engine.engine:Engine._keep_time",),
        _sleeps,
        (DRIVING, "tests/scenarios/test_retrying.py"),
    ),
    Bug(
        "pause-ignored",
        "a paused release goes on",
        ("bot.core.wants:_of_step",),
        _not_paused,
        (STEERING, COMMANDS, "tests/core/test_wants.py"),
    ),
    Bug(
        "cancelled-too-early",
        "a release says `cancelled` while its runs are live",
        ("bot.core.decide:_cancel",),
        _cancelled_at_once,
        (STEERING, HISTORIES),
    ),
    Bug(
        "group-ignored",
        "releases of one concurrency group run at once",
        ("bot.engine.releases:Releases.ahead", "bot.store.committing:nearest_ahead"),
        _ahead,
        (DRIVING, "tests/scenarios/test_starting.py"),
    ),
    Bug(
        "stuck-releases-forgotten",
        "a restart forgets the releases that need a person",
        ("bot.store.releases:Releases.live",),
        _forgets_the_stuck,
        (RESTARTS, COMMANDS),
    ),
    Bug(
        "journal-without-events",
        "the journal does not tell what happened",
        ("bot.store.committing:_write_journal",),
        _no_event,
        ("tests/adapters/test_store_releases.py",),
    ),
)
