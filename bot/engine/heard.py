"""A comment that was heard, and what becomes of it: the words between `orders` and those who carry them out."""

from dataclasses import dataclass

from bot.core.commands import Command, Malformed
from bot.core.deliveries import CommentCreated
from bot.core.model import Person
from bot.markdown import command_lines
from bot.store import PostToMake


@dataclass(frozen=True, slots=True)
class Heard:
    """A comment that may be a command, and the delivery it came with."""

    comment: CommentCreated
    delivery: str

    @property
    def person(self) -> Person:
        return Person(self.comment.author_login, self.comment.author_id)

    @property
    def home(self) -> str:
        return self.comment.repository.full_name


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of a command: the last reaction and at most one comment. `None`: silence."""

    accepted: bool
    answer: str | None = None


def line_of(heard: Heard, command: Command | Malformed) -> str:
    """The line of the comment that is the command; empty where several may be it."""
    lines = command_lines(heard.comment.body)
    if not isinstance(command, Malformed):
        first = f"/{command.pipeline}".lower()
        lines = tuple(line for line in lines if line.split()[0].lower() == first)
    return lines[0] if len(lines) == 1 else ""


def posts_of(heard: Heard, outcome: Outcome) -> list[PostToMake]:
    """The last reaction, and the answer if there is one."""
    comment = heard.comment
    content = "rocket" if outcome.accepted else "confused"
    key = f"comment:{comment.repository.id}:{comment.comment_id}"
    reaction = PostToMake(
        key=f"{key}:{content}",
        repo=heard.home,
        kind="reaction",
        comment_id=comment.comment_id,
        body=content,
    )
    if outcome.answer is None:
        return [reaction]
    answer = PostToMake(
        key=f"{key}:answer",
        repo=heard.home,
        kind="comment",
        issue=comment.issue_number,
        body=outcome.answer,
    )
    return [reaction, answer]
