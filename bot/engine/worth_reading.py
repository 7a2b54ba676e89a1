"""Reading what is good to know and must not hold anything up."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from bot.core.facts import GitHubError, Limited, Unauthorized, Unreachable
from bot.engine.patience import patiently
from bot.engine.ports import Clock, GitHub

Answer = TypeVar("Answer")

_WORTH_SECONDS = 10.0
"""How long something is asked for when GitHub fails to give it."""
_ANSWERS_WITHIN = 60.0
"""Longer than GitHub is left alone after failing so often: what failed may be all that fails."""


async def worth_reading(
    github: GitHub, clock: Clock, repo: str, read: Callable[[], Awaitable[Answer]]
) -> Answer | None:
    """None for what GitHub does not have, or keeps failing to give while it answers for the repository.

    Raises `GitHubError` when nothing may be asked now, or not even the repository answers.
    """
    try:
        return await patiently(clock, read, seconds=_WORTH_SECONDS)
    except (Limited, Unauthorized):
        raise
    except Unreachable:
        await patiently(clock, lambda: github.repository(repo), seconds=_ANSWERS_WITHIN)
        return None
    except GitHubError:
        return None
