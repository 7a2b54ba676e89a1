"""Templates of a pipeline file: `{{ version }}` and small expressions over it, nothing that runs or grows.

Rule: what is not on the list of allowed parts is refused before Jinja2 compiles anything, so no template can
loop, call, import, reach an attribute or multiply text; all of it is known when the file is read.
"""

from collections.abc import Mapping
from functools import lru_cache

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from bot.core.suggest import nearest, quoted

LONGEST = 1_000
"""Characters, of a template and of what it yields: enough for any tag, branch or input."""

MOVES = "moves_"
"""How the variables begin that say whether a step moves a name."""

_DEEPEST = 30

_ALLOWED: tuple[type[nodes.Node], ...] = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.Const,
    nodes.Filter,
    nodes.CondExpr,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Concat,
    nodes.Add,
    nodes.Sub,
)
"""Left out on purpose: calls, attributes, items, lists, blocks, and `*` (a few letters become gigabytes)."""


class BadTemplate(ValueError):
    """The template cannot be rendered. The message is one sentence, fit for a comment."""


def render(text: str, variables: Mapping[str, str]) -> str:
    """The text with its expressions worked out, at most LONGEST characters. Raises BadTemplate."""
    if len(text) > LONGEST:
        raise BadTemplate(f"the text has {len(text):,} characters; at most {LONGEST:,}")
    if not is_template(text):
        return text
    try:
        rendered = _compiled(text, frozenset(variables)).render(variables)
    except BadTemplate:
        raise
    except (TemplateError, TypeError, ValueError, ArithmeticError, RecursionError) as error:
        raise BadTemplate(f"the template {quoted(text)} cannot be worked out: {_one_line(error)}") from error
    if len(rendered) > LONGEST:
        raise BadTemplate(f"the template {quoted(text)} yields more than {LONGEST:,} characters")
    return rendered


@lru_cache(maxsize=256)
def _compiled(text: str, known: frozenset[str]) -> Template:
    _check(_parsed(text), known=known)
    return _environment().from_string(text)


def variables_of(text: str) -> frozenset[str]:
    """The names of the variables that the text uses. Raises BadTemplate."""
    if not is_template(text):
        return frozenset()
    return frozenset(node.name for node in _parsed(text).find_all(nodes.Name))


def is_template(text: str) -> bool:
    """Whether any part of the text is for Jinja2; all other text is kept to the letter."""
    return any(mark in text for mark in ("{{", "{%", "{#"))


@lru_cache(maxsize=1)
def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined,
        # What comes out is sent to GitHub as plain text; escaping HTML would change it.
        autoescape=False,
        keep_trailing_newline=True,
        # Folding constants would work out an expression at compile time.
        optimized=False,
        cache_size=0,
    )
    environment.globals.clear()
    environment.tests.clear()
    environment.filters.clear()
    environment.filters.update({"lower": str.lower, "upper": str.upper, "replace": _replace, "int": _integer})
    return environment


def _replace(text: str, old: str, new: str) -> str:
    """Like Jinja2's own, but the length is known first: chained, it could fill the memory."""
    if not all(isinstance(value, str) for value in (text, old, new)):
        raise BadTemplate("`replace` works on text and takes two texts in quotes")
    if len(text) + text.count(old) * (len(new) - len(old)) > LONGEST:
        raise BadTemplate(f"`replace` yields more than {LONGEST:,} characters")
    return text.replace(old, new)


def _integer(text: str) -> int:
    """Like Jinja2's own, but it does not take 0 for what is no number."""
    if isinstance(text, str) and text.isascii() and text.isdigit():
        return int(text)
    raise BadTemplate(f"`int` works on digits, not on {quoted(str(text))}")


def _parsed(text: str) -> nodes.Template:
    if "{%" in text:
        raise BadTemplate("statements in `{% … %}` are not allowed, only expressions in `{{ … }}`")
    try:
        return _environment().parse(text)
    except TemplateSyntaxError as error:
        raise BadTemplate(f"the template {quoted(text)} has a mistake: {_one_line(error)}") from error
    except RecursionError as error:
        raise BadTemplate(f"the template {quoted(text)} is nested too deeply") from error


def _check(node: nodes.Node, *, known: frozenset[str], depth: int = 0) -> None:
    """Refuses whatever is not on the list, in every branch, also in those that are not taken."""
    if depth > _DEEPEST:
        raise BadTemplate("the template is nested too deeply")
    # The inside first: of `github.ref` people need to hear that there is no `github`.
    for child in node.iter_child_nodes():
        _check(child, known=known, depth=depth + 1)
    match node:
        case nodes.Name(name=name) if name not in known:
            raise BadTemplate(_unknown_name(name, known))
        case (
            nodes.CondExpr(test=nodes.Name(name=name))
            | nodes.Not(node=nodes.Name(name=name))
            | nodes.And(left=nodes.Name(name=name))
            | nodes.And(right=nodes.Name(name=name))
            | nodes.Or(left=nodes.Name(name=name))
            | nodes.Or(right=nodes.Name(name=name))
        ) if name.startswith(MOVES):
            compared = quoted(f"{name} == 'true'")
            raise BadTemplate(f"{quoted(name)} is text, and any text counts as true: write {compared}")
        case nodes.Filter(name=name) if name not in _environment().filters:
            raise BadTemplate(
                f"the filter {quoted(name)} is not available; there are {_list(_environment().filters)}"
            )
        case nodes.Const(value=value) if not isinstance(value, str | int):
            raise BadTemplate(f"{quoted(str(value))} has no place in a template: use text in quotes")
        case _ if not isinstance(node, _ALLOWED):
            what = type(node).__name__.lower()
            raise BadTemplate(
                f"a template cannot use this (`{what}`): names, texts, conditions and filters only"
            )


def _unknown_name(name: str, known: frozenset[str]) -> str:
    near = nearest(name, sorted(known))
    if name.startswith(MOVES) and not (near and near.startswith(MOVES)):
        remedy = "it exists only in `inputs` of a step that has the name in `moves`"
    else:
        remedy = f"did you mean `{near}`?" if near else f"there are {_list(known)}"
    return f"the template uses {quoted(name)}, which is not defined; {remedy}"


def _list(names: Mapping[str, object] | frozenset[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".").replace("`", "'")
