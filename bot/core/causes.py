"""Why a run attempt failed: one of four causes, judged job by job.

Rules of this file: the rules are tried in their order and the first that fits speaks for the job; the worst
job speaks for the attempt (broken, then unknown, then flaky, then transient). A job that ended only because
another one failed is no evidence. Doubt is `unknown`: a wrong `broken` stops a release, a wrong `flaky` hides
a defect.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import chain, pairwise
from types import MappingProxyType
from typing import assert_never

from bot.core.evidence import MAX_READ_LINE, MOST_TESTS, Evidence, FailedJob
from bot.core.log_text import STEP_BEGIN
from bot.core.noise import (
    ERROR,
    LINES_TO_AGAIN,
    is_end,
    is_formality,
    is_no_reason,
    is_warning,
    recent,
    says_again,
    without_foreword,
)
from bot.core.reported_tests import ReportedTests, reported_tests

MOST_FLAKY_JOBS = 5
"""When more jobs than these failed at once, they have one common reason."""
NO_FLAKES: Mapping[str, Collection[str]] = MappingProxyType({})


class Cause(StrEnum):
    """What kind of failure it was; the pipeline file gives each its number of re-runs."""

    TRANSIENT = "transient"  # network, runner, registry
    FLAKY = "flaky"  # a test known to be flaky, by rule or because it failed and passed on one commit
    BROKEN = "broken"  # a compile error and the like: a re-run fails again
    UNKNOWN = "unknown"


class Where(StrEnum):
    """What a rule reads; `any` is everything but the job's name."""

    STEP = "step"
    ANNOTATION = "annotation"
    LOG = "log"
    JOB = "job"
    ANY = "any"


_WORST_FIRST = (Cause.BROKEN, Cause.UNKNOWN, Cause.FLAKY, Cause.TRANSIENT)

# Steps and jobs take these conclusions when they did nothing wrong themselves.
# https://docs.github.com/en/actions/how-tos/write-workflows/choose-when-workflows-run/control-jobs-with-conditions
_NO_FAULT = frozenset({"success", "neutral", "skipped"})


