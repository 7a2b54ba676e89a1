"""What must hold between the keys of rules that judge failures, and of what is observed.

Rule: a rule is tried on its own examples by the judge itself, so one that could never fire is found before a failure.
"""

from collections.abc import Iterator, Mapping

from pydantic import ValidationError

from bot.core.causes import Rule
from bot.core.suggest import quoted
from bot.pipeline.between_steps import entries_of
from bot.pipeline.patterns import MOST_STEPS_IN_ALL, steps_of
from bot.pipeline.rules import fires, fits_a_line, rule_of
from bot.pipeline.schema import MOST_OBSERVED, MOST_RULES, FailureShape, Path, Problem, Raw

_MOST_LETTERS = 30_000
"""Of regular expressions in one file: to take one apart needs some microseconds for each."""


def rule_problems(rules: Raw, path: Path) -> Iterator[Problem]:
    """Rules of one name, and rules that do not do what their examples say."""
    if not isinstance(rules, list) or len(rules) > MOST_RULES:
        return
    first: dict[str, str] = {}
    for number, entry in enumerate(rules):
        if not isinstance(entry, dict):
            continue
        name = entry.get("name")
        if isinstance(name, str):
            if name.lower() in first:
                message = f"another rule is called {quoted(first[name.lower()])}: choose a new name"
                yield Problem((*path, number, "name"), message)
            first.setdefault(name.lower(), name)
        yield from _example_problems(entry, (*path, number))


def time_problems(rules: Raw, path: Path) -> Iterator[Problem]:
    """Rules that are quick one by one and slow together: each is tried on each line of a log."""
    if not isinstance(rules, list) or len(rules) > MOST_RULES:
        return
    if sum(steps_of(text) for rule in rules for text in _expressions(rule)) > MOST_STEPS_IN_ALL:
        message = (
            "these rules together can take too long on a log made for them: "
            "bound their repeats, such as `.{0,80}`, or use fewer"
        )
        yield Problem(path, message, at_key=True)


def too_many_expressions(raw: Raw) -> Problem | None:
    """A file with more to check than moments are enough for; to be asked before anything is checked."""
    count = 0
    pipelines = entries_of(raw, "pipelines") or {}
    for name, pipeline in pipelines.items():
        rules = pipeline.get("failures") if isinstance(pipeline, dict) else None
        count += sum(_letters(rule) for rule in rules) if isinstance(rules, list) else 0
        if count > _MOST_LETTERS:
            message = (
                f"the regular expressions of this file have more than {_MOST_LETTERS:,} characters in all"
            )
            return Problem(("pipelines", name, "failures"), message, at_key=True)
    return None


def _letters(rule: Raw) -> int:
    return sum(map(len, _expressions(rule)))


def _expressions(rule: Raw) -> Iterator[str]:
    written = [rule.get("pattern"), rule.get("unless")] if isinstance(rule, dict) else []
    for value in written:
        texts = value if isinstance(value, list) else [value]
        yield from (text for text in texts if isinstance(text, str))


def observe_problems(observe: Raw, path: Path) -> Iterator[Problem]:
    """More workflows in all than can be read."""
    entries = observe if isinstance(observe, list) else [observe]
    if len(entries) > MOST_OBSERVED:
        return
    count = sum(_workflow_count(entry) for entry in entries)
    if count > MOST_OBSERVED and len(entries) > 1:
        yield Problem(
            path, f"there are {count:,} workflows; at most {MOST_OBSERVED} are observed", at_key=True
        )


def _workflow_count(entry: Raw) -> int:
    match entry:
        case {"workflows": list(workflows)}:
            return len(workflows)
        case {"workflows": str()}:
            return 1
        case _:
            return 0


def _example_problems(entry: Mapping[str, Raw], path: Path) -> Iterator[Problem]:
    try:
        shape = FailureShape.model_validate(entry)
    except ValidationError:
        return
    rule = rule_of(shape.rule)
    if shape.example is not None and (problem := _misses(rule, shape.example)):
        yield Problem((*path, "example"), problem)
    if shape.near_miss is not None and fires(rule, shape.near_miss):
        message = "the rule fires on this near-miss: make `pattern` stricter, or write `unless`"
        yield Problem((*path, "near-miss"), message)


def _misses(rule: Rule, example: str) -> str | None:
    """Why the rule does not fire on its example; None when it does."""
    if fires(rule, example):
        return None
    if not fits_a_line(rule.pattern, example):
        return "`pattern` fits no line of this example"
    if rule.unless and fits_a_line(rule.unless, example):
        return "`unless` fits this example too, so the rule does not fire on it"
    return (
        f"the rule does not fire on this example: a line that announces a retry, is a warning, or names a server"
        f" of the job's own is no sign of {quoted(rule.cause)}"
    )
