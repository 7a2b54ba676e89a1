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
