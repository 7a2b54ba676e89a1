"""From a seed to a story: most are short, some are long, a few are quiet.

Rule: only this module uses the seed's luck to invent; the same seed gives the same story in every process.
"""

from collections.abc import Sequence
from random import Random

from tests.chaos.catalogue import KINDS
from tests.chaos.shapes import SHAPES
from tests.chaos.story import Ask, Mishap, Story

_VERSIONS = ("1.0.3", "1.0.4", "1.1.0", "2.0.0")


def draw(seed: int) -> Story:
    luck = Random(f"story {seed}")
    shapes = list(SHAPES)
    shape = luck.choices(shapes, [SHAPES[name].weight for name in shapes])[0]
    releases = luck.choice((1, 1, 1, 1, 1, 2, 2, 3, 4)) if SHAPES[shape].several else 1
    asks = tuple(
        Ask(round(luck.uniform(0, 90) * number, 1), version, luck.choice((7, 7, 8)))
        for number, version in enumerate(_VERSIONS[:releases])
    )
    lasts = SHAPES[shape].lasts
    calm = asks[-1].at + lasts + luck.choice((60.0, 200.0, 400.0))
    mishaps = sorted(
        (_mishap(luck, asks, lasts) for _ in range(_how_many(luck))), key=lambda mishap: mishap.at
    )
    calm = max(calm, *(mishap.at + mishap.m for mishap in mishaps if KINDS[mishap.kind].long), 0.0)
    return Story(
        seed=seed,
        shape=shape,
        asks=asks,
        mishaps=tuple(mishaps),
        calm=round(calm),
        old_api=luck.random() < 0.3,
        private_home=luck.random() < 0.15,
        look_seconds=luck.choice((60, 60, 60, 20)),
    )


def _how_many(luck: Random) -> int:
    return luck.choice((0, 1, 2, 3, 4, 4, 5, 5, 6, 6, 7, 8, 10, 14))


def _mishap(luck: Random, asks: Sequence[Ask], lasts: float) -> Mishap:
    """Most of them while a release is under way; what is about later runs at the beginning."""
    kind = luck.choices(list(KINDS), [each.weight for each in KINDS.values()])[0]
    early = KINDS[kind].early and luck.random() < 0.8
    at = 0.0 if early or luck.random() < 0.2 else luck.choice(asks).at + lasts * luck.random() ** 1.3
    return KINDS[kind].draw(luck, Mishap(round(at, 1), kind, luck=luck.randrange(10_000)))
