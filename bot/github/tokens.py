"""What installation tokens are for, and what each may do.

Rule: a token reaches one repository and does one kind of thing, so the one that writes in a public repository
cannot read a private one.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from bot.github.wire import Bearer

_FRESH = timedelta(seconds=10)


class Purpose(Enum):
    """What a token is for."""

    READ = "read"
    DRIVE = "drive"
    REPORT = "report"


PERMISSIONS: Mapping[Purpose, Mapping[str, str]] = {
    Purpose.READ: dict.fromkeys(("actions", "checks", "contents", "issues", "metadata"), "read"),
    Purpose.DRIVE: {"actions": "write", "metadata": "read"},
    Purpose.REPORT: {"checks": "write", "issues": "write", "metadata": "read"},
}


@dataclass(frozen=True, slots=True)
class Installation:
    """`repository_id` is known, and used instead of the name, when the repository was renamed."""

    id: int
    found_at: datetime
    repository_id: int | None = None

    def is_fresh(self, now: datetime) -> bool:
        """Found so lately that it is no use to ask again."""
        return now - self.found_at < _FRESH


@dataclass(frozen=True, slots=True)
class AppIdentity:
    """The numeric id and the login under which the app writes."""

    id: int
    login: str


@dataclass(slots=True, eq=False)
class Token:
    """`proven`: GitHub has accepted it at least once. Its text's form and length are GitHub's business.

    https://docs.github.com/rest/apps/apps#create-an-installation-access-token-for-an-app
    """

    bearer: Bearer
    made_at: datetime
    renew_at: datetime
    proven: bool = False
    proof: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    def is_fresh(self, now: datetime) -> bool:
        """GitHub may refuse a new token for some seconds. https://github.com/octokit/auth-app.js/issues/65"""
        return not self.proven and self.is_young(now)

    def is_young(self, now: datetime) -> bool:
        """What it may do may not have spread yet. https://github.com/octokit/auth-app.js/issues/589"""
        return now - self.made_at < _FRESH
