"""What is remembered of jobs and tests: outcomes that were seen, and how often each failure healed by itself.

Rule: a failure is proven a flake only by a success of the same job on the same commit. Nothing here decides about
a release: `causes` judges, and asks for what is known.
"""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.core import evidence
from bot.core.causes import Cause

REMEMBERED = timedelta(days=30)
"""How far back a history looks when a failure is judged or shown."""
LASTING = 2
"""Failed attempts in a row, without a success on the line since, from which on a test counts as failing for good."""
MOST_TESTS = evidence.MOST_TESTS
"""Failed tests of one job that are remembered."""
LONGEST_NAME = 300
"""Characters of a job's or a test's name that are remembered."""
FAILED = frozenset({"failure", "timed_out", "startup_failure", "action_required"})
"""Conclusions of a job that failed. A cancelled one says nothing about itself."""

_SERIES = re.compile(
    r"(?:^|/|v|\b(?:releases?|stable|maint|maintenance|support|hotfix)[-_])v?(\d{1,5})\.(\d{1,5})(?:\.(?:\d{1,9}|x))?(?!\d)"
)


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """How one job of one attempt ended. `cause`, `rule`, `tests` (those that failed): of failed jobs only."""

    job: str
    conclusion: str
    seconds: float
    ended_at: datetime
    cause: Cause | None = None
    rule: str | None = None
    tests: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AttemptOutcome:
    """A finished attempt of a workflow run. `workflow` is the file's plain name; `line` as `line_of` gives it."""

    repo: str
    workflow: str
    line: str
    run_id: int
    attempt: int
    sha: str
    jobs: tuple[JobOutcome, ...]


@dataclass(frozen=True, slots=True)
class History:
    """How often something failed in a span of time, and how often the same job then passed on the same commit.

    `streak`: failed attempts on this line since the job last passed there, other runs only; `seconds`: of the failed
    jobs that healed, how long they ran for nothing.
    """

    seen: int = 0
    healed: int = 0
    last: datetime | None = None
    seconds: float = 0.0
    streak: int = 0

    @property
    def proven(self) -> bool:
        """A flake by proof, and not one that has begun to fail for good."""
        return self.healed > 0 and self.streak < LASTING


NEVER_SEEN = History()


@dataclass(frozen=True, slots=True)
class Memory:
    """What is known about a job that has just failed: each of its failed tests, the rule that fired, the job itself."""

    job: History = NEVER_SEEN
    rule: History = NEVER_SEEN
    tests: Mapping[str, History] = field(default_factory=dict)

    @property
    def flakes(self) -> frozenset[str]:
        """The tests that are proven flakes."""
        return frozenset(name for name, history in self.tests.items() if history.proven)


@dataclass(frozen=True, slots=True)
class Flake:
    """One line of the list of flakes: a test, or a job whose log named none (`test` None; then `rule` may say why).

    `healed` of `failures` passed later on the same commit, the last of them failed at `last`. `seconds`: how long the
    jobs of the healed ones ran for nothing; a job that two tests failed counts in full for each of the two.
    """

    repo: str
    line: str
    workflow: str
    job: str
    test: str | None
    rule: str | None
    healed: int
    failures: int
    last: datetime
    seconds: float


def line_of(ref: str) -> str:
    """The maintained line that a branch or tag belongs to: `1.0` for `v1.0.3`, `release/1.0.x`, `1.0`; else the ref."""
    plain = ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
    found = _SERIES.search(plain)
    return f"{int(found[1])}.{int(found[2])}" if found else plain


def line_order(line: str) -> tuple[int, int, str]:
    """For sorting: lines with numbers by number, so that 1.9 comes before 1.10; then the others by name."""
    found = _SERIES.fullmatch(line)
    return (int(found[1]), int(found[2]), "") if found else (sys.maxsize, 0, line)
