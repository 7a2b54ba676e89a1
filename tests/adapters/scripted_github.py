"""A GitHub that answers from a script: bytes in, bytes out, every request kept.

What a test does not script is answered as by a healthy, installed repository; anything else fails the test.
"""

import json
import re
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx
from anyio.lowlevel import checkpoint

from bot.github import GitHubCalls

REPO = "acme/widget"
START = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
API = "https://api.github.com"

Said = httpx.Response | Exception


@dataclass
class Clock:
    """Time that passes only while somebody sleeps; `slept` keeps how long."""

    time: datetime = START
    slept: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += timedelta(seconds=seconds)
        await checkpoint()


def said(status: int, data: object = None, /, **headers: str) -> httpx.Response:
    """An answer of GitHub; `_` in header names stands for `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if data is None:
        return httpx.Response(status, headers=named)
    return httpx.Response(status, json=data, headers=named)


def refused(status: int, message: str, /, **headers: str) -> httpx.Response:
    return said(status, {"message": message, "documentation_url": "https://docs.github.com/rest"}, **headers)


class ScriptedGitHub:
    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.requests: list[httpx.Request] = []
        self._script: list[tuple[str, re.Pattern[str], deque[Said]]] = []
        self._tokens = 0

    def answers(self, method: str, path: str, *what: Said) -> None:
        """The next requests of this method, and this path from its beginning, get these answers, one each."""
        self._script.append((method, re.compile(path), deque(what)))

    def recovers(self) -> None:
        """What was scripted and not used is dropped."""
        self._script.clear()

    def asked(self, method: str, path: str) -> list[httpx.Request]:
        """The requests of this method whose whole path (with query) is this pattern."""
        return [r for r in self.requests if r.method == method and re.fullmatch(path, _path(r))]

    @property
    def lines(self) -> list[str]:
        """Method and path of everything that was asked."""
        return [f"{request.method} {_path(request)}" for request in self.requests]

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        await checkpoint()
        for method, pattern, what in self._script:
            if method == request.method and pattern.match(_path(request)) and what:
                answer = what.popleft()
                if isinstance(answer, Exception):
                    raise answer
                return answer
        return self._healthy(request)

    def _healthy(self, request: httpx.Request) -> httpx.Response:
        match request.method, request.url.path.rsplit("/", 1)[-1]:
            case "GET", "installation":
                return said(200, {"id": 7})
            case "POST", "access_tokens":
                return said(201, self.token())
            case "GET", "app":
                return said(200, {"id": 42, "slug": "release-bot"})
            case "GET", "widget":
                return said(200, REPOSITORY)
        raise AssertionError(f"nobody scripted {request.method} {_path(request)}")

    def token(self, minutes: int = 60) -> dict[str, object]:
        self._tokens += 1
        expires = self.clock.now() + timedelta(minutes=minutes)
        return {"token": f"ghs_{self._tokens}", "expires_at": expires.strftime("%Y-%m-%dT%H:%M:%SZ")}


REPOSITORY: Mapping[str, object] = {
    "id": 99,
    "full_name": REPO,
    "private": True,
    "visibility": "private",
    "default_branch": "develop",
    "archived": False,
}


def connect(
    github: ScriptedGitHub,
    private_key_pem: str,
    *,
    api_url: str = API,
    app_id: str = "42",
    observe: Callable[[str, str, float], None] | None = None,
    may_write: Callable[[], bool] = lambda: True,
) -> GitHubCalls:
    return GitHubCalls.connect(
        app_id=app_id,
        private_key=private_key_pem,
        api_url=api_url,
        writes_per_minute=60,
        now=github.clock.now,
        sleep=github.clock.sleep,
        transport=httpx.MockTransport(github),
        observe=observe,
        may_write=may_write,
    )


def body(request: httpx.Request) -> object:
    return json.loads(request.content)


def token_of(request: httpx.Request) -> str:
    return request.headers["authorization"].split(" ", 1)[1]


def _path(request: httpx.Request) -> str:
    return request.url.raw_path.decode()
