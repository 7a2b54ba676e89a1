"""Reading comments as GitHub renders them: which lines of a comment can be commands.

Rule: a line counts only when the parse tree says that it is shown as plain text: not as quote, code or HTML
comment, and not folded away. In doubt it does not: a command that is overlooked costs a second try, a quoted one
that is obeyed costs a release.
https://github.github.com/gfm/
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

_LONGEST_BODY = 65_536
"""Characters in a comment at most, says GitHub; one that claims more is not read."""

_WEIGHTS = dict.fromkeys("]!*_~`>&\\|", 1) | {"\n": 3, "<": 3, "[": 2, "![": 20}
_HEAVIEST = 16_000
"""What takes time to read is not the letters but the signs that may mean something: so much takes a quarter of a
second. No log and no table that somebody pastes weighs more; whoever sends more wants to keep us busy, and is not read
either.
"""

_LINE_START = "line_start"

# HTML elements in which GitHub hides, quotes, strikes out or sets as code what they contain. Others, such as
# the `<version>` of a form letter, say nothing about the text behind them.
_HIDING = {"details", "summary", "template"}
_QUOTING = {"blockquote", "q", "del", "s", "strike"}
_CODE = {"code", "kbd", "pre", "samp", "tt", "var"}
# https://github.github.com/gfm/#disallowed-raw-html-extension-
_DISALLOWED = {"iframe", "noembed", "noframes", "plaintext", "script", "style", "textarea", "title", "xmp"}
_STRUCTURE = {"dl", "ol", "table", "ul"}
_SETTING_APART = _HIDING | _QUOTING | _CODE | _STRUCTURE | _DISALLOWED
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9-]*)")
_BEGINNING = re.compile(r"<[A-Za-z/!?]")
# https://docs.github.com/get-started/writing-on-github/getting-started-with-writing-and-formatting-on-github/basic-writing-and-formatting-syntax#footnotes
_FOOTNOTE = re.compile(r" {0,3}\[\^[^\]\s]+\]:")

# GitHub strikes out with one tilde or two, the parser with two. Where both are mixed, a line stands outside both ways.
# https://github.github.com/gfm/#strikethrough-extension-
_ONE_TILDE = re.compile(r"(?<!~)~(?!~)")


@lru_cache(maxsize=32)  # a comment is asked for its commands at each of its stations
def command_lines(body: str) -> tuple[str, ...]:
    """The lines that begin with `/` and a letter, stripped, in order; no quotes, code, HTML or tables.

    Whose commands they are is not looked at. Never raises; a body longer than GitHub allows has none, nor has one
    that is made to take long.
    """
    lines = body.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if len(body) > _LONGEST_BODY or not any(map(_is_candidate, lines)) or _weight(body) > _HEAVIEST:
        return ()
    return tuple(line.strip() for line in _plain_lines(lines) if _is_candidate(line))


def _weight(body: str) -> int:
    return sum(weight * body.count(sign) for sign, weight in _WEIGHTS.items())


def _is_candidate(line: str) -> bool:
    """At most three spaces, a slash, a letter."""
    text = line.lstrip(" ")
    return text.startswith("/") and text[1:2].isalpha() and len(line) - len(text) <= 3


def _plain_lines(lines: Sequence[str]) -> Iterator[str]:
    """The lines of paragraphs (and of headings by underline), in list items too, but in no quote and no table."""
    env: dict[str, object] = {}
    apart = _SettingApart()
    footnotes = _in_footnotes(lines)
    below_quote, quotes, cells = 0, 0, 0
    for token in _GITHUB.parse("\n".join(lines), env):
        first, end = token.map or (0, 0)
        if token.type == "blockquote_open":
            below_quote = max(below_quote, end)
            quotes += 1
        elif token.type == "blockquote_close":
            quotes -= 1
        elif token.type in {"table_open", "table_close"}:
            cells += token.nesting
        elif token.type in {"html_block", "inline"}:
            # A line right below a quote belongs to it, even where the quote leaves no paragraph open.
            quote = first == below_quote and first > 0 and not _is_blank(lines[first - 1])
            if token.type == "html_block":
                plain = [(number, lines[first + number]) for number in apart.read_block(token.content)]
            else:
                plain = list(_unwrapped("\n".join(lines[first:end]), apart, env))
            for number, line in plain:
                if not (quotes or cells or quote or footnotes[first + number]):
                    yield line


def _unwrapped(text: str, apart: "_SettingApart", env: dict[str, object]) -> Iterator[tuple[int, str]]:
    """Number and text of the lines that begin outside of code spans, links, emphasis and HTML."""
    lines = text.split("\n")
    struck = {number for token, number in _tokens(_ONE_TILDE.sub("~~", text), env) if token.level}
    if not apart.is_open:
        yield 0, lines[0]
    for token, number in _tokens(text, env):
        if token.type == "html_inline":
            apart.read_tag(token.content)
        elif token.type == _LINE_START and not (token.level or number in struck or apart.is_open):
            yield number, lines[number]


def _tokens(text: str, env: dict[str, object]) -> Iterator[tuple[Token, int]]:
    """The beginnings of lines with the lines' numbers, and the HTML between them."""
    number, seen = 0, 0
    for token in _GITHUB.inline.parse(text, _GITHUB, env, []):
        if token.type == _LINE_START:
            at = int(token.content)
            number, seen = number + text.count("\n", seen, at), at
        if token.type in {_LINE_START, "html_inline"}:
            yield token, number


