"""The app's own credential: a short-lived JWT, signed with the app's key.

Rule: its times are GitHub's, not this machine's; what GitHub says about its clock is believed.
https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app
"""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from bot.github.answers import clock_of, message_of
from bot.github.http import Answer
from bot.github.wire import Bearer

_BACKDATED = timedelta(seconds=60)
_EXPIRES = timedelta(minutes=8)  # GitHub refuses more than ten minutes, by its own clock
_RENEWED = timedelta(minutes=4)
_CLOCK_TEXT = re.compile(r"\b(iat|exp)\b|issued at|expir", re.IGNORECASE)
_LEAST_SKEW = timedelta(seconds=1)


@lru_cache(maxsize=4)
def load_key(pem: str) -> RSAPrivateKey:
    """The app's key; checking its primes takes a while, so it is done once. Raises ValueError with a sentence for
    the operator.
    """
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError) as error:
        raise ValueError("PRIVATE_KEY is not a private key in PEM form without a password") from error
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("PRIVATE_KEY is not an RSA key; GitHub apps have no other")
    return key


class AppJwt:
    """`skew` is how far GitHub's clock is ahead of ours, as far as GitHub has told."""

    def __init__(self, *, app_id: str, private_key: str, now: Callable[[], datetime]) -> None:
        self._app_id = app_id
        self._key = load_key(private_key)
        self._now = now
        self._made: tuple[Bearer, datetime] | None = None
        self.skew = timedelta()

    def bearer(self) -> Bearer:
        now = self._now()
        if self._made is None or not timedelta() <= now - self._made[1] < _RENEWED:
            theirs = now + self.skew
            claims = {"iat": theirs - _BACKDATED, "exp": theirs + _EXPIRES, "iss": self._app_id}
            self._made = Bearer(jwt.encode(claims, self._key, algorithm="RS256"), is_jwt=True), now
        return self._made[0]

    def learn_clock(self, refusal: Answer) -> bool:
        """Whether the JWT was refused for its times, and GitHub's `Date` tells better ones."""
        theirs = clock_of(refusal)
        if theirs is None or not _CLOCK_TEXT.search(message_of(refusal)):
            return False
        skew = theirs - self._now()
        learned = abs(skew - self.skew) >= _LEAST_SKEW
        self.skew, self._made = skew, None
        return learned
