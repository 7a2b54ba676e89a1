"""A bug that can be switched on from outside the program.

Rule: `bot/` knows nothing of them. A bug replaces one named thing of the program, and planting it fails loudly when
that thing is not there any more.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Remake = Callable[[Any], Any]
"""From the right thing to the wrong one."""


@dataclass(frozen=True, slots=True)
class Bug:
    """`places`: "module:name.within", the same wrong thing for each; `tests`: where it should be noticed."""

    name: str
    what: str
    places: tuple[str, ...]
    remake: Remake
    tests: tuple[str, ...]

    def plant(self) -> None:
        """Until the process ends."""
        for place in self.places:
            owner, name = _owner(place)
            right = owner[name] if isinstance(owner, dict) else _raw(owner, name)
            wrong = self.remake(right)
            if isinstance(owner, dict):
                owner[name] = wrong
            else:
                setattr(owner, name, wrong)

    def check(self) -> None:
        """Raises LookupError when there is nothing left to replace."""
        for place in self.places:
            owner, name = _owner(place)
            if isinstance(owner, dict):
                owner[name]
            else:
                _raw(owner, name)


def _owner(place: str) -> tuple[Any, str]:
    module, _, path = place.partition(":")
    owner: Any = importlib.import_module(module)
    if path.endswith("]"):
        table, _, key = path[:-1].partition("[")
        return getattr(owner, table), key
    *within, name = path.split(".")
    for part in within:
        owner = getattr(owner, part)
    return owner, name


def _raw(owner: Any, name: str) -> Any:
    """As it stands in its class: a property, a plain function."""
    found = vars(owner).get(name)
    if found is None:
        raise LookupError(f"{owner!r} has no {name} of its own")
    return found
