"""The answer to `help`: who may do what here, with an example each.

Rule: one source, `bot.core.verbs.VERBS`; the examples name this pipeline and one of its steps.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

from bot.core.audience import Audience
from bot.core.present.inert import code, cut, inert
from bot.core.present.words import names
from bot.core.verbs import CONTINUE, VERBS, Verb

_HEADER = "| command | who | example |\n| --- | --- | --- |"


class WrittenStep(Protocol):
    """A step as the pipeline file has it; `repo` is None for the home repository."""

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def repo(self) -> str | None: ...


class WrittenParameter(Protocol):
    """What can be chosen with a command, one of `values`; without a default it must be."""

    @property
    def name(self) -> str: ...

    @property
    def values(self) -> tuple[str, ...]: ...

    @property
    def default(self) -> str | None: ...


class WrittenPipeline(Protocol):
    """A pipeline as the file has it."""

    @property
    def name(self) -> str: ...

    @property
    def about(self) -> str: ...

    @property
    def permission(self) -> str: ...

    @property
    def steps(self) -> Sequence[WrittenStep]: ...

    @property
    def parameters(self) -> Sequence[WrittenParameter]: ...


@dataclass(frozen=True, slots=True)
class PipelineFacts:
    """What help tells of a pipeline. `steps` are names and kinds; `shown`: its file may be seen here."""

    name: str
    about: str
    permission: str
    steps: tuple[tuple[str, str], ...]
    shown: bool
    repositories: tuple[str, ...] = ()
    """Those that steps name, in the order of the file."""
    parameters: tuple[WrittenParameter, ...] = ()

    @classmethod
    def of(cls, pipeline: WrittenPipeline, *, shown: bool) -> Self:
        steps = tuple((step.name, step.kind) for step in pipeline.steps)
        repositories = tuple(dict.fromkeys(step.repo for step in pipeline.steps if step.repo is not None))
        parameters = tuple(pipeline.parameters)
        return cls(pipeline.name, pipeline.about, pipeline.permission, steps, shown, repositories, parameters)


def help_answer(pipelines: Sequence[PipelineFacts], audience: Audience | None = None) -> str:
    """A table for each pipeline. Without an audience no repository is named."""
    if not pipelines:
        return "There is no pipeline here, so there is nothing to start."
    first = "Commands go on a line of their own, one in each comment, on an issue of this repository."
    return cut("\n\n".join([first, *(_pipeline(facts, audience) for facts in pipelines)]))


def _pipeline(facts: PipelineFacts, audience: Audience | None) -> str:
    about = f" – {inert(facts.about)}" if facts.shown and facts.about else ""
    rows = "\n".join(_row(verb, facts) for verb in VERBS)
    steps = f"Its steps: {names([name for name, _ in facts.steps], most=20)}." if facts.steps else ""
    who = f"Who: {code(facts.permission)} is needed {_where(facts, audience)}; {code('write')} only here."
    version = "VERSION may be left out when one release of the pipeline is open in the issue."
    parts = [f"**{facts.name}**{about}", f"{_HEADER}\n{rows}", f"{who} {version} {steps}".strip()]
    return "\n\n".join(filter(None, [*parts, _parameters(facts)]))


def _parameters(facts: PipelineFacts) -> str:
    """What can be chosen, for those who may see the file."""
    if not facts.parameters or not facts.shown:
        return ""
    needed = _needed(facts) or [_given(facts.parameters[0])]
    example = code(f"/{facts.name} 1.0.3 {' '.join(needed)}", most=1_000)
    lines = "\n".join(f"- {_parameter(parameter)}" for parameter in facts.parameters)
    return f"Its parameters are given behind the version, as in {example}:\n\n{lines}"


def _needed(facts: PipelineFacts) -> list[str]:
    """Without these no version can be started: an example has them all."""
    return [_given(parameter) for parameter in facts.parameters if parameter.default is None]


def _given(parameter: WrittenParameter) -> str:
    return f"{parameter.name}={parameter.values[0]}"


def _parameter(parameter: WrittenParameter) -> str:
    given = "has to be given" if parameter.default is None else f"{code(parameter.default)} unless given"
    return f"{code(parameter.name)}: {names(parameter.values, most=20, last='or')}; {given}"


def _where(facts: PipelineFacts, audience: Audience | None) -> str:
    """The role is needed everywhere; which repositories those are is told as far as it may be."""
    everywhere = "in every repository of the pipeline"
    if audience is None or not facts.shown:
        return everywhere
    seen = [repo for repo in facts.repositories if audience.sees(repo)]
    return f"{everywhere} (here, {names(seen, most=10)}{_rest(facts, seen)})" if seen else everywhere


def _rest(facts: PipelineFacts, seen: Sequence[str]) -> str:
    return " and others" if len(seen) < len(facts.repositories) else ""


def _row(verb: Verb, facts: PipelineFacts) -> str:
    who = code(facts.permission if verb.who == "role" else "write")
    example = f"/{facts.name} {verb.example.replace('STEP', _example_step(verb, facts))}"
    if not verb.name and facts.shown and CONTINUE not in verb.example:  # who goes on keeps what was chosen
        example = " ".join([example, *_needed(facts)])
    return f"| {code(verb.usage(facts.name))}<br>{verb.does} | {who} | {code(example, most=1_000)} |"


def _example_step(verb: Verb, facts: PipelineFacts) -> str:
    """A step that the verb can be meant for; only a step with a run can be dispatched anew."""
    kinds = ("dispatch",) if verb.name == "redo" else ("dispatch", "watch")
    fitting = [name for name, kind in facts.steps if kind in kinds]
    return next(iter(fitting or [name for name, _ in facts.steps]), "STEP")
