"""What a pipeline file may say: the shape of every key, and the rules that hold between keys.

Rule: everything here speaks of paths into the raw file (texts, lists, mappings); where a path is on the page
is known to `load` alone. A value of None stands for something `load` has complained about already.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from bot.core.commands import RESERVED_NAMES
from bot.core.plan import MOST_RERUNS
from bot.core.suggest import nearest, quoted
from bot.core.versions import Version
from bot.pipeline.durations import seconds_of
from bot.pipeline.template import BadTemplate, is_template, render

Raw = str | list["Raw"] | dict[str, "Raw"] | None
Path = tuple[str | int, ...]
Kind = Literal["dispatch", "watch", "approval"]

MOST_STEPS = 100
"""Every step is a row of the status comment, which GitHub ends at 65,536 characters."""

MOST_INPUTS = 25
"""https://docs.github.com/rest/actions/workflows#create-a-workflow-dispatch-event"""

_LONGEST_TEXT = 500

_SAMPLES = tuple(Version.parse(text).variables() for text in ("1.0.3", "2.0.0", "10.20.30-rc.1"))
"""A text that is wrong for each of these is wrong for every version."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake, at the value of `path`, or at its key."""

    path: Path
    message: str
    at_key: bool = False
    value_is_idle: bool = False
    """Whether nothing more needs to be said of the value, since the key goes away."""


# -- single values ---------------------------------------------------------------------------------


def one_line(text: str) -> str:
    line = " ".join(text.split())
    if not line:
        raise ValueError("the text is empty: write one or leave the key out")
    if len(line) > _LONGEST_TEXT:
        raise ValueError(f"the text has {len(line)} characters; at most {_LONGEST_TEXT}")
    return line


def repository(text: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}/[A-Za-z0-9._-]{1,100}", text):
        name = text.partition("/")[2]
        if name not in {".", ".."} and not name.endswith(".git"):
            return text
    found = re.search(r"([A-Za-z0-9][A-Za-z0-9_-]*/[A-Za-z0-9._-]+?)(?:\.git)?/?$", text)
    hint = f": did you mean {quoted(found[1])}?" if found else ": write `OWNER/NAME`"
    raise ValueError(f"{quoted(text)} is not a repository{hint}")


def workflow_file(text: str) -> str:
    """The plain file name: GitHub reads workflows from one folder only.
    https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax"""
    name = re.sub(r"^(?:\./|/)?\.github/workflows/", "", text)
    if re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.+ ()-]{0,200}\.ya?ml", name):
        return name
    if is_template(text):
        raise ValueError(
            f"{quoted(text)} is a template, which is not possible here: write the workflow's file name"
        )
    hint = (
        f": did you mean {quoted(text + '.yml')}?"
        if re.fullmatch(r"[\w-]+", text)
        else ", such as `build.yml`"
    )
    raise ValueError(f"{quoted(text)} is not the file name of a workflow{hint}")


def permission_name(text: str) -> str:
    choices = ("write", "maintain", "admin")
    if text in choices:
        return text
    near = nearest(text, choices)
    hint = f"did you mean `{near}`?" if near else "write `write`, `maintain` or `admin`"
    raise ValueError(f"{quoted(text)} is not a permission: {hint}")


def input_name(text: str) -> str:
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]{0,99}", text):
        return text
    raise ValueError(f"{quoted(text)} is not the name of a workflow input: letters, digits, `-` and `_` only")


def event_name(text: str) -> str:
    if re.fullmatch(r"[a-z]+(?:_[a-z]+)*", text):
        return text
    raise ValueError(f"{quoted(text)} is not the name of an event: write it as GitHub does, such as `push`")


