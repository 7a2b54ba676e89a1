"""One request as GitHub wants it: headers, API version, and redirects of reads within GitHub's own origin.

Rule: credentials go to the origin of the API and nowhere else, and only a definite refusal is sent again.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

from gidgethub import sansio

from bot.github.answers import refuses_version
from bot.github.http import Answer, Http, user_agent

NEWEST_VERSION = "2026-03-10"
OLDEST_VERSION = "2022-11-28"
"""GitHub Enterprise Server before 3.21 knows this one alone.
https://docs.github.com/rest/about-the-rest-api/api-versions"""
_MOST_REDIRECTS = 3


def _whenever() -> None:
    """No deadline."""


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who asks: an installation token, or the app's own JWT."""

    text: str = field(repr=False)
    is_jwt: bool = False


class Wire:
    """GitHub's API under one base URL. `version` falls back, for good, if the server refuses the newest."""

    def __init__(self, http: Http, api_url: str) -> None:
        self.http = http
        self.version = NEWEST_VERSION
        self._api_url = api_url.rstrip("/")
        self._origin = _origin(self._api_url)

    async def get(
        self, path: str, bearer: Bearer, *, etag: str | None = None, leave_302: bool = False
    ) -> tuple[Answer, str]:
        """The answer to a read, and the URL that gave it in the end. Raises Unreachable.

        A redirect to another origin is returned, not followed: the token stays here. So is a 302, by request.
        https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api#follow-redirects
        """
        url = self._api_url + path
        for _ in range(_MOST_REDIRECTS):
            answer = await self._ask("GET", url, bearer, etag=etag, may_probe=True)
            target = _joined(url, answer.headers.get("location", ""))
            left = not answer.is_redirect or (leave_302 and answer.status == 302)
            if left or _origin(target) != self._origin:
                return answer, url
            url = target
        return await self._ask("GET", url, bearer, etag=etag, may_probe=True), url

    async def send(
        self,
        method: str,
        path: str,
        bearer: Bearer,
        *,
        body: Mapping[str, object] | None,
        fresh: bool = False,
        before: Callable[[], None] = _whenever,
        may_probe: bool = False,
    ) -> Answer:
        """The answer to a write, redirects included: they are not followed here. Raises Unreachable.

        `may_probe` is for what changes nothing that anybody sees: asking for a token.
        """
        url = self._api_url + path
        return await self._ask(
            method, url, bearer, body=body, fresh=fresh, before=before, may_probe=may_probe
        )

    def moved(self, answer: Answer, path: str) -> str | None:
        """Where the write to `/repos/OWNER/NAME/...` belongs that GitHub sent to the same repository's number.

        https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api#follow-redirects
        """
        target = _joined(self._api_url + path, answer.headers.get("location", ""))
        number = re.search(r"/repositories/(\d{1,18})/", target)
        if answer.status not in (307, 308) or number is None or _origin(target) != self._origin:
            return None
        return f"/repositories/{number[1]}/{path.split('/', 4)[4]}"

    async def download(self, url: str, *, most: int) -> bytes:
        """The end of a file that GitHub keeps elsewhere, without credentials; empty if it cannot be had."""
        scheme = _origin(url)[0]
        # A server that is reached over TLS has no reason to point to a plain address.
        if scheme != "https" and scheme != self._origin[0]:
            return b""
        return await self.http.tail(url, most=most)

    async def _ask(
        self,
        method: str,
        url: str,
        bearer: Bearer,
        *,
        body: Mapping[str, object] | None = None,
        etag: str | None = None,
        fresh: bool = False,
        before: Callable[[], None] = _whenever,
        may_probe: bool = False,
    ) -> Answer:
        content = None if body is None else json.dumps(body).encode()
        version = self.version
        headers = self._headers(bearer, version, etag=etag, has_body=body is not None)
        answer = await self.http.send(
            method, url, headers=headers, content=content, fresh=fresh, before=before, may_probe=may_probe
        )
        if version == NEWEST_VERSION and refuses_version(answer):
            self.version = OLDEST_VERSION
            headers = self._headers(bearer, OLDEST_VERSION, etag=etag, has_body=body is not None)
            answer = await self.http.send(
                method, url, headers=headers, content=content, fresh=fresh, before=before, may_probe=may_probe
            )
        return answer

    @staticmethod
    def _headers(bearer: Bearer, version: str, *, etag: str | None, has_body: bool) -> dict[str, str]:
        headers = sansio.create_headers(
            user_agent(),
            accept=sansio.accept_format(),
            jwt=bearer.text if bearer.is_jwt else None,
            oauth_token=None if bearer.is_jwt else bearer.text,
        )
        headers["x-github-api-version"] = version
        if etag is not None:
            headers["if-none-match"] = etag
        if has_body:
            headers["content-type"] = "application/json"
        return headers


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        return ""


def _origin(url: str) -> tuple[str, str | None, int | None]:
    try:
        parts = urlsplit(url)
        default = {"https": 443, "http": 80}.get(parts.scheme)
        return parts.scheme, parts.hostname, parts.port or default
    except ValueError:  # an impossible port
        return "", None, None
