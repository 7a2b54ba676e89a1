"""Every request that reached the simulator, with what its token could do and whether it took effect.

Rule: an entry is written before the request is handled and completed after; nothing is ever removed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

JsonObject = dict[str, object]


@dataclass(frozen=True, slots=True)
class Scope:
    """What the presented credential reaches; repositories by full name at that moment."""

    kind: Literal["none", "app", "installation", "bad"] = "none"
    installation_id: int | None = None
    repositories: tuple[str, ...] = ()
    permissions: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True, eq=False)
class Entry:
    number: int
    at: datetime
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: JsonObject | None
    scope: Scope = Scope()
    template: str | None = None
    repository: str | None = None
    private: bool = False
    status: int | None = None
    effect: bool = False
    fault: str | None = None
    answer: object = field(default=None, repr=False)

    @property
    def writes(self) -> bool:
        """Whether it meant to change something people see (asking for a token does not)."""
        return self.method not in ("GET", "HEAD") and not self.path.endswith("/access_tokens")


class Ledger(list[Entry]):
    """The list of requests, with the questions tests ask of it."""

    def matching(self, method: str | None = None, path: str = "") -> list[Entry]:
        """Requests of a method whose path holds the pattern."""
        return [e for e in self if method in (None, e.method) and re.search(path, e.path)]

    @property
    def dispatches(self) -> list[Entry]:
        """Every dispatch that left the client, answered or not, done or not."""
        return self.matching("POST", r"/actions/workflows/[^/]+/dispatches$")

    @property
    def reruns(self) -> list[Entry]:
        return self.matching("POST", r"/rerun(-failed-jobs)?$")

    @property
    def writes(self) -> list[Entry]:
        return [entry for entry in self if entry.writes]

    @property
    def public_writes(self) -> list[Entry]:
        return [entry for entry in self if entry.writes and not entry.private]