@dataclass(frozen=True, slots=True)
class Rule:
    """A sign by which a cause is known.

    `pattern` is searched in single lines of at most 500 characters; `unless`, found anywhere in the same job,
    takes the sign back. `about` says what happened in a few words that "in job build" can follow.
    """

    name: str
    cause: Cause
    where: Where
    pattern: re.Pattern[str]
    about: str
    example: str
    near_miss: str = ""
    unless: re.Pattern[str] | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """Why one job failed. `rule`: None when no rule decided; `line_number`: within the log tail, from 1.

    `tests`: those that failed, whatever rule decided, at most `MOST_TESTS`.
    """

    job: str
    step: str | None
    cause: Cause
    rule: str | None
    about: str
    line: str | None
    line_number: int | None
    tests: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The cause of a failed attempt, and what was found in each job that counts."""

    cause: Cause
    findings: tuple[Finding, ...]

    @property
    def headline(self) -> str:
        """One phrase for people, without a full stop: what happened, and where."""
        decisive = [finding for finding in self.findings if finding.cause is self.cause]
        if not decisive:
            return "No failed job was found"
        first, more = decisive[0], len(decisive) - 1
        others = "" if not more else " and in 1 other job" if more == 1 else f" and in {more} other jobs"
        step = f" / {first.step}" if first.step and first.step != first.job else ""
        place = f" in job {first.job}{step}" if first.job else ""
        return f"{first.about[:1].upper()}{first.about[1:]}{place}{others}"


@dataclass(frozen=True, slots=True)
class _Line:
    where: Where
    text: str
    number: int | None = None
    marked: bool = False  # the runner marked it as an error
    bare: str = ""  # without what others put before the tool's words
    elsewhere: bool = False  # said in a step that did not fail
    past: bool = False  # much was said after it, or another try


def judge(
    evidence: Evidence, rules: Sequence[Rule], *, known_flakes: Mapping[str, Collection[str]] = NO_FLAKES
) -> Verdict:
    """The verdict on one failed attempt.

    `known_flakes`: for the name of a job its proven flaky tests, named as in `Finding.tests`; a job all of whose
    failing tests are among them is flaky, unless a rule found another reason.
    """
    findings = [judge_job(job, rules, known_flakes.get(job.name, ())) for job in at_fault(evidence.jobs)]
    return verdict_of(evidence, findings)


def verdict_of(evidence: Evidence, findings: Sequence[Finding]) -> Verdict:
    """The verdict on an attempt, given what `judge_job` says of each job that `at_fault` names."""
    if evidence.startup_failure:
        # GitHub could not make jobs out of the file, and refuses to re-run such a run.
        about = "the run could not start, its workflow file is not valid"
        return Verdict(Cause.BROKEN, (Finding("", None, Cause.BROKEN, None, about, None, None),))
    counted = _without_bystanders(evidence.jobs, _without_crowds(findings))
    causes = {finding.cause for finding in counted}
    return Verdict(next((cause for cause in _WORST_FIRST if cause in causes), Cause.UNKNOWN), counted)


def at_fault(jobs: Iterable[FailedJob]) -> list[FailedJob]:
    """The jobs that failed by themselves; the cancelled ones only when there is no other.

    A lost runner or a spent time limit can end a job as cancelled; so does fail-fast, when another failed.
    https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstrategyfail-fast
    """
    candidates = [job for job in jobs if job.conclusion not in _NO_FAULT]
    failed = [job for job in candidates if job.conclusion != "cancelled"]
    return failed or candidates


def _without_bystanders(jobs: Iterable[FailedJob], findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """When every job was cancelled, those that show a reason speak for those that show none."""
    if any(job.conclusion not in _NO_FAULT | {"cancelled"} for job in jobs):
        return findings
    shown = tuple(found for found in findings if found.rule or found.cause is not Cause.UNKNOWN)
    return shown or findings[:1]


def _without_crowds(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Many failures at once are no chance: what they have in common is not known."""
    failed = len(findings)
    if failed <= MOST_FLAKY_JOBS:
        return tuple(findings)
    crowd = f"{failed} jobs failed at once, too many to call it flaky: "
    return tuple(
        replace(found, cause=Cause.UNKNOWN, about=crowd + found.about)
        if found.cause is Cause.FLAKY
        else found
        for found in findings
    )


def judge_job(job: FailedJob, rules: Sequence[Rule], known_flakes: Collection[str] = ()) -> Finding:
    """Why one job failed. A long log of long lines takes a second: whoever serves others breathes between two jobs."""
    lines = _read(job)
    near = tuple(line for line in lines if not line.elsewhere)
    lasting = [rule for rule in rules if rule.cause in {Cause.BROKEN, Cause.UNKNOWN}]
    found = _first_sign(job, rules, near) or _first_sign(job, lasting, lines) or _unexplained(job, lines)
    tests = reported_tests(_own_steps(job))
    found = replace(found, tests=tests.failed[:MOST_TESTS])
    return _as_flake(found, tests, frozenset(known_flakes)) if found.cause is Cause.UNKNOWN else found


def _own_steps(job: FailedJob) -> FailedJob:
    """The job with the steps alone that failed: a test that healed in one that succeeded explains nothing."""
    log = job.log_lines
    begins = [at for at, text in enumerate(log) if at and text.startswith(STEP_BEGIN)]
    steps = [log[begin:end] for begin, end in pairwise([0, *begins, len(log)])]
    failed = [step for step in steps if any(text.startswith(ERROR) for text in step)]
    return replace(job, log_tail="\n".join(chain.from_iterable(failed))) if failed else job


def _first_sign(job: FailedJob, rules: Sequence[Rule], lines: tuple[_Line, ...]) -> Finding | None:
    for rule in rules:
        if line := _sign(rule, lines):
            return Finding(job.name, job.step, rule.cause, rule.name, rule.about, line.text, line.number)
    return None


def _read(job: FailedJob) -> tuple[_Line, ...]:
    """All that a rule may look at; GitHub's own words first."""
    notes = [line for text in job.annotations for line in text[: 20 * MAX_READ_LINE].splitlines()]
    return (
        *(_Line(Where.ANNOTATION, line[:MAX_READ_LINE]) for line in notes),
        *_read_log(job),
        *([_Line(Where.STEP, job.step[:MAX_READ_LINE])] if job.step else []),
        _Line(Where.JOB, job.name[:MAX_READ_LINE]),
    )


