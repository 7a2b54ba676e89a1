"""GitHub as the bot uses it: bytes in, facts and errors of `bot.core.facts` out."""

from bot.github.calls import GitHubCalls

__all__ = ["GitHubCalls"]
