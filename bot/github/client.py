"""One call to GitHub, from the question to a fact or to exactly one error of `bot.core.facts`.

Rule: nothing is repeated but what GitHub definitely refused: after a 401, with a new token, once; and reads
with a token so new that GitHub may not know it yet. What goes wrong before a write leaves is `sent=False`.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from bot.core.facts import Forbidden, GitHubError, NotFound, Suspended, Unauthorized, Unreachable, Withheld
from bot.github.answers import body_of, error_of, has_next, message_of, next_cursor, succeeded
from bot.github.auth import AppAuth
from bot.github.etags import EtagCache
from bot.github.http import Answer
from bot.github.limits import Limiter, Limiters, Rank
from bot.github.reading import understand
from bot.github.routes import Route, route
from bot.github.tokens import Purpose, Token
from bot.github.wire import Wire

T = TypeVar("T")
Observe = Callable[[str, str, float], None]
"""Told of every call: purpose, outcome (`ok` or the error's name), seconds."""

_log = logging.getLogger("bot.github")
_PROOF_PAUSES = (1.0, 3.0)
_NOT_ACCESSIBLE = "not accessible by integration"


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list, and whether another follows; `cursor`: where, in lists without numbers."""

    data: object
    more: bool
    cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """A call that changes something. `once`: over its own connection, since it cannot be repeated safely."""

    method: str
    repo: str
    to: Route
    purpose: Purpose
    rank: Rank
    body: Mapping[str, object] | None = None
    once: bool = False
    send_by: datetime | None = None
    unless: Callable[[], str | None] = lambda: None
    """Asked right before it leaves: why it is no longer wanted."""

    def __str__(self) -> str:
        return f"{self.method} {self.to.path}"


class Client:
    """Calls in the name of an installation: the right token, in turn, within the limits."""

    def __init__(
        self,
        *,
        wire: Wire,
        auth: AppAuth,
        limiters: Limiters,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
        observe: Observe | None,
        may_write: Callable[[], bool] = lambda: True,
    ) -> None:
        self.wire = wire
        self.auth = auth
        self.cache = EtagCache()
        self.limiters = limiters
        self._now = now
        self._sleep = sleep
        self._observe = observe
        self._may_write = may_write

    async def read(self, repo: str, to: Route, convert: Callable[[Page], T]) -> T:
        """A read, converted. Raises GitHubError."""

        async def perform() -> T:
            call = f"GET {to.path}"
            answer = await self._answer_to_read(repo, to)
            with understand(call):
                return convert(Page(body_of(answer, call), has_next(answer)))

        return await self._watched("GET", to, Purpose.READ.value, perform())

    async def read_as_app(self, to: Route, convert: Callable[[Page], T]) -> T:
        """A read in the app's own name that is in no hurry, converted. Raises GitHubError."""

        async def perform() -> T:
            self.limiters.check()
            call = f"GET {to.path}"
            answer, _ = await self.auth.get(to)
            with understand(call):
                return convert(Page(body_of(answer, call), has_next(answer), next_cursor(answer)))

        return await self._watched("GET", to, "app", perform())

    async def redirect(self, repo: str, to: Route) -> Answer:
        """A read that GitHub answers with the address of another place, or as a whole. Raises GitHubError."""
        answering = self._answer_to_read(repo, to, leave_302=True)
        return await self._watched("GET", to, Purpose.READ.value, answering)

    async def write(self, write: Write, convert: Callable[[Answer], T]) -> T:
        """A write, sent at most once. Raises GitHubError; its `definite` says whether nothing was done."""

        async def perform() -> T:
            answer = await self._answer_to_write(write)
            with understand(str(write)):
                return convert(answer)

        return await self._watched(write.method, write.to, write.purpose.value, perform())

    async def prepare(self, repo: str, purpose: Purpose, rank: Rank) -> None:
        """Has the token of a coming write ready and proven, so that only its own request is left to do.

        Raises GitHubError.
        """
        await self._proven_token(repo, purpose, rank, await self._limiter(repo))

    async def _answer_to_read(self, repo: str, to: Route, *, leave_302: bool = False) -> Answer:
        limiter = await self._limiter(repo)
        answer, token = await self._get(repo, to, limiter, leave_302=leave_302)
        doubted = answer.status in (401, 404) and token.is_fresh(self._now())
        if doubted and await self._refusal(repo, None, token, limiter) is None:
            answer, token = await self._get(repo, to, limiter, leave_302=leave_302)
        if answer.status == 401:
            self.auth.forget(repo, Purpose.READ, token)
            answer, token = await self._get(repo, to, limiter, leave_302=leave_302)
        for pause in _PROOF_PAUSES:
            if not self._may_lag(answer, token):
                break
            await self._sleep(pause)
            answer, token = await self._get(repo, to, limiter, leave_302=leave_302)
        if succeeded(answer) or (leave_302 and answer.status == 302):
            token.proven = True
            limiter.accepted()
            return answer
        raise self._error(answer, repo, f"GET {to.path}", limiter, token)

    async def _answer_to_write(self, write: Write) -> Answer:
        try:
            limiter = await self._limiter(write.repo)
            if self.wire.http.circuit.open_until is not None:
                # A write never tries whether GitHub is back: a read does it for it, or it is not made.
                await self._get(write.repo, route("/repos/{repo}", repo=write.repo), limiter, leave_302=False)
            await limiter.turn(write.rank, send_by=write.send_by)
            token = await self._proven_token(write.repo, write.purpose, write.rank, limiter)
        except Unreachable as error:
            raise Unreachable(f"{write} was not sent: {error}", sent=False, until=error.until) from error
        answer = await self._send(write, token, limiter)
        if answer.status == 401:
            self.auth.forget(write.repo, write.purpose, token)
            try:
                token = await self._proven_token(write.repo, write.purpose, write.rank, limiter)
            except Unreachable as error:
                text = f"{write} was refused, then not sent again: {error}"
                raise Unreachable(text, sent=False, until=error.until) from error
            answer = await self._send(write, token, limiter)
        if write.purpose is not Purpose.DRIVE:
            # A report goes to the same repository under its new name, to say that nothing else does.
            moved = self.wire.moved(answer, write.to.path)
            if moved is not None:
                there = replace(write, to=replace(write.to, path=moved))
                answer = await self._send(there, token, limiter)
        if succeeded(answer):
            limiter.accepted()
            return answer
        raise self._error(answer, write.repo, str(write), limiter, token)

    def _may_lag(self, answer: Answer, token: Token) -> bool:
        """Whether GitHub knows the token and not yet what it may do: then it is worth waiting."""
        lacks = answer.status == 403 and _NOT_ACCESSIBLE in message_of(answer)
        return lacks and token.is_young(self._now())

    async def _limiter(self, repo: str) -> Limiter:
        limiter = self.limiters.of((await self.auth.installation(repo)).id)
        limiter.check()
        return limiter

    async def _get(self, repo: str, to: Route, limiter: Limiter, *, leave_302: bool) -> tuple[Answer, Token]:
        token = await self.auth.token(repo, Purpose.READ)
        key = (repo, Purpose.READ.value, to.path)
        async with limiter.slot(None):
            answer, _ = await self.wire.get(
                to.path, token.bearer, etag=None if leave_302 else self.cache.etag(key), leave_302=leave_302
            )
        return self.cache.resolve(key, answer), token

    async def _send(self, write: Write, token: Token, limiter: Limiter) -> Answer:
        def in_time() -> None:
            if (why := write.unless()) is not None:
                raise Withheld(why, call=f"{write} was not sent")
            if write.send_by is not None and self._now() > write.send_by:
                raise Unreachable(f"{write} was not sent: its time had passed before it could be", sent=False)
            if not self._may_write():
                raise Unreachable(f"{write} was not sent: another process may be at work by now", sent=False)

        async with limiter.slot(write.rank):
            return await self.wire.send(
                write.method, write.to.path, token.bearer, body=write.body, fresh=write.once, before=in_time
            )

    async def _proven_token(self, repo: str, purpose: Purpose, rank: Rank, limiter: Limiter) -> Token:
        """A token that GitHub is known to accept. Raises GitHubError; nothing was sent then."""
        token = await self.auth.token(repo, purpose)
        if (error := await self._refusal(repo, rank, token, limiter)) is not None:
            self.auth.forget(repo, purpose, token)
            raise error
        return token

    async def _refusal(
        self, repo: str, rank: Rank | None, token: Token, limiter: Limiter
    ) -> GitHubError | None:
        """Whether a new token is refused, tried with the cheapest read it may do. Raises GitHubError."""
        to = route("/repos/{repo}", repo=repo)
        async with token.proof:
            for pause in (*_PROOF_PAUSES, None):
                if token.proven:
                    break
                async with limiter.slot(rank):
                    answer, _ = await self.wire.get(to.path, token.bearer)
                if succeeded(answer):
                    token.proven = True
                    break
                error = self._error(answer, repo, f"GET {to.path}", limiter, token)
                if not isinstance(error, Unauthorized | NotFound | Forbidden):
                    raise error
                if pause is None:
                    return error
                await self._sleep(pause)
        return None

    def _error(self, answer: Answer, repo: str, call: str, limiter: Limiter, token: Token) -> GitHubError:
        error = error_of(answer, call, limiter=limiter, now=self._now())
        # A permission granted since is not in the tokens that were made before.
        lacks = isinstance(error, Forbidden) and _NOT_ACCESSIBLE in str(error)
        if isinstance(error, Suspended) or (lacks and not token.is_young(self._now())):
            self.auth.forget_repository(repo)
        return error

    async def _watched(self, method: str, to: Route, purpose: str, call: Awaitable[T]) -> T:
        began, outcome = self._now(), "cancelled"
        try:
            fact = await call
            outcome = "ok"
        except GitHubError as error:
            outcome = type(error).__name__
            raise
        finally:
            seconds = max(0.0, (self._now() - began).total_seconds())
            _log.debug("%s %s %s %.3f s", method, to.template, outcome, seconds)
            if self._observe is not None:
                self._observe(purpose, outcome, seconds)
        return fact
