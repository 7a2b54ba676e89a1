"""What the bot asks GitHub about repositories, people, files, comments and checks.

Rule: a read changes nothing and is not repeated here; whoever asks decides how long it is worth trying.
All are made with a token that can read one repository and write nothing, and with `If-None-Match`.
"""

import base64
import binascii
from datetime import datetime

from bot.core.facts import (
    CheckFacts,
    CommentFacts,
    CommitFacts,
    Conflict,
    NotFound,
    RepositoryFacts,
    RoleFacts,
    Unprocessable,
)
from bot.core.intake import Fields
from bot.github import reading
from bot.github.paging import Item, Reader, stamp
from bot.github.routes import route

_MOST_TAG_LEVELS = 5
_MOST_TAG_PAGES = 100
_MOST_FILE_BYTES = 2**20


class Reads(Reader):
    """The part of `GitHubCalls` that looks at repositories, people, files, comments and checks."""

    async def app_login(self) -> str:
        """Read. https://docs.github.com/rest/apps/apps#get-the-authenticated-app"""
        return (await self._client.auth.identity()).login

    async def repository(self, repo: str) -> RepositoryFacts:
        """Read. https://docs.github.com/rest/repos/repos#get-a-repository"""
        try:
            return await self._one(
                repo, "/repos/{repo}", lambda data: reading.repository_from_http(reading.mapping(data))
            )
        except NotFound:
            # It may be gone from the installation, which only a new token tells.
            self._client.auth.forget_repository(repo)
            raise

    async def role(self, repo: str, login: str) -> RoleFacts:
        """Read. https://docs.github.com/rest/collaborators/collaborators#get-repository-permissions-for-a-user"""
        return await self._one(
            repo,
            "/repos/{repo}/collaborators/{login}/permission",
            lambda data: reading.role_from_http(reading.mapping(data), login),
            login=login,
        )

    async def file(self, repo: str, path: str, *, ref: str | None = None) -> str:
        """Read. Raises Unprocessable for what is no text file of at most 1 MiB.

        https://docs.github.com/rest/repos/contents#get-repository-content
        """
        to = route("/repos/{repo}/contents/{path}", repo=repo, path=path).asking({"ref": ref} if ref else {})
        return await self._client.read(repo, to, lambda page: _file_text(page.data, f"{repo}:{path}"))

    async def tag_commit(self, repo: str, tag: str) -> str | None:
        """Read: the commit behind a tag, annotated ones followed; None if there is no such tag.

        A tag can also lead to a file or a folder. It exists all the same, and no run will ever be of it.

        https://docs.github.com/rest/git/refs#get-a-reference · https://docs.github.com/rest/git/tags#get-a-tag
        """
        target = await self._ref(repo, f"tags/{tag}")
        for _ in range(_MOST_TAG_LEVELS):
            if target is None or target[0] != "tag":
                break
            target = await self._one(
                repo,
                "/repos/{repo}/git/tags/{sha}",
                lambda data: _target(Fields(reading.mapping(data))),
                sha=target[1],
            )
        return target[1] if target else None

    async def tags(self, repo: str, *, prefix: str) -> tuple[str, ...]:
        """Read: the names of all tags that begin so. https://docs.github.com/rest/git/refs#list-matching-references"""
        try:
            found = await self._pages(
                repo,
                "/repos/{repo}/git/matching-refs/{ref}",
                None,
                lambda item: Fields(item).text("ref"),
                most=_MOST_TAG_PAGES,
                sized=False,
                ref=f"tags/{prefix}",
            )
        except Conflict as error:
            if "empty" in str(error):  # "Git Repository is empty."
                return ()
            raise
        return tuple(ref.removeprefix("refs/tags/") for ref in found)

    async def branch_commit(self, repo: str, branch: str) -> str | None:
        """Read: the head of a branch; None if there is no such branch.

        The reference is asked for, since GitHub redirects a renamed branch's old name elsewhere.
        https://docs.github.com/rest/git/refs#get-a-reference
        """
        target = await self._ref(repo, f"heads/{branch}")
        return target[1] if target else None

    async def last_change(self, repo: str, path: str, *, sha: str) -> CommitFacts | None:
        """Read: the newest commit at or before `sha` that changed a file; None if none did.

        https://docs.github.com/rest/commits/commits#list-commits
        """
        query: dict[str, str | int] = {"path": path, "sha": sha, "per_page": 1}
        to = route("/repos/{repo}/commits", repo=repo).asking(query)
        found = await self._client.read(
            repo, to, lambda got: tuple(map(reading.commit_from_http, reading.items(got.data, None)))
        )
        return found[0] if found else None

    async def issue_comments(self, repo: str, issue: int, *, since: datetime) -> tuple[CommentFacts, ...]:
        """Read: all pages of those updated since. https://docs.github.com/rest/issues/comments#list-issue-comments"""
        app = await self._client.auth.identity()
        return await self._pages(
            repo,
            "/repos/{repo}/issues/{issue}/comments",
            None,
            lambda item: reading.comment_from_http(item, app_id=app.id, app_login=app.login),
            query={"since": stamp(since)},
            issue=issue,
        )

    async def home_comments(self, repo: str, *, since: datetime) -> tuple[Item, ...]:
        """Read: comments of all issues, as GitHub gives them, longest unchanged first.

        https://docs.github.com/rest/issues/comments#list-issue-comments-for-a-repository
        """
        query = {"since": stamp(since), "sort": "updated", "direction": "asc"}
        return await self._pages(repo, "/repos/{repo}/issues/comments", None, lambda item: item, query=query)

    async def own_reactions(self, repo: str, comment_id: int) -> frozenset[str]:
        """Read: what this app has given to a comment of an issue.

        https://docs.github.com/rest/reactions/reactions#list-reactions-for-an-issue-comment
        """
        app = await self._client.auth.identity()
        given = await self._pages(
            repo,
            "/repos/{repo}/issues/comments/{comment_id}/reactions",
            None,
            reading.reaction_from_http,
            comment_id=comment_id,
        )
        return frozenset(content for login, content in given if login == app.login)

    async def checks(self, repo: str, sha: str, name: str) -> tuple[CheckFacts, ...]:
        """Read: this app's check runs of that name on a commit, older ones of the same name too.

        https://docs.github.com/rest/checks/runs#list-check-runs-for-a-git-reference
        """
        app = await self._client.auth.identity()
        return await self._pages(
            repo,
            "/repos/{repo}/commits/{sha}/check-runs",
            "check_runs",
            reading.check_from_http,
            query={"check_name": name, "filter": "all", "app_id": str(app.id)},
            sha=sha,
        )

    async def _ref(self, repo: str, ref: str) -> tuple[str, str] | None:
        """Type and SHA of what a reference points to."""
        try:
            return await self._one(
                repo, "/repos/{repo}/git/ref/{ref}", lambda data: _exact(data, f"refs/{ref}"), ref=ref
            )
        except NotFound:
            return None
        except Conflict as error:
            if "empty" in str(error):  # "Git Repository is empty."
                return None
            raise


def _exact(data: object, ref: str) -> tuple[str, str] | None:
    """None for another reference than the one asked for: older servers answer with what begins alike."""
    fields = Fields(reading.mapping(data))
    return _target(fields) if fields.text("ref") == ref else None


def _target(fields: Fields) -> tuple[str, str]:
    target = fields.under("object")
    return target.filled("type"), target.filled("sha")


def _file_text(data: object, name: str) -> str:
    """GitHub sends larger files without their content. https://docs.github.com/rest/repos/contents#get-repository-content"""
    if isinstance(data, list) or reading.mapping(data).get("type") != "file":
        raise Unprocessable(f"{name} is not a file")
    item = reading.mapping(data)
    size = item.get("size")
    if not isinstance(size, int) or size > _MOST_FILE_BYTES or item.get("encoding") != "base64":
        raise Unprocessable(f"{name} is larger than 1 MiB")
    try:
        return base64.b64decode(Fields(item).text("content")).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise Unprocessable(f"{name} is not text in UTF-8") from None
