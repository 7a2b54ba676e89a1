"""Pipelines as the file describes them, and the plan that one of them makes of a version.

Rule: a plan holds no template and no default to fill in but a dispatch's own branch, which only GitHub knows.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from bot.core.plan import (
    ApprovalStep,
    DispatchStep,
    FailureRule,
    Plan,
    Retry,
    Step,
    WatchStep,
    same_repository,
)
from bot.core.suggest import quoted
from bot.core.versions import Version
from bot.pipeline.day_values import line_name
from bot.pipeline.moving import (
    around_the_version,
    is_late,
    moving_names,
    refuse_rivals,
    try_every_way,
)
from bot.pipeline.parameters import BadParameter, Parameter, resolve_parameters
from bot.pipeline.schema import (
    FileShape,
    Kind,
    PipelineShape,
    RetryShape,
    StepShape,
)
from bot.pipeline.template import BadTemplate, render
from bot.pipeline.values import group_name, input_value, one_line, ref_name, tag_name, too_long_together

__all__ = [
    "BadParameter",
    "BadTemplate",
    "Observed",
    "Parameter",
    "Pipeline",
    "PipelineStep",
    "Pipelines",
    "make_plan",
]


Inputs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class PipelineStep:
    """A step as it is written; `repo` is None for the home repository and for approvals."""

    name: str
    shape: StepShape

    @property
    def kind(self) -> Kind:
        return self.shape.kind

    @property
    def needs(self) -> tuple[str, ...]:
        return self.shape.needs

    @property
    def repo(self) -> str | None:
        return self.shape.repo


@dataclass(frozen=True, slots=True)
class Observed:
    """A workflow whose runs on some branches feed the memory of flakes; `repo` is None for the home repository.

    `branches` are patterns for `job_names.fits`; `workflow` is the plain file name.
    """

    repo: str | None
    workflow: str
    branches: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What `/NAME VERSION` starts. `concurrency` is a template, or None: the version itself."""

    name: str
    about: str
    permission: str
    concurrency: str | None
    steps: tuple[PipelineStep, ...]
    failures: tuple[FailureRule, ...] = ()
    observed: tuple[Observed, ...] = ()
    names: tuple[tuple[str, str], ...] = ()
    """How a version earns a name that a step moves: the name as it is written, and its rule."""
    parameters: tuple[Parameter, ...] = ()
    notify: tuple[str, ...] = ()

    @classmethod
    def from_shape(cls, name: str, shape: PipelineShape) -> "Pipeline":
        return cls(
            name=name,
            about=shape.about or "",
            permission=shape.permission,
            concurrency=shape.concurrency,
            steps=tuple(PipelineStep(step, written) for step, written in shape.steps.items()),
            failures=tuple(failure.rule for failure in shape.failures),
            observed=tuple(
                Observed(entry.repo, workflow, entry.branches)
                for entry in shape.observe
                for workflow in entry.workflows
            ),
            names=tuple(shape.names.items()),
            parameters=tuple(written.parameter(each) for each, written in shape.parameters.items()),
            notify=shape.notify,
        )

    def repositories(self, home: str) -> tuple[str, ...]:
        """Every repository it touches, the home first, each once whatever its letter case; not those observed."""
        return _each_once((home, *(step.repo for step in self.steps if step.repo is not None)))

    def observed_repositories(self, home: str) -> tuple[str, ...]:
        """Every repository whose runs are observed, each once whatever its letter case."""
        return _each_once(observed.repo or home for observed in self.observed)


def _each_once(repositories: Iterable[str]) -> tuple[str, ...]:
    first: dict[str, str] = {}
    for repository in repositories:
        first.setdefault(repository.lower(), repository)
    return tuple(first.values())


@dataclass(frozen=True, slots=True)
class Pipelines:
    """All pipelines of one file, in its order."""

    pipelines: tuple[Pipeline, ...]

    @classmethod
    def from_shape(cls, shape: FileShape) -> "Pipelines":
        return cls(tuple(Pipeline.from_shape(name, written) for name, written in shape.pipelines.items()))

    def __iter__(self) -> Iterator[Pipeline]:
        return iter(self.pipelines)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(pipeline.name for pipeline in self)

    def find(self, name: str) -> Pipeline | None:
        """The pipeline of this name, whatever its letter case."""
        found = (pipeline for pipeline in self if pipeline.name.lower() == name.lower())
        return next(found, None)


def make_plan(
    pipeline: Pipeline,
    version: Version,
    *,
    home: str,
    file_repo: str | None,
    parameters: Mapping[str, str] = MappingProxyType({}),
) -> Plan:
    """The plan of one release; `file_repo` is where the file is kept, None for a local file.

    Raises BadTemplate when this version makes a text that cannot be used, naming the step, and BadParameter when a
    parameter is unknown, missing or has a value that is not allowed.
    """
    chosen = resolve_parameters(pipeline, tuple(parameters.items()))
    making = _Making(pipeline, {**version.variables(), **chosen}, pipeline.repositories(home))
    group = version.text
    if pipeline.concurrency is not None:
        place = f"`concurrency` of {quoted(pipeline.name)}"
        group = making.text(pipeline.concurrency, group_name, place=place)
    steps = tuple(making.step(step) for step in pipeline.steps)
    refuse_rivals(steps)
    return Plan(
        pipeline=pipeline.name,
        version=version.text,
        about=pipeline.about,
        permission=pipeline.permission,
        group=group,
        steps=steps,
        home=home,
        file_repo=file_repo,
        failures=pipeline.failures,
        parameters=tuple(chosen.items()),
        notify=pipeline.notify,
    )


