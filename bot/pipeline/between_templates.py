"""Templates of a pipeline, tried with versions, with what its parameters can be, and with moved names.

Rule: a template is good when some of these make a good text of it; a release checks its own again.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from bot.core.suggest import quoted
from bot.core.versions import Version
from bot.pipeline.between_parameters import other_values, sample_parameters
from bot.pipeline.between_steps import entries_of
from bot.pipeline.day_values import line_name, moving_name
from bot.pipeline.late import MOST_MOVES_IN_ONE, moves_variable
from bot.pipeline.parameters import MOST_PARAMETERS
from bot.pipeline.schema import MOST_INPUTS, MOST_MOVES, Path, Problem, Raw
from bot.pipeline.template import (
    LONGEST_SOURCE,
    BadMoment,
    BadTemplate,
    is_template,
    render,
    variables_of,
)
from bot.pipeline.values import group_name, input_value, one_line, ref_name, tag_name, too_long_together

Check = Callable[[str], str]
Variables = Mapping[str, str]

_VERSIONS = ("1.0.3", "2.0.0", "10.20.30-rc.1")

_CHECKS: Mapping[str, Check] = {
    "approval": one_line,
    "ref": ref_name,
    "unless-tag": tag_name,
    "one-at-a-time": line_name,
}
"""Keys of a step that take one template, and what must come of it."""

_MOST_TEMPLATES = 2_000

_MOST_CHOICES = 20
"""Other values than the defaults that a template is tried with."""


def too_many_templates(raw: Raw) -> Problem | None:
    """More templates in one file than can be read and compiled within moments."""
    templates = [text for text in _texts(raw) if is_template(text)]
    letters = sum(map(len, templates))
    if len(templates) <= _MOST_TEMPLATES and letters <= LONGEST_SOURCE:
        return None
    message = (
        f"the file has {len(templates):,} templates with {letters:,} characters;"
        f" at most {_MOST_TEMPLATES:,} with {LONGEST_SOURCE:,}"
    )
    return Problem(("pipelines",), message, at_key=True)


def _texts(raw: Raw) -> Iterator[str]:
    match raw:
        case str():
            yield raw
        case dict():
            for value in raw.values():
                yield from _texts(value)
        case list():
            for value in raw:
                yield from _texts(value)


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
    yield from _input_problems(step, (*path, "inputs"), samples, [moves_variable(name) for _, name in moves])


def _input_problems(
    step: Mapping[str, Raw], path: Path, samples: Sequence[Variables], names: Sequence[str]
) -> Iterator[Problem]:
    inputs = entries_of(step, "inputs") or {}
    written = {name: value for name, value in inputs.items() if isinstance(value, str)}
    words = ("true", "false") if names else ("",)
    told = [[{**sample, **dict.fromkeys(names, word)} for sample in samples] for word in words]
    good = True
    for name, value in written.items():
        for way in told:
            found = [*_tried(value, input_value, way, (*path, name))]
            good = good and not found
            yield from found
            if found:
                break
        yield from _too_many_moves(value, frozenset(names), (*path, name))
    if good and len(inputs) <= MOST_INPUTS:
        lengths = (_length(written.values(), variables) for way in told for variables in way)
        if complaint := too_long_together(_shortest(lengths)):
            yield Problem(path, complaint, at_key=True)


def _shortest(lengths: Iterator[int | None]) -> int:
    """Of those that are known, until one is short enough; 0 when none is known."""
    shortest: int | None = None
    for length in lengths:
        if length is not None:
            shortest = length if shortest is None else min(shortest, length)
            if too_long_together(shortest) is None:
                break
    return shortest or 0


def _length(texts: Iterable[str], variables: Variables) -> int | None:
    """How many characters the texts have together; None when one cannot be worked out with these variables."""
    try:
        return sum(len(render(text, variables)) for text in texts)
    except BadTemplate:
        return None


def _tried(text: str, check: Check, samples: Sequence[Variables], path: Path) -> Iterator[Problem]:
    """What cannot be for any version is told at once; else it is enough that some version makes a good text."""
    complaint = ""
    for variables in _unlike(text, samples):
        try:
            check(render(text, variables))
        except BadTemplate as error:
            complaint = complaint or str(error)
            if not isinstance(error, BadMoment):
                break
        except ValueError as error:
            complaint = complaint or str(error)
        else:
            return
    yield Problem(path, complaint)


def _unlike(text: str, samples: Sequence[Variables]) -> Iterator[Variables]:
    """Those that can make a difference to the text."""
    try:
        used = sorted(variables_of(text))
    except BadTemplate:
        used = []
    seen = set()
    for variables in samples:
        values = tuple(variables.get(name) for name in used)
        if values not in seen:
            seen.add(values)
            yield variables


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
