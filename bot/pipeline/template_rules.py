"""What a template may consist of: all of it is known when the file is read, also in branches that are not taken.

Rule: what is not on the list is refused, so no template can loop, keep a text to double it, import, reach an attribute,
call what is not named here or format text. What is made of a text is never much longer than the text.
"""

from collections.abc import Iterable, Iterator, Set

from jinja2 import nodes

from bot.core.suggest import nearest, quoted

MOVES = "moves_"
"""How the variables begin that say whether a step moves a name."""

FILTERS = frozenset(
    {
        *("abs", "capitalize", "count", "d", "default", "first", "int", "join", "last", "length", "lower"),
        *("replace", "string", "trim", "truncate", "upper"),
    }
)
TESTS = frozenset(
    {
        *("defined", "undefined", "eq", "equalto", "ne", "lt", "lessthan", "le", "gt", "greaterthan", "ge"),
        *("in", "lower", "upper", "number", "integer", "string", "divisibleby", "even", "odd"),
    }
)
METHODS = frozenset(
    {
        *("capitalize", "endswith", "lower", "lstrip", "removeprefix", "removesuffix", "rsplit", "rstrip"),
        *("split", "startswith", "strip", "title", "upper"),
    }
)
"""Of Python's texts. Left out on purpose: `format` reaches attributes, `zfill` and its like grow at will."""

_DEEPEST = 30
_MOST_PARTS = 500
_HIGHEST = 10**30

_OF_LISTS = frozenset({"count", "first", "join", "last", "length"})
_ALWAYS_TRUE = frozenset(
    {"lower", "upper", "capitalize", "title", "trim", "strip", "string", "default", "d", "length", "count"}
)
"""Filters and methods that count as true whether they are given `true` or `false`."""

_STATEMENTS = {
    "Assign": "set",
    "AssignBlock": "set",
    "CallBlock": "call",
    "FilterBlock": "filter",
    "FromImport": "from",
    "Scope": "autoescape",
}
"""What Jinja2 calls otherwise than it is written."""

_PLAIN = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.CondExpr),
    *(nodes.Operand, nodes.And, nodes.Or, nodes.Not),
    *(nodes.Concat, nodes.Add, nodes.Sub, nodes.Neg, nodes.List, nodes.Tuple, nodes.Keyword),
)
"""What is good when its parts are."""


class BadTemplate(ValueError):
    """The template cannot be rendered. The message is one sentence, fit for a comment."""


def refuse_what_is_too_large(template: nodes.Template) -> None:
    if _parts(template) > _MOST_PARTS:
        raise BadTemplate(f"the template has more than {_MOST_PARTS} parts: make it shorter")


def refuse_what_is_not_allowed(node: nodes.Node, known: Set[str]) -> None:
    """BadTemplate for the first thing that no template may have; `known`: the variables there are."""
    if isinstance(node, nodes.Stmt) and not isinstance(node, nodes.Output | nodes.If):
        raise BadTemplate(_no_statement(node) + _line(node))
    # The inside first: of `github.ref` people need to hear that there is no `github`.
    for child in _inside(node):
        refuse_what_is_not_allowed(child, known)
        if _is_list(child) and not _takes_lists(node):
            raise BadTemplate(
                f"a list is possible behind `in` only, or with `[0]`, `first`, `last`, `join` or `length`{_line(node)}"
            )
    for condition in _conditions(node):
        if name := _moved(condition):
            compared = quoted(f"{name} == 'true'")
            raise BadTemplate(
                f"{quoted(name)} is text, and any text counts as true: write {compared}{_line(node)}"
            )
    if complaint := _complaint(node, known):
        raise BadTemplate(complaint + _line(node))


def _parts(node: nodes.Node, depth: int = 0) -> int:
    if depth > _DEEPEST:
        raise BadTemplate("the template is nested too deeply")
    return 1 + sum(_parts(child, depth + 1) for child in node.iter_child_nodes())


def _inside(node: nodes.Node) -> Iterator[nodes.Node]:
    for child in node.iter_child_nodes():
        if isinstance(node, nodes.Call) and child is node.node and isinstance(child, nodes.Getattr):
            yield child.node  # it is no attribute, but the name of a method
        elif not (isinstance(node, nodes.Getitem) and child is node.arg):
            yield child


