"""What can be chosen with a command, such as `java=17`: the parameters of a pipeline and their allowed values.

Rule: whatever is given comes out in the file's own spelling, and nothing starts while a value is not an allowed one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.core.suggest import nearest, quoted
from bot.core.verbs import OPTIONS

if TYPE_CHECKING:
    from bot.pipeline.plans import Pipeline

MOST_PARAMETERS = 20
MOST_VALUES = 50

_MOST_TOLD = 10
"""Allowed values in one sentence; who needs more of them reads the file."""


class BadParameter(ValueError):
    """What was given with a command does not fit the parameters. The message is one sentence, fit for a comment."""


class OptionMeant(BadParameter):
    """An option was typed like a parameter, such as `dry-run=1`. The message tells nothing of the file."""


class ParameterMissing(BadParameter):
    """Parameters that must be given are not. `what` is the sentence up to its example; `example`: what would do."""

    def __init__(self, missing: "Sequence[Parameter]") -> None:
        self.what = _missing(missing)
        self.example = tuple((parameter.name, parameter.values[0]) for parameter in missing)
        given = " ".join(f"{name}={value}" for name, value in self.example[:3])
        super().__init__(f"{self.what}, for example {quoted(given)}.")


@dataclass(frozen=True, slots=True)
class Parameter:
    """Something to choose, one of `values`; without a `default` it must be given with the command."""

    name: str
    values: tuple[str, ...]
    default: str | None = None

    def allowed(self, text: str) -> str | None:
        """The value that is meant, whatever its letter case; None when it is not allowed."""
        return next((value for value in self.values if value.lower() == text.lower()), None)


def resolve_parameters(pipeline: "Pipeline", given: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The value of every parameter in the order of the file: the given one, or else its default.

    Raises BadParameter for a name or value that the pipeline does not have, for a parameter that is given twice, and
    for those that must be given and are not.
    """
    chosen: dict[str, str] = {}
    for name, text in given:
        parameter = _named(pipeline, name)
        if parameter.name in chosen:
            raise BadParameter(f"The parameter {quoted(parameter.name)} is given twice: give it once.")
        value = parameter.allowed(text)
        if value is None:
            raise BadParameter(_not_allowed(parameter, text))
        chosen[parameter.name] = value
    missing = [each for each in pipeline.parameters if each.name not in chosen and each.default is None]
    if missing:
        raise ParameterMissing(missing)
    return {each.name: chosen.get(each.name, each.default or "") for each in pipeline.parameters}


def with_those_before(
    pipeline: "Pipeline",
    given: Sequence[tuple[str, str]],
    before: Sequence[tuple[str, str]],
    *,
    version: str,
) -> tuple[tuple[str, str], ...]:
    """What is given, and of the rest what the version was begun with `before`; a parameter the file has no more is
    left out.

    Raises BadParameter for a value of `before` that is not allowed any more.
    """
    known = {name.lower(): value for name, value in before}
    chosen = {name.lower() for name, _ in given}
    kept = []
    for parameter in pipeline.parameters:
        value = known.get(parameter.name.lower())
        if value is None or parameter.name.lower() in chosen:
            continue
        if parameter.allowed(value) is None:
            raise BadParameter(_no_longer_allowed(parameter, value, version))
        kept.append((parameter.name, value))
    return (*given, *kept)


def _named(pipeline: "Pipeline", name: str) -> Parameter:
    for parameter in pipeline.parameters:
        if parameter.name.lower() == name.lower():
            return parameter
    names = [parameter.name for parameter in pipeline.parameters]
    near = nearest(name, names)
    option = nearest(name, [option.lstrip("-") for option in OPTIONS])
    if option and not near:
        said = f"{quoted(name)} is not a parameter of {quoted(pipeline.name)}."
        raise OptionMeant(f"{said} Did you mean {quoted(f'--{option}')}?")
    if not names:
        raise BadParameter(f"{quoted(pipeline.name)} has no parameters: leave out {quoted(name + '=…')}.")
    remedy = f"did you mean {quoted(near)}?" if near else f"there are {_several(names, 'and')}."
    raise BadParameter(f"{quoted(name)} is not a parameter of {quoted(pipeline.name)}: {remedy}")


def _not_allowed(parameter: Parameter, text: str) -> str:
    near = nearest(text, parameter.values) if len(parameter.values) > 1 else None
    hint = f"; did you mean {quoted(near)}?" if near else "."
    allowed = _several(parameter.values, "or")
    return f"The parameter {quoted(parameter.name)} can be {allowed}, not {quoted(text)}{hint}"


def _no_longer_allowed(parameter: Parameter, value: str, version: str) -> str:
    begun = f"{quoted(version)} was begun with {quoted(f'{parameter.name}={value}')}"
    allowed = _several(parameter.values, "or")
    return f"{begun}, which is not allowed any more: give {quoted(parameter.name)} anew, {allowed}."


def _missing(parameters: Sequence[Parameter]) -> str:
    names = _several([parameter.name for parameter in parameters], "and")
    if len(parameters) > 1:
        return f"The parameters {names} must be given after the version"
    allowed = _several(parameters[0].values, "or")
    return f"The parameter {names} must be given after the version: {allowed}"


def _several(texts: Sequence[str], word: str) -> str:
    """`a`, `b` and `c`; of very many the first, and how many more there are."""
    told = [quoted(text) for text in texts[:_MOST_TOLD]]
    if len(texts) > _MOST_TOLD:
        told.append(f"{len(texts) - _MOST_TOLD} more")
    *others, last = told
    return f"{', '.join(others)} {word} {last}" if others else last
