"""What an attacker writes and sends: comments that GitHub did not announce, and payloads that say something else.

Rule: whoever can sign is GitHub itself; here it is made to say what somebody talked it into.
"""

from collections.abc import Mapping

from bot.simulator.repositories import App, Comment, Issue, Person
from bot.simulator.shapes_issues import comment_shape, issue_shape
from bot.simulator.talk import add_comment
from tests.scenarios.stage import Stage


def writes_unheard(
    stage: Stage, text: str, *, by: Person, issue: Issue | None = None, via: App | None = None
) -> Comment:
    """A comment whose own delivery is lost."""
    stage.world.hook.post.loses("issue_comment", "created", times=1)
    return add_comment(stage.world, issue or stage.issue, text, by=by, via=via)


def announces(
    stage: Stage,
    comment: Comment,
    action: str = "created",
    *,
    sender: Person | None = None,
    **changes: object,
) -> None:
    """GitHub tells of the comment, with these fields of it changed."""
    shape = {**comment_shape(stage.world, comment), **changes}
    parts: Mapping[str, object] = {"issue": issue_shape(stage.world, comment.issue), "comment": shape}
    stage.world.hook.announce(
        "issue_comment",
        action,
        dict(parts),
        repository=comment.issue.repository,
        sender=sender or comment.user,
    )


def versions_sent(stage: Stage) -> set[object]:
    """The versions that dispatches of `build.yml` carried."""
    sent = set()
    for entry in stage.world.ledger.dispatches:
        inputs = (entry.body or {}).get("inputs")
        assert isinstance(inputs, dict)
        sent.add(inputs.get("version"))
    return sent
