"""The commands of the bot, read and well formed.

Rule: everything in them has been checked for its form; whether it can be done is for others to say.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """`versions` as typed, well formed, each once, in the order of the command; `parameters`: names and values
    as typed, no name twice. `continues`: their tags exist already.
    """

    pipeline: str
    versions: tuple[str, ...]
    parameters: tuple[tuple[str, str], ...] = ()
    dry_run: bool = False
    continues: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Help:
    pipeline: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    pipeline: str
    version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    pipeline: str
    version: str | None = None
    step: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Redo:
    pipeline: str
    version: str | None = None
    step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    pipeline: str
    version: str | None = None
    step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopt:
    """`run_repository` is the `owner/repo` of the run's URL, None when the run was given by its id alone."""

    pipeline: str
    version: str | None = None
    step: str
    run_id: int
    run_repository: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Approve:
    pipeline: str
    version: str | None = None
    step: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    pipeline: str
    version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    pipeline: str
    version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    pipeline: str
    version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Flakes:
    """`line` as `bot.core.ledger.line_of` gives it, None: every line."""

    pipeline: str
    line: str | None = None


Command = Start | Help | Status | Retry | Redo | Skip | Adopt | Approve | Pause | Resume | Cancel | Flakes


@dataclass(frozen=True, slots=True)
class NotOurs:
    """The line belongs to no pipeline: silence."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """The line is meant for a pipeline and says nothing the bot can do; the sentence is fit for a comment."""

    sentence: str
