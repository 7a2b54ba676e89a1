"""Everything a release can want from the world: the closed list that the engine performs.

Rule: effects are a level too - `decide` says what is wanted now, all of it, every time. The engine starts what is
not under way yet and drops what is wanted no longer. Only a `Dispatch` is written down before it is performed
(the outbox).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CheckSend:
    """Read everything that must be known before the next send of this step."""

    step: str
    send: int


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Make the one request of this send number."""

    step: str
    send: int


@dataclass(frozen=True, slots=True)
class FindRun:
    """Look for the run of a send whose answer was lost or told no id, until told otherwise."""

    step: str
    send: int


@dataclass(frozen=True, slots=True)
class SeekRun:
    """Ask once, precisely, for the run that a watch step awaits."""

    step: str


@dataclass(frozen=True, slots=True)
class ConfirmRun:
    """Read the run (and its jobs, when it is over) from GitHub."""

    step: str
    run_id: int
    attempt: int


@dataclass(frozen=True, slots=True)
class JudgeFailure:
    step: str
    run_id: int
    attempt: int


@dataclass(frozen=True, slots=True)
class JudgeCancel:
    """Find out who cancelled the attempt: a person, or GitHub for a concurrency group."""

    step: str
    run_id: int
    attempt: int


@dataclass(frozen=True, slots=True)
class AwaitOthers:
    """Look, again and again, whether the runs that a cancelled one gave way to are over."""

    step: str
    run_id: int
    attempt: int


@dataclass(frozen=True, slots=True)
class RerunFailedJobs:
    step: str
    run_id: int
    attempt: int


@dataclass(frozen=True, slots=True)
class CancelRun:
    step: str
    run_id: int
    attempt: int


Effect = (
    CheckSend
    | Dispatch
    | FindRun
    | SeekRun
    | ConfirmRun
    | JudgeFailure
    | JudgeCancel
    | AwaitOthers
    | RerunFailedJobs
    | CancelRun
)


@dataclass(frozen=True, slots=True)
class Notice:
    """A new comment that calls or informs the person who started the release. The key makes it happen once."""

    key: str
    kind: str
    step: str | None = None
