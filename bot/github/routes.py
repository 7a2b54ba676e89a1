"""Addresses of GitHub's API, built from parts.

Rule: every part is quoted here, and no address is ever taken from a payload.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote, urlencode

from bot.core.facts import Unprocessable

_KEEP_SLASHES = frozenset({"repo", "ref", "path"})


@dataclass(frozen=True, slots=True)
class Route:
    """`template` is for logs: it names no repository. `path` is the real one, with its query."""

    template: str
    path: str

    def asking(self, query: Mapping[str, str | int]) -> "Route":
        """The same place with these query parameters."""
        return replace(self, path=f"{self.path}?{urlencode(query)}" if query else self.path)


def route(template: str, **parts: str | int) -> Route:
    """Fills the template. Raises Unprocessable for a part that would change the address's meaning."""
    filled = {name: _quoted(name, str(value)) for name, value in parts.items()}
    return Route(template, template.format(**filled))


def _quoted(name: str, value: str) -> str:
    pieces = value.split("/") if name in _KEEP_SLASHES else [value]
    # "." and ".." cannot be quoted, and servers resolve them.
    if any(piece in ("", ".", "..") for piece in pieces) or (name == "repo" and len(pieces) != 2):
        raise Unprocessable(f"{value!r} cannot be the name of a {name} on GitHub")
    try:
        return "/".join(quote(piece, safe="") for piece in pieces)
    except UnicodeEncodeError:
        raise Unprocessable(f"{value!r} cannot be the name of a {name} on GitHub") from None


def file_name(workflow: str) -> str:
    """GitHub takes a workflow's file name, or its id, but not its path."""
    return workflow.rpartition("/")[2]
