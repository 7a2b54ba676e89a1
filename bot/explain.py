"""Why a log says that its job failed: the bot's own judge, asked about files.

Rule of this file: a file is read, cleaned and judged exactly as the bot treats the log of a failed job, so that both
never disagree; only where in the file the deciding line stands is worked out here.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from bot.core.causes import Cause, Rule, Verdict, judge
from bot.core.evidence import Evidence, FailedJob
from bot.core.log_text import READ_BYTES, LogLine, numbered_tail

CONCLUSIONS = (
    *("failure", "cancelled", "timed_out", "startup_failure", "action_required", "stale"),
    *("success", "neutral", "skipped"),
)
"""How a job can end. https://docs.github.com/en/rest/checks/runs"""
_CHUNK = 1 << 20  # bytes


@dataclass(frozen=True, slots=True)
class Job:
    """What is known about the failed job beside its log."""

    name: str = ""
    step: str | None = None
    conclusion: str = "failure"


@dataclass(frozen=True, slots=True)
class Explanation:
    """The judgement on one log.

    `rule`: None when no rule decided; then `said` is what the log says last, if it says anything.
    """

    file: str
    cause: Cause
    rule: str | None
    said: LogLine | None
    why: str

    @property
    def line(self) -> int | None:
        """The number, from 1, of the line of the file that decided; None when no line did."""
        return self.said.number if self.said and self.rule else None

    def as_json(self) -> str:
        """One line, in ASCII."""
        keys = {"file": self.file, "cause": self.cause, "rule": self.rule, "line": self.line, "why": self.why}
        return json.dumps(keys)

    def as_text(self) -> str:
        """A few short lines for people."""
        lines = [f"{self.file}: {self.cause}", f"  {self.why}."]
        if self.rule:
            lines.append(f"  Rule: {self.rule}")
        if self.said:
            place = "Line" if self.rule else "Last words, line"
            lines.append(f"  {place} {self.said.number}: {self.said.text.strip()}")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Tail:
    """The end of a file, and the number of the line it begins with."""

    raw: bytes
    first_line: int


def read_tail(stream: BinaryIO, *, most: int = READ_BYTES) -> Tail:
    """The end of a stream, read to its end in pieces; a little more than `most` bytes are kept. Raises OSError."""
    kept = b""
    lines_before = 0
    while piece := stream.read(_CHUNK):
        kept += piece
        # One byte more than is read, so that a cut log can be told from a whole one.
        if (over := len(kept) - most - 1) > 0:
            lines_before += kept.count(b"\n", 0, over)
            kept = kept[over:]
    return Tail(kept, lines_before + 1)


def explain(file: str, tail: Tail, job: Job, rules: Sequence[Rule]) -> Explanation:
    """What the rules say about the log of one failed job. Never raises."""
    lines = numbered_tail(tail.raw, first_line=tail.first_line)
    text = "\n".join(line.text for line in lines)
    failed = FailedJob(
        name=job.name,
        conclusion=job.conclusion,
        step=job.step,
        annotations=(),
        log_tail=text or None,
        job_id=0,
        url=None,
    )
    verdict = judge(Evidence((failed,), 1, startup_failure=job.conclusion == "startup_failure"), rules)
    return _explanation(file, verdict, lines)


def _explanation(file: str, verdict: Verdict, lines: Sequence[LogLine]) -> Explanation:
    found = verdict.findings[0] if verdict.findings else None
    at = found.line_number if found else None
    return Explanation(
        file=file,
        cause=verdict.cause,
        rule=found.rule if found else None,
        said=lines[at - 1] if at else None,
        why=verdict.headline,
    )
