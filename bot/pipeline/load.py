"""From the text of a pipeline file to pipelines, or to every mistake in it with its place.

Rule: scalars keep the text that was written (`yes` stays `yes`, 1.10 stays 1.10), so YAML's events are read
here and its values never made. No file, however odd or hostile, costs more than moments or raises anything
but BadPipelineFile.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import cast

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from bot.core.suggest import quoted
from bot.pipeline.plans import Pipelines
from bot.pipeline.problems import problems
from bot.pipeline.schema import FileShape, Path, Problem, Raw
from bot.pipeline.values import shape_word

MOST_BYTES = 1024 * 1024
MOST_NODES = 10_000
"""Values in all, those of aliases counted each time: an alias of aliases would grow without end."""

_LONGEST_LINE = 10_000
"""Some tokens take the scanner time that grows with the square of the line."""

_DEEPEST = 20

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})

_STANDARD = "tag:yaml.org,2002:"
_NULL = f"{_STANDARD}null"
_SCALARS = {
    "!": r"(?s:.*)",
    f"{_STANDARD}str": r"(?s:.*)",
    f"{_STANDARD}int": r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+",
    f"{_STANDARD}float": r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?",
    f"{_STANDARD}bool": r"true|True|TRUE|false|False|FALSE",
    _NULL: r"~|null|Null|NULL|",
}
"""What tags of YAML itself say of a text, and the texts of which it is true."""

_CORE = {*_SCALARS, f"{_STANDARD}map", f"{_STANDARD}seq"}


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """One thing that is wrong, at a 1-based line and column of the file."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


class BadPipelineFile(Exception):
    """The file cannot be used; `mistakes` are all that is wrong, in the order of the file, at least one."""

    def __init__(self, mistakes: tuple[Mistake, ...]) -> None:
        super().__init__("\n".join(str(mistake) for mistake in mistakes))
        self.mistakes = mistakes


def load(text: str, file: str) -> Pipelines:
    """The pipelines of the file, which mistakes call `file`. Raises BadPipelineFile with every mistake."""
    tree = _Tree(text)
    try:
        root = tree.read()
    except _Unreadable as stop:
        raise _bad(file, [*tree.complaints, (stop.place, stop.message)]) from stop
    raw = tree.raw(root, ())
    if raw is not None:
        for problem in problems(raw):
            tree.complaints.append((_place(root, problem), problem.message))
            if problem.value_is_idle:
                tree.missing.pop(problem.path, None)
    tree.complaints.extend(tree.missing.values())
    if tree.complaints:
        raise _bad(file, tree.complaints)
    return Pipelines.from_shape(FileShape.model_validate(raw))


# -- the tree of places ----------------------------------------------------------------------------

Place = tuple[int, int]
"""Line and column, counted from 0 as YAML's marks are."""


@dataclass(frozen=True, slots=True)
class _Scalar:
    place: Place
    text: str
    plain: bool

    @property
    def null(self) -> bool:
        return self.plain and self.text in _NULLS


@dataclass(frozen=True, slots=True)
class _Sequence:
    place: Place
    items: tuple["_Node", ...]


@dataclass(frozen=True, slots=True)
class _Mapping:
    place: Place
    entries: dict[str, tuple[Place, "_Node"]]
    """The place of the key, and the value."""


@dataclass(frozen=True, slots=True)
class _Broken:
    """A value that was complained about already, so nothing more is said of it."""

    place: Place


_Node = _Scalar | _Sequence | _Mapping | _Broken


class _Unreadable(Exception):
    """From here on the file means nothing."""

    def __init__(self, place: Place, message: str) -> None:
        super().__init__(message)
        self.place = place
        self.message = message


