"""What is known of a failed attempt beside its cause, put together from its jobs, the verdict and the memory.

Rule: pure. What is said of it is in `bot.core.present.card`, what is made of it in `runs` and `outage`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bot.core.causes import Finding, Verdict
from bot.core.evidence import FailedJob
from bot.core.facts import JobFacts
from bot.core.job_names import named
from bot.core.ledger import FAILED, NEVER_SEEN, History, Memory
from bot.core.plan import FailureRule
from bot.core.services import service_of
from bot.core.trouble import NOTHING_KNOWN, Background

MOST_NAMES = 20
"""Failed jobs whose names are remembered with the attempt."""
_NO_HARM = frozenset({"success", "skipped", "neutral"})


def decisive_of(verdict: Verdict) -> Finding | None:
    """The finding that speaks for the attempt; None when no failed job was found."""
    return next((found for found in verdict.findings if found.cause is verdict.cause), None)


def job_of(finding: Finding, read: Sequence[FailedJob]) -> FailedJob | None:
    """Jobs can share a name: the one whose log has the deciding line is meant."""
    named_so = [job for job in read if job.name == finding.job]
    telling = (job for job in named_so if finding.line and finding.line in (job.log_tail or ""))
    return next(telling, named_so[0] if named_so else None)


def background_of(
    verdict: Verdict,
    jobs: Sequence[JobFacts],
    read: Sequence[FailedJob],
    *,
    memories: Mapping[str, Memory],
    never_rerun: tuple[str, ...],
    own: tuple[FailureRule, ...],
) -> Background:
    """`jobs`: all of the attempt; `read`: the failed ones with their logs; `own`: the rules of the pipeline file."""
    decisive = decisive_of(verdict)
    guarded = guarded_job(jobs, never_rerun)
    if decisive is None:
        return replace(NOTHING_KNOWN, guarded=guarded)
    failed = [job for job in jobs if job.conclusion in FAILED]
    services = {found.job: service_of(found, job_of(found, read)) for found in verdict.findings}
    # Also beside a test that failed: its job would fail for the outage again.
    service = services[decisive.job] or next(filter(None, services.values()), "")
    away = [job.seconds for job in failed if service and services.get(job.name) == service]
    subject, history = _known(decisive, memories.get(decisive.job))
    return Background(
        subject=subject,
        history=history,
        rule=decisive.rule or "",
        seconds=max((job.seconds for job in failed), default=0.0),
        service=service,
        jobs=len(away),
        lasted=min(away, default=0.0),
        failed=tuple(job.name for job in failed) if len(failed) <= MOST_NAMES else (),
        guarded=guarded,
        unsaid=_unsaid(verdict, own),
    )


def _known(decisive: Finding, memory: Memory | None) -> tuple[str, History]:
    """What there is a history of: a test that failed, else the rule that fired, else the job."""
    if memory is None:
        return "", NEVER_SEEN
    if decisive.tests and decisive.tests[0] in memory.tests:
        return decisive.tests[0], memory.tests[decisive.tests[0]]
    return (decisive.rule, memory.rule) if decisive.rule else (decisive.job, memory.job)


def guarded_job(jobs: Sequence[JobFacts], never_rerun: tuple[str, ...]) -> str:
    """A job that must not be run again by itself and would be: GitHub re-runs cancelled ones with the failed."""
    ended_badly = (job.name for job in jobs if job.conclusion not in _NO_HARM)
    return next((name for name in ended_badly if named(name, never_rerun)), "")


def _unsaid(verdict: Verdict, own: tuple[FailureRule, ...]) -> str:
    """The headline without the words of the pipeline file; empty when it has none."""
    names = {rule.name for rule in own}
    findings = tuple(
        replace(found, about="a rule of the pipeline file fired") if found.rule in names else found
        for found in verdict.findings
    )
    return "" if findings == verdict.findings else replace(verdict, findings=findings).headline
