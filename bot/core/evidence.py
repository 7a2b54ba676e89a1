"""What is known about a failed run attempt: its jobs, and what GitHub and their logs say about them.

Rule of this file: evidence is only collected here, never judged (that is `causes`).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

MAX_READ_LINES = 2_000  # per job; no more of a log is looked at
MAX_READ_LINE = 500  # characters
MOST_TESTS = 50
"""Failed tests of one job that are told and remembered."""


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
    paths: tuple[str, ...] = ()
    """Files that the annotations point at."""

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
        jobs = [
            asdict(job) | {"annotations": list(job.annotations), "paths": list(job.paths)}
            for job in self.jobs
        ]
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
    paths = data.get("paths", [])
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise ValueError("evidence: 'paths' must be a list of texts")
    return FailedJob(
        name=_text(data, "name") or "",
        conclusion=_text(data, "conclusion") or "",
        step=_text(data, "step"),
        annotations=tuple(annotations),
        paths=tuple(paths),
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
