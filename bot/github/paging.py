"""Reads of one object, and of lists that come in pages.

Rule: pages are counted here; GitHub's `Link` header tells whether there is a next one, but not where.
https://docs.github.com/rest/using-the-rest-api/using-pagination-in-the-rest-api
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TypeVar

from bot.github import reading
from bot.github.client import Client
from bot.github.routes import route

T = TypeVar("T")
Item = Mapping[str, object]

PAGE = 100
_MOST_PAGES = 10  # GitHub lists no more than 1,000 runs of a filtered search either


class Reader:
    """What all reads have in common."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def _one(self, repo: str, template: str, convert: Callable[[object], T], **parts: str | int) -> T:
        to = route(template, repo=repo, **parts)
        return await self._client.read(repo, to, lambda page: convert(page.data))

    async def _pages(
        self,
        repo: str,
        template: str,
        key: str | None,
        convert: Callable[[Item], T],
        *,
        query: Mapping[str, str] | None = None,
        most: int = _MOST_PAGES,
        sized: bool = True,
        **parts: str | int,
    ) -> tuple[T, ...]:
        """The objects of all pages, at most `most`. `sized`: GitHub lets the caller say how long a page is."""
        found: list[T] = []
        for number in range(1, most + 1):
            asked: dict[str, str | int] = {**(query or {}), "per_page": PAGE, "page": number}
            if not sized:
                asked = {"page": number} if number > 1 else {}
            to = route(template, repo=repo, **parts).asking(asked)
            part, more = await self._client.read(
                repo, to, lambda page: (tuple(map(convert, reading.items(page.data, key))), page.more)
            )
            found += part
            # A bare list that has not changed keeps its ETag when a page behind it begins, and its old `Link`.
            full = sized and key is None and len(part) == PAGE
            if not more and not full:
                break
        return tuple(found)


def stamp(moment: datetime) -> str:
    """A time as GitHub takes it in queries: UTC, whole seconds, rounded down."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