@dataclass(frozen=True, slots=True)
class _Making:
    """What the steps of a plan are made of; complaints name the place whose text is of no use."""

    pipeline: Pipeline
    variables: Mapping[str, str]
    repositories: tuple[str, ...]

    def text(self, template: str, check: Callable[[str], str], *, place: str) -> str:
        try:
            return check(render(template, self.variables))
        except ValueError as error:
            raise BadTemplate(f"{place}: {error}") from error

    def step(self, step: PipelineStep) -> Step:
        shape = step.shape
        if shape.approval is not None:
            question = self.text(shape.approval, one_line, place=_place(step, "approval"))
            return ApprovalStep(step.name, step.needs, question)
        if shape.watch is not None:
            return self._watch(step, shape.watch)
        return self._dispatch(step, shape.dispatch or "")

    def _watch(self, step: PipelineStep, workflow: str) -> WatchStep:
        shape = step.shape
        return WatchStep(
            name=step.name,
            needs=step.needs,
            repo=self._repo(step),
            workflow=workflow,
            ref=self.text(shape.ref or "", ref_name, place=_place(step, "ref")),
            event=shape.event,
            appears_within=shape.appears_within,
            timeout=shape.timeout,
            retry=_retry(shape.retry),
            never_rerun=shape.never_rerun,
        )

    def _dispatch(self, step: PipelineStep, workflow: str) -> DispatchStep:
        shape = step.shape
        inputs, late_inputs = self._inputs(step)
        return DispatchStep(
            name=step.name,
            needs=step.needs,
            repo=self._repo(step),
            workflow=workflow,
            ref=self._optional(step, "ref", shape.ref, ref_name) or "",
            inputs=inputs,
            unless_tag=self._optional(step, "unless-tag", shape.unless_tag, tag_name),
            nonce=shape.nonce,
            appears_within=shape.appears_within,
            timeout=shape.timeout,
            retry=_retry(shape.retry),
            never_rerun=shape.never_rerun,
            one_at_a_time=self._optional(step, "one-at-a-time", shape.one_at_a_time, line_name) or "",
            moves=moving_names(
                shape.moves,
                dict(self.pipeline.names),
                lambda template, check: self.text(template, check, place=_place(step, "moves")),
            ),
            version_tag=self._version_tag(step),
            late_inputs=late_inputs,
        )

    def _optional(
        self, step: PipelineStep, key: str, template: str | None, check: Callable[[str], str]
    ) -> str | None:
        return None if template is None else self.text(template, check, place=_place(step, key))

    def _inputs(self, step: PipelineStep) -> tuple[Inputs, Inputs]:
        """Those that are known now, and those that depend on the names that are moved, as templates."""
        moves = step.shape.moves
        known, late = [], []
        length = 0
        for name, template in step.shape.inputs.items():
            if is_late(template, moves):
                try:
                    length += len(try_every_way(template, moves, self.variables))
                except BadTemplate as error:
                    raise BadTemplate(f"{_place(step, name)}: {error}") from error
                late.append((name, template))
            else:
                text = self.text(template, input_value, place=_place(step, name))
                length += len(text)
                known.append((name, text))
        if complaint := too_long_together(length):
            raise BadTemplate(f"{_place(step, 'inputs')}: {complaint}")
        return tuple(known), tuple(late)

    def _repo(self, step: PipelineStep) -> str:
        """One spelling for one repository, or rows of the same repository would not meet."""
        wanted = step.repo or self.repositories[0]
        return next(known for known in self.repositories if same_repository(known, wanted))

    def _version_tag(self, step: PipelineStep) -> tuple[str, str] | None:
        """From an `unless-tag` of its repository, which is a tag for certain, or else from the step's own `ref`."""
        repo = self._repo(step)
        others = (other.shape.unless_tag for other in self.pipeline.steps if self._repo(other) == repo)
        pairs = (around_the_version(text) for text in (*others, step.shape.ref) if text is not None)
        return next((pair for pair in pairs if pair is not None), None)


def _place(step: PipelineStep, key: str) -> str:
    return f"step {quoted(step.name)}, {quoted(key)}"


def _retry(shape: RetryShape) -> Retry:
    """A cause that is written counts before `any`, and `any` before the default."""
    default = Retry()

    def times(written: int | None, otherwise: int) -> int:
        if written is not None:
            return written
        return otherwise if shape.any is None else shape.any

    return Retry(
        transient=times(shape.transient, default.transient),
        flaky=times(shape.flaky, default.flaky),
        unknown=times(shape.unknown, default.unknown),
        broken=times(shape.broken, default.broken),
        wait=shape.wait,
    )
