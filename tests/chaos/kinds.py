"""What every kind of mishap has in common: how it is drawn, how it is done, and how it is told.

Rule: `draw` decides beforehand what can be decided; `do` carries it out, and chooses among what is there by `luck`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import TypeVar

from bot.simulator.runs import Workflow
from tests.chaos.house import House
from tests.chaos.shapes import SHAPES
from tests.chaos.story import Mishap

Choice = TypeVar("Choice")
Draw = Callable[[Random, Mishap], Mishap]
Do = Callable[[House, Mishap], None]
SOON = (20.0, 60.0, 200.0, 700.0)
"""Seconds that something may last."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of mishap; `words` for people, with the mishap's fields filled in."""

    weight: float
    draw: Draw
    do: Do
    words: str
    early: bool = False
    """It is about what comes later, and is mostly said at the beginning."""
    stays: bool = False
    """No fault that ends: it is done once more when everything else is well again."""
    long: bool = False
    """It lasts for `m` seconds, and the calm comes no sooner."""
    heals: Callable[[House], None] | None = None
    """What the calm has to put right."""


def pick(luck: int, among: Sequence[Choice]) -> Choice | None:
    return among[luck % len(among)] if among else None


def for_a_while(most: Sequence[float]) -> Draw:
    return lambda luck, mishap: replace(mishap, m=luck.choice(most), n=luck.randint(0, 3))


def lucky(luck: Random, mishap: Mishap) -> Mishap:
    return replace(mishap, n=luck.randint(1, 3), m=luck.choice((10, 60, 150, 400)))


def plain(luck: Random, mishap: Mishap) -> Mishap:
    return replace(mishap, n=luck.randint(0, 3), m=luck.choice((0.1, 5, 60)))


def workflow(house: House, mishap: Mishap) -> Workflow:
    private, file = SHAPES[house.story.shape].workflows[
        mishap.luck % len(SHAPES[house.story.shape].workflows)
    ]
    return (house.ee if private else house.oss).workflows[file]


def issue_number(house: House, wanted: int) -> int:
    """That issue, or the one that is left when it was deleted."""
    return wanted if wanted in house.home.issues else min(house.home.issues)