class _Tree:
    """Reads one document into nodes and gathers complaints on the way."""

    def __init__(self, text: str) -> None:
        self.complaints: list[tuple[Place, str]] = []
        self.missing: dict[Path, tuple[Place, str]] = {}
        self._text = text
        self._lines = re.split(r"\r\n|\r|\n", text)
        self._anchors: dict[str, _Node] = {}
        self._open: list[Place] = []
        self._count = 0
        self._events: Iterator[Event] = iter(())

    def read(self) -> _Node:
        """The root of the only document. Raises _Unreadable."""
        self._guard_size()
        self._events = _events(self._text)
        try:
            return self._document()
        except _Unreadable:
            raise
        except ReaderError as error:
            raise _Unreadable(
                self._place_of(error.position), "the file has a control character here"
            ) from error
        except MarkedYAMLError as error:
            raise self._syntax(error) from error
        # The scanner turns numbers and escapes such as "\UFFFFFFFF" into characters unchecked.
        except (YAMLError, ValueError, ArithmeticError, LookupError, AttributeError, TypeError) as error:
            place = self._open[-1] if self._open else (0, 0)
            raise _Unreadable(
                place, "YAML cannot read what begins here: check its escapes and directives"
            ) from error

    def _guard_size(self) -> None:
        size = len(self._text.encode(errors="surrogatepass"))
        if size > MOST_BYTES:
            raise _Unreadable((0, 0), f"the file has {size:,} bytes; at most {MOST_BYTES:,}")
        for number, line in enumerate(self._lines):
            if len(line) > _LONGEST_LINE:
                raise _Unreadable(
                    (number, 0), f"the line has {len(line):,} characters; at most {_LONGEST_LINE:,}"
                )

    def _document(self) -> _Node:
        root: _Node | None = None
        for event in self._events:
            match event:
                case DocumentStartEvent() if root is not None:
                    second = "a second document begins here: the file must hold only one"
                    self.complaints.append((_start(event), second))
                    break
                case DocumentStartEvent():
                    root = self._node(next(self._events))
                case _:
                    pass
        if root is None or (isinstance(root, _Scalar) and root.null):
            raise _Unreadable((0, 0), "the file is empty: it needs `pipelines:` with at least one pipeline")
        return root

    def _node(self, event: Event) -> _Node:
        self._spend(1, _start(event))
        if len(self._open) >= _DEEPEST:
            raise _Unreadable(_start(event), f"the file is nested more than {_DEEPEST} deep here")
        node: _Node
        match event:
            case AliasEvent():
                return self._alias(event)
            case ScalarEvent():
                node = self._scalar(event)
            case SequenceStartEvent():
                node = self._sequence(event)
            case MappingStartEvent():
                node = self._mapping(event)
            case _:
                raise _Unreadable(_start(event), "there should be a value here")
        if event.tag is not None:
            node = self._tagged(node, str(event.tag))
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _tagged(self, node: _Node, tag: str) -> _Node:
        """A tag that is true changes nothing but that a text is no null."""
        complaint = _tag_complaint(node, tag)
        if complaint is None:
            return replace(node, plain=tag == _NULL) if isinstance(node, _Scalar) else node
        if not isinstance(node, _Broken):
            self.complaints.append((node.place, complaint))
        return _Broken(node.place)

    def _scalar(self, event: ScalarEvent) -> _Node:
        place, text = _start(event), str(event.value)
        if re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]", text):
            self.complaints.append((place, "this text holds a control character"))
            return _Broken(place)
        return _Scalar(place, text, plain=event.style is None)

    def _sequence(self, event: SequenceStartEvent) -> _Node:
        place = _start(event)
        self._open.append(place)
        items: list[_Node] = []
        while not isinstance(following := next(self._events), SequenceEndEvent):
            items.append(self._node(following))
        self._open.pop()
        return _Sequence(place, tuple(items))

    def _mapping(self, event: MappingStartEvent) -> _Node:
        place = _start(event)
        self._open.append(place)
        entries: dict[str, tuple[Place, _Node]] = {}
        broken, told = "", False
        while not isinstance(following := next(self._events), MappingEndEvent):
            key, value = self._node(following), self._node(next(self._events))
            if isinstance(key, _Broken):
                told = True
                continue
            if not isinstance(key, _Scalar):
                broken = broken or "a key must be plain text"
                continue
            if isinstance(value, _Scalar) and value.plain and not value.text:
                value = replace(value, place=key.place)
            if key.text in entries:
                line = entries[key.text][0][0] + 1
                again = f"the key {quoted(key.text)} is here a second time; the first is in line {line}"
                self.complaints.append((key.place, again))
            else:
                entries[key.text] = (key.place, value)
        self._open.pop()
        # `ref: {{ version }}` without quotes is, to YAML, a mapping with a mapping as its key.
        if broken and self._lines[place[0]].startswith("{{", place[1]):
            broken = 'a template needs quotes: write "{{ … }}"'
        if broken:
            self.complaints.append((place, broken))
        return _Broken(place) if broken or told else _Mapping(place, entries)

    def _alias(self, event: AliasEvent) -> _Node:
        place = _start(event)
        node = self._anchors.get(str(event.anchor))
        if node is None:
            self.complaints.append(
                (place, f"there is no anchor {quoted('&' + str(event.anchor))} before this")
            )
            return _Broken(place)
        self._spend(_size(node), place)
        if len(self._open) + _height(node) > _DEEPEST:
            raise _Unreadable(place, f"the file is nested more than {_DEEPEST} deep here")
        return node

    def _spend(self, nodes: int, place: Place) -> None:
        self._count += nodes
        if self._count > MOST_NODES:
            raise _Unreadable(place, f"the file has more than {MOST_NODES:,} values, aliases included")

    def raw(self, node: _Node, path: Path) -> Raw:
        """The written texts alone; None where something is broken or missing, which is complained about."""
        match node:
            case _Scalar(text=text):
                if node.null and not _kept_as_written(path, text):
                    self.missing[path] = (node.place, _no_value(path))
                    return None
                return text
            case _Sequence(items=items):
                return [self.raw(item, (*path, number)) for number, item in enumerate(items)]
            case _Mapping(entries=entries):
                return {key: self.raw(value, (*path, key)) for key, (_, value) in entries.items()}
            case _Broken():
                return None

    # -- YAML's own complaints ---------------------------------------------------------------------

    def _place_of(self, position: int) -> Place:
        before = re.split(r"\r\n|\r|\n", self._text[:position])
        return len(before) - 1, len(before[-1])

    def _syntax(self, error: MarkedYAMLError) -> _Unreadable:
        mark = error.problem_mark or error.context_mark
        place: Place = (mark.line, mark.column) if mark is not None else (0, 0)
        line = self._lines[place[0]] if place[0] < len(self._lines) else ""
        problem = str(error.problem or error.context or "")
        if "\\t" in problem:
            return _Unreadable(place, "a tab is here: YAML wants spaces")
        if "stream end" in problem or "end of stream" in problem:
            return self._never_closed(error, place)
        if line.startswith("{", place[1]) and "expected ','" in problem:
            return _Unreadable(place, 'a template needs quotes: write "{{ … }}" around the whole text')
        if "unknown escape character" in problem:
            return _Unreadable(
                place, "in double quotes `\\` begins an escape: put the text in single quotes instead"
            )
        if "mapping values are not allowed" in problem:
            return _Unreadable(
                place, "a `:` cannot be here: check the indentation, or put the text in quotes"
            )
        plain = (letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in problem[:200])
        words = " ".join("".join(plain).split()).replace("`", "'")
        return _Unreadable(place, f"this is not valid YAML: {words}")

    def _never_closed(self, error: MarkedYAMLError, place: Place) -> _Unreadable:
        """The end of the file tells nobody anything: the place is where the unfinished thing begins."""
        opened = error.context_mark
        if opened is not None and (opened.line, opened.column) != place:
            place = (opened.line, opened.column)
        elif self._open:
            place = self._open[-1]
        return _Unreadable(place, "what begins here is not closed before the file ends")


