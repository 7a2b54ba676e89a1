"""The moments of a release at which GitHub changes something for the bot: each request that writes, before and after.

Rule: the list is taken from a story in which nothing happens, so that a new request cannot be forgotten.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bot.simulator.faults import Break, Fault, When
from bot.simulator.ledger import Entry
from bot.simulator.world import World

MUTATIONS = {
    "dispatch": ("POST", r"/dispatches$"),
    "re-run": ("POST", r"/rerun(-failed-jobs)?$"),
    "comment": ("POST", r"/issues/\d+/comments$"),
    "check run": ("POST", r"/check-runs$"),
    "reaction": ("POST", r"/reactions$"),
    "edit of a comment": ("PATCH", r"/issues/comments/\d+$"),
    "change of a check run": ("PATCH", r"/check-runs/\d+$"),
}
"""In the order of how much it matters when one is made twice."""


@dataclass(frozen=True, slots=True)
class Moment:
    """The `number`-th request (from 0) of a kind; "before": it never reached GitHub; "after": done, no answer."""

    mutation: str
    number: int
    when: When

    def __str__(self) -> str:
        return f"{self.when} {self.mutation} {self.number + 1}"

    def arms(self, world: World, act: Callable[[], None]) -> None:
        """`act` is done when the moment comes."""
        method, path = MUTATIONS[self.mutation]
        breaks = Break.RESET if self.when == "before" else None
        world.trouble.add(Fault(method, path, self.when, breaks=breaks, call=act, skip=self.number))


def moments(ledger: Iterable[Entry]) -> list[Moment]:
    """All of a story. LookupError when it has a request that no kind covers."""
    counts = Counter(_mutation(entry) for entry in ledger if entry.writes)
    return [
        Moment(mutation, number, when)
        for mutation in MUTATIONS
        for number in range(counts[mutation])
        for when in ("after", "before")
    ]


def _mutation(entry: Entry) -> str:
    for name, (method, path) in MUTATIONS.items():
        if entry.method == method and re.search(path, entry.path):
            return name
    raise LookupError(f"{entry.method} {entry.path} is no mutation that is known here")
