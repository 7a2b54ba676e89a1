"""Telling one story from its beginning to its end, and judging it.

Rule: faults first, then calm; then everything has to come to rest, show the truth, and go on when people help.
"""

import asyncio
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path

from bot.core.model import Release
from bot.core.states import AwaitingApproval, Running
from bot.simulator.clock import VirtualClock
from bot.store import Store
from tests.chaos.catalogue import KINDS, words_of
from tests.chaos.house import House, Violated
from tests.chaos.invariants import (
    at_rest,
    at_the_end,
    busy_rate,
    posts_left,
    troubles,
    unanswered,
    untrue_surfaces,
)
from tests.chaos.kinds import issue_number
from tests.chaos.limits import told_to_wait
from tests.chaos.log import listening
from tests.chaos.overdue import Overdue
from tests.chaos.story import Mishap, Story

_REST_WITHIN = 4.0
"""Virtual hours after the calm in which everything must come to rest."""
_HEARD_WITHIN = 0.35
"""Virtual hours until a command is answered: five looks at the comments, and GitHub's limits in between."""
_ROUNDS = 30.0
"""Virtual seconds between two looks of the witness at its own clock."""
_TRUE_WITHIN = 60.0
"""Virtual seconds until GitHub shows the truth (contract, promise 5)."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a story ended: `broken` names the promise, None when all were kept."""

    story: Story
    trace: tuple[str, ...]
    broken: str | None = None
    how: str = ""
    words: tuple[str, ...] = ()
    """How each release ended."""


def tell(story: Story) -> Verdict:
    """Tells it on a file system in memory where there is one."""
    memory = Path("/dev/shm")  # noqa: S108 - a private folder is made in it
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder, listening() as log:
        empty = Path(folder) / "empty.db"
        empty.write_bytes(_empty_database())
        house = House(story, Path(folder), empty)
        log.house = house
        house.loop.set_exception_handler(
            lambda *_: None
        )  # what the garbage collector finds, and when, is no matter
        with house.disk:
            try:
                house.loop.run_until_complete(_whole(house))
            except Violated as violated:
                name, _, how = str(violated).partition(": ")
                return Verdict(story, tuple(house.trace), name, how)
            except Exception as error:
                at = traceback.extract_tb(error.__traceback__)[-1]
                how = f"{error!r} at {Path(at.filename).name}:{at.lineno}"
                return Verdict(story, tuple(house.trace), "a story can be told to its end", how)
            finally:
                _closed(house)
        return Verdict(story, tuple(house.trace), words=tuple(_words(house)))


def _words(house: House) -> Iterator[str]:
    for known in house.witness.releases.values():
        yield str(known.release.word)


async def _whole(house: House) -> None:
    story = house.story
    house.begins_to_live()
    for ask in story.asks:
        text = f"/release {ask.version}"
        house.at(ask.at, lambda text=text, ask=ask: _says(house, text, by=ask.by, issue=ask.issue))  # type: ignore[misc]
    for mishap in story.mishaps:
        house.at(mishap.at, lambda mishap=mishap: _strikes(house, mishap))  # type: ignore[misc]
    if story.shape == "branch":
        for round_ in range(6):
            house.at(200 + 240 * round_, lambda: _pushes(house))
    await house.passes(seconds=max(story.calm, max((m.at for m in story.mishaps), default=0)))
    _calms(house)
    if not await house.until_true(lambda: house.awake, hours=1):
        raise Violated("the bot lives at the end", "it does not start any more")
    await _comes_to_rest(house)
    await _shows_the_truth(house, told_to_wait(story))
    await _is_quiet(house)
    await _is_helped(house)
    if patience := told_to_wait(story):
        await house.until_true(lambda: not posts_left(house), hours=patience / 3600)
    for name, how in at_the_end(house):
        raise Violated(name, how)


def _says(house: House, text: str, *, by: str, issue: int) -> None:
    house.says_command(text, by=by, issue=issue_number(house, issue))


def _calms(house: House) -> None:
    """From now on nothing is wrong any more, and the witness looks at its own clock now and then."""
    house.calms()
    for mishap in house.story.mishaps:
        kind = KINDS[mishap.kind]
        if kind.heals is not None:
            kind.heals(house)
        if kind.stays:
            kind.do(house, mishap)
    patience = timedelta(seconds=told_to_wait(house.story))
    overdue = Overdue(house.witness, house.world, calm=house.clock.now(), patience=patience)

    def looks() -> None:
        house.witness.broken.extend(overdue.found())
        house.after(_ROUNDS, looks)

    house.after(_ROUNDS, looks)


