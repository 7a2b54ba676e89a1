"""Everything that can happen to a release: the closed list that `decide` understands.

Rule: an event says what is true now (a level), never what changed; hearing it twice or late does no harm.
"""

from dataclasses import dataclass
from datetime import datetime

from bot.core.causes import Verdict
from bot.core.deliveries import RunSeen
from bot.core.model import NameMove
from bot.core.states import Behind
from bot.core.trouble import NOTHING_KNOWN, Background, Hold, Trouble


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed. `ahead`: version of the release before it in its concurrency group, None: its turn."""

    ahead: str | None = None


@dataclass(frozen=True, slots=True)
class BotStarted:
    """The process starts: a send that was under way when it ended may or may not have been made."""


@dataclass(frozen=True, slots=True)
class TurnGiven:
    """It is the step's turn among those of its `one-at-a-time` name; the names it moves are decided now."""

    step: str
    moves: tuple[NameMove, ...] = ()
    inputs: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class TurnTaken:
    """It is another step's turn."""

    step: str
    behind: Behind


@dataclass(frozen=True, slots=True)
class TurnDelayed:
    """It is the step's turn, and what has to be known before cannot be read."""

    step: str
    why: str


@dataclass(frozen=True, slots=True)
class SendChecked:
    """Everything that must be known before a send was read at `at`."""

    step: str
    at: datetime
    nonce: str | None


@dataclass(frozen=True, slots=True)
class SendHeldBack:
    """The send cannot be made now but will be: look again in `seconds`."""

    step: str
    why: str
    seconds: float


@dataclass(frozen=True, slots=True)
class SendStopped:
    """Something was found that only a person can judge; nothing was sent."""

    step: str
    trouble: Trouble


@dataclass(frozen=True, slots=True)
class SendDone:
    """GitHub accepted the dispatch; `run_id` where it says so."""

    step: str
    send: int
    run_id: int | None
    url: str | None


@dataclass(frozen=True, slots=True)
class SendNotDone:
    """Certainly not done; sent again by itself after `seconds`. `unauthorized`: a renewed token was refused, too."""

    step: str
    send: int
    why: str
    seconds: float
    unauthorized: bool = False


@dataclass(frozen=True, slots=True)
class SendRefused:
    """Certainly not done, and only a person can change that."""

    step: str
    send: int
    trouble: Trouble


@dataclass(frozen=True, slots=True)
class SendUnknown:
    """The answer was lost or says nothing: the run has to be looked for."""

    step: str
    send: int
    why: str


@dataclass(frozen=True, slots=True)
class Candidates:
    """GitHub was asked for the run a step waits for. `runs`: those that fit and are bound to no other step.

    `previous`: when the repository was last read before; time between the two beyond `pace` seconds was blind.
    """

    step: str
    at: datetime
    previous: datetime
    pace: float
    runs: tuple[RunSeen, ...]
    doubtful: tuple[RunSeen, ...] = ()
    """Those that the send may have made, and somebody else whom the database has forgotten as well."""


@dataclass(frozen=True, slots=True)
class SecondRun:
    """The run of an earlier send of the step has appeared, which was given up before another one was made."""

    step: str
    run_id: int


@dataclass(frozen=True, slots=True)
class RunLevel:
    """A run looks like this now. `confirmed`: read from GitHub's API, not merely announced by a delivery.

    `jobs_ran`: of a completed run, whether at least one job was not skipped (None: not read).
    """

    step: str
    run: RunSeen
    confirmed: bool
    jobs_ran: bool | None = None


@dataclass(frozen=True, slots=True)
class RunGone:
    """GitHub says that the run does not exist (any more)."""

    step: str
    run_id: int


@dataclass(frozen=True, slots=True)
class Judged:
    """Why an attempt failed. `tail`: the lines of the log that tell it, cleaned; `passed`: jobs that succeeded."""

    step: str
    run_id: int
    attempt: int
    verdict: Verdict
    tail: str
    background: Background = NOTHING_KNOWN
    passed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CancelJudged:
    """Who cancelled an attempt. `group`: the concurrency group for which GitHub did; empty: a person, or nobody knows.

    `began`: a job had begun by then; `others`: the runs of the workflow that were live then; `ours`: the bot did, for a
    release that was cancelled; `guarded`: a job that had begun and must not be run again by itself.
    """

    step: str
    run_id: int
    attempt: int
    group: str = ""
    began: bool = False
    others: tuple[int, ...] = ()
    ours: bool = False
    guarded: str = ""


@dataclass(frozen=True, slots=True)
class WayFree:
    """The runs that a cancelled one gave way to are over."""

    step: str
    run_id: int
    attempt: int


@dataclass(frozen=True, slots=True)
class RerunHeld:
    """An automatic re-run waits for another one's outcome, or, with no `hold`, does so no longer."""

    step: str
    run_id: int
    attempt: int
    until: datetime
    hold: Hold | None


@dataclass(frozen=True, slots=True)
class RerunAccepted:
    step: str
    run_id: int
    attempt: int


@dataclass(frozen=True, slots=True)
class RerunUnderWay:
    """GitHub had shown that the attempt is over, and says now that the run is running."""

    step: str
    run_id: int
    attempt: int


@dataclass(frozen=True, slots=True)
class RerunRefused:
    step: str
    run_id: int
    attempt: int
    message: str


@dataclass(frozen=True, slots=True)
class Unanswered:
    """For long GitHub has answered for the repository, but not what the step has to know; `why`: how it failed last."""

    step: str
    why: str


@dataclass(frozen=True, slots=True)
class RepositoryBarred:
    """The repository has been refusing the bot for a while (not installed, suspended, moved)."""

    repo: str
    trouble: Trouble


@dataclass(frozen=True, slots=True)
class RepositoryOpen:
    """The repository answers again."""

    repo: str


@dataclass(frozen=True, slots=True)
class RetryAsked:
    steps: tuple[str, ...]
    by: str


@dataclass(frozen=True, slots=True)
class RedoAsked:
    step: str
    by: str


@dataclass(frozen=True, slots=True)
class SkipAsked:
    step: str
    by: str


@dataclass(frozen=True, slots=True)
class AdoptAsked:
    """`own`: the bot itself started the run."""

    step: str
    run: RunSeen
    by: str
    own: bool = False


@dataclass(frozen=True, slots=True)
class ApproveAsked:
    step: str
    by: str


@dataclass(frozen=True, slots=True)
class PauseAsked:
    by: str


@dataclass(frozen=True, slots=True)
class ResumeAsked:
    by: str


@dataclass(frozen=True, slots=True)
class CancelAsked:
    by: str


Steering = (
    RetryAsked | RedoAsked | SkipAsked | AdoptAsked | ApproveAsked | PauseAsked | ResumeAsked | CancelAsked
)
Event = (
    Tick
    | BotStarted
    | TurnGiven
    | TurnTaken
    | TurnDelayed
    | SendChecked
    | SendHeldBack
    | SendStopped
    | SendDone
    | SendNotDone
    | SendRefused
    | SendUnknown
    | Candidates
    | SecondRun
    | RunLevel
    | RunGone
    | Judged
    | CancelJudged
    | WayFree
    | RerunHeld
    | RerunAccepted
    | RerunUnderWay
    | RerunRefused
    | Unanswered
    | RepositoryBarred
    | RepositoryOpen
    | Steering
)
