"""Bugs in how several releases of one day meet."""

from typing import Any

from bot.core.model import NameMove
from bot.core.versions import Version
from tests.planted.bug import Bug

TURNS = "tests/scenarios/test_one_at_a_time.py"
NAMES = "tests/scenarios/test_moving_names.py"
GROUPS = "tests/scenarios/test_concurrency_groups.py"
CONTINUE = "tests/scenarios/test_continue.py"


def _always_earned(version: Version, moving: Any, **_known: Any) -> NameMove:
    return NameMove(moving.name, "", version.text)


BUGS = (
    Bug(
        "turns-are-not-held",
        "a step of a `one-at-a-time` name starts while another one's run goes on",
        ("bot.core.turns:holds",),
        lambda _: lambda _record: False,
        (TURNS,),
    ),
    Bug(
        "older-takes-the-name-back",
        "every version moves `latest` to itself",
        ("bot.engine.names:decided",),
        lambda _: _always_earned,
        (NAMES,),
    ),
)