def _strikes(house: House, mishap: Mishap) -> None:
    house.tell(f"* {words_of(mishap)}")
    KINDS[mishap.kind].do(house, mishap)


def _pushes(house: House) -> None:
    house.world.hand("walt").pushes(house.oss, "nightly")


# -- after the faults --------------------------------------------------------------------------------


async def _is_heard(house: House) -> None:
    """Every command is answered; those that never are, are judged at the end."""
    await house.until_true(lambda: not unanswered(house), hours=_HEARD_WITHIN)


async def _comes_to_rest(house: House) -> None:
    """People do what only people can: approve, resume."""
    await _is_heard(house)

    def waits_or_rests() -> bool:
        return at_rest(house) or any(_needed(known.release) for known in house.witness.releases.values())

    for _ in range(30):
        if not await house.until_true(waits_or_rests, hours=_REST_WITHIN):
            raise Violated("everything comes to rest", _standing(house))
        if at_rest(house):
            return
        await house.passes(seconds=5)
        _approve(house)
        await house.passes(seconds=60)
    raise Violated("everything comes to rest", _standing(house))


def _needed(release: Release) -> str | None:
    """What is asked for that a person of good will would say."""
    if release.word.final:
        return None
    if release.paused_by is not None:
        return f"/release resume {release.version}"
    for name, record in release.steps.items():
        if isinstance(record.state, AwaitingApproval) and not release.cancelling:
            return f"/release approve {release.version} {name}"
        if isinstance(record.state, Running) and record.state.run.held:
            return "environment"
    return None


def _approve(house: House) -> None:
    for known in house.witness.releases.values():
        words = _needed(known.release)
        if words == "environment":
            for run in house.world.runs:
                if run.status == "waiting":
                    house.world.hand("ada").approves(run)
        elif words is not None:
            _says(house, words, by="ada", issue=known.release.issue)


async def _shows_the_truth(house: House, patience: float = 0.0) -> None:
    """`patience`: seconds for which GitHub itself, or a clock that was wrong, may have put the reports off."""
    await house.passes(seconds=_TRUE_WITHIN)
    for _ in range(3):
        longest = max(patience, _young(house))
        if longest and untrue_surfaces(house):
            await house.until_true(lambda: not untrue_surfaces(house), hours=longest / 3600)
    for name, how in untrue_surfaces(house):
        raise Violated(name, how)


def _young(house: House) -> float:
    """Seconds until the last change of a release has to be shown: it may come long after the calm."""
    last = max((known.changed_at for known in house.witness.releases.values()), default=house.began)
    return max(0.0, _TRUE_WITHIN - (house.clock.now() - last).total_seconds())


async def _is_quiet(house: House) -> None:
    before = len(house.world.ledger)
    await house.passes(minutes=3)
    if (found := busy_rate(house, before, 3)) is not None:
        raise Violated(*found)


async def _is_helped(house: House) -> None:
    """A maintainer answers every call for a person until each release has ended: no dead ends."""
    for verb in ("retry", "skip", "cancel", "cancel", "cancel", "cancel"):
        for release, step, _ in list(troubles(house)):
            place = f" {step}" if verb != "cancel" else ""
            _says(house, f"/release {verb} {release.version}{place}", by="ada", issue=release.issue)
        await _comes_to_rest(house)
        if all(known.release.word.final for known in house.witness.releases.values()):
            return await _shows_the_truth(house)
    raise Violated("every release can be ended", _standing(house))


def _standing(house: House) -> str:
    return "; ".join(
        f"{known.release.version} {known.release.word}: "
        + ", ".join(f"{name} {record.state.kind}" for name, record in known.release.steps.items())
        for known in house.witness.releases.values()
    )


def _closed(house: House) -> None:
    """Whatever is left is dropped; nothing of it is judged any more."""
    life = house.life
    if life is not None:
        house.loop.run_until_complete(life.buried())
    house.life = None
    with suppress(Exception):
        house.loop.run_until_complete(house.loop.shutdown_asyncgens())
    house.loop.close()


@cache
def _empty_database() -> bytes:
    """Migrated once per process, and written down for every story."""

    async def made(path: Path) -> None:
        store = await Store.open(f"sqlite:///{path}", now=VirtualClock().now)
        await store.close()

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "empty.db"
        asyncio.run(made(path))
        return path.read_bytes()
