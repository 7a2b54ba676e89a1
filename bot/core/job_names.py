"""Which jobs a pattern names: `publish*` names `publish (linux)`, and `called` the job `caller / called`.

Rule: in doubt a job is named. What is named is left to people, which costs a question; what is missed is re-run.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import combinations

_PARTS = " / "
"""Between a job and the jobs of the workflow it calls.
https://docs.github.com/actions/how-tos/reuse-automations/reuse-workflows"""
_DEEPEST = 10
"""Workflows that can call each other in a row, by GitHub; names of more parts are only looked at part by part."""
_LONGEST = 2_000
"""Characters. A longer name is nobody's: it is named by every pattern."""


def named(job: str, patterns: tuple[str, ...]) -> bool:
    """Whether a pattern fits the job's name, with or without its matrix suffix ` (…)`, or parts of the name.

    In patterns `*` is any text and `?` one character; everything else stands for itself, whatever its letter case.
    Takes time in proportion to the name.
    """
    if not patterns or len(job) > _LONGEST:
        return bool(patterns)
    names = tuple(dict.fromkeys(_readings(unicodedata.normalize("NFC", job))))
    plain = [unicodedata.normalize("NFC", pattern) for pattern in patterns]
    return any(fits(name, pattern, any_case=True) for pattern in plain for name in names)


def fits(text: str, pattern: str, *, any_case: bool = False) -> bool:
    """Whether the pattern, of characters, `*` and `?`, fits the whole text: a branch, for instance."""
    return _expression(pattern, any_case).fullmatch(text) is not None


def _readings(job: str) -> Iterator[str]:
    """The names that a job is known by."""
    yield from _with_and_without_suffix(job.strip())
    parts = job.strip().split(_PARTS)
    plain = [list(_with_and_without_suffix(part))[-1] for part in parts]
    yield _PARTS.join(plain)
    for part in parts:
        yield from _with_and_without_suffix(part)
    if len(parts) <= _DEEPEST:
        for begin, end in combinations(range(len(parts) + 1), 2):
            yield _PARTS.join(plain[begin:end])
            yield _PARTS.join(parts[begin:end])


def _with_and_without_suffix(name: str) -> Iterator[str]:
    """The name, then shorter: a name may have brackets of its own before those of the matrix."""
    yield name
    if name.endswith((")", "...")):  # GitHub cuts a name with its matrix after 97 characters
        for end in (name.rfind(" ("), name.find(" (")):
            if end > 0:
                yield name[:end]


@lru_cache(maxsize=1024)
def _expression(pattern: str, any_case: bool) -> re.Pattern[str]:
    """The texts between stars, each taken where it comes first: no other place could serve better, so nothing is
    tried twice."""
    first, *rest = (_literal(text) for text in re.split(r"\*+", pattern))
    if not rest:
        return _compiled(first, any_case)
    *middle, last = rest
    return _compiled(first + "".join(f"(?>.*?{text})" for text in middle) + f".*{last}", any_case)


def _literal(text: str) -> str:
    return ".".join(re.escape(part) for part in text.split("?"))


def _compiled(text: str, any_case: bool) -> re.Pattern[str]:
    return re.compile(text, re.DOTALL | re.IGNORECASE if any_case else re.DOTALL)
