"""Bugs in how several releases of one day meet."""

from dataclasses import replace
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


def _as_new(right: Any) -> Any:
    def wrong(draft: Any, event: Any) -> None:
        draft.keep(event.step, replace(draft.record(event.step), gave_way=0))
        right(draft, event)

    return wrong


def _given_as_typed(_pipeline: Any, given: Any) -> dict[str, str]:
    return dict(given)


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
    Bug(
        "persons-cancel-is-githubs",
        "every cancelled run counts as one that gave way to its concurrency group",
        ("bot.engine.cancels:group_of",),
        lambda _: lambda _messages: "a group",
        (GROUPS,),
    ),
    Bug(
        "gives-way-for-ever",
        "a run that gave way is sent again more than once",
        ("bot.core.gave_way:cancel_judged",),
        _as_new,
        (GROUPS, "tests/core/test_gave_way.py"),
    ),
    Bug(
        "continue-begins-anew",
        "`--continue` starts what is tagged and what has run once more",
        ("bot.engine.starting:continued",),
        lambda _: lambda release, _left, **_how: release,
        (CONTINUE,),
    ),
    Bug(
        "parameters-unchecked",
        "a parameter may have any value",
        ("bot.engine.starting:resolve_parameters",),
        lambda _: _given_as_typed,
        ("tests/scenarios/test_parameters.py",),
    ),
)
