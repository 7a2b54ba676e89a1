"""REST: issues, their comments, and reactions."""

from __future__ import annotations

from datetime import UTC, datetime

from bot.simulator.call import PAGING, Answer, Call, HttpError, Permission, Routes, not_found, paged
from bot.simulator.repositories import Comment, Issue
from bot.simulator.shapes_issues import REACTIONS, comment_shape, issue_shape, reaction_shape
from bot.simulator.talk import add_comment, delete_comment, edit_comment, react

ROUTES = Routes()
READ, WRITE = Permission("issues"), Permission("issues", "write")
ISSUES = "/repos/{owner}/{repo}/issues"
LONGEST_BODY = 65_536


@ROUTES.on("GET", ISSUES + "/comments", READ, query=(*PAGING, "sort", "direction", "since"))
def list_repository_comments(call: Call) -> Answer:
    """https://docs.github.com/rest/issues/comments#list-issue-comments-for-a-repository"""
    found = sorted(_since(call, list(call.repository.comments.values())), key=lambda each: each.id)
    if "sort" in call.query:
        by_update = call.query["sort"] == "updated"
        found.sort(key=lambda each: each.updated_at if by_update else each.created_at)
        if call.query.get("direction", "desc") == "desc":
            # `direction` counts only beside `sort`.
            found.reverse()
    return paged(call, [comment_shape(call.world, each) for each in found])


@ROUTES.on("GET", ISSUES + "/{issue_number}", READ)
def show_issue(call: Call) -> Answer:
    return Answer(200, issue_shape(call.world, _issue(call)))


@ROUTES.on("GET", ISSUES + "/{issue_number}/comments", READ, query=(*PAGING, "since"))
def list_comments(call: Call) -> Answer:
    found = sorted(_since(call, _issue(call).comments), key=lambda each: each.id)
    return paged(call, [comment_shape(call.world, each) for each in found])


@ROUTES.on("POST", ISSUES + "/{issue_number}/comments", WRITE, body=("body",))
def create_comment(call: Call) -> Answer:
    issue = _issue(call)
    if issue.locked:
        raise HttpError(403, "Unable to create comment because issue is locked.")
    made = add_comment(call.world, issue, _body(call), by=call.world.bot, via=call.world.app)
    return Answer(201, comment_shape(call.world, made))


@ROUTES.on("GET", ISSUES + "/comments/{comment_id}", READ)
def show_comment(call: Call) -> Answer:
    return Answer(200, comment_shape(call.world, _comment(call)))


@ROUTES.on("PATCH", ISSUES + "/comments/{comment_id}", WRITE, body=("body",))
def update_comment(call: Call) -> Answer:
    comment = _comment(call)
    edit_comment(call.world, comment, _body(call), by=call.world.bot)
    return Answer(200, comment_shape(call.world, comment))


@ROUTES.on("DELETE", ISSUES + "/comments/{comment_id}", WRITE)
def remove_comment(call: Call) -> Answer:
    delete_comment(call.world, _comment(call), by=call.world.bot)
    return Answer(204)


@ROUTES.on("GET", ISSUES + "/comments/{comment_id}/reactions", READ, query=(*PAGING, "content"))
def list_reactions(call: Call) -> Answer:
    wanted = call.query.get("content")
    found = [each for each in _comment(call).reactions if wanted in (None, each.content)]
    return paged(call, [reaction_shape(call.world, each) for each in found])


@ROUTES.on("POST", ISSUES + "/comments/{comment_id}/reactions", WRITE, body=("content",))
def create_reaction(call: Call) -> Answer:
    """201 for a new one, 200 when it is there already."""
    comment, content = _comment(call), call.text("content")
    if content not in REACTIONS:
        raise _invalid("Reaction", "content", f"{content} is not one of {', '.join(REACTIONS)}")
    made, new = react(call.world, comment, content, by=call.world.bot)
    return Answer(201 if new else 200, reaction_shape(call.world, made))


@ROUTES.on("DELETE", ISSUES + "/comments/{comment_id}/reactions/{reaction_id}", WRITE)
def delete_reaction(call: Call) -> Answer:
    comment, number = _comment(call), call.number("reaction_id")
    comment.reactions = [each for each in comment.reactions if each.id != number]
    return Answer(204)


def _issue(call: Call) -> Issue:
    if not call.repository.has_issues:
        raise HttpError(410, "Issues are disabled for this repo")
    found = call.repository.issues.get(call.number("issue_number"))
    if found is None:
        raise not_found()
    return found


def _comment(call: Call) -> Comment:
    found = call.repository.comments.get(call.number("comment_id"))
    if found is None or found.deleted:
        raise not_found()
    return found


def _since(call: Call, comments: list[Comment]) -> list[Comment]:
    """Those updated at that time or later."""
    standing = [each for each in comments if not each.deleted]
    if "since" not in call.query:
        return standing
    try:
        since = datetime.fromisoformat(call.query["since"].replace(" ", "+"))
    except ValueError:
        raise HttpError(422, "Invalid value for 'since'") from None
    since = since if since.tzinfo else since.replace(tzinfo=UTC)
    return [each for each in standing if each.updated_at.replace(microsecond=0) >= since]


def _body(call: Call) -> str:
    text = call.text("body")
    if not text.strip():
        raise _invalid("IssueComment", "body", "Body cannot be blank")
    if len(text) > LONGEST_BODY:
        raise _invalid("IssueComment", "data", f"Body is too long (maximum is {LONGEST_BODY} characters)")
    return text


def _invalid(resource: str, field: str, message: str) -> HttpError:
    errors: list[dict[str, object]] = [
        {"resource": resource, "code": "unprocessable", "field": field, "message": message}
    ]
    return HttpError(422, "Validation Failed", errors=errors)
