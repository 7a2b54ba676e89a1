"""Templates of a pipeline, tried with versions, with what its parameters can be, and with moved names.

Rule: a template is good when some of these make a good text of it; a release checks its own again.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from bot.core.suggest import quoted
from bot.core.versions import Version
from bot.pipeline.between_parameters import other_values, sample_parameters
from bot.pipeline.between_steps import entries_of
from bot.pipeline.day_values import line_name, moving_name
from bot.pipeline.late import MOST_MOVES_IN_ONE, moves_variable
from bot.pipeline.parameters import MOST_PARAMETERS
from bot.pipeline.schema import MOST_MOVES, Path, Problem, Raw
from bot.pipeline.template import BadTemplate, render, variables_of
from bot.pipeline.values import group_name, input_value, one_line, ref_name

Check = Callable[[str], str]
Variables = Mapping[str, str]

_VERSIONS = ("1.0.3", "2.0.0", "10.20.30-rc.1")

_CHECKS: Mapping[str, Check] = {
    "approval": one_line,
    "ref": ref_name,
    "unless-tag": ref_name,
    "one-at-a-time": line_name,
}
"""Keys of a step that take one template, and what must come of it."""

_MOST_CHOICES = 20
"""Other values than the defaults that a template is tried with."""


def template_problems(pipeline: Mapping[str, Raw], path: Path) -> Iterator[Problem]:
    """Every template of the pipeline that cannot be worked out, or that makes no good text."""
    parameters = entries_of(pipeline, "parameters") or {}
    if len(parameters) > MOST_PARAMETERS:
        return
    samples = tuple(_samples(sample_parameters(parameters)))
    concurrency = pipeline.get("concurrency")
    if isinstance(concurrency, str):
        yield from _tried(concurrency, group_name, samples, (*path, "concurrency"))
    for name, step in (entries_of(pipeline, "steps") or {}).items():
        if isinstance(step, dict):
            yield from _step_problems(step, (*path, "steps", name), samples)


def written_moves(step: Mapping[str, Raw], path: Path) -> tuple[tuple[Path, str], ...]:
    """The names of `moves` with their places; none when there are too many."""
    moves = step.get("moves")
    if isinstance(moves, str):
        return (((*path, "moves"), moves),)
    if not isinstance(moves, list) or len(moves) > MOST_MOVES:
        return ()
    return tuple(
        ((*path, "moves", number), name) for number, name in enumerate(moves) if isinstance(name, str)
    )


def _step_problems(step: Mapping[str, Raw], path: Path, samples: Sequence[Variables]) -> Iterator[Problem]:
    for key, check in _CHECKS.items():
        written = step.get(key)
        if isinstance(written, str):
            yield from _tried(written, check, samples, (*path, key))
    moves = written_moves(step, path)
    for place, name in moves:
        yield from _tried(name, moving_name, samples, place)
    names = [moves_variable(name) for _, name in moves]
    told = [{**sample, **dict.fromkeys(names, word)} for sample in samples for word in ("true", "false")]
    for name, value in (entries_of(step, "inputs") or {}).items():
        if isinstance(value, str):
            place = (*path, "inputs", name)
            yield from _tried(value, input_value, told if names else samples, place)
            yield from _too_many_moves(value, frozenset(names), place)


def _tried(text: str, check: Check, samples: Sequence[Variables], path: Path) -> Iterator[Problem]:
    complaint = ""
    for variables in samples:
        try:
            check(render(text, variables))
        except BadTemplate as error:
            yield Problem(path, str(error))
            return
        except ValueError as error:
            complaint = complaint or str(error)
        else:
            return
    yield Problem(path, complaint)


def _too_many_moves(value: str, names: frozenset[str], path: Path) -> Iterator[Problem]:
    if len(names) <= MOST_MOVES_IN_ONE:
        return
    try:
        used = variables_of(value) & names
    except BadTemplate:
        return
    if len(used) > MOST_MOVES_IN_ONE:
        message = (
            f"the template {quoted(value)} uses {len(used)} names that move; at most {MOST_MOVES_IN_ONE}"
        )
        yield Problem(path, message)


def _samples(parameters: Mapping[str, Sequence[str]]) -> Iterator[Variables]:
    """Versions with all defaults, and then one version with each other value."""
    defaults = {name: values[0] for name, values in parameters.items()}
    versions = [Version.parse(text).variables() for text in _VERSIONS]
    # What is known of the version is stronger than a parameter, which may not be called so.
    yield from ({**defaults, **version} for version in versions)
    for name, value in other_values(parameters, _MOST_CHOICES):
        yield {**defaults, name: value, **versions[0]}
