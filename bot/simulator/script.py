"""How the runs of a workflow go: a script per run attempt, and the staging verbs that change it.

Rule: a `Script` is a value; staging collects changes and applies them when an attempt begins.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import MappingProxyType

from bot.simulator.repositories import Annotation

SUCCESS_LOG = b"2026-11-20T09:00:00.0000000Z ##[group]Run\n2026-11-20T09:00:01.0000000Z done\n"
FAILURE_LOG = b"2026-11-20T09:00:00.0000000Z ##[error]Process completed with exit code 1.\n"

Change = Callable[["Script"], "Script"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one job ends."""

    conclusion: str = "success"
    log: bytes | None = SUCCESS_LOG
    annotations: tuple[Annotation, ...] = ()


@dataclass(frozen=True, slots=True)
class Script:
    """One attempt. Jobs run one after the other unless `needs` says otherwise (job -> jobs it needs)."""

    jobs: tuple[str, ...] = ("build", "publish")
    needs: Mapping[str, tuple[str, ...]] | None = None
    queue: timedelta = timedelta(seconds=5)
    takes: timedelta = timedelta(seconds=60)
    job_takes: Mapping[str, timedelta] = field(default_factory=lambda: MappingProxyType({}))
    outcomes: Mapping[str, Outcome] = field(default_factory=lambda: MappingProxyType({}))
    held: frozenset[str] = frozenset()
    environments: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    tag: str | None = None
    annotated_tag: bool = False
    startup_failure: bool = False
    conclusion: str | None = None
    appears_after: timedelta = timedelta(0)
    listed_after: timedelta = timedelta(0)
    ignores_cancel: bool = False
    silent: bool = False

    def needs_of(self, job: str) -> tuple[str, ...]:
        if self.needs is not None:
            return self.needs.get(job, ())
        place = self.jobs.index(job)
        return self.jobs[place - 1 : place] if place else ()

    def after(self, jobs: Collection[str]) -> set[str]:
        """Those jobs and every job that needs one of them, directly or not."""
        found = set(jobs)
        for _ in self.jobs:
            found |= {job for job in self.jobs if found.intersection(self.needs_of(job))}
        return found

    def outcome(self, job: str) -> Outcome:
        return self.outcomes.get(job, Outcome())

    def time_of(self, job: str) -> timedelta:
        return self.job_takes.get(job, self.takes)


def _as_log(log: str | bytes | None) -> bytes | None:
    return log.encode() if isinstance(log, str) else log