def ref_name(text: str) -> str:
    """A branch or tag as git allows it, without `refs/heads/`. https://git-scm.com/docs/git-check-ref-format"""
    if not text:
        raise ValueError("the name of the branch or tag is empty")
    if text.startswith("refs/"):
        raise ValueError(
            f"{quoted(text)}: write the branch or tag alone, without `refs/heads/` or `refs/tags/`"
        )
    parts = text.split("/")
    wrong = (
        re.search(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{", text) is not None
        or not text.isprintable()
        or any(not part or part.startswith(".") or part.endswith(".lock") for part in parts)
        or text.startswith("-")
        or text.endswith(".")
        or text == "@"
        or len(text) > 244
    )
    if wrong:
        raise ValueError(f"{quoted(text)} cannot be the name of a branch or tag")
    return text


def group_name(text: str) -> str:
    if not text.strip():
        raise ValueError("the concurrency group is empty")
    if not text.isprintable() or len(text) > 200:
        raise ValueError(f"{quoted(text)} cannot be a concurrency group: one line, at most 200 characters")
    return text


def input_value(text: str) -> str:
    """Any text, also empty; line breaks and tabs are the only control characters."""
    return text


def _template(check: Callable[[str], str]) -> AfterValidator:
    """A template is good when some version makes a good text of it; a release checks its own again."""

    def checked(text: str) -> str:
        complaint: ValueError | None = None
        for variables in _SAMPLES:
            try:
                check(render(text, variables))
            except BadTemplate:
                raise
            except ValueError as error:
                complaint = complaint or error
            else:
                return text
        raise complaint or ValueError("the text is of no use")

    return AfterValidator(checked)


def _duration(*, least: float) -> BeforeValidator:
    return BeforeValidator(lambda value: seconds_of(_scalar(value, "a duration such as `15m`"), least=least))


def _scalar(value: object, wanted: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"this must be {wanted}, not {_shape_word(value)}")
    return value


def _reruns(value: object) -> int:
    text = _scalar(value, "a number")
    if not re.fullmatch(r"[0-9]{1,3}", text) or int(text) > MOST_RERUNS:
        raise ValueError(f"{quoted(text)} is not a number of re-runs: 0 to {MOST_RERUNS}")
    return int(text)


def _needs(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _retry(value: object) -> object:
    """`retry: 2` is short for `{any: 2}`."""
    return {"any": value} if isinstance(value, str) else value


Text = Annotated[str, AfterValidator(one_line)]
Repository = Annotated[str, AfterValidator(repository)]
WorkflowFile = Annotated[str, AfterValidator(workflow_file)]
InputName = Annotated[str, AfterValidator(input_name)]
RefTemplate = Annotated[str, _template(ref_name)]
Wait = Annotated[float, _duration(least=1)]
Reruns = Annotated[int, BeforeValidator(_reruns)]


# -- the keys --------------------------------------------------------------------------------------


class _Shape(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        alias_generator=lambda name: name.replace("_", "-"),
        hide_input_in_errors=True,
    )


class RetryShape(_Shape):
    """None: not written, so `any` counts, or else the default."""

    transient: Reruns | None = None
    flaky: Reruns | None = None
    unknown: Reruns | None = None
    broken: Reruns | None = None
    any: Reruns | None = None
    wait: Annotated[float, _duration(least=0)] = 30.0


class StepShape(_Shape):
    needs: Annotated[tuple[str, ...], BeforeValidator(_needs)] = ()
    repo: Repository | None = None
    dispatch: WorkflowFile | None = None
    watch: WorkflowFile | None = None
    approval: Annotated[Text, _template(one_line)] | None = None
    ref: RefTemplate | None = None
    inputs: dict[InputName, Annotated[str, _template(input_value)]] = Field(default={})
    unless_tag: RefTemplate | None = None
    nonce: InputName | None = None
    event: Annotated[str, AfterValidator(event_name)] = "push"
    appears_within: Wait = 900.0
    timeout: Wait = 21_600.0
    retry: Annotated[RetryShape, BeforeValidator(_retry)] = RetryShape()

    @property
    def kind(self) -> Kind:
        if self.dispatch is not None:
            return "dispatch"
        return "watch" if self.watch is not None else "approval"


class PipelineShape(_Shape):
    about: Text | None = None
    permission: Annotated[str, AfterValidator(permission_name)] = "maintain"
    concurrency: Annotated[str, _template(group_name)] | None = None
    steps: dict[str, StepShape]


class FileShape(_Shape):
    pipelines: dict[str, PipelineShape]


def _keys(shape: type[_Shape]) -> tuple[str, ...]:
    return tuple(field.alias or name for name, field in shape.model_fields.items())


_LEVELS: Mapping[str, tuple[str, ...]] = {
    "the file": _keys(FileShape),
    "a pipeline": _keys(PipelineShape),
    "a step": _keys(StepShape),
    "`retry`": _keys(RetryShape),
}

_KINDS: Mapping[str, frozenset[str]] = {
    "dispatch": frozenset(_keys(StepShape)) - {"watch", "approval", "event"},
    "watch": frozenset(_keys(StepShape)) - {"dispatch", "approval", "inputs", "unless-tag", "nonce"},
    "approval": frozenset({"needs", "approval"}),
}

_LATER = frozenset({"one-at-a-time", "never-rerun", "notify", "parameters", "failures", "observe"})

_OTHER_WORDS = {
    "branch": "ref",
    "tag": "ref",
    "with": "inputs",
    "depends-on": "needs",
    "description": "about",
}
"""What people who know other tools write."""


# -- all that is wrong -----------------------------------------------------------------------------


def problems(raw: Raw) -> Iterator[Problem]:
    """Every mistake of the file, in no order; some may come twice when a value is shared by an alias."""
    try:
        FileShape.model_validate(raw)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            told = detail["input"] is None and detail["type"] != "extra_forbidden"
            if not told and not _meant_otherwise(detail):
                reason = (detail.get("ctx") or {}).get("error")
                yield _shape_problem(detail["type"], detail["loc"], detail["input"], reason)
    pipelines = _entries(raw, "pipelines")
    if pipelines is None:
        return
    yield from _name_problems(pipelines, ("pipelines",), "pipeline")
    for name, pipeline in pipelines.items():
        steps = _entries(pipeline, "steps")
        if steps is not None:
            path: Path = ("pipelines", name, "steps")
            yield from _name_problems(steps, path, "step")
            yield from _need_problems(steps, path)
            for step_name, step in steps.items():
                if isinstance(step, dict):
                    yield from _step_problems(step, (*path, step_name))


def _entries(raw: Raw | Mapping[str, Raw], key: str) -> dict[str, Raw] | None:
    value = raw.get(key) if isinstance(raw, Mapping) else None
    return value if isinstance(value, dict) else None


def _meant_otherwise(detail: ErrorDetails) -> bool:
    """Whether a missing key is there under a wrong name, which is one mistake and not two."""
    if detail["type"] != "missing":
        return False
    level, written = _level(detail["loc"][:-1]), detail["input"]
    wrong = (key for key in written if key not in _LEVELS[level])
    return any(_meant_key(key, level) == detail["loc"][-1] for key in wrong)


def _shape_problem(kind: str, path: Path, value: object, reason: object) -> Problem:
    """One of pydantic's complaints, in our words."""
    wanted = {"string_type": "text", "tuple_type": "a step's name or a list of names"}
    match kind:
        case "extra_forbidden":
            return Problem(
                path, _unknown_key(str(path[-1]), _level(path[:-1])), at_key=True, value_is_idle=True
            )
        case "missing":
            return Problem(path[:-1], f"`{path[-1]}` is missing", at_key=True)
        case "value_error" if path[-1] == "[key]":
            return Problem(path[:-1], str(reason), at_key=True)
        case "value_error":
            return Problem(path, str(reason))
        case _:
            needed = wanted.get(kind, "keys with values")
            return Problem(path, f"this must be {needed}, not {_shape_word(value)}")


def _shape_word(value: object) -> str:
    match value:
        case str():
            return f"the text {quoted(value)}" if value else "an empty text"
        case list():
            return "a list"
        case _:
            return "keys with values"


def _level(path: Path) -> str:
    return {0: "the file", 2: "a pipeline", 4: "a step"}.get(len(path), "`retry`")


def _unknown_key(key: str, level: str) -> str:
    if key in _LATER:
        return f"`{key}` is not available yet: leave it out"
    if key == "<<":
        return "merge keys (`<<`) are not supported: write the keys out"
    elsewhere = [other for other, keys in _LEVELS.items() if key in keys]
    if elsewhere:
        return f"`{key}` belongs to {elsewhere[0]}, not to {level}"
    near = _meant_key(key, level)
    if near:
        return f"{quoted(key)} is not a key of {level}; did you mean `{near}`?"
    return f"{quoted(key)} is not a key of {level}; there are {_list(_LEVELS[level])}"


def _meant_key(key: str, level: str) -> str | None:
    other = _OTHER_WORDS.get(key.lower().replace("_", "-"))
    return other if other in _LEVELS[level] else nearest(key, _LEVELS[level])


def _name_problems(entries: Mapping[str, Raw], path: Path, what: str) -> Iterator[Problem]:
    """The form of names, and that no two differ by letter case alone: commands do not mind letter case."""
    if not entries:
        yield Problem(path, f"there must be at least one {what}")
    if what == "step" and len(entries) > MOST_STEPS:
        yield Problem(path, f"there are {len(entries)} steps; at most {MOST_STEPS}", at_key=True)
    first: dict[str, str] = {}
    for name in entries:
        other = first.setdefault(name.lower(), name)
        if not _is_name(name):
            rule = "a letter, then letters, digits, `-` and `_`, at most 40 in all"
            yield Problem(
                (*path, name), f"{quoted(name)} cannot be the name of a {what}: {rule}", at_key=True
            )
        elif name.lower() in RESERVED_NAMES:
            yield Problem(
                (*path, name), f"`{name}` is a command, so a {what} needs another name", at_key=True
            )
        elif other != name:
            yield Problem(
                (*path, name), f"`{name}` and {quoted(other)} differ in letter case only", at_key=True
            )


def _is_name(name: str) -> bool:
    return re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,39}", name) is not None


def _step_problems(step: Mapping[str, Raw], path: Path) -> Iterator[Problem]:
    kinds = [key for key in step if key in _KINDS]
    meant = {_meant_key(key, "a step") for key in step if key not in _LEVELS["a step"]}
    if not kinds and not meant & _KINDS.keys():
        yield Problem(
            path, "the step waits for nothing: it needs `dispatch`, `watch` or `approval`", at_key=True
        )
    for other in kinds[1:]:
        message = (
            f"`{kinds[0]}` and `{other}` in one step: a step waits for one thing, so make two steps of it"
        )
        yield Problem((*path, other), message, at_key=True)
    if len(kinds) == 1:
        yield from _kind_problems(step, path, kinds[0])
    if kinds == ["watch"] and not {"ref"} & (step.keys() | meant):
        message = "a watch step needs `ref`: the branch or tag whose run it waits for"
        yield Problem((*path, "watch"), message, at_key=True)
    yield from _input_problems(step, path)


def _kind_problems(step: Mapping[str, Raw], path: Path, kind: str) -> Iterator[Problem]:
    for key in step:
        if key in _LEVELS["a step"] and key not in _KINDS[kind]:
            where = " and ".join(f"`{other}`" for other, keys in _KINDS.items() if key in keys)
            message = f"`{key}` belongs to {where} steps, and this is a step of kind `{kind}`"
            yield Problem((*path, key), message, at_key=True)


def _input_problems(step: Mapping[str, Raw], path: Path) -> Iterator[Problem]:
    inputs, nonce = _entries(step, "inputs") or {}, step.get("nonce")
    count = len(inputs) + isinstance(nonce, str)
    if count > MOST_INPUTS:
        message = f"a dispatch takes at most {MOST_INPUTS} inputs, and these are {count}"
        yield Problem((*path, "inputs"), message, at_key=True)
    # Whatever the letter case: two inputs that nobody can tell apart are a mistake even where GitHub could.
    if isinstance(nonce, str) and nonce.lower() in {name.lower() for name in inputs}:
        yield Problem((*path, "nonce"), f"the input {quoted(nonce)} is also in `inputs`: the bot fills it in")


# -- what waits for what ---------------------------------------------------------------------------


def _need_problems(steps: Mapping[str, Raw], path: Path) -> Iterator[Problem]:
    if len(steps) > MOST_STEPS:
        return
    waits: dict[str, dict[str, Path]] = {}
    unknown = 0
    for name, step in steps.items():
        waits[name] = {}
        for entry, need in _written_needs(step, (*path, name, "needs")):
            if need == name:
                yield Problem(entry, f"the step {quoted(name)} needs itself")
            elif need not in steps:
                unknown += 1
                # Looking for the nearest name is slow work, and nobody reads a hundred guesses.
                names = [other for other in steps if other != name] if unknown <= 50 else []
                yield Problem(entry, _unknown_need(need, names))
            elif need in waits[name]:
                yield Problem(entry, f"{quoted(need)} is named twice")
            else:
                waits[name][need] = entry
    for cycle in _cycles(waits):
        circle = " -> ".join((*cycle, cycle[0]))
        yield Problem(waits[cycle[0]][cycle[1]], f"these steps wait for each other: `{circle}`")


def _written_needs(step: Raw, path: Path) -> Iterator[tuple[Path, str]]:
    match step.get("needs") if isinstance(step, dict) else None:
        case str(need):
            yield path, need
        case list(needs):
            yield from ((((*path, place), need)) for place, need in enumerate(needs) if isinstance(need, str))


def _unknown_need(need: str, names: list[str]) -> str:
    parts = re.split(r"[\s,]+", need.strip())
    if len(parts) > 1 and set(parts) <= set(names):
        return f"{quoted(need)} is one text: write a list, `[{', '.join(parts)}]`"
    near = nearest(need, names)
    hint = f"; did you mean `{near}`?" if near else ""
    return f"there is no step {quoted(need)} in this pipeline{hint}"


def _cycles(waits: Mapping[str, Mapping[str, Path]], most: int = 10) -> list[tuple[str, ...]]:
    """Circles of steps, each once, beginning with the step that stands first in the file."""
    place = {name: number for number, name in enumerate(waits)}
    found: dict[tuple[str, ...], None] = {}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        if name in trail:
            circle = trail[trail.index(name) :]
            start = circle.index(min(circle, key=place.__getitem__))
            found[circle[start:] + circle[:start]] = None
        elif name not in done and len(found) < most and _is_name(name):
            for need in waits[name]:
                visit(need, (*trail, name))
            done.add(name)

    for name in waits:
        visit(name, ())
    return list(found)


def _list(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)
