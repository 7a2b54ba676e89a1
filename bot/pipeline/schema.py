"""What keys a pipeline file may have: the shape of each level, and which keys belong together.

Rule: here is only what pydantic can see of one key at a time. Single values are checked by `values`; templates and what
must hold between keys, by the modules called `between_…`; `problems` finds the words for all of it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from bot.core.causes import Cause, Where
from bot.core.plan import FailureRule
from bot.pipeline.day_values import Mention, NameRule, ParameterValue
from bot.pipeline.parameters import MOST_VALUES, Parameter
from bot.pipeline.values import (
    About,
    BranchPattern,
    Expression,
    InputName,
    JobPattern,
    Reason,
    Repository,
    Reruns,
    RuleName,
    Sample,
    Wait,
    WorkflowFile,
    duration,
    event_name,
    listed,
    one_of,
    shape_word,
)

Raw = str | list["Raw"] | dict[str, "Raw"] | None
Path = tuple[str | int, ...]
Kind = Literal["dispatch", "watch", "approval"]

MOST_STEPS = 100
"""Every step is a row of the status comment, which GitHub ends at 65,536 characters."""

MOST_INPUTS = 25
"""https://docs.github.com/rest/actions/workflows#create-a-workflow-dispatch-event"""

MOST_RULES = 100
MOST_EXPRESSIONS = 20
MOST_JOB_PATTERNS = 50
MOST_OBSERVED = 50
MOST_BRANCHES = 50
MOST_MOVES = 10
MOST_NOTIFIED = 20


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake, at the value of `path`, or at its key."""

    path: Path
    message: str
    at_key: bool = False
    value_is_idle: bool = False
    """Whether nothing more needs to be said of the value, since the key goes away."""


def _needs(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _retry(value: object) -> object:
    """`retry: 2` is short for `{any: 2}`."""
    return {"any": value} if isinstance(value, str) else value


def _rules(value: object) -> object:
    if not isinstance(value, list):
        raise ValueError("this must be a list of rules, each beginning with `- name:`")
    return value


def _parameter(value: object) -> object:
    """`java: [17, 21]` is short for `{values: [17, 21]}`."""
    if isinstance(value, list):
        return {"values": value}
    if isinstance(value, str):
        wanted = "a list of the allowed values, or `values` and `default`"
        raise ValueError(f"this must be {wanted}, not {shape_word(value)}")
    return value


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
    wait: Annotated[float, duration(least=0)] = 30.0


class StepShape(_Shape):
    needs: Annotated[tuple[str, ...], BeforeValidator(_needs)] = ()
    repo: Repository | None = None
    dispatch: WorkflowFile | None = None
    watch: WorkflowFile | None = None
    approval: str | None = None
    ref: str | None = None
    inputs: dict[InputName, str] = Field(default={})
    unless_tag: str | None = None
    nonce: InputName | None = None
    event: Annotated[str, AfterValidator(event_name)] = "push"
    appears_within: Wait = 900.0
    timeout: Wait = 21_600.0
    retry: Annotated[RetryShape, BeforeValidator(_retry)] = RetryShape()
    never_rerun: Annotated[tuple[JobPattern, ...], listed(MOST_JOB_PATTERNS, "patterns")] = ()
    one_at_a_time: str | None = None
    moves: Annotated[tuple[str, ...], listed(MOST_MOVES, "names")] = ()

    @property
    def kind(self) -> Kind:
        if self.dispatch is not None:
            return "dispatch"
        return "watch" if self.watch is not None else "approval"


_Expressions = Annotated[tuple[Expression, ...], listed(MOST_EXPRESSIONS, "regular expressions")]


class FailureShape(_Shape):
    """A rule that judges failures."""

    name: RuleName
    cause: Annotated[str, one_of([*Cause], "a cause")]
    pattern: _Expressions
    where: Annotated[str, one_of([*Where], "a place to look at")] = Where.ANY.value
    unless: _Expressions = ()
    reason: Reason | None = None
    example: Sample | None = None
    near_miss: Sample | None = None

    @property
    def rule(self) -> FailureRule:
        """The rule as a plan keeps it; without a reason, the name tells what happened."""
        words = " ".join(re.split(r"[-_.]+", self.name)).strip()
        return FailureRule(
            self.name, self.cause, self.where, self.pattern, self.unless, reason=self.reason or words
        )


class ObserveShape(_Shape):
    """Workflows of one repository whose runs feed the memory of flakes."""

    repo: Repository | None = None
    workflows: Annotated[tuple[WorkflowFile, ...], listed(MOST_OBSERVED, "workflows")]
    branches: Annotated[tuple[BranchPattern, ...], listed(MOST_BRANCHES, "patterns")]


class ParameterShape(_Shape):
    """What can be given with a command; `default` is None when it must be."""

    values: Annotated[tuple[ParameterValue, ...], listed(MOST_VALUES, "values")]
    default: ParameterValue | None = None

    def parameter(self, name: str) -> Parameter:
        return Parameter(name, self.values, self.default)


class PipelineShape(_Shape):
    about: About | None = None
    permission: Annotated[str, one_of(("write", "maintain", "admin"), "a permission")] = "maintain"
    concurrency: str | None = None
    steps: dict[str, StepShape]
    failures: Annotated[tuple[FailureShape, ...], listed(MOST_RULES, "rules"), BeforeValidator(_rules)] = ()
    observe: Annotated[tuple[ObserveShape, ...], listed(MOST_OBSERVED, "entries", single=dict)] = ()
    names: dict[str, NameRule] = Field(default={})
    parameters: dict[str, Annotated[ParameterShape, BeforeValidator(_parameter)]] = Field(default={})
    notify: Annotated[tuple[Mention, ...], listed(MOST_NOTIFIED, "users and teams")] = ()


class FileShape(_Shape):
    pipelines: dict[str, PipelineShape]


def keys_of(shape: type[BaseModel]) -> tuple[str, ...]:
    """The keys of one level, as they are written."""
    return tuple(field.alias or name for name, field in shape.model_fields.items())


LEVELS: Mapping[str, tuple[str, ...]] = {
    "the file": keys_of(FileShape),
    "a pipeline": keys_of(PipelineShape),
    "a step": keys_of(StepShape),
    "`retry`": keys_of(RetryShape),
    "a rule of `failures`": keys_of(FailureShape),
    "`observe`": keys_of(ObserveShape),
    "a parameter": keys_of(ParameterShape),
}

KINDS: Mapping[str, frozenset[str]] = {
    "dispatch": frozenset(keys_of(StepShape)) - {"watch", "approval", "event"},
    "watch": frozenset(keys_of(StepShape))
    - {"dispatch", "approval", "inputs", "unless-tag", "nonce", "one-at-a-time", "moves"},
    "approval": frozenset({"needs", "approval"}),
}
