"""The process is killed at every kind of moment, and the story ends as if nothing had been.

A kill before a request and one after its effect, whose answer is never seen, are the two things that can be left
behind: a kill between the answer and its commit looks like the second.
"""

import re
from dataclasses import dataclass

import httpx
import pytest

from tests.scenarios.stage import Stage
from tests.scenarios.wire import When

EVERY = 9
"""A story is killed at every ninth request; nine stories with different beginnings leave no request out."""

ALL_DISPATCHES = [
    "widget-ee/global-start-release.yml@develop",
    "widget-ee/release-docker.yml@v1.0.3",
    "widget/global-start-release.yml@develop",
    "widget/release-docker.yml@v1.0.3",
]
STEPS = ("oss-start", "oss", "ee-start", "ee", "oss-docker", "ee-docker")


@dataclass(frozen=True, slots=True)
class Moment:
    """The first request that fits."""

    method: str
    path: str

    def __call__(self, _number: int, request: httpx.Request) -> bool:
        return request.method == self.method and re.search(self.path, request.url.path) is not None


def once(moment: Moment) -> "Moment | Once":
    return Once(moment)


class Once:
    def __init__(self, moment: Moment) -> None:
        self._moment, self._met = moment, False

    def __call__(self, number: int, request: httpx.Request) -> bool:
        if self._met or not self._moment(number, request):
            return False
        self._met = True
        return True


async def tell(stage: Stage) -> None:
    """The whole main story, however often the bot is killed in it."""
    await stage.opens()
    comment = await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "released")
    await stage.passes(minutes=20)

    assert sorted(stage.dispatches()) == ALL_DISPATCHES, stage.wire.cuts
    assert all(entry.effect for entry in stage.world.ledger.dispatches)
    assert set(stage.status().steps.values()) == {"passed"}
    assert len(stage.statuses()) == 1
    assert [said.split(",")[0] for said in stage.said()] == ["@maya release 1.0.3 is released"]
    assert comment.reactions_of(stage.world.bot.login) == ["eyes", "rocket"]
    for step in STEPS:
        assert [check.conclusion for check in stage.checks(step)] == ["success"], step


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("first", range(1, EVERY + 1))
async def test_a_bot_that_is_killed_again_and_again_does_everything_exactly_once(
    stage: Stage, first: int, when: When
) -> None:
    stage.wire.is_cut_at(lambda number, _: number % EVERY == first % EVERY, when=when)
    await tell(stage)
    assert len(stage.wire.cuts) >= 8
