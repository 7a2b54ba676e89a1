"""Comments and reactions."""

from datetime import timedelta

import pytest

from .stage import Stage

ISSUE = "/repos/acme/widget/issues/7"
PLACE = "/repos/acme/widget/issues/comments"


async def test_a_comment_of_the_app_is_marked_as_such_and_announced(stage: Stage) -> None:
    made = (await stage.ask("POST", f"{ISSUE}/comments", {"body": "hello"})).json()
    await stage.ask("PATCH", f"{PLACE}/{made['id']}", {"body": "hello again"})
    await stage.pass_time(seconds=1)

    assert made["performed_via_github_app"]["id"] == stage.world.app.id
    assert [(c.body, c.history) for c in stage.world.comments_of_bot()] == [("hello again", ["hello"])]
    assert stage.heard == [("issue_comment", "created"), ("issue_comment", "edited")]


async def test_a_locked_issue_takes_no_comment(stage: Stage) -> None:
    stage.maya.locks(stage.issue)
    answer = await stage.ask("POST", f"{ISSUE}/comments", {"body": "hello"})
    assert answer.status_code == 403
    assert answer.json()["message"] == "Unable to create comment because issue is locked."


@pytest.mark.parametrize(("size", "status"), [(65_536, 201), (65_537, 422), (0, 422)])
async def test_a_comment_has_a_longest_length(stage: Stage, size: int, status: int) -> None:
    assert (await stage.ask("POST", f"{ISSUE}/comments", {"body": "x" * size})).status_code == status


async def test_a_deleted_comment_cannot_be_edited(stage: Stage) -> None:
    made = (await stage.ask("POST", f"{ISSUE}/comments", {"body": "hello"})).json()
    stage.maya.deletes(stage.oss.comments[made["id"]])
    assert (await stage.ask("PATCH", f"{PLACE}/{made['id']}", {"body": "x"})).status_code == 404
    assert (await stage.get(f"{ISSUE}/comments")).json() == []


async def test_a_reaction_is_made_once(stage: Stage) -> None:
    comment = stage.maya.comments(stage.issue, "/release 1.0.3")
    path = f"{PLACE}/{comment.id}/reactions"
    statuses = [(await stage.ask("POST", path, {"content": "eyes"})).status_code for _ in range(2)]
    assert statuses == [201, 200]
    assert comment.reactions_of("release-bot[bot]") == ["eyes"]
    assert (await stage.ask("POST", path, {"content": "tada"})).status_code == 422


async def test_comments_of_a_repository_are_listed_since_a_time_in_either_order(stage: Stage) -> None:
    other = stage.world.add_issue(stage.oss, 8)
    old = stage.maya.comments(stage.issue, "old", age=timedelta(hours=2))
    first, second = stage.maya.comments(stage.issue, "first"), stage.maya.comments(other, "second")
    listed = (await stage.get(f"{PLACE}?since=2026-11-20T08:00:00Z")).json()
    await stage.pass_time(seconds=5)
    stage.maya.edits(old, "edited")
    newest = (await stage.get(f"{PLACE}?sort=updated&direction=desc&per_page=1")).json()

    assert [comment["id"] for comment in listed] == [first.id, second.id]
    assert [comment["body"] for comment in newest] == ["edited"]


async def test_a_pull_request_is_an_issue_with_a_mark(stage: Stage) -> None:
    stage.world.add_issue(stage.oss, 9, pull_request=True)
    assert "pull_request" in (await stage.get("/repos/acme/widget/issues/9")).json()
