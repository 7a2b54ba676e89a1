"""Answers kept for conditional requests: what GitHub answers with 304 costs nothing of the rate limit.

Rule: an answer is kept for one token's reach and one address; as bytes, so that nobody can change it.
https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api#use-conditional-requests-if-appropriate
"""

from collections import OrderedDict
from dataclasses import replace

from bot.github.http import Answer

Key = tuple[str, str, str]
"""Repository, purpose of the token, path with query."""


class EtagCache:
    """The answers used last, within a number of entries and of bytes."""

    def __init__(self, *, entries: int = 512, most_bytes: int = 64 * 2**20) -> None:
        self._entries = entries
        self._most_bytes = most_bytes
        self._bytes = 0
        self._kept: OrderedDict[Key, Answer] = OrderedDict()
        self.hits = 0

    def etag(self, key: Key) -> str | None:
        kept = self._kept.get(key)
        return kept.headers["etag"] if kept else None

    def resolve(self, key: Key, answer: Answer) -> Answer:
        """The answer to go on with: a good one is kept, a 304 stands for the one that was kept."""
        if answer.status == 304 and key in self._kept:
            self.hits += 1
            self._kept.move_to_end(key)
            kept = self._kept[key]
            # The tag is of the body alone: whether a page follows is said by the newer headers.
            link = {"link": answer.headers["link"]} if "link" in answer.headers else {}
            return replace(kept, headers={**kept.headers, **link})
        if answer.status == 200 and "etag" in answer.headers:
            self._keep(key, answer)
        return answer

    def _keep(self, key: Key, answer: Answer) -> None:
        if (old := self._kept.pop(key, None)) is not None:
            self._bytes -= len(old.body)
        self._kept[key] = answer
        self._bytes += len(answer.body)
        while len(self._kept) > self._entries or self._bytes > self._most_bytes:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= len(oldest.body)
