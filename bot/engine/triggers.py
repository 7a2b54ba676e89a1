"""What a workflow file says against being dispatched: its trigger, and the inputs that it declares.

Rule: anybody who may push to a repository writes its workflow files, so nothing here costs more than moments or
raises, whatever the text. Only YAML's events are read, and of a long file only the beginning; what cannot be
understood is a problem, what was not reached is left for GitHub to judge.
"""

import re
from collections.abc import Iterator, Mapping
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

_MOST_CHARACTERS = 200_000
_MOST_EVENTS = 5_000
_DEEPEST = 50
_LONGEST_LINE = 10_000
"""Some tokens take the scanner time that grows with the square of the line: a longer one is not read."""

_Node = str | list["_Node"] | dict[str, "_Node"]


def trigger_problems(text: str, step: DispatchStep) -> list[str]:
    """What a workflow file says against dispatching it with these inputs.

    https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax#onworkflow_dispatch
    """
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
            return [f"`{step.workflow}` is not valid YAML"]
        if "on" not in reading.root:
            return [f"`{step.workflow}` is too long or too deep to be read as far as its `on`"]
    return _problems(reading.root.get("on", ""), step)


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
    return problems


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