def _events(text: str) -> Iterator[Event]:
    return cast(Iterator[Event], YAML(typ="safe", pure=True).parse(text))


def _start(event: Event) -> Place:
    return event.start_mark.line, event.start_mark.column


def _children(node: _Node) -> tuple[_Node, ...]:
    match node:
        case _Sequence(items=items):
            return items
        case _Mapping(entries=entries):
            return tuple(value for _, value in entries.values())
        case _Scalar() | _Broken():
            return ()


def _size(node: _Node) -> int:
    return 1 + sum(_size(child) for child in _children(node))


def _height(node: _Node) -> int:
    return 1 + max((_height(child) for child in _children(node)), default=0)


def _tag_complaint(node: _Node, tag: str) -> str | None:
    """What is wrong with a tag; None if it says what is there. https://yaml.org/spec/1.2.2/#103-core-schema"""
    name = tag.replace(_STANDARD, "!!", 1)
    match node:
        case _Scalar(text=text) if form := _SCALARS.get(tag):
            return None if re.fullmatch(form, text) else f"`{name}` does not fit {shape_word(text)}"
        case _Sequence() if tag in _CORE:
            return None if tag == f"{_STANDARD}seq" else f"`{name}` does not fit a list"
        case _Mapping() if tag in _CORE:
            return None if tag == f"{_STANDARD}map" else f"`{name}` does not fit keys with values"
        case _Scalar(text=text) if tag in _CORE:
            return f"`{name}` does not fit {shape_word(text)}"
        case _:
            return f"the tag {quoted(name)} is not supported: leave it out"


# -- from problems to places -----------------------------------------------------------------------


def _place(root: _Node, problem: Problem) -> Place:
    """Where the path leads, as far as the file goes: of `retry: 2` there is no `any`, so the 2 is meant."""
    node, key = root, root.place
    for part in problem.path:
        match node:
            case _Mapping(entries=entries) if isinstance(part, str) and part in entries:
                key, node = entries[part]
            case _Sequence(items=items) if isinstance(part, int) and part < len(items):
                node = items[part]
                key = node.place
            case _Mapping() if part == 0:
                pass  # a single entry, where a list of entries may be
            case _Sequence() if part == "values":
                pass  # a list alone, where a parameter's keys may be
            case _:
                return node.place
    return key if problem.at_key else node.place


def _kept_as_written(path: Path, text: str) -> bool:
    """Where `null` is a text like any other: inputs, which may also be nothing, and what parameters can be."""
    match path:
        case (_, _, "steps", _, "inputs", _):
            return True
        case (_, _, "parameters", _, *_, int()):
            return True
        case (_, _, "parameters", _, "default" | "values"):
            return text != ""
        case _:
            return False


def _no_value(path: Path) -> str:
    key = next((part for part in reversed(path) if isinstance(part, str)), "")
    return f"{quoted(key)} has no value: write one or leave it out"


def _bad(file: str, complaints: list[tuple[Place, str]]) -> BadPipelineFile:
    mistakes = {Mistake(file, line + 1, column + 1, message) for (line, column), message in complaints}
    return BadPipelineFile(tuple(sorted(mistakes)))
