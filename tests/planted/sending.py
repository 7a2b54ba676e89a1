"""Bugs in what may leave the bot at most once, and in how its run is found."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bot.core.binding import Strays
from bot.core.facts import Unreachable
from bot.core.states import Due, Sending
from bot.store import SlotTaken
from tests.planted.bug import Bug

SENDING = "tests/scenarios/test_sending.py"
RESTARTS = "tests/scenarios/test_restarts.py"
DRIVING = "tests/scenarios/test_driving.py"
LOST = "tests/scenarios/test_lost_webhooks.py"
HISTORIES = "tests/core/test_histories.py"


def _again_on_5xx(right: Any) -> Any:
    async def send(self: Any, *args: Any) -> Any:
        answer = await right(self, *args)
        return await right(self, *args) if answer.status >= 500 else answer

    return send


def _again_on_lost_answer(right: Any) -> Any:
    async def send(self: Any, *args: Any) -> Any:
        try:
            return await right(self, *args)
        except Unreachable:
            return await right(self, *args)

    return send


def _resend_after_restart(_: Any) -> Any:
    def bot_started(draft: Any) -> None:
        for step, record in draft.release.items():
            if isinstance(record.state, Sending):
                draft.close_send(step.name, record.state.send, "restarted")
                draft.put(step.name, Due(draft.now, draft.now))

    return bot_started


def _intent_later(right: Any) -> Any:
    """The commit that opens a send says "done" at once and is written a while later."""
    late: dict[str, asyncio.Task[Any]] = {}

    async def commit(self: Any, stored: Any, release: Any, **what: Any) -> Any:
        before = late.pop(release.id, None)
        if before is not None:
            await before
        if what.get("open_send") is None:
            return await right(self, stored, release, **what)

        async def later() -> Any:
            for _ in range(400):
                await asyncio.sleep(0)
            return await right(self, stored, release, **what)

        late[release.id] = asyncio.create_task(later())
        return replace(stored, release=release, revision=stored.revision + 1)

    return commit


def _unknown_is_not_done(right: Any) -> Any:
    """Whatever went wrong with a dispatch counts as "certainly not done"."""
    del right

    def send_unknown(draft: Any, event: Any) -> None:
        state = draft.state(event.step)
        if isinstance(state, Sending) and state.send == event.send:
            draft.close_send(event.step, event.send, "not done")
            draft.put(event.step, Due(draft.now, draft.now))

    return send_unknown


def _newest_of_workflow(_: Any) -> Any:
    def choose(runs: Sequence[Any], step: Any, *_args: Any, **_more: Any) -> tuple[Any, ...]:
        mine = [run for run in runs if run.path.endswith(step.workflow)]
        return tuple(sorted(mine, key=lambda run: run.created_at)[-1:])

    return choose


def _any_commit(right: Any) -> Any:
    def choose(runs: Any, step: Any, **more: Any) -> Any:
        return right(runs, step, **{**more, "tag_commit": None})

    return choose


def _slot_is_free(right: Any) -> Any:
    def open_send(*args: Any, **more: Any) -> None:
        try:
            right(*args, **more)
        except SlotTaken:
            return

    return open_send


def _never(_: Any) -> Any:
    async def never(*_args: Any) -> bool:
        return False

    return never


def _nothing(_: Any) -> Any:
    async def nothing(*_args: Any) -> None:
        return None

    return nothing


def _no_strays(_: Any) -> Any:
    return lambda *_args, **_more: Strays((), ())


def _out_of_time(right: Any) -> Any:
    async def send(self: Any, write: Any, *rest: Any) -> Any:
        return await right(self, replace(write, send_by=None), *rest)

    return send


def _rerun_blindly(_: Any) -> Any:
    async def rerun(self: Any, release: Any, step: Any, effect: Any) -> None:
        del release
        await self._github.rerun_failed_jobs(step.repo, effect.run_id)

    return rerun


def _blind_time_counts(_: Any) -> Any:
    return lambda _draft, _event, state: state.until


BUGS = (
    Bug(
        "retry-on-5xx",
        "a write that GitHub answers with a 5xx is sent again",
        ("bot.github.client:Client._send",),
        _again_on_5xx,
        (SENDING, "tests/adapters/test_github_calls.py"),
    ),
    Bug(
        "retry-on-lost-answer",
        "a write whose answer is lost is sent again",
        ("bot.github.client:Client._send",),
        _again_on_lost_answer,
        (SENDING, "tests/adapters/test_github_calls.py"),
    ),
    Bug(
        "resend-after-restart",
        "a send that was under way when the process died is made again",
        ("bot.core.sends:bot_started",),
        _resend_after_restart,
        (RESTARTS, "tests/core/test_decide_sends.py", HISTORIES),
    ),
    Bug(
        "intent-after-send",
        "the intent is written down after the dispatch has left",
        ("bot.store.releases:Releases.commit",),
        _intent_later,
        (RESTARTS,),
    ),
    Bug(
        "unknown-is-not-done",
        "a lost answer counts as a definite no",
        ("bot.core.sends:send_unknown",),
        _unknown_is_not_done,
        (SENDING, "tests/core/test_decide_sends.py"),
    ),
    Bug(
        "newest-run-for-a-send",
        "the newest run of the workflow is taken for the send's",
        ("bot.engine.perform:runs_of_send",),
        _newest_of_workflow,
        (SENDING,),
    ),
    Bug(
        "newest-run-for-a-watch",
        "the newest run of the workflow is taken for the watched one",
        ("bot.engine.perform:runs_of_watch",),
        _newest_of_workflow,
        (DRIVING, "tests/scenarios/test_main_story.py"),
    ),
    Bug(
        "any-commit",
        "a watched run is bound whatever its commit",
        ("bot.engine.perform:runs_of_watch",),
        _any_commit,
        (DRIVING,),
    ),
    Bug(
        "slot-not-held",
        "two unbound sends of one workflow and ref may be open",
        ("bot.store.committing:open_send",),
        _slot_is_free,
        ("tests/adapters/test_store_sends.py",),
    ),
    Bug(
        "tag-not-read-again",
        "`unless-tag` is not read again before the send",
        ("bot.engine.sendcheck:SendCheck._tag",),
        _nothing,
        (SENDING, DRIVING, "tests/scenarios/test_commands.py"),
    ),
    Bug(
        "strays-ignored",
        "runs that this app dispatched and nobody knows of do not stop a send",
        ("bot.engine.sendcheck:strays",),
        _no_strays,
        (SENDING,),
    ),
    Bug(
        "no-send-by",
        "a dispatch leaves however late it is",
        ("bot.github.client:Client._send",),
        _out_of_time,
        (SENDING, "tests/adapters/test_github_errors.py"),
    ),
    Bug(
        "rerun-without-comparing-attempts",
        "failed jobs are re-run without a look at the run's attempt",
        ("bot.engine.retries:Retries.rerun",),
        _rerun_blindly,
        ("tests/scenarios/test_retrying.py", "tests/scenarios/test_people.py"),
    ),
    Bug(
        "blind-time-counts",
        "time in which GitHub could not be read counts against the search for a run",
        ("bot.core.sends:_longer",),
        _blind_time_counts,
        (LOST, "tests/core/test_decide_sends.py"),
    ),
)
