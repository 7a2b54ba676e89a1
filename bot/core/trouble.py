"""What goes wrong on the way: why an attempt failed and what stands behind that, and why a person is needed.

Rule: frozen values, kept inside a release; texts in them are for people with access to the step's repository.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.core.ledger import NEVER_SEEN, History


class TroubleKind(StrEnum):
    """Why a person is needed: the closed list."""

    FAILED = "failed"
    CANCELLED = "cancelled"
    GROUP_CANCELLED = "group-cancelled"
    DELETED = "deleted"
    TIMED_OUT = "timed-out"
    NOTHING_RAN = "nothing-ran"
    STARTUP_FAILURE = "startup-failure"
    ODD_END = "odd-end"
    NEVER_APPEARED = "never-appeared"
    NEVER_FOUND = "never-found"
    TWO_CANDIDATES = "two-candidates"
    DOUBTFUL_RUN = "doubtful-run"
    STRANGE_RUN = "strange-run"
    REFUSED = "refused"
    TAG_EXISTS = "tag-exists"
    REF_MISSING = "ref-missing"
    NO_ACCESS = "no-access"
    MOVED = "moved"
    RERUN_REFUSED = "rerun-refused"
    RERUN_LOST = "rerun-lost"
    NEVER_RERUN = "never-rerun"
    UNANSWERED = "unanswered"


@dataclass(frozen=True, slots=True)
class Touch:
    """Who changed a file last, as far as GitHub says: the login, or the name where there is no account."""

    who: str
    path: str
    sha: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Background:
    """What is known of a failed attempt beside its cause: for people, and for whoever holds re-runs back.

    `subject`: what `history` tells of, a test's or a job's name, or the rule's. `seconds`: how long the failed jobs ran
    for nothing. `service`: what seems to be away, in how many `jobs` of the attempt, the quickest of which failed after
    `lasted` seconds; empty for other causes than transient ones. `guarded`: the failed job that `never-rerun` names.
    """

    subject: str = ""
    history: History = NEVER_SEEN
    rule: str = ""
    seconds: float = 0.0
    service: str = ""
    jobs: int = 0
    lasted: float = 0.0
    failed: tuple[str, ...] = ()
    """Names of the failed jobs, if they are few."""
    guarded: str = ""
    ended_by: str = ""
    """Who cancelled the run on GitHub after one of its jobs had failed."""
    touched: Touch | None = None
    unsaid: str = ""
    """What to say instead of the headline where the pipeline file is not shown, whose rule fired; empty: the same."""


NOTHING_KNOWN = Background()


@dataclass(frozen=True, slots=True)
class Trouble:
    """A problem a person has to look at. `detail`, `links`, `tail`: for people with access to the repository."""

    kind: TroubleKind
    detail: str = ""
    links: tuple[str, ...] = ()
    tail: str = ""
    touched: Touch | None = None
    guarded: str = ""
    unsaid: str = ""


def without_run(trouble: Trouble) -> bool:
    """Troubles that leave nothing to run again, whatever run the step had: no dispatch became one, or it is gone."""
    return trouble.kind in {
        TroubleKind.REFUSED,
        TroubleKind.TAG_EXISTS,
        TroubleKind.REF_MISSING,
        TroubleKind.STRANGE_RUN,
        TroubleKind.NEVER_APPEARED,
        TroubleKind.DELETED,
    }


def known_as_gone(trouble: Trouble) -> bool:
    """Troubles that say already that the run does not exist."""
    return trouble.kind in {TroubleKind.DELETED, TroubleKind.NEVER_APPEARED}


def barred(trouble: Trouble) -> bool:
    """Troubles that are over as soon as the repository answers again."""
    return trouble.kind in {TroubleKind.NO_ACCESS, TroubleKind.MOVED}


def asked_on(trouble: Trouble) -> bool:
    """Troubles that are over as soon as GitHub answers a certain question."""
    return trouble.kind is TroubleKind.UNANSWERED


@dataclass(frozen=True, slots=True)
class Told:
    """The trouble of a repository that people were called for last, and when."""

    kind: TroubleKind
    detail: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Hold:
    """A re-run waits because what it needs is away, and somebody else's re-run tries that first.

    `count`: of how many releases of its home it has stopped runs in this repository (`jobs` of this one, if it is the
    only one); `next_try`: when it is tried, None while that is under way; `probe`: whether this step is the one that
    tries; `due`: when it would have gone on by itself.
    """

    service: str
    count: int
    jobs: int
    next_try: datetime | None
    probe: bool
    due: datetime


@dataclass(frozen=True, slots=True)
class Sighting:
    """An attempt that ended because `service` was away, in so many of its jobs, which had run for so long."""

    service: str
    at: datetime
    run_id: int
    attempt: int
    jobs: int
    seconds: float
