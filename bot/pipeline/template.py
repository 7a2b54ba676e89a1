"""Templates of a pipeline file: Jinja2's `{{ version }}` and `{% if %}`, nothing that runs or grows.

Rule: what is not on our list of parts is refused before Jinja2 compiles anything, and what is left works on
short texts.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, wraps
from textwrap import shorten

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, filters, nodes, tests
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from bot.core.suggest import quoted
from bot.pipeline.template_rules import (
    FILTERS,
    MOVES,
    TESTS,
    BadTemplate,
    refuse_what_is_not_allowed,
    refuse_what_is_too_large,
)

__all__ = [
    "LONGEST",
    "LONGEST_SOURCE",
    "MOVES",
    "BadMoment",
    "BadTemplate",
    "is_template",
    "render",
    "variables_of",
]

LONGEST = 65_535
"""Characters that a template yields: GitHub takes no more for all inputs together."""

LONGEST_SOURCE = 100_000
"""Characters as they are written; what they yield may be shorter."""

_LONGEST_PART = 1_000
"""Characters that filters and methods work on and make; what stands outside of the braces is not theirs."""

_MOST_DIGITS = 30


class BadMoment(BadTemplate):
    """The template cannot be rendered with these variables; with others it may."""


def render(text: str, variables: Mapping[str, str]) -> str:
    """The text with its expressions worked out, at most LONGEST characters; other text is kept, however long.

    Raises BadTemplate, and BadMoment where other variables may do better.
    """
    if not is_template(text):
        return text
    template = _compiled(text, frozenset(variables))
    made, length = [], 0
    try:
        for part in template.root_render_func(template.new_context(dict(variables))):
            length += len(part)
            if length > LONGEST:
                raise BadTemplate(f"it yields more than {LONGEST:,} characters")
            made.append(part)
    except BadTemplate as error:
        raise type(error)(f"the template {quoted(text)} cannot be worked out: {error}") from error
    # What is left was checked, so nothing but its values can be wrong.
    except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AssertionError) as error:
        raise BadMoment(f"the template {quoted(text)} cannot be worked out: {_one_line(error)}") from error
    return "".join(made)


def variables_of(text: str) -> frozenset[str]:
    """The names of the variables that the text uses. Raises BadTemplate."""
    if not is_template(text):
        return frozenset()
    return frozenset(node.name for node in _parsed(text).find_all(nodes.Name))


def is_template(text: str) -> bool:
    """Whether any part of the text is for Jinja2; all other text is kept to the letter."""
    return any(mark in text for mark in ("{{", "{%", "{#"))


@lru_cache(maxsize=256)
def _compiled(text: str, known: frozenset[str]) -> Template:
    parsed = _parsed(text)
    refuse_what_is_not_allowed(parsed, known)
    return _environment().from_string(parsed)


@lru_cache(maxsize=256)
def _parsed(text: str) -> nodes.Template:
    if len(text) > LONGEST_SOURCE:
        raise BadTemplate(f"the template has {len(text):,} characters; at most {LONGEST_SOURCE:,}")
    try:
        template = _environment().parse(text)
    except TemplateSyntaxError as error:
        raise BadTemplate(f"the template {quoted(text)} has a mistake: {_one_line(error)}") from error
    except (ValueError, ArithmeticError) as error:
        raise BadTemplate(f"the template {quoted(text)} has a number that cannot be read") from error
    except RecursionError as error:
        raise BadTemplate(f"the template {quoted(text)} is nested too deeply") from error
    refuse_what_is_too_large(template)
    return template


def _one_line(error: Exception) -> str:
    return shorten(str(error), 200, placeholder=" …").rstrip(".").replace("`", "'")


# -- what templates can do -------------------------------------------------------------------------


class _Environment(ImmutableSandboxedEnvironment):
    def call(
        self, context: Context, method: Callable[..., object], *args: object, **kwargs: object
    ) -> object:
        _refuse_long(getattr(method, "__name__", ""), (getattr(method, "__self__", None), *args))
        return super().call(context, method, *args, **kwargs)


@lru_cache(maxsize=1)
def _environment() -> _Environment:
    environment = _Environment(
        undefined=StrictUndefined,
        # What comes out is sent to GitHub as plain text; escaping HTML would change it.
        autoescape=False,
        keep_trailing_newline=True,
        # Folding constants would work out an expression at compile time.
        optimized=False,
        cache_size=0,
    )
    environment.globals.clear()
    own = {"int": _integer, "join": _join, "replace": _replace}
    environment.filters = {
        name: _on_short_text(name, own.get(name, filters.FILTERS[name])) for name in FILTERS
    }
    environment.tests = {name: tests.TESTS[name] for name in TESTS}
    environment.tests.update(
        divisibleby=_is_divisible,
        even=lambda value: _is_divisible(value, 2),
        odd=lambda value: not _is_divisible(value, 2),
    )
    return environment


def _on_short_text(name: str, work: Callable[..., object]) -> Callable[..., object]:
    @wraps(work)
    def bounded(*args: object, **kwargs: object) -> object:
        _refuse_long(name, (*args, *kwargs.values()))
        try:
            return work(*args, **kwargs)
        except TypeError as error:
            # Python's own words speak of functions that nobody here knows.
            raise BadMoment(f"{quoted(name)} does not take this") from error

    return bounded


def _refuse_long(name: str, values: Iterable[object]) -> None:
    """Many short templates could each do much with a long text that each of them makes."""
    if sum(len(value) for value in values if isinstance(value, str)) > _LONGEST_PART:
        raise BadTemplate(f"`{name}` works on at most {_LONGEST_PART:,} characters")


def _replace(text: object, old: object, new: object) -> str:
    """Like Jinja2's own, but the length is known first: chained, it could fill the memory."""
    if not (isinstance(text, str) and isinstance(old, str) and isinstance(new, str)):
        raise BadTemplate("`replace` works on text and takes two texts in quotes")
    if len(text) + text.count(old) * (len(new) - len(old)) > _LONGEST_PART:
        raise BadTemplate(f"`replace` yields more than {_LONGEST_PART:,} characters")
    return text.replace(old, new)


def _join(parts: object, between: object = "") -> str:
    """Like Jinja2's own, but the length is known first."""
    if not (isinstance(parts, list | tuple) and isinstance(between, str)):
        raise BadTemplate("`join` works on lists, such as `split` makes, and takes a text in quotes")
    texts = [str(part) for part in parts]
    _refuse_long("join", [*texts, *[between] * (len(texts) - 1)])
    return between.join(texts)


def _integer(value: object, default: object = None) -> object:
    """Like Jinja2's own, but it does not take 0 for what is no number."""
    digits = str(value)
    if digits.isascii() and digits.isdigit() and len(digits) <= _MOST_DIGITS:
        return int(digits)
    if default is None:
        raise BadMoment(f"`int` works on digits, not on {quoted(digits)}")
    return default


def _is_divisible(value: object, by: object) -> bool:
    """Not Jinja2's own: it takes a text for `value`, and `%` would format that."""
    if not (isinstance(value, int) and isinstance(by, int)):
        raise BadMoment("only numbers are odd, even or divisible: use `int`")
    return value % by == 0
