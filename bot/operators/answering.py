"""The answers to operators' commands, from what the bot remembers; the same whoever owns the database."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from bot.core.ledger import Flake
from bot.operators.words import MOST_FLAKES, FlakesAsked


class Remembered(Protocol):
    """The part of the ledger that is asked."""

    async def repositories(self) -> tuple[str, ...]: ...

    async def flakes(
        self, repos: Sequence[str], *, since: datetime, most: int = ...
    ) -> tuple[Flake, ...]: ...


async def flakes_of(ledger: Remembered, asked: FlakesAsked) -> tuple[Flake, ...]:
    """What was asked for; of more than `MOST_FLAKES` those that flaked most often."""
    repos = await ledger.repositories() if asked.repo is None else (asked.repo,)
    return await ledger.flakes(repos, since=asked.since, most=MOST_FLAKES)
