"""Deliveries that GitHub signed and that make no sense: a field is missing, or is of another kind than ever before.

Rule: a copy of a delivery that was made once, with one or more odd fields; never one that could be a new command.
"""

import copy
from random import Random

from tests.chaos.house import House
from tests.chaos.kinds import Kind, lucky, pick
from tests.chaos.story import Mishap

ODD = "odd"
"""A key in each of these payloads, by which they can be known again."""
VALUES: tuple[object, ...] = (
    None,
    "",
    0,
    -1,
    2**70,
    1.5,
    True,
    [],
    {},
    [None],
    {"id": None},
    "\ud800",
    "\x00",
    "x" * 70_000,
    "completed",
    "2026-13-45T99:99:99Z",
)


def _is_poisoned(house: House, mishap: Mishap) -> None:
    luck, log = Random(mishap.luck), house.world.hook.log
    before = pick(mishap.luck, log)
    if before is None:
        return
    payload = copy.deepcopy(before.payload)
    if isinstance(comment := payload.get("comment"), dict):
        comment["id"], comment["body"] = house.world.new_id("comment"), "thanks"
    for _ in range(mishap.n):
        spoil(payload, luck)
    house.poisoned = True
    payload[ODD] = True
    action = payload.pop("action", None)
    installation = house.world.installation("acme")
    told = action if isinstance(action, str) else None
    house.world.hook.announce(before.event, told, payload, installation=installation)


def spoil(payload: dict[str, object], luck: Random) -> None:
    """One field, at any depth, is gone or becomes something else."""
    here: dict[str, object] = payload
    for _ in range(luck.randint(0, 3)):
        deeper = [each for each in here.values() if isinstance(each, dict) and each]
        if not deeper:
            break
        here = luck.choice(deeper)
    if not here:
        return
    key = luck.choice(sorted(here))
    if luck.random() < 0.25:
        del here[key]
    elif not (key == "body" and "user" in here):
        here[key] = copy.deepcopy(luck.choice(VALUES))


KINDS: dict[str, Kind] = {
    "F15 a poisoned delivery": Kind(2.5, lucky, _is_poisoned, "a delivery with {n} odd fields"),
}
