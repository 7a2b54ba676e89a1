"""What a workflow file says against being dispatched: its trigger, and the inputs that it declares.

Rule: anybody who may push to a repository writes its workflow files, so nothing here costs more than moments or
raises, whatever the text. Only YAML's events are read, and of a long file only the beginning; what cannot be
understood is a problem, what was not reached is left for GitHub to judge.
"""

import re
from collections.abc import Iterator, Mapping
from enum import Enum
from functools import lru_cache
from typing import cast

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from bot.core.plan import DispatchStep
from bot.core.suggest import quoted

_MOST_CHARACTERS = 200_000
_MOST_EVENTS = 5_000
_DEEPEST = 50
_MOST_OPTIONS = 5
_LONGEST_LINE = 10_000
"""Some tokens take the scanner time that grows with the square of the line: a longer one is not read."""

_Node = str | list["_Node"] | dict[str, "_Node"]


def trigger_problems(text: str, step: DispatchStep) -> list[str]:
    """What a workflow file says against dispatching it with these inputs.

    https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax#onworkflow_dispatch
    """
    triggers = _triggers(text)
    if isinstance(triggers, _Unread):
        return [f"`{step.workflow}` {triggers.value}"]
    return _problems(triggers, step)


class _Unread(Enum):
    NO_YAML = "is not valid YAML"
    TOO_MUCH = "is too long or too deep to be read as far as its `on`"


@lru_cache(maxsize=16)
def _triggers(text: str) -> "_Node | _Unread":
    """The same text has the same triggers: many steps and versions of one command may ask for them."""
    reading = _Reading(text)
    try:
        reading.read()
    # The scanner turns numbers and escapes into characters unchecked.
    except (
        _TooMuch,
        YAMLError,
        ValueError,
        ArithmeticError,
        LookupError,
        AttributeError,
        TypeError,
    ) as error:
        if not reading.is_cut and not isinstance(error, _TooMuch):
            return _Unread.NO_YAML
        if "on" not in reading.root:
            return _Unread.TOO_MUCH
    return reading.root.get("on", "")


def _problems(triggers: _Node, step: DispatchStep) -> list[str]:
    if "workflow_dispatch" not in ([triggers] if isinstance(triggers, str) else triggers):
        return [f"`{step.workflow}` lacks the `workflow_dispatch` trigger"]
    declared = _under(_under(triggers, "workflow_dispatch"), "inputs")
    given = {name for name, _ in (*step.inputs, *step.late_inputs)} | ({step.nonce} if step.nonce else set())
    problems = [f"`{step.workflow}` has no input `{name}`" for name in sorted(given) if name not in declared]
    problems += [
        f"`{step.workflow}` requires the input `{name}`"
        for name in declared
        if _is_true(_under(declared, name).get("required"))
        if "default" not in _under(declared, name)
        if name not in given
    ]
    return problems + [
        problem
        for name, value in step.inputs
        if (problem := _refused(step.workflow, name, value, _under(declared, name)))
    ]


def _refused(workflow: str, name: str, value: str, known: Mapping[str, _Node]) -> str | None:
    """What GitHub is certain to say against a value; it sends no run and answers 422 with
    "Required input 'a' not provided" or "Provided value 'b' for input 'a' not in the list of allowed values".

    An empty text is a default to some of GitHub's types, and unquoted options are what its YAML makes of them.
    https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax#onworkflow_dispatchinputs
    """
    if not value:
        needed = _is_true(known.get("required")) and "default" not in known
        return f"`{workflow}` requires the input `{name}`, and the text given is empty" if needed else None
    allowed = _allowed(known)
    if not allowed or _meaning(value) in map(_meaning, allowed):
        return None
    *others, last = map(quoted, allowed[:_MOST_OPTIONS])
    more = len(allowed) - _MOST_OPTIONS
    if more > 0:
        others, last = [*others, last], f"{more} others"
    takes = f"{', '.join(others)} or {last}" if others else last
    return f"the input `{name}` of `{workflow}` takes {takes}, not {quoted(value)}"


def _allowed(known: Mapping[str, _Node]) -> list[str]:
    """The values that an input can have; empty: any."""
    options = known.get("options")
    match known.get("type"):
        case "boolean":
            return ["true", "false"]
        case "choice" if isinstance(options, list):
            texts = [option for option in options if isinstance(option, str)]
            return texts if len(texts) == len(options) else []
        case _:
            return []


def _meaning(text: str) -> str | float:
    """One for all texts that YAML may read as the same number or truth value."""
    if text.lower() in {"true", "false"}:
        return text.lower()
    number = re.fullmatch(r"[-+]?(?:[0-9]{1,30}\.?[0-9]{0,30}|\.[0-9]{1,30})", text)
    return float(text) if number else text


def _under(node: object, key: str) -> Mapping[str, _Node]:
    """The mapping at a key; an empty one where there is none."""
    found = node.get(key) if isinstance(node, dict) else None
    return found if isinstance(found, dict) else {}


def _is_true(node: object) -> bool:
    return isinstance(node, str) and node.lower() == "true"


class _TooMuch(Exception):
    """The rest of the file is not read."""


class _Reading:
    """Reads the first document; `root` holds the keys that were read so far."""

    def __init__(self, text: str) -> None:
        self.root: dict[str, _Node] = {}
        long = re.search(rf"(?m)^.{{{_LONGEST_LINE},}}$", text[:_MOST_CHARACTERS])
        self._text = text[: long.start() if long else _MOST_CHARACTERS]
        self.is_cut = len(self._text) < len(text)
        self._anchors: dict[str, _Node] = {}
        self._left = _MOST_EVENTS
        self._events: Iterator[Event] = iter(())

    def read(self) -> None:
        """Raises _TooMuch, and whatever ruamel.yaml raises."""
        self._events = cast(Iterator[Event], YAML(typ="safe", pure=True).parse(self._text))
        for event in self._events:
            if isinstance(event, MappingStartEvent):
                self._mapping(self.root, 1)
            elif isinstance(event, SequenceStartEvent | ScalarEvent):
                return
        if self.is_cut:
            raise _TooMuch

    def _next(self) -> Event:
        self._left -= 1
        if self._left < 0:
            raise _TooMuch
        return next(self._events)

    def _node(self, event: Event, depth: int) -> _Node:
        if depth > _DEEPEST:
            raise _TooMuch
        node: _Node = ""
        match event:
            case AliasEvent():
                return self._anchors.get(str(event.anchor), "")
            case ScalarEvent():
                node = str(event.value)
            case SequenceStartEvent():
                node = []
                while not isinstance(following := self._next(), SequenceEndEvent):
                    node.append(self._node(following, depth + 1))
            case MappingStartEvent():
                node = {}
                self._mapping(node, depth + 1)
        if isinstance(event, NodeEvent) and event.anchor is not None:
            self._anchors[str(event.anchor)] = node
        return node

    def _mapping(self, entries: dict[str, _Node], depth: int) -> None:
        while not isinstance(following := self._next(), MappingEndEvent):
            key, value = self._node(following, depth), self._node(self._next(), depth)
            if isinstance(key, str):
                entries.setdefault(key, value)
