"""Pipelines as the file describes them, and the plan that one of them makes of a version.

Rule: a plan holds no template and no default to fill in but a dispatch's own branch, which only GitHub knows.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

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
from bot.pipeline.schema import (
    FileShape,
    Kind,
    PipelineShape,
    RetryShape,
    StepShape,
)
from bot.pipeline.template import BadTemplate, render
from bot.pipeline.values import group_name, input_value, one_line, ref_name

__all__ = ["BadTemplate", "Observed", "Pipeline", "PipelineStep", "Pipelines", "make_plan"]


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


def make_plan(pipeline: Pipeline, version: Version, *, home: str, file_repo: str | None) -> Plan:
    """The plan of one release; `file_repo` is where the file is kept, None for a local file.

    Raises BadTemplate when this version makes a text that cannot be used, naming the step.
    """
    variables = version.variables()
    group = _Rendering(variables, f"`concurrency` of {quoted(pipeline.name)}")
    return Plan(
        pipeline=pipeline.name,
        version=version.text,
        about=pipeline.about,
        permission=pipeline.permission,
        group=version.text if pipeline.concurrency is None else group.text(pipeline.concurrency, group_name),
        steps=tuple(_planned(step, variables, pipeline.repositories(home)) for step in pipeline.steps),
        home=home,
        file_repo=file_repo,
        failures=pipeline.failures,
    )


@dataclass(frozen=True, slots=True)
class _Rendering:
    """Renders the texts of one place and names it in complaints."""

    variables: dict[str, str]
    place: str

    def text(self, template: str, check: Callable[[str], str]) -> str:
        try:
            return check(render(template, self.variables))
        except ValueError as error:
            raise BadTemplate(f"{self.place}: {error}") from error


def _planned(step: PipelineStep, variables: dict[str, str], repositories: tuple[str, ...]) -> Step:
    shape, place = step.shape, f"step {quoted(step.name)}"

    def text(key: str, template: str, check: Callable[[str], str]) -> str:
        return _Rendering(variables, f"{place}, {quoted(key)}").text(template, check)

    # One spelling for one repository, or rows of the same repository would not meet.
    wanted = step.repo or repositories[0]
    repo = next(known for known in repositories if same_repository(known, wanted))
    if shape.approval is not None:
        return ApprovalStep(step.name, step.needs, text("approval", shape.approval, one_line))
    if shape.watch is not None:
        return WatchStep(
            name=step.name,
            needs=step.needs,
            repo=repo,
            workflow=shape.watch,
            ref=text("ref", shape.ref or "", ref_name),
            event=shape.event,
            appears_within=shape.appears_within,
            timeout=shape.timeout,
            retry=_retry(shape.retry),
            never_rerun=shape.never_rerun,
        )
    return DispatchStep(
        name=step.name,
        needs=step.needs,
        repo=repo,
        workflow=shape.dispatch or "",
        ref=text("ref", shape.ref, ref_name) if shape.ref is not None else "",
        inputs=tuple((name, text(name, value, input_value)) for name, value in shape.inputs.items()),
        unless_tag=text("unless-tag", shape.unless_tag, ref_name) if shape.unless_tag is not None else None,
        nonce=shape.nonce,
        appears_within=shape.appears_within,
        timeout=shape.timeout,
        retry=_retry(shape.retry),
        never_rerun=shape.never_rerun,
    )


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
