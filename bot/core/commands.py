"""The commands of the bot, read and well formed.

Rule: everything in them has been checked for its form; whether it can be done is for others to say.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import assert_never

from bot.core.verbs import CONTINUE, DRY_RUN


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


def as_typed(command: Command) -> str:
    """The line to type for it."""
    return " ".join((f"/{command.pipeline}", *filter(None, _words(command))))


def _words(command: Command) -> Iterator[str | None]:
    verb = type(command).__name__.lower()
    match command:
        case Start():
            yield from command.versions
            yield from (f"{name}={value}" for name, value in command.parameters)
            yield from (
                word for word, on in ((DRY_RUN, command.dry_run), (CONTINUE, command.continues)) if on
            )
        case Help():
            yield verb
        case Flakes(line=line):
            yield from (verb, line)
        case (
            Status(version=version)
            | Pause(version=version)
            | Resume(version=version)
            | Cancel(version=version)
        ):
            yield from (verb, version)
        case Adopt(version=version, step=step, run_id=run_id):
            yield from (verb, version, step, str(run_id))
        case (
            Retry(version=version) | Redo(version=version) | Skip(version=version) | Approve(version=version)
        ):
            yield from (verb, version, command.step)
        case _:
            assert_never(command)


@dataclass(frozen=True, slots=True)
class NotOurs:
    """The line belongs to no pipeline: silence."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """The line is meant for a pipeline and says nothing the bot can do; the sentence is fit for a comment."""

    sentence: str
