"""What is said on the operators' socket: one line of JSON each way.

Rule: both sides are this program, though not always of one version: what is not understood is refused by a sentence,
and never guessed at.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from bot.core.ledger import Flake

LONGEST_QUESTION = 4_096
LONGEST_ANSWER = 16 * 1_024 * 1_024
"""Bytes. The most flakes that may be asked for, with the longest names that are kept, need less."""
MOST_FLAKES = 2_000


class BadWords(ValueError):
    """What was said is not what is spoken here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlakesAsked:
    """The flakes since a time; `repo` None: of every repository that is remembered."""

    since: datetime
    repo: str | None = None


def socket_of(database: Path) -> Path:
    """Beside the file itself, whatever link it was named by."""
    real = database.resolve()
    return real.with_name(f"{real.name}.socket")


# -- the question ----------------------------------------------------------------------------------


def write_question(asked: FlakesAsked) -> bytes:
    return _line({"command": "flakes", "since": asked.since.isoformat(), "repo": asked.repo})


def read_question(line: bytes) -> FlakesAsked:
    """Raises `BadWords`, a sentence for who asked."""
    match _object(line):
        case {"command": "flakes", "since": str(since), "repo": str() | None as repo}:
            return FlakesAsked(since=_moment(since), repo=repo)
        case {"command": str(command)}:
            raise BadWords(f"The server does not know the command {ascii(command)[:80]} as it was asked.")
    raise BadWords("The server was asked nothing that it knows.")


# -- the answer ------------------------------------------------------------------------------------


def write_answer(flakes: Sequence[Flake]) -> bytes:
    return _line({"flakes": [{**asdict(flake), "last": flake.last.isoformat()} for flake in flakes]})


def write_refusal(sentence: str) -> bytes:
    return _line({"error": sentence})


def read_answer(line: bytes) -> tuple[Flake, ...] | str:
    """The flakes, or the sentence by which the server refused. Raises `BadWords`."""
    match _object(line):
        case {"error": str(sentence)}:
            return sentence
        case {"flakes": [*flakes]}:
            return tuple(map(_flake, flakes))
    raise BadWords("The server's answer is of another version.")


def _flake(said: object) -> Flake:
    match said:
        case {
            "repo": str(repo),
            "line": str(line),
            "workflow": str(workflow),
            "job": str(job),
            "test": str() | None as test,
            "rule": str() | None as rule,
            "healed": int(healed),
            "failures": int(failures),
            "last": str(last),
            "seconds": int() | float() as seconds,
        }:
            return Flake(
                repo, line, workflow, job, test, rule, healed, failures, _moment(last), float(seconds)
            )
    raise BadWords("The server's answer is of another version.")


# -- both --------------------------------------------------------------------------------------------


def _line(said: Mapping[str, object]) -> bytes:
    """ASCII, so half a character cannot break it."""
    return json.dumps(said).encode() + b"\n"


def _object(line: bytes) -> Mapping[str, object]:
    try:
        said = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadWords("What was said is no JSON.") from error
    if not isinstance(said, dict):
        raise BadWords("What was said is no JSON object.")
    return said


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadWords(f"{ascii(text)[:80]} is no time.") from error
    if moment.tzinfo is None:
        raise BadWords(f"{ascii(text)[:80]} names no time zone.")
    return moment.astimezone(UTC)
