"""Who the bot is to GitHub: the app's installations, and a token for each repository and purpose.

Rule: tokens live in memory only, and never in a log or an error.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from enum import Enum, auto
from typing import TypeVar

from bot.core.facts import (
    GitHubError,
    NotFound,
    NotInstalled,
    Suspended,
    Unauthorized,
    Unprocessable,
)
from bot.core.intake import Fields
from bot.github.answers import body_of, error_of, message_of, succeeded
from bot.github.app_jwt import AppJwt
from bot.github.http import Answer
from bot.github.limits import Limiter
from bot.github.reading import id_from_http, mapping, understand
from bot.github.routes import Route, route
from bot.github.tokens import PERMISSIONS, AppIdentity, Installation, Purpose, Token
from bot.github.wire import Bearer, Wire

T = TypeVar("T")


_NO_SUCH_APP = "Integration not found"
"""GitHub's words, with 404, when APP_ID is that of no app."""


class Desk:
    """Callers who ask for the same thing at the same time share one request, and its failure too."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._served = 0
        self._error: GitHubError | None = None

    async def ask(self, known: Callable[[], T | None], fetch: Callable[[], Awaitable[T]]) -> T:
        served = self._served
        async with self._lock:
            if (have := known()) is not None:
                return have
            if self._served != served and self._error is not None:
                raise self._error
            self._error = None
            try:
                return await fetch()
            except GitHubError as error:
                self._error = error
                raise
            finally:
                self._served += 1


class Key(Enum):
    """What GitHub last said of the app's key."""

    UNPROVEN = auto()
    TAKEN = auto()
    REFUSED = auto()


