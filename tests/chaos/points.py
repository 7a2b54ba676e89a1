"""The points at which a process can die, and what a disk can answer instead of doing as it is told.

Rule: a plan is armed once, counts the points of its kind from then on, and strikes at one of them.
"""

from dataclasses import dataclass
from enum import StrEnum

WRITES = ("INSERT", "UPDATE", "DELETE")


class Point(StrEnum):
    """The kinds of moments that are counted."""

    BEFORE_REQUEST = "before a request"
    AFTER_REQUEST = "after a request, before its answer"
    BEFORE_WRITE = "before a request that changes something"
    AFTER_WRITE = "after a request that changed something, before its answer"
    BEFORE_DISPATCH = "before a dispatch"
    AFTER_DISPATCH = "after a dispatch, before its answer"
    BEGIN = "before a transaction"
    STATEMENT = "between two statements"
    COMMIT = "before a commit"
    COMMITTED = "after a commit"


@dataclass(slots=True)
class Crash:
    """The process dies at the `left`-th point of the kind from now, and stays away for `rest` seconds."""

    point: Point
    left: int
    rest: float

    def strikes(self, point: Point) -> bool:
        if point is not self.point:
            return False
        self.left -= 1
        return self.left == 0


@dataclass(slots=True)
class Refusal:
    """The database answers `times` points of the kind with an error; at COMMITTED although it was done."""

    point: Point
    skip: int
    times: int
    message: str

    def strikes(self, point: Point) -> bool:
        if point is not self.point or self.times <= 0:
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.times -= 1
        return True


def point_of(statement: str) -> Point:
    """Which kind of moment comes before this statement."""
    if statement.startswith("BEGIN"):
        return Point.BEGIN
    return Point.COMMIT if statement == "COMMIT" else Point.STATEMENT
