"""Comments and reactions: written, edited and deleted by people and by the app alike, and announced.

Rule: a deleted comment keeps its row, an edited one its history, so that tests can see what was ever public.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from bot.simulator.ledger import JsonObject
from bot.simulator.repositories import App, Comment, Issue, Person, Reaction
from bot.simulator.shapes_issues import comment_shape, issue_shape

if TYPE_CHECKING:
    from bot.simulator.world import World


def add_comment(
    world: World, issue: Issue, text: str, *, by: Person, at: datetime | None = None, via: App | None = None
) -> Comment:
    when = at or world.now()
    made = Comment(world.new_id("comment"), issue, text, by, when, when, via)
    issue.comments.append(made)
    issue.repository.comments[made.id] = made
    _announce(world, made, "created", by)
    return made


def edit_comment(world: World, comment: Comment, text: str, *, by: Person) -> None:
    before = comment.body
    comment.history.append(before)
    comment.body, comment.updated_at = text, world.now()
    _announce(world, comment, "edited", by, {"changes": {"body": {"from": before}}})


def delete_comment(world: World, comment: Comment, *, by: Person) -> None:
    comment.deleted = True
    _announce(world, comment, "deleted", by)


def react(world: World, comment: Comment, content: str, *, by: Person) -> tuple[Reaction, bool]:
    """The reaction, and whether it is new: the same one by the same person is there only once."""
    for each in comment.reactions:
        if each.user is by and each.content == content:
            return each, False
    made = Reaction(world.new_id("reaction"), by, content, world.now())
    comment.reactions.append(made)
    return made, True


def _announce(
    world: World, comment: Comment, action: str, sender: Person, more: JsonObject | None = None
) -> None:
    parts = {"issue": issue_shape(world, comment.issue), "comment": comment_shape(world, comment)}
    world.hook.announce(
        "issue_comment", action, {**parts, **(more or {})}, repository=comment.issue.repository, sender=sender
    )