class AppAuth:
    """The app's side of authentication. Every method raises `GitHubError`, and nothing else."""

    def __init__(self, *, wire: Wire, jwt: AppJwt, limiter: Limiter, now: Callable[[], datetime]) -> None:
        self._wire = wire
        self._jwt = jwt
        self._limiter = limiter
        self._now = now
        self.key = Key.UNPROVEN
        self._identity: AppIdentity | None = None
        self._installations: dict[str, Installation] = {}
        self._tokens: dict[tuple[str, Purpose], Token] = {}
        self._desks: dict[tuple[str, Purpose | None], Desk] = {}

    async def identity(self) -> AppIdentity:
        """https://docs.github.com/rest/apps/apps#get-the-authenticated-app"""
        if self._identity is None:
            to = route("/app")
            answer, _ = await self.get(to)
            with understand(f"GET {to.path}"):
                fields = Fields(mapping(body_of(answer, f"GET {to.path}")))
                # GitHub writes an app's login as its slug with this ending, and no person can have it.
                self._identity = AppIdentity(fields.number("id"), fields.filled("slug") + "[bot]")
        return self._identity

    async def installation(self, repo: str) -> Installation:
        """Raises NotInstalled."""
        desk = self._desks.setdefault((repo, None), Desk())
        return await desk.ask(lambda: self._installations.get(repo), lambda: self._find_installation(repo))

    async def token(self, repo: str, purpose: Purpose) -> Token:
        """A token that lives for some minutes at least. Raises NotInstalled, Suspended."""

        def known() -> Token | None:
            token = self._tokens.get((repo, purpose))
            return token if token is not None and self._now() < token.renew_at else None

        desk = self._desks.setdefault((repo, purpose), Desk())
        return await desk.ask(known, lambda: self._renew(repo, purpose))

    def forget(self, repo: str, purpose: Purpose, token: Token) -> None:
        """GitHub refused this token; a newer one of the same kind stays."""
        if self._tokens.get((repo, purpose)) is token:
            del self._tokens[repo, purpose]

    def forget_repository(self, repo: str) -> None:
        """Access may have changed: installation and tokens are asked for again."""
        self._installations.pop(repo, None)
        for purpose in Purpose:
            self._tokens.pop((repo, purpose), None)

    async def _find_installation(self, repo: str) -> Installation:
        """https://docs.github.com/rest/apps/apps#get-a-repository-installation-for-the-authenticated-app"""
        to = route("/repos/{repo}/installation", repo=repo)
        try:
            answer, url = await self.get(to)
        except NotFound as error:
            text = f"the app is not installed on {repo}: an owner has to install it there"
            raise NotInstalled(text) from error
        with understand(f"GET {to.path}"):
            number = id_from_http(body_of(answer, f"GET {to.path}"))
        # A renamed repository's old name is redirected to its id; no token can be narrowed to the old name.
        renamed = re.search(r"/repositories/(\d+)/installation$", url)
        found = Installation(number, self._now(), int(renamed[1]) if renamed else None)
        self._installations[repo] = found
        return found

    async def _renew(self, repo: str, purpose: Purpose) -> Token:
        installation = await self.installation(repo)
        try:
            token = await self._create_token(repo, purpose, installation)
        except NotInstalled as error:
            self.forget_repository(repo)
            if isinstance(error, Suspended) or installation.is_fresh(self._now()):
                raise
            # What was remembered may be old: the app was installed anew, or the repository renamed.
            token = await self._create_token(repo, purpose, await self.installation(repo))
        self._tokens[repo, purpose] = token
        return token

    async def _create_token(self, repo: str, purpose: Purpose, installation: Installation) -> Token:
        narrowed: dict[str, object] = {"permissions": dict(PERMISSIONS[purpose])}
        if installation.repository_id is None:
            narrowed["repositories"] = [repo.partition("/")[2]]
        else:
            narrowed["repository_ids"] = [installation.repository_id]
        path = route("/app/installations/{id}/access_tokens", id=installation.id).path
        call = f"POST {path} for {repo}"
        try:
            answer, _ = await self._as_app(lambda bearer: self._post(path, bearer, narrowed), call)
        except (NotFound, Unprocessable) as error:
            raise _not_installed(error, repo, purpose) from error
        with understand(call):
            fields = Fields(mapping(body_of(answer, call)))
            text, expires_at = fields.filled("token"), fields.time("expires_at")
        now = self._now()
        # The last five minutes of its hour are not used: a long request could outlive it.
        return Token(Bearer(text), now, renew_at=now + (expires_at - now - self._jwt.skew) * 11 / 12)

    async def get(self, to: Route) -> tuple[Answer, str]:
        """A read in the app's own name, and the URL that answered."""
        return await self._as_app(lambda bearer: self._wire.get(to.path, bearer), f"GET {to.path}")

    async def _post(self, path: str, bearer: Bearer, body: Mapping[str, object]) -> tuple[Answer, str]:
        return await self._wire.send("POST", path, bearer, body=body, may_probe=True), path

    async def _as_app(
        self, ask: Callable[[Bearer], Awaitable[tuple[Answer, str]]], call: str
    ) -> tuple[Answer, str]:
        self._limiter.check()
        answer, url = await ask(self._jwt.bearer())
        if answer.status == 401 and self._jwt.learn_clock(answer):
            answer, url = await ask(self._jwt.bearer())
        if succeeded(answer):
            self._limiter.accepted()
            self.key = Key.TAKEN
            return answer, url
        said = message_of(answer) or "no reason given"
        if answer.status == 401 or (answer.status == 404 and said == _NO_SUCH_APP):
            self.key = Key.REFUSED
            text = (
                f"GitHub refuses the app's key ({said}): check APP_ID, PRIVATE_KEY and this machine's clock"
            )
            raise Unauthorized(text)
        raise error_of(answer, call, limiter=self._limiter, now=self._now())


def _not_installed(error: NotFound | Unprocessable, repo: str, purpose: Purpose) -> NotInstalled:
    """What a refused token means, for those who can mend it.

    https://docs.github.com/rest/apps/apps#create-an-installation-access-token-for-an-app
    """
    if isinstance(error, NotFound):
        return NotInstalled(f"the app is not installed on {repo} any more: an owner has to install it again")
    if "permission" in str(error).lower():
        needs = ", ".join(f"{name}: {level}" for name, level in PERMISSIONS[purpose].items())
        return NotInstalled(
            f"the app lacks a permission on {repo} ({needs}): an owner has to accept its request"
        )
    return NotInstalled(
        f"the app's installation does not reach {repo}: an owner has to add the repository to it"
    )
