"""Every mistake of a pipeline file that has been read, in our words.

Rule: everything here speaks of paths into the raw file (texts, lists, mappings); where a path is on the page
is known to `load` alone. A value of None stands for something `load` has complained about already.
"""

from collections.abc import Iterator

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from bot.pipeline.between_moves import moves_problems
from bot.pipeline.between_parameters import parameter_problems
from bot.pipeline.between_people import notify_problems
from bot.pipeline.between_rules import observe_problems, rule_problems, time_problems, too_many_expressions
from bot.pipeline.between_steps import entries_of, name_problems, steps_problems
from bot.pipeline.between_templates import template_problems, too_many_templates
from bot.pipeline.key_words import meant_key, unknown_key
from bot.pipeline.schema import LEVELS, FileShape, Path, Problem, Raw
from bot.pipeline.values import shape_word

_WANTED = {
    "needs": "a step's name or a list of names",
    "never-rerun": "a pattern of job names or a list of patterns",
    "pattern": "a regular expression or a list of them",
    "unless": "a regular expression or a list of them",
    "observe": "keys with values, or a list of such",
    "workflows": "the file name of a workflow or a list of names",
    "branches": "a pattern of branches or a list of patterns",
    "moves": "a name or a list of names",
    "values": "a value or a list of values",
    "notify": "a user, a team or a list of them",
}
"""What a key that takes a list may be, beside the list."""


def problems(raw: Raw) -> Iterator[Problem]:
    """Every mistake of the file, in no order; some may come twice when a value is shared by an alias."""
    too_many = too_many_expressions(raw) or too_many_templates(raw)
    if too_many is not None:
        yield too_many
        return
    try:
        FileShape.model_validate(raw)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            told = detail["input"] is None and detail["type"] != "extra_forbidden"
            if not told and not _meant_otherwise(detail):
                reason = (detail.get("ctx") or {}).get("error")
                yield _shape_problem(detail["type"], detail["loc"], detail["input"], reason)
    pipelines = entries_of(raw, "pipelines")
    if pipelines is None:
        return
    yield from name_problems(pipelines, ("pipelines",), "pipeline")
    for name, pipeline in pipelines.items():
        path: Path = ("pipelines", name)
        steps = entries_of(pipeline, "steps")
        if steps is not None:
            yield from steps_problems(steps, (*path, "steps"))
        if isinstance(pipeline, dict):
            yield from _pipeline_problems(pipeline, path)
    yield from moves_problems(pipelines)


def _pipeline_problems(pipeline: dict[str, Raw], path: Path) -> Iterator[Problem]:
    yield from rule_problems(pipeline.get("failures"), (*path, "failures"))
    yield from time_problems(pipeline.get("failures"), (*path, "failures"))
    yield from observe_problems(pipeline.get("observe"), (*path, "observe"))
    yield from parameter_problems(entries_of(pipeline, "parameters") or {}, (*path, "parameters"))
    yield from notify_problems(pipeline.get("notify"), (*path, "notify"))
    yield from template_problems(pipeline, path)


def _meant_otherwise(detail: ErrorDetails) -> bool:
    """Whether a missing key is there under a wrong name, which is one mistake and not two."""
    if detail["type"] != "missing":
        return False
    level, written = _level(detail["loc"][:-1]), detail["input"]
    wrong = (key for key in written if key not in LEVELS[level])
    return any(meant_key(key, level) == detail["loc"][-1] for key in wrong)


def _shape_problem(kind: str, path: Path, value: object, reason: object) -> Problem:
    """One of pydantic's complaints, in our words."""
    match kind:
        case "extra_forbidden":
            return Problem(
                path, unknown_key(str(path[-1]), _level(path[:-1])), at_key=True, value_is_idle=True
            )
        case "missing":
            return Problem(path[:-1], f"`{path[-1]}` is missing", at_key=True)
        case "value_error" if path[-1] == "[key]":
            return Problem(path[:-1], str(reason), at_key=True)
        case "value_error":
            return Problem(path, str(reason))
        case _:
            return Problem(path, f"this must be {_wanted(kind, path)}, not {shape_word(value)}")


def _wanted(kind: str, path: Path) -> str:
    match kind:
        case "string_type":
            return "text"
        case "tuple_type":
            return _WANTED[str(path[-1])]
        case _:
            return "keys with values"


def _level(path: Path) -> str:
    match path:
        case ():
            return "the file"
        case (_, _):
            return "a pipeline"
        case (_, _, "failures", _):
            return "a rule of `failures`"
        case (_, _, "observe", _):
            return "`observe`"
        case (_, _, "parameters", _):
            return "a parameter"
        case (_, _, _, _):
            return "a step"
        case _:
            return "`retry`"
