"""Which regular expressions may judge failures: those that compile, say something, and cannot take long.

Rule: logs are written by anybody, so an expression is judged by the worst line there can be, not by the usual one.
"""

import re
from functools import lru_cache

from bot.pipeline.regex_time import Endless, steps_to_search
from bot.pipeline.regex_tree import Unclear, compiled, depth_of, repeats_in_repeats, tree_of

MOST_STEPS_OF_A_SEARCH = 3_000_000
"""Some 3 to 20 milliseconds for the worst line; the whole of a log can hardly be as bad for several expressions."""

MOST_STEPS_IN_ALL = 20_000_000
"""Of all expressions of one pipeline for one line: about what those that are shipped can take."""

_DEEPEST = 10
_BACK = re.compile(r"\\([1-9][0-9]?)|\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)


class BadPattern(ValueError):
    """The expression cannot be used; the text goes on where it has been named: "… is not a regular expression"."""


def check_pattern(text: str) -> None:
    """Raises BadPattern when the expression must not be used."""
    if problem := _problem(text):
        raise BadPattern(problem)


def steps_of(text: str) -> float:
    """How many steps a search can take in the worst line; 0 for an expression that must not be used anyhow."""
    return 0.0 if _problem(text) else steps_to_search(tree_of(text))


def joined(texts: tuple[str, ...]) -> re.Pattern[str]:
    """One expression that is found where one of them is. Raises BadPattern when that is none."""
    parts: list[str] = []
    groups = 0
    try:
        for text in texts:
            parts.append(_scoped(text, groups))
            groups += compiled(text).groups
        return compiled("|".join(parts))
    except re.error as error:
        raise BadPattern(f"is not a regular expression: {_plain(error)}") from error


@lru_cache(maxsize=4096)
def _problem(text: str) -> str | None:
    if depth_of(text) > _DEEPEST:
        return f"is nested more than {_DEEPEST} deep"
    try:
        expression = compiled(text)
    except re.error as error:
        return f"is not a regular expression: {_plain(error)}"
    if expression.search(""):
        return "fits every line, since it also fits an empty one: take out what makes all of it optional"
    try:
        tree = tree_of(text)
        steps = steps_to_search(tree)
    except Unclear as unclear:
        return str(unclear)
    except Endless:
        if repeats_in_repeats(tree):
            return "repeats a group that repeats itself, which can take for ever; bound one of them"
        return "can fit one text in too many ways, which can take for ever: let no two of its repeats fit the same"
    if steps > MOST_STEPS_OF_A_SEARCH:
        return "can take too long on a line made for it: bound its repeats, such as `.{0,80}`, or use fewer"
    return None


def _scoped(text: str, groups: int) -> str:
    """The expression as one of several: its flags do not reach the others, its groups keep their numbers."""
    flags = re.match(r"\(\?([a-z]+)\)", text)
    body = text[flags.end() :] if flags else text
    if groups:
        body = _BACK.sub(lambda found: f"(?:\\{int(found[1]) + groups})" if found[1] else found[0], body)
    return f"(?{flags[1].replace('u', '') if flags else ''}:{body})"


def _plain(error: re.error) -> str:
    """What `re` says, without what could mean something where it is read."""
    return re.sub(r"[^\w ,.()?'=!:+*/-]", "…", str(error), flags=re.ASCII)