class Staging:
    """Collects how the matching attempts go. Every verb returns the staging, so they can be chained."""

    def __init__(self, *, attempts: int | None, runs: int | None, about: str | None) -> None:
        self._attempts, self._runs, self._about = attempts, runs, about
        self._changes: list[Change] = []

    def applies(self, *, attempt: int, run_number: int, about: Collection[str]) -> bool:
        return (
            (self._attempts is None or attempt <= self._attempts)
            and (self._runs is None or run_number <= self._runs)
            and (self._about is None or self._about in about)
        )

    def change(self, script: Script) -> Script:
        for change in self._changes:
            script = change(script)
        return script

    def _add(self, change: Change) -> Staging:
        self._changes.append(change)
        return self

    def jobs(self, *names: str, parallel: bool = False) -> Staging:
        needs: Mapping[str, tuple[str, ...]] | None = MappingProxyType({}) if parallel else None
        return self._add(lambda script: replace(script, jobs=names, needs=needs))

    def needs(self, needs: Mapping[str, tuple[str, ...]]) -> Staging:
        return self._add(lambda script: replace(script, needs=MappingProxyType(dict(needs))))

    def job(self, name: str) -> JobStaging:
        return JobStaging(self, name)

    def queues(self, *, seconds: float = 0, minutes: float = 0, hours: float = 0) -> Staging:
        span = timedelta(seconds=seconds, minutes=minutes, hours=hours)
        return self._add(lambda script: replace(script, queue=span))

    def takes(self, *, seconds: float = 0, minutes: float = 0, hours: float = 0) -> Staging:
        """How long each job runs."""
        span = timedelta(seconds=seconds, minutes=minutes, hours=hours)
        return self._add(lambda script: replace(script, takes=span))

    def runs_until_told(self) -> Staging:
        """The last job stays in progress until `run.finish()`."""
        return self._add(lambda script: replace(script, held=frozenset(script.jobs[-1:])))

    def waits_for_environment(self, name: str, *, job: str | None = None) -> Staging:
        """The job (default: the last) waits for `run.approve()`."""

        def change(script: Script) -> Script:
            environments = {**script.environments, (job or script.jobs[-1]): name}
            return replace(script, environments=MappingProxyType(environments))

        return self._add(change)

    def pushes_tag(self, template: str | None, *, annotated: bool = False) -> Staging:
        """The last job pushes this tag, for example `v{releaseVersion}`; None: it pushes none."""
        return self._add(lambda script: replace(script, tag=template, annotated_tag=annotated))

    def fails_at_startup(self) -> Staging:
        """The run ends as `startup_failure`: no job, no webhook, no re-run."""
        return self._add(lambda script: replace(script, startup_failure=True))

    def appears_after(self, *, seconds: float = 0, minutes: float = 0) -> Staging:
        """The API does not know the run for this time."""
        span = timedelta(seconds=seconds, minutes=minutes)
        return self._add(lambda script: replace(script, appears_after=span))

    def is_listed_after(self, *, seconds: float = 0, minutes: float = 0) -> Staging:
        """The run can be read, but listings lack it for this time."""
        span = timedelta(seconds=seconds, minutes=minutes)
        return self._add(lambda script: replace(script, listed_after=span))

    def concludes(self, conclusion: str) -> Staging:
        """Whatever the jobs say."""
        return self._add(lambda script: replace(script, conclusion=conclusion))

    def skips_every_job(self) -> Staging:
        def change(script: Script) -> Script:
            skipped = {job: Outcome("skipped", None) for job in script.jobs}
            return replace(script, outcomes=MappingProxyType(skipped))

        return self._add(change)

    def ignores_cancel(self) -> Staging:
        """Only force-cancel ends it."""
        return self._add(lambda script: replace(script, ignores_cancel=True))

    def sends_no_webhooks(self) -> Staging:
        return self._add(lambda script: replace(script, silent=True))

    def ends(self, job: str, outcome: Outcome) -> Staging:
        def change(script: Script) -> Script:
            return replace(script, outcomes=MappingProxyType({**script.outcomes, job: outcome}))

        return self._add(change)

    def holds(self, job: str) -> Staging:
        return self._add(lambda script: replace(script, held=script.held | {job}))

    def lasts(self, job: str, span: timedelta) -> Staging:
        def change(script: Script) -> Script:
            return replace(script, job_takes=MappingProxyType({**script.job_takes, job: span}))

        return self._add(change)


class JobStaging:
    """How one job of the attempt goes; every verb returns the whole staging."""

    def __init__(self, staging: Staging, name: str) -> None:
        self._staging, self._name = staging, name

    def fails(
        self,
        *,
        log: str | bytes | None = FAILURE_LOG,
        conclusion: str = "failure",
        annotations: tuple[Annotation, ...] = (),
    ) -> Staging:
        return self._staging.ends(self._name, Outcome(conclusion, _as_log(log), annotations))

    def succeeds(self, *, log: str | bytes | None = SUCCESS_LOG) -> Staging:
        return self._staging.ends(self._name, Outcome("success", _as_log(log)))

    def times_out(self, *, log: str | bytes | None = FAILURE_LOG) -> Staging:
        return self.fails(log=log, conclusion="timed_out")

    def is_cancelled(self) -> Staging:
        return self.fails(log=None, conclusion="cancelled")

    def is_skipped(self) -> Staging:
        return self._staging.ends(self._name, Outcome("skipped", None))

    def takes(self, *, seconds: float = 0, minutes: float = 0, hours: float = 0) -> Staging:
        return self._staging.lasts(self._name, timedelta(seconds=seconds, minutes=minutes, hours=hours))

    def runs_until_told(self) -> Staging:
        return self._staging.holds(self._name)

    def waits_for_environment(self, name: str) -> Staging:
        return self._staging.waits_for_environment(name, job=self._name)
