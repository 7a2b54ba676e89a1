"""The rules that judge failures: those shipped, read from YAML, and those of a pipeline file before them.

Rule of this file: a rule that cannot work is refused when it is read, with its name and what to do: an
unknown key, a pattern that does not compile, does not know its own example, or could take for ever on a
hostile log.
"""

import difflib
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache, lru_cache
from importlib import resources

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from bot.core.causes import Cause, Rule, Where, judge
from bot.core.evidence import Evidence, FailedJob
from bot.core.log_text import clean_tail
from bot.core.plan import FailureRule
from bot.pipeline.patterns import BadPattern, check_pattern, joined

_KEYS = ("name", "cause", "where", "pattern", "unless", "about", "example", "near-miss")
_PATTERNS = ("pattern", "unless")
_REQUIRED = ("name", "cause", "pattern", "about", "example")


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


def rule_of(failure: FailureRule) -> Rule:
    """A rule of a pipeline file, ready to judge. Raises BadPattern when Python cannot compile it."""
    return Rule(
        name=failure.name,
        cause=Cause(failure.cause),
        where=Where(failure.where),
        pattern=joined(failure.patterns),
        about=failure.reason,
        example="",
        unless=joined(failure.unless) if failure.unless else None,
    )


@lru_cache(maxsize=64)
def rules_of(failures: tuple[FailureRule, ...]) -> tuple[Rule, ...]:
    """The rules that judge the failures of a pipeline: its own, then those shipped whose names it has not taken.

    A release keeps its rules longer than a program keeps its Python: one that no longer compiles is left out, since
    a release must go on.
    """
    own: dict[str, Rule] = {}
    for failure in failures:
        with suppress(BadPattern):
            own[failure.name.lower()] = rule_of(failure)
    return (*own.values(), *(rule for rule in shipped_rules() if rule.name.lower() not in own))


def fires(rule: Rule, text: str) -> bool:
    """Whether the judge takes the rule for the reason, if this is what stands where the rule looks."""
    lines = _lines(text)
    said = "\n".join(lines)
    job = FailedJob(
        name=said if rule.where is Where.JOB else "job",
        conclusion="failure",
        step=said if rule.where is Where.STEP else None,
        annotations=(said,) if rule.where is Where.ANNOTATION else (),
        log_tail=said if rule.where in {Where.LOG, Where.ANY} else None,
        job_id=0,
        url=None,
    )
    findings = judge(Evidence((job,), 1, startup_failure=False), (rule,)).findings
    return any(finding.rule == rule.name for finding in findings)


def fits_a_line(pattern: re.Pattern[str], text: str) -> bool:
    """Whether the pattern is found in one of the lines, as they are after cleaning."""
    return any(pattern.search(line) for line in _lines(text))


def _lines(text: str) -> list[str]:
    return clean_tail(text.encode()).splitlines()


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
        try:
            check_pattern(text)
        except BadPattern as problem:
            mistakes.append(f"'{key}' {problem}")
    if len(mistakes) > before:
        return None
    try:
        return joined(texts)
    except BadPattern as problem:
        mistakes.append(f"'{key}' {problem}")
        return None
