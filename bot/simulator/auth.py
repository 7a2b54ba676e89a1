"""Who is calling: the app by its JSON web token, or an installation by a token narrowed to repositories.

Rule: GitHub hides what it does not show: a private repository out of reach is 404, never 403.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import jwt

from bot.simulator.app_key import public_key
from bot.simulator.call import Door, HttpError, Permission, not_found
from bot.simulator.ledger import Scope
from bot.simulator.repositories import Repository, Token

if TYPE_CHECKING:
    from bot.simulator.world import World

BAD_ISSUED_AT = (
    "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
)
BAD_EXPIRY = (
    "'Expiration time' claim ('exp') must be a numeric value representing the future time at which "
    "the assertion expires"
)
NOT_ACCESSIBLE = "Resource not accessible by integration"
# GitHub allows some seconds of clock difference before it refuses a token.
# https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app
LONGEST_LIFE = 600
LEEWAY = 5


class Caller:
    """What an Authorization header stands for."""

    def __init__(self, world: World, header: str) -> None:
        self._world = world
        kind, _, text = header.partition(" ")
        self._text = text.strip() if kind.lower() in ("bearer", "token") else ""
        self._bearer = kind.lower() == "bearer"
        self.given = bool(header)
        self.token = world.tokens.get(self._text)

    @property
    def looks_like_jwt(self) -> bool:
        return self._text.startswith("eyJ") and self._text.count(".") == 2

    @property
    def scope(self) -> Scope:
        if self.token is not None:
            names = tuple(each.full_name for each in self.token.repositories)
            permissions = tuple(sorted(self.token.permissions.items()))
            return Scope("installation", self.token.installation.id, names, permissions)
        if not self.given:
            return Scope()
        return Scope("app" if self.looks_like_jwt else "bad")

    def enter_as_app(self) -> None:
        """HttpError 401 unless the JSON web token is the app's and in time."""
        if not self._bearer or not self.looks_like_jwt:
            raise HttpError(401, "A JSON web token could not be decoded")
        try:
            # Times are checked below, against the world's clock and not the machine's.
            claims = jwt.decode(
                self._text,
                public_key(),
                algorithms=["RS256"],
                options={"verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
        except jwt.PyJWTError:
            raise HttpError(401, "A JSON web token could not be decoded") from None
        self._check_claims(claims)

    def _check_claims(self, claims: dict[str, object]) -> None:
        now = self._world.clock.now().timestamp()
        issued, expires = claims.get("iat"), claims.get("exp")
        if not isinstance(issued, int) or issued > now + LEEWAY:
            raise HttpError(401, BAD_ISSUED_AT)
        if not isinstance(expires, int) or expires <= now - LEEWAY:
            raise HttpError(401, BAD_EXPIRY)
        if expires > now + LONGEST_LIFE + LEEWAY:
            raise HttpError(401, "'Expiration time' claim ('exp') is too far in the future")
        # https://docs.github.com names both: the client id (advised) and the app's number.
        if str(claims.get("iss")) not in (self._world.app.client_id, str(self._world.app.id)):
            raise HttpError(404, "Integration not found")

    def enter_with_token(self) -> Token:
        """The token; HttpError 401 when it is unknown or over, 403 when its installation is suspended."""
        if not self.given:
            raise HttpError(401, "Requires authentication")
        token = self.token
        if token is None or token.installation.deleted or token.expires_at <= self._world.clock.now():
            raise HttpError(401, "Bad credentials")
        if token.installation.suspended_at is not None:
            raise HttpError(403, "This installation has been suspended")
        return token


def authorize(caller: Caller, needs: Permission | Door, place: Repository | None, *, reads: bool) -> None:
    """Lets the caller in, or raises the HttpError that GitHub answers."""
    if needs is Door.OPEN:
        if caller.given and not caller.looks_like_jwt:
            caller.enter_with_token()
        return
    if needs is Door.APP:
        caller.enter_as_app()
        return
    if caller.looks_like_jwt and caller.token is None:
        caller.enter_as_app()
        raise HttpError(403, NOT_ACCESSIBLE)
    token = caller.enter_with_token()
    if isinstance(needs, Permission):
        _reach(token, needs, place, reads=reads)


def _reach(token: Token, needs: Permission, place: Repository | None, *, reads: bool) -> None:
    if place is None:
        raise not_found()
    if place in token.repositories and token.installation.reaches(place):
        if not token.allows(needs.name, needs.level):
            raise HttpError(403, NOT_ACCESSIBLE)
    elif place.visibility != "public":
        raise not_found()
    elif not reads:
        # Any token reads what is public; writing needs the installation.
        raise HttpError(403, NOT_ACCESSIBLE)
