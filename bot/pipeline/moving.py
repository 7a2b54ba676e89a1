"""Names that a step moves, such as the tag `latest` of an image: how they are read, and what a plan keeps of them.

Rule: of two releases that could win a name, one waits for the other, and in one release one step moves it.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product

from bot.core.plan import DispatchStep, MovingName, Step
from bot.core.suggest import quoted
from bot.pipeline.day_values import SERIES, moving_name
from bot.pipeline.late import moves_variable
from bot.pipeline.template import BadTemplate, render, variables_of

Render = Callable[[str, Callable[[str], str]], str]
"""Works a template out and checks what comes of it. Raises BadTemplate with the place in front."""


def as_one(template: str) -> str:
    """One spelling of a template, whatever spaces stand within its braces."""
    return re.sub(r"\{\{\s*(.*?)\s*\}\}", r"{{ \1 }}", template.strip())


def series_of(rule: str) -> str:
    """The series whose versions earn a name under the rule; empty: any."""
    return rule.removeprefix(SERIES) if rule.startswith(SERIES) else ""


def moving_names(
    templates: Sequence[str], rules: Mapping[str, str], render_name: Render
) -> tuple[MovingName, ...]:
    """The names of one step for one version. Raises BadTemplate when two of them are the same."""
    series = {as_one(name): series_of(rule) for name, rule in rules.items()}
    first: dict[str, str] = {}

    def unlike_the_others(text: str) -> str:
        if text in first:
            raise BadTemplate(f"{quoted(first[text])} and {quoted(template)} are both {quoted(text)}")
        first[text] = template
        return moving_name(text)

    names = []
    for template in templates:
        name = render_name(template, unlike_the_others)
        names.append(MovingName(name, template, series.get(as_one(template), "")))
    return tuple(names)


def refuse_rivals(steps: Iterable[Step]) -> None:
    """BadTemplate when two steps of one plan move the same name of the same repository."""
    first: dict[tuple[str, str], str] = {}
    for step in steps:
        if not isinstance(step, DispatchStep):
            continue
        for moving in step.moves:
            other = first.setdefault((step.repo, moving.name), step.name)
            if other != step.name:
                name = quoted(moving.name)
                raise BadTemplate(
                    f"step {quoted(step.name)}, `moves`: {name} is moved by {quoted(other)} too"
                )


def is_late(template: str, moves: Sequence[str]) -> bool:
    """Whether an input depends on which names are moved."""
    return bool(_told(template, moves))


def try_every_way(template: str, moves: Sequence[str], variables: Mapping[str, str]) -> str:
    """The longest text that a late input can be; BadTemplate when it cannot be worked out for some of the ways in
    which its names can go.
    """
    names, longest = _told(template, moves), ""
    for words in product(("true", "false"), repeat=len(names)):
        told = {**dict.fromkeys(map(moves_variable, moves), "false"), **dict(zip(names, words, strict=True))}
        longest = max(longest, render(template, {**variables, **told}), key=len)
    return longest


def _told(template: str, moves: Sequence[str]) -> tuple[str, ...]:
    if not moves:
        return ()
    used = variables_of(template)
    return tuple(name for name in map(moves_variable, moves) if name in used)


# -- tags of versions ------------------------------------------------------------------------------


def around_the_version(template: str) -> tuple[str, str] | None:
    """What stands before and behind the version in a tag, when the rest of the template is plain text."""
    form = re.fullmatch(r"(?!refs/heads/)(?:refs/tags/)?([^{}]*)\{\{\s*version\s*\}\}([^{}]*)", template)
    return (form[1], form[2]) if form else None
