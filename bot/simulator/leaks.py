"""Whether something of a private repository was written where everybody can read it.

Rule: names, commits and every number that GitHub gave out for that repository are searched for in whole requests.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bot.simulator.ledger import Entry
from bot.simulator.repositories import Repository


@dataclass(frozen=True, slots=True)
class Leak:
    """A public write that shows `what`."""

    method: str
    path: str
    what: str


def leaks(public_writes: Iterable[Entry], private: Repository) -> list[Leak]:
    """Everything of `private` that those requests show."""
    secrets = list(_secrets(private))
    found = []
    for entry in public_writes:
        text = f"{entry.path} {json.dumps(entry.body, ensure_ascii=False)}"
        found += [Leak(entry.method, entry.path, secret) for secret in secrets if secret in text]
    return found


def _secrets(private: Repository) -> Iterator[str]:
    yield private.name
    yield str(private.id)
    for sha in private.commits:
        yield sha[:7]
    for run in private.runs.values():
        yield str(run.id)
        for attempt in run.attempts:
            yield from (str(job.id) for job in attempt.jobs)
    for check in private.check_runs.values():
        yield str(check.id)
