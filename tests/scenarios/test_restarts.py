"""The process is killed at every kind of moment, and the story ends as if nothing had been.

A kill before a request and one after its effect, whose answer is never seen, are the two things that can be left
behind: a kill between the answer and its commit looks like the second.
"""

import zlib
from collections.abc import Callable
from datetime import datetime
from itertools import count

import httpx
import pytest
from structlog.testing import capture_logs

from bot.core.events import Tick
from bot.engine.releases import Changed, Releases
from bot.simulator.faults import Break
from bot.store import PostRow, StoreUnavailable
from tests.scenarios.stage import ONE_STEP, Stage
from tests.scenarios.wire import When

STORIES = 6
"""The different requests of the main story are dealt out to so many stories, and none is left out."""

ALL_DISPATCHES = [
    "widget-ee/global-start-release.yml@develop",
    "widget-ee/release-docker.yml@v1.0.3",
    "widget/global-start-release.yml@develop",
    "widget/release-docker.yml@v1.0.3",
]
DISPATCHED = ("oss-start", "ee-start", "oss-docker", "ee-docker")
STEPS = ("oss-start", "oss", "ee-start", "ee", "oss-docker", "ee-docker")


class EachOnce:
    """The different requests that fall to one story, each the first time it is made."""

    def __init__(self, story: int) -> None:
        self._story, self._met = story, set[bytes]()

    def __call__(self, request: httpx.Request) -> bool:
        key = f"{request.method} {request.url} ".encode() + request.content
        mine = zlib.crc32(key) % STORIES == self._story and key not in self._met
        self._met.add(key)
        return mine


async def tell(stage: Stage) -> list[str]:
    """The main story, however often the bot is killed in it; the steps for which a person was asked.

    That may only be where nobody can tell whether a dispatch was made, and then `retry` is the answer.
    """
    await stage.opens()
    comment = await stage.says("/release 1.0.3")
    asked: list[str] = []
    while stage.state() != "released":
        await stage.until(lambda: stage.state() in {"released", "needs attention"}, hours=2)
        stuck = [step for step, word in stage.status().steps.items() if word == "needs attention"]
        asked += stuck
        await stage.passes(seconds=20)  # nobody reads and types faster
        for step in stuck:
            assert step in DISPATCHED, (step, stage.wire.cuts)
            await stage.says(f"/release retry 1.0.3 {step}")
        await stage.passes(seconds=30)
    await stage.passes(minutes=10)

    assert sorted(stage.dispatches()) == ALL_DISPATCHES, stage.wire.cuts
    assert all(entry.effect for entry in stage.world.ledger.dispatches)
    assert set(stage.status().steps.values()) == {"passed"}
    assert len(stage.statuses()) == 1
    ends = [said for said in stage.said() if "@maya release 1.0.3 is released" in said]
    assert len(ends) == 1
    assert len(stage.said()) == 1 + len(asked)
    assert comment.reactions_of(stage.world.bot.login) == ["eyes", "rocket"]
    for step in STEPS:
        assert [
            check.conclusion for check in stage.checks(step) if check.conclusion != "action_required"
        ] == ["success"], step
    return asked


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("story", range(STORIES))
async def test_f61_a_bot_that_is_killed_at_every_kind_of_request_does_everything_exactly_once(
    stage: Stage, story: int, when: When
) -> None:
    stage.wire.is_cut_at(EachOnce(story), when=when)
    await tell(stage)
    assert len(stage.wire.cuts) >= 5


def at_the_dispatch() -> Callable[[httpx.Request], bool]:
    """The first dispatch only."""
    first = count()
    return lambda request: request.url.path.endswith("/dispatches") and next(first) == 0


async def test_a_bot_that_is_killed_between_a_dispatch_and_its_answer_finds_the_run_by_itself(
    stage: Stage,
) -> None:
    stage.wire.is_cut_at(at_the_dispatch(), when="after")
    stage.pipeline(ONE_STEP)
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "released", hours=1)
    assert stage.dispatches() == ["widget/build.yml@develop"]
    assert not [said for said in stage.said() if "needs you" in said]


async def test_a_bot_that_is_killed_right_before_a_dispatch_leaves_the_decision_to_a_person(
    stage: Stage,
) -> None:
    stage.wire.is_cut_at(at_the_dispatch(), when="before")
    stage.pipeline(ONE_STEP)
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "needs attention", hours=1)
    await stage.passes(hours=1)
    assert stage.dispatches() == []
    assert "may have been sent" in stage.said()[0]

    await stage.says("/release retry")
    await stage.until(lambda: stage.state() == "released", hours=1)
    assert stage.dispatches() == ["widget/build.yml@develop"]


