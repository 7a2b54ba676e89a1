"""Regular expressions taken apart, so that it can be told how long one may search.

Rule: only what `re` compiles comes in here. What cannot be judged (conditions, the flag `x`) is refused;
nothing is guessed. https://docs.python.org/3.11/library/re.html#regular-expression-syntax
"""

import re
import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import assert_never

ENDLESS = 1 << 30
"""The upper end of a repeat that has none."""

_FLAGS = "aimsu"

_OTHERS = "éſıİK中٣\u00a0\u2028—😀"
"""Letters, digits, spaces and signs that stand for all beyond ASCII; some of them fold into ASCII letters."""
_SAMPLES = "".join(map(chr, range(128))) + _OTHERS
_ALL_OTHERS = ((1 << len(_OTHERS)) - 1) << 128
_REPEAT = re.compile(r"\{(?:(\d+)(,?)(\d*)|(,)(\d*))\}")
_ESCAPE = re.compile(r"\\(?:x..|u.{4}|U.{8}|N\{[^}]*\}|0[0-7]{0,2}|[1-3][0-7]{2}|[^0-9])", re.DOTALL)
_REFERENCE = re.compile(r"\\[1-9][0-9]?|P=\w+\)")


class Unclear(ValueError):
    """The expression uses what cannot be judged; the text says what, as the rest of a sentence."""


@dataclass(frozen=True, slots=True)
class One:
    """One character out of a set; `chars` has a bit for each sample that may be it."""

    chars: int


@dataclass(frozen=True, slots=True)
class Nothing:
    """A place without width: an anchor, or the empty expression. `begins`: only at the beginning of the text."""

    begins: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """Looks ahead or behind, and takes nothing."""

    body: "Node"


@dataclass(frozen=True, slots=True)
class Row:
    """One after the other."""

    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several."""

    ways: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """`least` to `most` times."""

    body: "Node"
    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Final:
    """Once it has been found, no other way is tried: possessive repeats and atomic groups."""

    body: "Node"


Node = One | Nothing | Look | Row | Choice | Repeat | Final


def compiled(text: str) -> re.Pattern[str]:
    """As `re` compiles it, without its warnings of what later versions may read otherwise. Raises re.error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return re.compile(text)
        except (OverflowError, RecursionError) as error:
            raise re.error(str(error)) from error


def tree_of(text: str) -> Node:
    """The tree of an expression that `re` compiles, and that is not deep. Raises Unclear."""
    return _Reader(text).whole()