def _complaint(node: nodes.Node, known: Set[str]) -> str | None:
    if isinstance(node, nodes.Call | nodes.Filter | nodes.Test) and (node.dyn_args or node.dyn_kwargs):
        return "`*` is not available in templates"
    match node:
        case nodes.Name(name=name):
            return None if name in known else _unknown_name(name, known)
        case nodes.Const(value=int() as number) if abs(number) > _HIGHEST:
            return "the template has a number that is too high"
        case nodes.Const(value=value):
            remedy = f"{quoted(str(value))} has no place in a template: use text in quotes"
            return None if isinstance(value, str | int) else remedy
        case nodes.Filter(name=name):
            return _unavailable("filter", name, FILTERS)
        case nodes.Test(name=name):
            return _unavailable("test", name, TESTS)
        case nodes.Call(node=nodes.Getattr(attr="replace")):
            return "the method `replace` is not available: use the filter, `|replace('.', '-')`"
        case nodes.Call(node=nodes.Getattr(attr=name)):
            return _unavailable("method", name, METHODS)
        case nodes.Call():
            return "calls are not available in templates, except of methods of text"
        case nodes.Getattr(attr=name):
            hint = f": write `.{name}()`" if name in METHODS else ""
            return f"{quoted('.' + name)} is not available in templates{hint}"
        case nodes.Getitem(arg=nodes.Slice(start=start, stop=stop, step=step)):
            return _no_numbers(part for part in (start, stop, step) if part is not None)
        case nodes.Getitem(arg=arg):
            return _no_numbers([arg])
        case nodes.Compare():
            return _never_true(node)
        case _ if isinstance(node, _PLAIN):
            return None
        case nodes.BinExpr(operator=sign):
            return f"`{sign}` is not available in templates; there are `+`, `-` and `~`"
        case _:
            what = type(node).__name__.lower()
            return f"a template cannot use this (`{what}`): names, texts, conditions and filters only"


def _no_statement(node: nodes.Node) -> str:
    name = _STATEMENTS.get(type(node).__name__, type(node).__name__.lower())
    remedy = ": write the expression where it is used" if name == "set" else "; there are `if` and `raw`"
    return f"`{{% {name} %}}` is not available in templates{remedy}"


def _is_list(node: nodes.Node) -> bool:
    match node:
        case nodes.List() | nodes.Tuple() | nodes.Call(node=nodes.Getattr(attr="split" | "rsplit")):
            return True
        case nodes.Getitem(node=inner, arg=nodes.Slice()):
            return _is_list(inner)
        case _:
            return False


def _takes_lists(node: nodes.Node) -> bool:
    """No other part does: a list that becomes text has more letters than its texts, and more each time."""
    match node:
        case nodes.Getitem() | nodes.Operand(op="in" | "notin") | nodes.Test(name="in"):
            return True
        case nodes.Filter(name=name):
            return name in _OF_LISTS
        case _:
            return False


def _no_numbers(parts: Iterable[nodes.Node]) -> str | None:
    for part in parts:
        number = part.node if isinstance(part, nodes.Neg) else part
        if not (isinstance(number, nodes.Const) and type(number.value) is int and number.value < _HIGHEST):
            return "`[…]` takes numbers only, such as `[0]` or `[:3]`"
    return None


# -- names that a step moves -----------------------------------------------------------------------


def _conditions(node: nodes.Node) -> tuple[nodes.Node, ...]:
    match node:
        case nodes.If(test=test) | nodes.CondExpr(test=test) | nodes.Not(node=test):
            return (test,)
        case nodes.And(left=left, right=right) | nodes.Or(left=left, right=right):
            return left, right
        case _:
            return ()


def _moved(node: nodes.Node | None) -> str:
    """The name, such as `moves_latest`, whose `true` or `false` this is as text; empty when it is something else."""
    match node:
        case nodes.Name(name=name) if name.startswith(MOVES):
            return str(name)
        case nodes.Filter(node=inner, name=name) | nodes.Call(node=nodes.Getattr(node=inner, attr=name)):
            return _moved(inner) if name in _ALWAYS_TRUE else ""
        case nodes.CondExpr(expr1=one, expr2=other):
            return _moved(one) or _moved(other)
        case _:
            return ""


def _never_true(node: nodes.Compare) -> str | None:
    sides = [node.expr, *(operand.expr for operand in node.ops)]
    name = next(filter(None, map(_moved, sides)), "")
    if name and any(isinstance(side, nodes.Const) and isinstance(side.value, bool) for side in sides):
        compared = quoted(f"{name} == 'true'")
        return f"{quoted(name)} is text, which is never equal to a value without quotes: write {compared}"
    return None


# -- sentences -------------------------------------------------------------------------------------


def _unknown_name(name: str, known: Set[str]) -> str:
    near = nearest(name, sorted(known))
    if name.startswith(MOVES) and not (near and near.startswith(MOVES)):
        remedy = "it exists only in `inputs` of a step that has the name in `moves`"
    else:
        remedy = f"did you mean {quoted(near)}?" if near else f"there are {_list(known)}"
    return f"the template uses {quoted(name)}, which is not defined; {remedy}"


def _unavailable(what: str, name: str, there: Set[str]) -> str | None:
    return None if name in there else f"the {what} {quoted(name)} is not available; there are {_list(there)}"


def _list(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))


def _line(node: nodes.Node) -> str:
    """Where it is, when the text has several lines."""
    return f" (line {node.lineno} of the text)" if (node.lineno or 1) > 1 else ""
