"""The rules that judge failures, read from YAML.

Rule of this file: a rule that cannot work is refused when it is read, with its name and what to do: an
unknown key, a pattern that does not compile, does not know its own example, or could take for ever on a
hostile log.
"""

import difflib
import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from bot.core.causes import Cause, Rule, Where

_KEYS = ("name", "cause", "where", "pattern", "unless", "about", "example", "near-miss")
_PATTERNS = ("pattern", "unless")
_REQUIRED = ("name", "cause", "pattern", "about", "example")

# A repeated group that itself contains an unbounded repeat can take exponential time.
_NESTED_REPEAT = re.compile(r"\((?:[^()\\]|\\.)*(?:[+*]|\{\d*,\})(?:[^()\\]|\\.)*\)(?:[+*]|\{\d*,\d*\})")


class RulesError(ValueError):
    """The rules cannot be used; `mistakes` has one sentence for each reason."""

    def __init__(self, mistakes: Iterable[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(self.mistakes))


@cache
def shipped_rules() -> tuple[Rule, ...]:
    """The rules that come with the program, in order of priority. RulesError if the file was damaged."""
    text = resources.files("bot.core").joinpath("rules.yml").read_text(encoding="utf-8")
    return read_rules(text, source="rules.yml")


def read_rules(text: str, *, source: str) -> tuple[Rule, ...]:
    """The rules in a YAML text: a mapping whose key `rules` holds a list. RulesError names every mistake."""
    entries = _entries(text, source=source)
    rules: list[Rule] = []
    mistakes: list[str] = []
    names: set[str] = set()
    for number, entry in enumerate(entries, start=1):
        label = f"{source}: rule {number}"
        try:
            rule = _rule(entry)
        except RulesError as error:
            mistakes += [f"{label}{_called(entry)}: {mistake}" for mistake in error.mistakes]
            continue
        if rule.name in names:
            mistakes.append(f"{label} ('{rule.name}'): another rule has this name, choose a new one")
        names.add(rule.name)
        rules.append(rule)
    if mistakes:
        raise RulesError(mistakes)
    return tuple(rules)


def _entries(text: str, *, source: str) -> list[object]:
    try:
        data: object = YAML(typ="safe", pure=True).load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{source}:{mark.line + 1}:{mark.column + 1}" if mark else source
        raise RulesError([f"{place}: {error.problem or 'this is not YAML'}"]) from error
    except YAMLError as error:
        raise RulesError([f"{source}: this is not YAML"]) from error
    match data:
        case {"rules": list() as entries, **rest} if not rest:
            return entries
        case _:
            raise RulesError([f"{source}: the file must have the one key 'rules', with a list of rules"])


def _called(entry: object) -> str:
    name = entry.get("name") if isinstance(entry, Mapping) else None
    return f" ('{name}')" if isinstance(name, str) else ""


def _rule(entry: object) -> Rule:
    if not isinstance(entry, Mapping):
        raise RulesError(["a rule must be a mapping with the keys " + ", ".join(_REQUIRED)])
    texts = _texts(entry)
    mistakes: list[str] = []
    pattern = _pattern(_alternatives(entry["pattern"]), "pattern", mistakes)
    unless = _pattern(_alternatives(entry["unless"]), "unless", mistakes) if "unless" in entry else None
    if texts["cause"] not in list(Cause):
        mistakes.append(_choice("cause", texts["cause"], list(Cause)))
    where = texts.get("where", Where.ANY.value)
    if where not in list(Where):
        mistakes.append(_choice("where", where, list(Where)))
    if pattern and not any(pattern.search(line) for line in texts["example"].splitlines()):
        mistakes.append("its pattern does not match any line of its example")
    if mistakes or pattern is None:
        raise RulesError(mistakes)
    return Rule(
        name=texts["name"],
        cause=Cause(texts["cause"]),
        where=Where(where),
        pattern=pattern,
        about=texts["about"],
        example=texts["example"],
        near_miss=texts.get("near-miss", ""),
        unless=unless,
    )


def _texts(entry: Mapping[object, object]) -> dict[str, str]:
    """The values that are texts; RulesError if a key is unknown or missing, or has no good value."""
    mistakes = [_unknown_key(str(key)) for key in entry if key not in _KEYS]
    mistakes += [f"'{key}' is missing" for key in _REQUIRED if key not in entry]
    texts = {str(key): value for key, value in entry.items() if isinstance(value, str) and value.strip()}
    patterns = {key for key in _PATTERNS if _alternatives(entry.get(key))}
    mistakes += [
        f"'{key}' must be a text that is not empty" + (", or a list of such" if key in _PATTERNS else "")
        for key in entry
        if key in _KEYS and key not in texts and key not in patterns
    ]
    if mistakes:
        raise RulesError(mistakes)
    return texts


def _alternatives(value: object) -> tuple[str, ...]:
    """One or several regular expressions; none if the value is of another kind."""
    values: list[object] = value if isinstance(value, list) else [value]
    texts = tuple(each for each in values if isinstance(each, str) and each.strip())
    return texts if len(texts) == len(values) else ()


def _unknown_key(key: str) -> str:
    near = difflib.get_close_matches(key, _KEYS, n=1)
    return f"'{key}' is not a key of a rule" + (f", did you mean '{near[0]}'?" if near else "")


def _choice(key: str, value: str, choices: Iterable[str]) -> str:
    return f"'{key}' is '{value}', it must be one of " + ", ".join(str(choice) for choice in choices)


def _pattern(texts: tuple[str, ...], key: str, mistakes: list[str]) -> re.Pattern[str] | None:
    """All of them as one; None, and what is wrong added to `mistakes`, if one cannot be used."""
    before = len(mistakes)
    for text in texts:
        if _NESTED_REPEAT.search(text):
            problem = "repeats a group that repeats itself, which can take for ever; bound one of them"
            mistakes.append(f"'{key}' {problem}")
            continue
        try:
            re.compile(text)
        except re.error as error:
            mistakes.append(f"'{key}' is not a regular expression: {error}")
    if len(mistakes) > before:
        return None
    return re.compile("|".join(_scoped(text) for text in texts))


def _scoped(text: str) -> str:
    """An expression that can stand beside others, which a flag at its beginning must not reach."""
    return f"(?i:{text[4:]})" if text.startswith("(?i)") else f"(?:{text})"