def _read_log(job: FailedJob) -> list[_Line]:
    """The lines of the log, step by step.

    Steps that failed and did not matter (`continue-on-error`) look like the one that did, and count as failed.
    """
    log = job.log_lines
    begins = [at for at, text in enumerate(log) if at and text.startswith(STEP_BEGIN)]
    some_failed = any(text.startswith(ERROR) for text in log)
    lines: list[_Line] = []
    for begin, end in pairwise([0, *begins, len(log)]):
        step = log[begin:end]
        elsewhere = some_failed and not any(text.startswith(ERROR) for text in step)
        past = len(step) - recent(step)
        again = [at for at, text in enumerate(step) if says_again(text)]
        tried_again = {at - back for at in again for back in range(1, LINES_TO_AGAIN + 1)}
        for at, text in enumerate(step):
            if text and not text.startswith(STEP_BEGIN):
                number = job.first_log_line + begin + at
                lines.append(
                    _log_line(text, number, elsewhere=elsewhere, past=at < past or at in tried_again)
                )
    return lines


def _log_line(text: str, number: int, *, elsewhere: bool, past: bool) -> _Line:
    said = text.removeprefix(ERROR)
    bare = without_foreword(said)
    marked = text.startswith(ERROR)
    return _Line(Where.LOG, said, number, marked, bare if bare != said else "", elsewhere, past)


def _sign(rule: Rule, lines: tuple[_Line, ...]) -> _Line | None:
    found = next((line for line in lines if _shows(rule, line)), None)
    if found and rule.unless and any(rule.unless.search(line.text) for line in lines):
        return None
    return found


def _shows(rule: Rule, line: _Line) -> bool:
    if line.where is not rule.where and (rule.where is not Where.ANY or line.where is Where.JOB):
        return False
    if not (rule.pattern.search(line.text) or (line.bare and rule.pattern.search(line.bare))):
        return False
    return line.where is not Where.LOG or not _harmless(rule.cause, line)


def _harmless(cause: Cause, line: _Line) -> bool:
    """Whether a line of the log, whatever it says, did not end the job for such a cause."""
    match cause:
        case Cause.TRANSIENT:
            return line.past or is_no_reason(line.text)
        case Cause.BROKEN:
            return is_warning(line.text)
        case Cause.FLAKY | Cause.UNKNOWN:
            return False
        case _:
            assert_never(cause)


def _as_flake(found: Finding, tests: ReportedTests, known_flakes: frozenset[str]) -> Finding:
    """The finding as a flake, when every test that failed is known to be one or passed when tried again."""
    strangers = [test for test in tests.failed if test not in known_flakes and test not in tests.healed]
    if not tests.failed or strangers or not tests.complete:
        return found
    first = tests.failed[0]
    named = first.replace("`", "'")
    proof = "failed, then passed" if first in tests.healed else "is known to be flaky"
    return replace(found, cause=Cause.FLAKY, about=f"the test `{named}` {proof}")


def _unexplained(job: FailedJob, lines: tuple[_Line, ...]) -> Finding:
    line = _last_words(lines)
    match job.conclusion:
        case "timed_out":
            about = "the time limit was reached"
        case "cancelled":
            about = "it was cancelled for no visible reason"
        case _ if line is None:
            about = "there is no log that tells the reason"
        case _:
            about = "unknown failure"
    text, number = (line.text, line.number) if line else (None, None)
    return Finding(job.name, job.step, Cause.UNKNOWN, None, about, text, number)


def _last_words(lines: tuple[_Line, ...]) -> _Line | None:
    """What was said last before the job failed: the line to show when no rule knows better."""
    log = [line for line in lines if line.where is Where.LOG and line.text.strip()]
    marked = [line for line in log if line.marked and not is_formality(line.text)]
    ends = [at for at, line in enumerate(log) if is_end(line.text)]
    told = log[: ends[0]] if ends else log
    notes = [line for line in lines if line.where is Where.ANNOTATION and not is_formality(line.text)]
    return next(iter([*marked[-1:], *told[-1:], *notes[:1]]), None)
