"""Which tests a failed job names: those that failed, those that passed when tried again, and whether that is all.

Rule of this file: doubt says "not all". What the log does not show as passed after its last failure has failed.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from bot.core.evidence import MAX_READ_LINE, FailedJob
from bot.core.report_lines import (
    PLAIN_TOOLS,
    Count,
    Counted,
    LineReader,
    Outcome,
    Reader,
    Result,
    Told,
)
from bot.core.report_sections import SECTIONED_TOOLS

MOST_NAME = 250
"""Characters of a test's name."""
_WITH_SUBTESTS = frozenset({"go", "gotestsum", "gotestsum reports"})
_MOST_NOTE_LINES = 20
_ADDRESS = re.compile(r"(@|\b0x)(?=[0-9a-f]{0,15}\d)[0-9a-f]{5,16}\b")
# What Surefire says of a test, after the runner took the mark of the line for its own.
_NOTE = re.compile(
    r"\s{0,6}(?:[\w$]{1,100}\.){0,20}((?:Test[A-Z]\w{0,100}|[A-Z]\w{0,100}(?:Test|Tests|IT|ITCase|TestCase|Spec))"
    r"(?:\$\w{1,100}){0,3}\.[a-z_]\w{0,150}(?:\([^)]{0,100}\))?(?:\[\d{1,6}\])?)(?::\d{1,6}\b| »|: )"
)


@dataclass(frozen=True, slots=True)
class ReportedTests:
    """The tests that a job names.

    `failed`: each once, in the order of the log, also those that passed later; `healed`: those of them that passed
    when tried again; `complete`: by the tools' own count no failed test is missing.
    """

    failed: tuple[str, ...]
    healed: frozenset[str]
    complete: bool


def reported_tests(job: FailedJob) -> ReportedTests:
    """What the job's log and annotations tell about its tests. Linear in the size of the log."""
    told = _settled(list(_told(job.log_lines)))
    results = [each for each in told if isinstance(each, Result)]
    healed: dict[str, bool] = {}
    for result in results:
        match result.outcome:
            case Outcome.FAILED:
                healed[result.test] = False
            case Outcome.TRIED_AGAIN:
                healed.setdefault(result.test, False)
            case Outcome.FLAKY:
                healed[result.test] = True
            case Outcome.PASSED if result.test in healed:
                healed[result.test] = True
            case Outcome.PASSED:
                pass
    for parent in _parents(results):
        healed.pop(parent, None)
    more = [test for test in _noted(job.annotations) if not any(known.endswith(test) for known in healed)]
    healed |= dict.fromkeys(more, False)
    passed = frozenset(test for test, well in healed.items() if well)
    # GitHub keeps few annotations: where they know more than the log, more may be missing.
    return ReportedTests(tuple(healed), passed, _complete(told) and not more)


def failing_tests(job: FailedJob) -> tuple[str, ...]:
    """The names of the tests that the log shows as failed, each once, in the order of the log."""
    return reported_tests(job).failed


def passed_after_retry(job: FailedJob) -> frozenset[str]:
    """The names of the failing tests that the same log shows as passed later: proof of a flake."""
    return reported_tests(job).healed


def names_all_failures(job: FailedJob) -> bool:
    """Whether the end of the log names every test that failed, by the tools' own count."""
    return reported_tests(job).complete


def _told(lines: Sequence[str]) -> Iterator[Told]:
    """All that the tools tell, with names of one length."""
    text = "\n".join(lines)
    plain = [tool for tool in PLAIN_TOOLS if any(mark in text for mark in tool.marks)]
    readers: list[Reader] = [LineReader(plain)]
    readers += [tool() for tool in SECTIONED_TOOLS if any(mark in text for mark in tool.marks)]
    for line in lines:
        said = _unmarked(line)
        for reader in readers:
            yield from map(_lasting, reader.read(said))
    for reader in readers:
        yield from map(_lasting, reader.end())


def _unmarked(line: str) -> str:
    """Without the runner's marks. It takes Maven's own for its own."""
    for mark, mavens in (("##[error]", "[ERROR]"), ("##[warning]", "[WARNING]")):
        if line.startswith(mark):
            rest = line[len(mark) :]
            return mavens + rest if rest.startswith(" ") else rest
    return line


def _lasting(told: Told) -> Told:
    """With a name that the test will have again: short, and without the addresses of objects."""
    match told:
        case Result(tool, outcome, test) if len(test) > MOST_NAME or _ADDRESS.search(test):
            return Result(tool, outcome, _ADDRESS.sub(r"\1", test)[:MOST_NAME])
        case _:
            return told


def _settled(told: list[Told]) -> list[Told]:
    """What was tried again is flaky once a count that names all the failures does not name it."""
    settled: list[Told] = []
    tried: dict[str, dict[str, None]] = {}
    failed: dict[str, set[str]] = {}
    for each in told:
        match each:
            case Result(tool, Outcome.TRIED_AGAIN, test):
                tried.setdefault(tool, {})[test] = None
            case Result(tool, Outcome.FAILED, test):
                failed.setdefault(tool, set()).add(test)
            case Result():
                pass
            case Count(tool, number):
                names = failed.pop(tool, set())
                again = tried.pop(tool, {})
                if number <= len(names):
                    settled += [Result(tool, Outcome.FLAKY, test) for test in again if test not in names]
        settled.append(each)
    return settled


def _parents(results: Iterable[Result]) -> set[str]:
    """Tests that failed because a part of them did: the part counts."""
    failed = {
        each.test for each in results if each.tool in _WITH_SUBTESTS and each.outcome is not Outcome.PASSED
    }
    parents: set[str] = set()
    for test in failed:
        parent, slash, _ = test.rpartition("/")
        while slash and parent not in parents:
            if parent in failed:
                parents.add(parent)
            parent, slash, _ = parent.rpartition("/")
    return parents


def _complete(told: Iterable[Told]) -> bool:
    """Whether each tool names as many failures as it counts."""
    counted: dict[str, int] = {}
    named: dict[str, int] = {}
    block: dict[str, set[str]] = {}
    runs: dict[str, int] = {}
    by_run: set[str] = set()
    for each in told:
        match each:
            case Count(tool, number, of):
                counted[tool] = counted.get(tool, 0) + number
                named[tool] = named.get(tool, 0) + len(block.pop(tool, ()))
                if of is Counted.RUNS:
                    by_run.add(tool)
            case Result(tool, Outcome.FAILED | Outcome.FLAKY as outcome, test):
                block.setdefault(tool, set()).add(test)
                runs[tool] = runs.get(tool, 0) + (outcome is Outcome.FAILED)
            case Result():
                pass
    for tool, rest in block.items():
        named[tool] = named.get(tool, 0) + len(rest)
    return all(number <= (runs if tool in by_run else named).get(tool, 0) for tool, number in counted.items())


def _noted(annotations: Iterable[str]) -> Iterator[str]:
    """The failed tests that annotations name."""
    for note in annotations:
        lines = [line[:MAX_READ_LINE] for line in note[: _MOST_NOTE_LINES * MAX_READ_LINE].splitlines()]
        if test := _NOTE.match(lines[0] if lines else ""):
            yield test[1]
        for told in _told(lines[:_MOST_NOTE_LINES]):
            if isinstance(told, Result) and told.outcome is not Outcome.PASSED:
                yield told.test