async def test_the_buttons_of_an_ended_release_go_away_though_github_was_away_until_the_restart(
    stage: Stage,
) -> None:
    stage.oss.workflows["build.yml"].on_run().runs_until_told()
    stage.pipeline(ONE_STEP)
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.step("build") == "running")
    await stage.passes(minutes=2)
    stage.run(stage.oss, "build.yml").finish("cancelled")
    await stage.until(lambda: stage.step("build") == "needs attention")
    await stage.passes(minutes=2)
    stage.world.trouble.answers("*", "/check-runs", 503, times=None)
    await stage.says("/release skip build")
    await stage.passes(minutes=1)
    assert stage.state() == "released"
    assert stage.checks("build")[-1].conclusion == "action_required"

    await stage.bot_restarts()
    stage.world.trouble.ends()
    await stage.passes(hours=3)
    assert stage.checks("build")[-1].conclusion == "skipped"
    assert stage.checks("build")[-1].actions == []


async def test_the_deleted_status_comment_of_an_ended_release_comes_back_after_a_restart(
    stage: Stage,
) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "released")
    await stage.passes(minutes=2)
    stage.world.trouble.answers("POST", "/issues/7/comments$", 503, times=None)
    status = next(said for said in stage.world.comments_of_bot() if "<!-- release-bot:" in said.body)
    stage.world.hand("ada").deletes(status)
    await stage.passes(minutes=1)
    assert not stage.statuses()

    await stage.bot_restarts()
    stage.world.trouble.ends()
    await stage.passes(hours=3)
    assert stage.state() == "released"


def _is_received(stage: Stage, path: str) -> None:
    """From now on GitHub carries such requests out two seconds after it has received them."""
    stage.wire.is_slow_at(
        lambda request: request.method == "POST" and request.url.path.endswith(path),
        lambda: stage.clock.sleep(2.0),
    )


@pytest.mark.parametrize("goes", ["stops", "dies"])
@pytest.mark.parametrize("path", ["/issues/7/comments", "/check-runs"])
async def test_what_github_had_received_when_the_process_went_is_not_made_twice(
    stage: Stage, path: str, goes: str
) -> None:
    stage.pipeline(ONE_STEP)
    stage.oss.workflows["build.yml"].on_run().runs_until_told()
    await stage.opens()
    _is_received(stage, path)
    stage.world.hand("maya").comments(stage.issue, "/release 1.0.3")
    await stage.until(lambda: bool(stage.wire.received))
    await stage.passes(seconds=0.5)
    if goes == "stops":
        await stage.bot_restarts()
    else:
        await stage.bot_dies()
        stage.wire.mended()
        await stage.opens()
    await stage.passes(minutes=5)

    assert len(stage.statuses()) == 1
    stage.run(stage.oss, "build.yml").finish()
    await stage.until(lambda: stage.state() == "released")
    await stage.passes(minutes=2)
    assert [check.status for check in stage.checks("build")] == ["completed"]


async def test_an_answer_that_github_had_received_is_not_made_twice(stage: Stage) -> None:
    await stage.opens()
    _is_received(stage, "/issues/7/comments")
    stage.world.hand("maya").comments(stage.issue, "/release help")
    await stage.until(lambda: bool(stage.wire.received))
    await stage.passes(seconds=0.5)
    await stage.bot_restarts()
    await stage.passes(minutes=5)

    assert len(stage.said()) == 1


async def test_an_answer_on_its_way_while_the_database_is_away_is_not_made_twice(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.opens()
    assert stage.bot is not None
    todo, away = stage.bot.store.posts.todo_posts, [StoreUnavailable("the connection was lost")]

    async def once_away(now: datetime) -> tuple[PostRow, ...]:
        if stage.wire.received and away:
            raise away.pop()
        return await todo(now)

    monkeypatch.setattr(stage.bot.store.posts, "todo_posts", once_away)
    _is_received(stage, "/issues/7/comments")
    stage.world.hand("maya").comments(stage.issue, "/release help")
    with capture_logs() as lines:
        await stage.passes(minutes=5)

    assert [line["part"] for line in lines if line["log_level"] == "error"] == ["poster"]
    assert len(stage.said()) == 1


async def test_what_the_releases_of_a_closed_engine_hear_changes_nothing(stage: Stage) -> None:
    stage.pipeline(ONE_STEP)
    stage.oss.workflows["build.yml"].on_run().runs_until_told()
    await stage.opens()
    await stage.says("/release 1.0.3")
    assert stage.bot is not None
    heard: list[Changed] = []
    releases = Releases(stage.bot.store, stage.clock)
    await releases.load()
    releases.on_change(heard.append)
    (release,) = releases.open()
    releases.close()

    assert await releases.happen(release.id, Tick(None)) is None
    assert (releases.open(), heard) == ((), [])


async def test_a_comment_that_github_never_received_is_made_without_delay(stage: Stage) -> None:
    stage.pipeline(ONE_STEP)
    stage.oss.workflows["build.yml"].on_run().runs_until_told()
    await stage.opens()
    stage.world.trouble.breaks("POST", "/issues/7/comments$", Break.CONNECT, when="before")
    await stage.says("/release 1.0.3")
    await stage.passes(seconds=8)

    assert len(stage.statuses()) == 1
