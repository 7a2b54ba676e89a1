"""What is known about a failed run attempt: its jobs, and what GitHub and their logs say about them.

Rule of this file: evidence is only collected here, never judged (that is `causes`). A test has one name,
however its tool prints it, so that what failed today can be compared with what failed before.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

MAX_READ_LINES = 2_000  # per job; no more of a log is looked at
MAX_READ_LINE = 500  # characters


@dataclass(frozen=True, slots=True)
class FailedJob:
    """A job of the attempt that did not succeed.

    `conclusion` is GitHub's word; `step` the name of the first failed step; `annotations` the messages of
    level failure; `log_tail` the cleaned end of the log, None when there is none (a lost runner leaves none).
    """

    name: str
    conclusion: str
    step: str | None
    annotations: tuple[str, ...]
    log_tail: str | None
    job_id: int
    url: str | None

    @property
    def log_lines(self) -> tuple[str, ...]:
        """The log's last lines, numbered from the first line of `log_tail` by `first_log_line`."""
        return tuple(line[:MAX_READ_LINE] for line in (self.log_tail or "").split("\n")[-MAX_READ_LINES:])

    @property
    def first_log_line(self) -> int:
        """The number, counted from 1, of the first of `log_lines` within `log_tail`."""
        return max(0, (self.log_tail or "").count("\n") + 1 - MAX_READ_LINES) + 1


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known about one failed attempt. `total_jobs` counts the good jobs too."""

    jobs: tuple[FailedJob, ...]
    total_jobs: int
    startup_failure: bool

    def to_json(self) -> dict[str, object]:
        """Plain dictionaries and lists, ready for `json.dumps`."""
        jobs = [asdict(job) | {"annotations": list(job.annotations)} for job in self.jobs]
        return {"jobs": jobs, "total_jobs": self.total_jobs, "startup_failure": self.startup_failure}

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> "Evidence":
        """The inverse of `to_json`. ValueError names the field that is missing or of a wrong kind."""
        jobs = data.get("jobs")
        if not isinstance(jobs, list):
            raise ValueError("evidence: 'jobs' must be a list")
        return cls(
            jobs=tuple(_job_from_json(job) for job in jobs),
            total_jobs=_number(data, "total_jobs"),
            startup_failure=data.get("startup_failure") is True,
        )


def _job_from_json(data: object) -> FailedJob:
    if not isinstance(data, Mapping):
        raise ValueError("evidence: each of 'jobs' must be an object")
    annotations = data.get("annotations")
    if not isinstance(annotations, list) or not all(isinstance(text, str) for text in annotations):
        raise ValueError("evidence: 'annotations' must be a list of texts")
    return FailedJob(
        name=_text(data, "name") or "",
        conclusion=_text(data, "conclusion") or "",
        step=_text(data, "step"),
        annotations=tuple(annotations),
        log_tail=_text(data, "log_tail"),
        job_id=_number(data, "job_id"),
        url=_text(data, "url"),
    )


def _text(data: Mapping[str, object], key: str) -> str | None:
    match data.get(key):
        case str() | None as value:
            return value
        case _:
            raise ValueError(f"evidence: '{key}' must be a text")


def _number(data: Mapping[str, object], key: str) -> int:
    match data.get(key):
        case bool():
            raise ValueError(f"evidence: '{key}' must be a whole number")
        case int() as value:
            return value
        case _:
            raise ValueError(f"evidence: '{key}' must be a whole number")


# How tools print the tests that failed. Group 1 is the test's name.
_FAILED_TEST = (
    re.compile(r"^(?! )([^>\s][^>]{0,200}(?: > [^>]{1,150}){1,4}) FAILED$"),  # Gradle
    re.compile(
        r"^\[ERROR\] (?:[\w$]{1,60}\.){0,15}([\w$]{1,80}\.[\w$]{1,120})\b.{0,120}<<< (?:FAILURE|ERROR)!"
    ),
    re.compile(r"^FAILED (\S{1,200}::.{1,200}?)(?: - .*)?$"),  # pytest, summary
    re.compile(r"^(\S{1,200}::.{1,150}?) FAILED(?: .{0,40})?$"),  # pytest, verbose
    re.compile(r"^\s{0,16}--- FAIL: (\S{1,250})"),  # go test
    re.compile(r"^test (\S{1,250}) \.\.\. FAILED"),  # cargo test
    re.compile(r"^ {1,4}● (.{1,200} › .{1,200})$"),  # jest
    re.compile(r"^ {1,4}\d{1,4}\) (\[[\w -]{1,40}\] › .{1,250}?)[ ─]*$"),  # Playwright
)
# The same test, passed in the same log: a retry that worked.
_PASSED_TEST = (
    re.compile(r"^(?! )([^>\s][^>]{0,200}(?: > [^>]{1,150}){1,4}) PASSED$"),
    re.compile(r"^(\S{1,200}::.{1,150}?) PASSED(?: .{0,40})?$"),
    re.compile(r"^\s{0,16}--- PASS: (\S{1,250})"),
    re.compile(r"^test (\S{1,250}) \.\.\. ok"),
)
_FAILED_COUNT = re.compile(
    r"^\d{1,7} tests completed, (\d{1,6}) failed"
    r"|^=+ (\d{1,6}) failed\b"
    r"|^test result: FAILED\. \d{1,7} passed; (\d{1,6}) failed"
    r"|^Tests: {1,10}(\d{1,6}) failed"
)


def failing_tests(job: FailedJob) -> tuple[str, ...]:
    """The names of the tests that the log shows as failed, each once, in the order of the log."""
    return tuple(dict.fromkeys(_names(job.log_lines, _FAILED_TEST)))


def passed_after_retry(job: FailedJob) -> frozenset[str]:
    """The names of the failing tests that the same log shows as passed later: proof of a flake."""
    failed: set[str] = set()
    passed: set[str] = set()
    for line in job.log_lines:
        failed.update(_names((line,), _FAILED_TEST))
        passed.update(name for name in _names((line,), _PASSED_TEST) if name in failed)
    return frozenset(passed)


def names_all_failures(job: FailedJob) -> bool:
    """Whether the end of the log names every test that failed, by the tools' own count."""
    counts = (_FAILED_COUNT.match(line) for line in job.log_lines)
    counted = sum(int(next(group for group in count.groups() if group)) for count in counts if count)
    return counted <= sum(1 for _ in _names(job.log_lines, _FAILED_TEST))


def _names(lines: tuple[str, ...], patterns: tuple[re.Pattern[str], ...]) -> Iterator[str]:
    for line in lines:
        for pattern in patterns:
            if found := pattern.match(line):
                yield found.group(1)
                break