def depth_of(text: str) -> int:
    """How deep round brackets are nested, also in a text that is no expression."""
    deepest = depth = 0
    for bracket in re.findall(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|[()]", text, re.DOTALL):
        depth += (bracket == "(") - (bracket == ")" and depth > 0)
        deepest = max(deepest, depth)
    return deepest


def parts_of(node: Node) -> tuple[Node, ...]:
    """The nodes right below."""
    match node:
        case One() | Nothing():
            return ()
        case Look(body) | Final(body) | Repeat(body, _, _):
            return (body,)
        case Row(parts):
            return parts
        case Choice(ways):
            return ways
        case _:
            assert_never(node)


def repeats_in_repeats(node: Node, *, inside: bool = False) -> bool:
    """Whether a repeat without end is somewhere in another one."""
    endless = isinstance(node, Repeat) and node.most == ENDLESS
    if endless and inside:
        return True
    return any(repeats_in_repeats(part, inside=inside or endless) for part in parts_of(node))


class _Reader:
    """Reads from left to right; `flags` are those of the group it is in."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._flags: frozenset[str] = frozenset()

    def whole(self) -> Node:
        if flags := re.match(r"\(\?([a-zA-Z]+)\)", self._text):
            self._flags = _known(flags[1]) - {"u"}
            self._at = flags.end()
        return self._choice()

    def _next(self, text: str) -> bool:
        """Whether this stands here; then it is taken."""
        found = self._text.startswith(text, self._at)
        self._at += len(text) if found else 0
        return found

    def _choice(self) -> Node:
        ways = [self._row()]
        while self._next("|"):
            ways.append(self._row())
        return ways[0] if len(ways) == 1 else Choice(tuple(ways))

    def _row(self) -> Node:
        parts: list[Node] = []
        while self._at < len(self._text) and self._text[self._at] not in "|)":
            parts.append(self._repeats(self._atom()))
        return parts[0] if len(parts) == 1 else Row(tuple(parts))

    def _repeats(self, body: Node) -> Node:
        span = self._span()
        if span is None:
            return body
        repeat = Repeat(body, *span)
        if self._next("+"):
            return Final(repeat)
        self._next("?")  # a lazy one finds the same in another order
        return repeat

    def _span(self) -> tuple[int, int] | None:
        for sign, span in (("*", (0, ENDLESS)), ("+", (1, ENDLESS)), ("?", (0, 1))):
            if self._next(sign):
                return span
        found = _REPEAT.match(self._text, self._at)
        if found is None:
            return None
        self._at = found.end()
        if found[4]:
            return 0, int(found[5] or ENDLESS)
        return int(found[1]), int(found[3] or ENDLESS) if found[2] else int(found[1])

    def _atom(self) -> Node:
        if self._next("("):
            return self._group()
        begin = self._at
        letter = self._text[begin]
        if letter == "[":
            self._at = _end_of_class(self._text, begin)
        elif letter == "\\":
            return self._escape()
        else:
            self._at += 1
        if letter in "^$":
            return Nothing(begins=letter == "^")
        return self._one(begin)

    def _escape(self) -> Node:
        found = _ESCAPE.match(self._text, self._at)
        if found is None:
            return self._reference()
        begin, self._at = self._at, found.end()
        if found[0] in {r"\A", r"\b", r"\B", r"\Z"}:
            return Nothing(begins=found[0] == r"\A")
        return self._one(begin)

    def _reference(self) -> Node:
        """What a group has taken: one text of any length, which is compared."""
        if found := _REFERENCE.match(self._text, self._at):
            self._at = found.end()
        return Final(Repeat(One((1 << len(_SAMPLES)) - 1), 0, ENDLESS))

    def _one(self, begin: int) -> One:
        return One(_chars(self._text[begin : self._at], "".join(sorted(self._flags))))

    def _group(self) -> Node:
        """What follows on an opening bracket, up to the closing one."""
        outer = self._flags
        wrap: type[Look] | type[Final] | None = None
        if self._next("?"):
            if self._next("#"):
                self._at = self._text.index(")", self._at) + 1
                return Row(())
            if self._text.startswith("P=", self._at):
                return self._reference()
            wrap = self._kind_of_group()
        body = self._choice()
        self._next(")")
        self._flags = outer
        return wrap(body) if wrap else body

    def _kind_of_group(self) -> type[Look] | type[Final] | None:
        if self._next("("):
            raise Unclear("asks whether a group was found, which is not possible here")
        if self._next("P<"):
            self._at = self._text.index(">", self._at) + 1
            return None
        if any(self._next(sign) for sign in ("=", "!", "<=", "<!")):
            return Look
        if self._next(">"):
            return Final
        end = self._text.index(":", self._at)
        on, _, off = self._text[self._at : end].partition("-")
        self._at = end + 1
        ascii_ends = {"a"} if "u" in on else set()
        self._flags = (self._flags | _known(on)) - {"u", *off, *ascii_ends}
        return None


def _known(flags: str) -> frozenset[str]:
    known = frozenset(flags)
    for strange in sorted(known - set(_FLAGS)):
        raise Unclear(f"uses the flag {strange}, which is not possible here")
    return known


def _end_of_class(text: str, begin: int) -> int:
    """Behind the bracket that closes it; the first thing in it is never that bracket."""
    at = begin + 1 + text.startswith("^", begin + 1)
    at += text.startswith("]", at)
    while text[at] != "]":
        at += 2 if text[at] == "\\" else 1
    return at + 1


@lru_cache(maxsize=4096)
def _chars(token: str, flags: str) -> int:
    """Which samples fit. Where single characters beyond ASCII are named, all of them may be meant."""
    one = compiled(f"(?{flags}:{token})")
    chars = 0
    for place, sample in enumerate(_SAMPLES):
        chars |= (one.fullmatch(sample) is not None) << place
    if not token.isascii() or re.search(r"\\[xuUN0-7]", token):
        chars |= _ALL_OTHERS
    return chars
