"""A plan: what a release will do, frozen when it starts. Built by `bot.pipeline`, kept inside the release.

Rule: everything here is resolved text - templates are rendered, defaults are filled in, durations are seconds.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

MOST_RERUNS = 10
"""Automatic re-runs of one step in all, whatever the pipeline file says; GitHub itself allows 50 per run.
https://docs.github.com/actions/reference/limits"""


@dataclass(frozen=True, slots=True)
class Retry:
    """How often failed jobs are re-run by themselves, by cause; `wait` is the pause before the first, in seconds."""

    transient: int = 3
    flaky: int = 2
    unknown: int = 1
    broken: int = 0
    wait: float = 30.0


@dataclass(frozen=True, slots=True)
class FailureRule:
    """A rule of the pipeline file that judges failures, as it is written there; `bot.pipeline.rules` makes it work."""

    name: str
    cause: str
    where: str
    patterns: tuple[str, ...]
    unless: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class MovingName:
    """A name, such as the tag `latest` of an image, that a step moves to its version if the version earns it.

    `template`: the name as it is written; versions that make the same name of it compete for it. `series`: only
    versions of this series earn it; empty: any.
    """

    name: str
    template: str
    series: str = ""


@dataclass(frozen=True, slots=True)
class DispatchStep:
    """A workflow run that the bot starts."""

    name: str
    needs: tuple[str, ...]
    repo: str
    workflow: str
    ref: str
    """Branch or tag; empty until preflight has filled in the repository's default branch."""
    inputs: tuple[tuple[str, str], ...] = ()
    unless_tag: str | None = None
    nonce: str | None = None
    """Name of the input that carries the id of the send."""
    appears_within: float = 900.0
    timeout: float = 21_600.0
    retry: Retry = Retry()
    never_rerun: tuple[str, ...] = ()
    """Patterns of job names: if one of them failed, nothing is re-run by itself."""
    one_at_a_time: str = ""
    """Steps of this name, in whatever release, run one after the other; empty: it has none."""
    moves: tuple[MovingName, ...] = ()
    version_tag: tuple[str, str] | None = None
    """What stands before and behind the version in the tags of its repository, where its `ref` tells."""
    late_inputs: tuple[tuple[str, str], ...] = ()
    """Inputs that depend on which names are moved: templates, worked out when the step's turn comes."""
    kind: Literal["dispatch"] = "dispatch"


@dataclass(frozen=True, slots=True)
class WatchStep:
    """A workflow run that somebody else starts, by a tag push for instance."""

    name: str
    needs: tuple[str, ...]
    repo: str
    workflow: str
    ref: str
    event: str = "push"
    appears_within: float = 900.0
    timeout: float = 21_600.0
    retry: Retry = Retry()
    never_rerun: tuple[str, ...] = ()
    kind: Literal["watch"] = "watch"


@dataclass(frozen=True, slots=True)
class ApprovalStep:
    """A question to a person."""

    name: str
    needs: tuple[str, ...]
    question: str
    kind: Literal["approval"] = "approval"


RunStep = DispatchStep | WatchStep
Step = DispatchStep | WatchStep | ApprovalStep


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that one release will do. `file_repo` is where the pipeline file is kept (None: a local file)."""

    pipeline: str
    version: str
    about: str
    permission: str
    group: str
    steps: tuple[Step, ...]
    home: str
    file_repo: str | None
    failures: tuple[FailureRule, ...] = ()
    """Rules that judge failures, before the built-in ones."""
    parameters: tuple[tuple[str, str], ...] = ()
    """What was given with the command or is the default, in the order of the file."""
    notify: tuple[str, ...] = ()
    """Users and teams (`owner/team`) who are mentioned beside the starter when a person is needed."""

    def step(self, name: str) -> Step:
        """The step of exactly this name; KeyError when there is none."""
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(name)

    @property
    def run_steps(self) -> tuple[RunStep, ...]:
        return tuple(step for step in self.steps if not isinstance(step, ApprovalStep))

    @property
    def repositories(self) -> tuple[str, ...]:
        """Every repository the plan touches, the home first, each once."""
        return tuple(dict.fromkeys((self.home, *(step.repo for step in self.run_steps))))

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)


def same_repository(one: str, other: str) -> bool:
    """GitHub compares owner and name without regard to letter case."""
    return one.lower() == other.lower()
