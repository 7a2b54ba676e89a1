"""What preflight can find wrong before anything is started: a closed list, told to people by `present`."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ProblemKind(StrEnum):
    INSTALLATION = "installation"
    ROLE = "role"
    NO_ACCESS = "no access"
    WORKFLOW = "workflow"
    REF = "ref"
    TAG = "tag"
    RUN = "run"
    OPEN_RELEASE = "open release"
    RELEASED = "released already"
    NOTHING_TO_CONTINUE = "nothing to continue"
    FILE = "pipeline file"
    UNVERIFIED = "could not verify"


@dataclass(frozen=True, slots=True)
class KnownRelease:
    """A release of the home repository, where whoever gives commands may ask for it. `ended_at` None: it is open."""

    pipeline: str
    version: str
    issue: int
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """`steps` are the names of the steps concerned; `repo`, `detail` and `links` are for those who may see it.

    `detail` is one clause without a full stop ("`pre-release.yml` is disabled"). `repo` None: not about a repository.
    `links`: addresses of the workflow runs concerned. `release`: the one that stands in the way.
    """

    kind: ProblemKind
    steps: tuple[str, ...]
    repo: str | None
    detail: str
    links: tuple[str, ...] = ()
    release: KnownRelease | None = None


@dataclass(frozen=True, slots=True)
class UnfitParameter(Problem):
    """A version for which the parameters of the command are not enough; it is refused alone.

    `detail` is a whole sentence, with what to type instead; `without_file`: one that has no word of the file.
    """

    without_file: str = ""
