"""What of a failed job's log a person is shown: the lines around the reason, and the file that it points at.

Rule of this file: only what the log says unmistakably; no path is better than a wrong one.
"""

import re
from collections.abc import Iterator

from bot.core.causes import Cause, Finding
from bot.core.evidence import FailedJob
from bot.core.noise import ERROR

MOST_PATH = 300
"""Characters of a path."""
_NO_FILE = ".github"
"""Where GitHub puts annotations that belong to no file."""
_LINES_AFTER = 8
_LINES_BEFORE = 60

_PATH = r"((?:[A-Za-z]:)?[^\s:()'\"<>|*?]{1,400}\.[A-Za-z]\w{0,9})"
_COMPILERS = tuple(
    re.compile(pattern.replace("PATH", _PATH))
    for pattern in (
        # javac, gcc, clang, mypy; in the languages that javac and gcc speak
        r"^(?:\[ERROR\] |Error: )?PATH:\d{1,6}:(?:\d{1,6}:)? (?:fatal )?(?:error|Fehler|erreur|エラー|错误) ?:",
        r"^\[ERROR\] {1,2}PATH:(?:\[\d{1,6},\d{1,6}\]| ?\(\d{1,6}, ?\d{1,6}\))",  # Maven's compilers, Checkstyle
        r"^\[ERROR\] {1,2}PATH:\d{1,6}:(?:\d{1,6}:)? ",
        r"^e: (?:file://)?PATH:(?: \(|\d)",  # kotlinc
        r"^\[error\] {1,2}PATH:\d{1,6}:",  # sbt
        r"^-- (?:\[E\d{1,3}\] )?[\w -]{0,60}Error: PATH:\d{1,6}",  # Scala 3
        r"^PATH\(\d{1,6},\d{1,6}\): error ",  # tsc, MSBuild
        r"^PATH:\d{1,6}:\d{1,6} - error TS\d",
        r"^(?:vet: )?((?:\.{1,2}/)?[^\s:()'\"<>|*?]{1,400}\.go):\d{1,6}:\d{1,6}: ",
        r"^ {0,12}--> PATH:\d{1,6}:\d{1,6}",  # rustc, ruff
        r"^([^\s:()'\"<>|*?]{1,400}\.pyi?):\d{1,6}:(?:\d{1,6}:)? [A-Z]{1,4}\d{1,4}\b",  # flake8, ruff
        r"^((?:/|[A-Za-z]:)[^\s:()'\"<>|*?]{1,400}\.kts?):\d{1,6}:\d{1,6}:? ",  # ktlint, detekt
    )
)
_ESLINT = re.compile(r"^((?:/|[A-Za-z]:\\)[^\s:()'\"<>|*?]{1,400}\.[cm]?[jt]sx?)$")
_ESLINT_FINDING = re.compile(r"^ {1,4}\d{1,6}:\d{1,6} {1,4}(error|warning) ")
_TEST_FILES = tuple(
    re.compile(pattern)
    for pattern in (
        r"^(?:FAILED|ERROR) ([^\s:]{1,300}\.py)(?:::| - |$)",
        r"^([^\s:]{1,300}\.py)::\S.{0,250}? (?:FAILED|ERROR)\b",
        r"^ ?FAIL {1,2}(?:\|[^|]{1,60}\| )?(\S{1,300}\.[cm]?[jt]sx?)(?: > | \(|$)",
    )
)
# Where a checkout lies: on GitHub's machines, in a container of a job, in a container of an action, on other machines.
# https://docs.github.com/en/actions/reference/runners/github-hosted-runners#file-systems
_CHECKOUT = re.compile(
    r"^(?:file://)?(?:/(?:home|Users)/runner/work/[^/]{1,100}/[^/]{1,100}/|[A-Za-z]:/a/[^/]{1,100}/[^/]{1,100}/"
    r"|/__w/[^/]{1,100}/[^/]{1,100}/|/github/workspace/|(?:[A-Za-z]:)?/(?:[^/]{1,100}/){0,10}?_work/[^/]{1,100}/[^/]{1,100}/)"
)
_NOT_IN_REPOSITORY = re.compile(
    r"(?:^|/)(?:node_modules|site-packages|dist-packages|\.cargo|\.gradle|\.m2|\.git|build/generated|target/generated[^/]{0,40})/"
)


def excerpt(job: FailedJob, finding: Finding, *, most: int = 30) -> str:
    """At most `most` lines around the line that decided, or the last ones when none did; without the runner's marks."""
    lines = job.log_tail.split("\n") if job.log_tail else []
    at = finding.line_number
    end = len(lines) if at is None or at > len(lines) else max(at + most // 3, most)
    shown = [line for line in lines[max(0, min(end, len(lines)) - most) : end] if line != "##[endgroup]"]
    return "\n".join(_readable(line) for line in shown).strip("\n")


def _readable(line: str) -> str:
    said = line.removeprefix("##[group]").removeprefix("##[endgroup]")
    return f"Error: {said.removeprefix(ERROR)}" if said.startswith(ERROR) else said


def failing_path(job: FailedJob, finding: Finding) -> str | None:
    """The file that the failure points at, relative to the root of the repository, at most 300 characters."""
    if finding.cause is Cause.TRANSIENT:
        return None
    told = (path for named in job.paths if (path := _in_repository(named)) and path != _NO_FILE)
    return next(_paths(job, finding), None) or next(told, None)


def _paths(job: FailedJob, finding: Finding) -> Iterator[str]:
    lines = [line.removeprefix(ERROR) for line in (job.log_tail or "").split("\n")]
    at = (finding.line_number or len(lines)) - 1
    told = finding.line or ""
    after = lines[at + 1 : at + 1 + _LINES_AFTER]
    before = lines[max(0, at - _LINES_BEFORE) : at][::-1]
    yield from _from_lines([told], _COMPILERS + _TEST_FILES)
    if finding.cause is Cause.BROKEN:
        yield from _from_lines(after, _COMPILERS)
        yield from _from_lint(told, before)
        yield from _from_lines(before, _COMPILERS)
    if finding.tests:
        yield from _from_lines([*before, *after], _TEST_FILES)


def _from_lines(lines: list[str], patterns: tuple[re.Pattern[str], ...]) -> Iterator[str]:
    for line in lines:
        for pattern in patterns:
            if (found := pattern.match(line)) and (path := _in_repository(found[1])):
                yield path


def _from_lint(told: str, before: list[str]) -> Iterator[str]:
    """ESLint tells a file once, above what it found there; a file with mere warnings breaks nothing."""
    told_error = _ESLINT_FINDING.match(told)
    broken = bool(told_error and told_error[1] == "error")
    for line in before:
        if found := _ESLINT_FINDING.match(line):
            broken = broken or found[1] == "error"
        elif heading := _ESLINT.match(line):
            if broken and (path := _in_repository(heading[1])):
                yield path
            broken = False


def _in_repository(path: str) -> str | None:
    plain = path.replace("\\", "/")
    if "\ufffd" in plain:  # the log was written in another encoding
        return None
    plain = _CHECKOUT.sub("", plain, count=1).removeprefix("./")
    outside = (
        plain.startswith(("/", "~")) or ":" in plain or ".." in plain or _NOT_IN_REPOSITORY.search(plain)
    )
    return plain if plain and not outside and len(plain) <= MOST_PATH else None
