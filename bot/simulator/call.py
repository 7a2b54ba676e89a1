"""One request to the REST face and its answer, and the routes that connect them.

Rule: a route declares the permission it needs and the keys it knows; what else a client sends is unexpected.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote, urlencode

from bot.simulator.ledger import JsonObject
from bot.simulator.repositories import Repository, Token

if TYPE_CHECKING:
    from bot.simulator.world import World

DOCS = "https://docs.github.com/rest"
Method = Literal["GET", "POST", "PATCH", "PUT", "DELETE"]


class Door(Enum):
    """Who may come in where no repository permission decides."""

    OPEN = "anybody"
    APP = "the app's JSON web token"
    TOKEN = "any installation token"  # noqa: S105 - a kind of credential, not one


@dataclass(frozen=True, slots=True)
class Permission:
    name: Literal["actions", "checks", "contents", "issues", "metadata"]
    level: Literal["read", "write"] = "read"


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` None: an empty one; text is sent as it is."""

    status: int
    body: object = None
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


class HttpError(Exception):
    """An error answer in GitHub's shape."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        errors: list[JsonObject] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        body: JsonObject = {"message": message, "documentation_url": DOCS, "status": str(status)}
        if errors is not None:
            body["errors"] = errors
        self.answer = Answer(status, body, headers or {})


def not_found() -> HttpError:
    return HttpError(404, "Not Found")


@dataclass(slots=True, eq=False)
class Call:
    """A request whose caller is known and allowed."""

    world: World
    method: str
    path: str
    params: Mapping[str, str]
    query: Mapping[str, str]
    body: JsonObject
    accept: str
    version: str
    token: Token | None = None
    place: Repository | None = None

    @property
    def repository(self) -> Repository:
        """The repository of the path; reached and allowed by then."""
        if self.place is None:
            raise not_found()
        return self.place

    def number(self, name: str) -> int:
        """A numeric part of the path; 404 when it is none."""
        text = self.params[name]
        if not text.isdecimal():
            raise not_found()
        return int(text)

    def text(self, key: str) -> str:
        """A required text of the body; 422 when it is missing or no text."""
        value = self.body.get(key)
        if not isinstance(value, str):
            raise HttpError(422, f'Invalid request.\n\n"{key}" wasn\'t supplied.')
        return value


Handler = Callable[[Call], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    method: str
    template: str
    needs: Permission | Door
    handler: Handler
    query: frozenset[str]
    body: frozenset[str]
    pattern: re.Pattern[str]

    def params(self, path: str) -> dict[str, str] | None:
        """The parts of a raw path, percent signs undone; None when it is another route's."""
        match = self.pattern.fullmatch(path)
        return {name: unquote(part) for name, part in match.groupdict().items()} if match else None


class Routes(list[Route]):
    """Routes of one topic, in the order they are tried: `{name}` is a part of a path, `{name+}` the rest."""

    def on(
        self,
        method: Method,
        template: str,
        needs: Permission | Door,
        *,
        query: Iterable[str] = (),
        body: Iterable[str] = (),
    ) -> Callable[[Handler], Handler]:
        text = re.sub(r"\{(\w+)\+\}", r"(?P<\1>.+)", template)
        pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", text))
        clean = template.replace("+}", "}")

        def register(handler: Handler) -> Handler:
            self.append(Route(method, clean, needs, handler, frozenset(query), frozenset(body), pattern))
            return handler

        return register


PAGING = ("per_page", "page")


def paged(call: Call, items: list[JsonObject], key: str | None = None) -> Answer:
    """One page of them, with Link headers; under `key` beside `total_count`, or as a bare list.

    https://docs.github.com/rest/using-the-rest-api/using-pagination-in-the-rest-api
    """
    size, page = _whole(call, "per_page", 30), _whole(call, "page", 1)
    size = min(size, 100)
    last = max(1, -(-len(items) // size))
    part = items[(page - 1) * size : page * size]
    rels = {"prev": page - 1, "first": 1} if page > 1 else {}
    rels |= {"next": page + 1, "last": last} if page < last else {}
    links = [f'<{_address(call, number)}>; rel="{rel}"' for rel, number in rels.items()]
    headers = {"Link": ", ".join(links)} if links else {}
    return Answer(200, part if key is None else {"total_count": len(items), key: part}, headers)


def _whole(call: Call, name: str, default: int) -> int:
    text = call.query.get(name, str(default))
    return max(1, int(text)) if text.isdecimal() else default


def _address(call: Call, page: int) -> str:
    return f"{call.world.urls.api}{call.path}?{urlencode({**call.query, 'page': str(page)})}"
