"""What must hold between parameters: their names, their values, and what templates are tried with.

Rule: everything here is asked of the raw file. A parameter that is wrong still counts as one, so that the templates
that use it are not called wrong too.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from bot.core.suggest import quoted
from bot.core.versions import Version
from bot.pipeline.parameters import MOST_PARAMETERS, MOST_VALUES
from bot.pipeline.schema import Path, Problem, Raw
from bot.pipeline.template import MOVES, variables_of

_SAMPLE = "1"

_WORDS = frozenset({"and", "or", "not", "in", "is", "if", "else", "elif", "self"})
"""Jinja2 takes some of these for a variable where it must; people never do."""

_OF_THE_VERSION = Version(text="", major=0, minor=0, patch=0).variables()


def parameter_problems(parameters: Mapping[str, Raw], path: Path) -> Iterator[Problem]:
    """Every mistake between the parameters of one pipeline."""
    if len(parameters) > MOST_PARAMETERS:
        message = f"there are {len(parameters):,} parameters; at most {MOST_PARAMETERS}"
        yield Problem(path, message, at_key=True)
        return
    first: dict[str, str] = {}
    for name, written in parameters.items():
        other = first.setdefault(name.lower(), name)
        if problem := _bad_name(name) or _same_name(name, other):
            yield Problem((*path, name), problem, at_key=True)
        yield from _value_problems(written, (*path, name))


def _bad_name(name: str) -> str | None:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,39}", name):
        near = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")
        rule = "a letter, then letters, digits and `_`, at most 40 in all"
        hint = f"; did you mean {quoted(near)}?" if re.fullmatch(r"[A-Za-z]\w{0,39}", near) else ""
        return f"{quoted(name)} cannot be the name of a parameter: {rule}{hint}"
    if name.lower() in _OF_THE_VERSION:
        return f"`{name}` is what templates know of the version, so a parameter needs another name"
    if name.lower().startswith(MOVES):
        return f"`{name}` is kept for names that a step moves: `{MOVES}` cannot begin a parameter"
    if name.lower() not in _WORDS and variables_of(f"{{{{ {name} }}}}") == {name}:
        return None
    return f"`{name}` means something else in templates, so a parameter needs another name"


def _same_name(name: str, other: str) -> str | None:
    return None if name == other else f"`{name}` and {quoted(other)} differ in letter case only"


def _value_problems(written: Raw, path: Path) -> Iterator[Problem]:
    place, values = _values(written, path)
    first: dict[str, str] = {}
    for number, value in enumerate(values if len(values) <= MOST_VALUES else ()):
        if isinstance(value, str) and value.lower() in first:
            other = first[value.lower()]
            message = f"{quoted(value)} and {quoted(other)} differ in letter case only"
            yield Problem((*place, number), f"{quoted(value)} is named twice" if value == other else message)
        elif isinstance(value, str):
            first[value.lower()] = value
    default = written.get("default") if isinstance(written, dict) else None
    if isinstance(default, str) and values and default not in values:
        yield Problem((*path, "default"), _not_one_of_them(default, first))


def _not_one_of_them(default: str, values: Mapping[str, str]) -> str:
    meant = values.get(default.lower())
    hint = f"did you mean {quoted(meant)}?" if meant else "add it there or choose one of them"
    return f"the default {quoted(default)} is not one of `values`: {hint}"


def _values(written: Raw, path: Path) -> tuple[Path, Sequence[Raw]]:
    """The allowed values and where they stand, in the short form and in the long one."""
    if isinstance(written, dict):
        path, written = (*path, "values"), written.get("values")
    match written:
        case list(values):
            return path, values
        case str(value) if path[-1] == "values":
            return path, [value]
        case _:
            return path, []


# -- what templates are tried with -----------------------------------------------------------------


def sample_parameters(parameters: Mapping[str, Raw]) -> dict[str, tuple[str, ...]]:
    """What each parameter can be, its default first."""
    return {name: _sample(written) for name, written in parameters.items()}


def other_values(parameters: Mapping[str, Sequence[str]], most: int) -> Iterator[tuple[str, str]]:
    """Other values than the first ones: one of each parameter, then another of each, and so on."""
    longest = max(map(len, parameters.values()), default=0)
    others = (
        (name, values[place])
        for place in range(1, longest)
        for name, values in parameters.items()
        if place < len(values)
    )
    return islice(others, most)


def _sample(written: Raw) -> tuple[str, ...]:
    values = [value for value in _values(written, ("",))[1] if isinstance(value, str)]
    default = written.get("default") if isinstance(written, dict) else None
    if isinstance(default, str) and default in values:
        values.insert(0, default)
    return tuple(dict.fromkeys(islice(values, MOST_VALUES))) or (_SAMPLE,)
