"""That Tuesday with the bot: whole, over HTTP, with the pipeline file that the documentation shows for such a day.

Rule: what is measured is what GitHub saw and what the bot wrote into the issue; the bot is neither changed nor asked.
"""

import re
import tempfile
import time
from collections import Counter
from datetime import datetime
from pathlib import Path

from benchmarks.quarter_people import LONGEST_DAY
from benchmarks.tuesday_figures import (
    Call,
    Day,
    by_inputs,
    failures,
    job_minutes,
    reruns,
    since_morning,
    truth,
    wrong_names,
)
from benchmarks.tuesday_github import stage_day
from benchmarks.tuesday_old import REACTION
from benchmarks.tuesday_stage import QuickStage
from benchmarks.tuesday_world import BUILD, IMAGES, MORNING, PLACES, START, VERSIONS, Place, Tuesday
from bot.simulator.repositories import Comment
from bot.simulator.world import World

_FILE = (Path(__file__).parents[1] / "docs" / "tuesday.yml").read_text()
_RETRY = re.compile(r"^ +retry: .*\n", re.MULTILINE)
COMMAND = f"/release {' '.join(VERSIONS)} jdk=17"
PLACE_OF = {
    (place.version, place.step(flow)): (place, flow) for place in PLACES for flow in (START, BUILD, IMAGES)
}
_TOLD = re.compile(r"@maya (?:\S+ )?release (\S+) (?:is (released)|needs you at `([^`]+)`: (.*))")
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of this process is made in it
_IN_MEMORY = _SHARED_MEMORY if _SHARED_MEMORY.is_dir() else None
_DISPATCH = re.compile(r"^/repos/(\S+)/actions/workflows/([^/]+)/dispatches$")


class _BotDay:
    def __init__(self, stage: QuickStage) -> None:
        self._stage, self._world = stage, stage.world
        self.said: dict[str, datetime] = {}
        self.calls: list[Call] = []
        self._read = 0

    async def live(self) -> None:
        stage, end = self._stage, MORNING + LONGEST_DAY
        await stage.opens()
        self._world.hand("maya").comments(stage.issue, COMMAND)
        await stage.until(lambda: self._is_over() or self._world.now() >= end, hours=25)
        await stage.passes(minutes=2)

    def _is_over(self) -> bool:
        """Reads what the bot has said since."""
        comments = list(self._stage.oss.comments.values())
        for comment in comments[self._read :]:
            if comment.via is self._world.app:
                self._hears(comment)
        self._read = len(comments)
        return len(self.said) == len(VERSIONS)

    def _hears(self, comment: Comment) -> None:
        told = _TOLD.match(comment.body)
        if told is None:
            return
        version, released, step, words = told.groups()
        if released:
            self.said[version] = comment.created_at
            return
        place, workflow = PLACE_OF[version, step]
        why, after = truth(self._world, place, workflow), since_morning(comment.created_at)
        self.calls.append(Call(version, step, after, why, words))
        retry = f"/release retry {version} {step}"
        self._world.after(REACTION, lambda: self._answers(retry))

    def _answers(self, command: str) -> None:
        self._world.hand("maya").comments(self._stage.issue, command)


async def by_bot(tuesday: Tuesday, *, default_retry: bool = False) -> Day:
    begun = time.process_time()
    with tempfile.TemporaryDirectory(dir=_IN_MEMORY) as name:
        stage = QuickStage(Path(name))
        stage.clock.move_to(MORNING)
        stage.pipeline(_RETRY.sub("", _FILE) if default_retry else _FILE)
        stage_day(stage.world, tuesday)
        day = _BotDay(stage)
        await day.live()
        await stage.closes()
    world = stage.world
    sent = _sends(world)
    return Day(
        seed=tuesday.seed,
        walls={version: since_morning(at) for version, at in day.said.items()},
        calls=tuple(day.calls),
        requests=len(world.ledger),
        unchanged=sum(entry.status == 304 for entry in world.ledger),
        writes=len(world.ledger.writes),
        reruns=reruns(world),
        failures=failures(world),
        job_minutes=job_minutes(world),
        dispatches=sent.total(),
        doubled=sum(count - 1 for count in sent.values()),
        wrong={"": wrong_names(world, by_inputs)},
        spent=time.process_time() - begun,
    )


def _sends(world: World) -> Counter[tuple[Place, str]]:
    """Dispatch requests that left the bot; nobody types `redo` on this day, so that each is due once."""
    found: Counter[tuple[Place, str]] = Counter()
    for entry in world.ledger.dispatches:
        named, body = _DISPATCH.match(entry.path), entry.body or {}
        assert named is not None
        inputs = body.get("inputs")
        given = inputs.get("releaseVersion") if isinstance(inputs, dict) else None
        found[Place(str(given or str(body["ref"]).removeprefix("v")), named[1]), named[2]] += 1
    return found