class _SettingApart:
    """Which of the HTML elements that set their content apart are open; Markdown blocks do not close them."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()

    @property
    def is_open(self) -> bool:
        return self._open.total() > 0

    def read_block(self, html: str) -> Iterator[int]:
        """Numbers of the lines that begin as plain text: what stands right below an `<img …>`, say, is shown."""
        number, last = 0, html.rstrip("\n").count("\n")
        for token in _HTML.inline.parse(html, _HTML, {}, []):
            if token.type == "html_inline":
                self.read_tag(token.content)
            else:
                self._read_rest(token.content)
                if not self.is_open:
                    yield from range(number + 1, 1 + min(last, number + token.content.count("\n")))
            number += token.content.count("\n")

    def read_tag(self, html: str) -> None:
        """One complete tag, comment or instruction."""
        if tag := _TAG.match(html):
            closing, name = bool(tag[1]), tag[2].lower()
            if name in _SETTING_APART and not closing:
                self._open[name] += 1
            elif self._open[name]:
                self._open[name] -= 1
        elif not html.startswith("<!--") or "--!>" in html:
            # Markdown and browsers disagree about the end: for browsers it is the first `>`, or `--!>`.
            self._read_rest(html.partition(">")[2])

    def _read_rest(self, html: str) -> None:
        """Where a tag or comment begins and does not end, it may swallow all that follows."""
        if _BEGINNING.search(html):
            self._open["<"] += 1


def _in_footnotes(lines: Sequence[str]) -> list[bool]:
    """For each line, whether it may belong to a footnote, which GitHub knows and the parser does not."""
    inside, above_blank, answer = False, True, []
    for line in lines:
        if _FOOTNOTE.match(line):
            inside = True
        elif above_blank and not _is_blank(line) and not line.startswith(("    ", "\t")):
            inside = False
        above_blank = _is_blank(line)
        answer.append(inside)
    return answer


def _is_blank(line: str) -> bool:
    return not line.strip(" \t")


def _line_start(state: StateInline, silent: bool) -> bool:
    """Instead of the parser's own rule for line ends: a token that says where the next line begins."""
    mark = "\n" if state.src[state.pos] == "\n" else "\\\n"
    if not state.src.startswith(mark, state.pos):
        return False
    state.pos += len(mark)
    if not silent:
        state.push(_LINE_START, "", 0).content = str(state.pos)
    return True


def _github() -> MarkdownIt:
    """GitHub's Markdown as far as it matters here; paragraphs are left for `_unwrapped` to read."""
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"]).disable("inline")
    parser.inline.ruler.at("newline", _line_start)
    return parser


_GITHUB = _github()
_HTML = MarkdownIt("zero", {"html": True}).enable("html_inline")
