"""What tools print about their tests, one line for one test.

Rule of this file: one table for each tool. A test has one name, however its tool prints it, so that what failed today
can be compared with what failed before: without packages of Java, positions in files, durations and numbers of tries.
Every repeat is bounded and none stands within another, so that a hostile line costs no more than any other.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Outcome(StrEnum):
    """What a line says about one test; `flaky` when the tool itself says that it failed, then passed."""

    FAILED = "failed"
    TRIED_AGAIN = "tried again"
    PASSED = "passed"
    FLAKY = "flaky"


class Counted(StrEnum):
    """What a tool counts as one failure: each test once, flaky ones too, or each run of a test."""

    TESTS = "tests"
    FLAKES_TOO = "flakes too"
    RUNS = "runs"


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of a test, by its name."""

    tool: str
    outcome: Outcome
    test: str


@dataclass(frozen=True, slots=True)
class Count:
    """How many tests failed, by the tool's own count."""

    tool: str
    number: int
    of: Counted = Counted.TESTS


Told = Result | Count


class Reader(Protocol):
    """Reads the log of one job, line by line."""

    def read(self, line: str) -> Iterable[Told]: ...

    def end(self) -> Iterable[Told]: ...


@dataclass(frozen=True, slots=True)
class LineFormat:
    """A line that tells about one test. `mark` is in every such line, so that the others cost little.

    `name` makes the name of the test out of the match; None: the line names no test after all.
    """

    outcome: Outcome
    mark: str
    pattern: re.Pattern[str]
    name: Callable[[re.Match[str]], str | None] = lambda found: found[1]


@dataclass(frozen=True, slots=True)
class CountFormat:
    """A line with a tool's own count; all the groups are added up."""

    mark: str
    pattern: re.Pattern[str]
    of: Counted = Counted.TESTS


@dataclass(frozen=True, slots=True)
class Tool:
    """How a tool prints the tests that failed, those that passed, and how many failed."""

    name: str
    lines: tuple[LineFormat, ...]
    counts: tuple[CountFormat, ...] = ()

    @property
    def marks(self) -> tuple[str, ...]:
        return (*(form.mark for form in self.lines), *(form.mark for form in self.counts))

    def results(self, line: str) -> Iterator[Result]:
        """What a line tells about a test; the first format that fits."""
        for form in self.lines:
            if form.mark in line and (found := form.pattern.match(line)) and (test := form.name(found)):
                yield Result(self.name, form.outcome, test)
                return

    def counted(self, line: str) -> Iterator[Count]:
        for form in self.counts:
            if form.mark in line and (found := form.pattern.match(line)):
                yield Count(self.name, sum(int(number) for number in found.groups() if number), form.of)
                return


class LineReader:
    """Reads what single lines tell."""

    def __init__(self, tools: Sequence[Tool]) -> None:
        self._tools = tools

    def read(self, line: str) -> Iterator[Told]:
        for tool in self._tools:
            yield from tool.results(line)
            yield from tool.counted(line)

    def end(self) -> Iterator[Told]:
        return iter(())


# -- JVM ------------------------------------------------------------------------------------------------------------

_PACKAGE = re.compile(r"(?:[a-z_]\w{0,80}\.){1,20}(?=[A-Z])")
# With the granularity of its own events Gradle puts these before the class.
_GRADLE_RUN = re.compile(r"^Gradle Test (?:Run \S{1,200}|Executor \d{1,6}) > ")


def without_package(name: str) -> str:
    """`FlowTest.resumes` for `io.acme.FlowTest.resumes`: summaries of tools leave the package out."""
    return _PACKAGE.sub("", name, count=1) if _PACKAGE.match(name) else name


def _gradle(found: re.Match[str]) -> str | None:
    name = _GRADLE_RUN.sub("", _GRADLE_RUN.sub("", found[1]))
    return without_package(name) if " > " in name and not name.startswith("Gradle Test ") else None


_GRADLE_TOOK = r"(?: \(\d[\d.]{0,8} ?m?s\))?$"
# https://docs.gradle.org/current/userguide/java_testing.html#test_reporting
GRADLE = Tool(
    "gradle",
    (
        LineFormat(
            Outcome.FAILED, " FAILED", re.compile(rf"^(?![ >])(.{{3,450}}) FAILED{_GRADLE_TOOK}"), _gradle
        ),
        LineFormat(
            Outcome.PASSED, " PASSED", re.compile(rf"^(?![ >])(.{{3,450}}) PASSED{_GRADLE_TOOK}"), _gradle
        ),
    ),
    # With the plugin for retries each try counts.
    (CountFormat(" failed", re.compile(r"^\d{1,7} tests? completed, (\d{1,6}) failed"), Counted.RUNS),),
)

# -- Python ---------------------------------------------------------------------------------------------------------

# A parameter in brackets may hold what ends a name elsewhere.
_NODE = r"([^\s:]{1,200}::[^\s\[]{1,200}\[.{0,200}?\](?= - |\s|$)|[^\s:]{1,200}::.{1,200}?)"
_PY_NODE = _NODE.replace("::", r"\.py::")
_WORDS = (
    ("FAILED", Outcome.FAILED, _NODE),
    ("ERROR", Outcome.FAILED, _PY_NODE),
    ("PASSED", Outcome.PASSED, _NODE),
    ("RERUN", Outcome.TRIED_AGAIN, _NODE),
)
# https://docs.pytest.org/en/stable/how-to/output.html; RERUN: https://github.com/pytest-dev/pytest-rerunfailures
PYTEST = Tool(
    "pytest",
    (
        *(  # the summary
            LineFormat(outcome, f"{word} ", re.compile(rf"^{word} {node}(?: - .{{0,500}})?$"))
            for word, outcome, node in _WORDS
        ),
        *(  # verbose
            LineFormat(outcome, f" {word}", re.compile(rf"^{node} {word}(?: .{{0,60}})?$"))
            for word, outcome, node in _WORDS
        ),
        *(  # verbose, by one of several workers
            LineFormat(
                outcome,
                f"] {word} ",
                re.compile(rf"^\[gw\d{{1,3}}\] (?:\[ {{0,3}}\d{{1,3}}%\] )?{word} {node}\s{{0,8}}$"),
            )
            for word, outcome, node in _WORDS
        ),
    ),
    (
        CountFormat(
            " in ",
            re.compile(
                r"^(?:={1,250} )?(?=\d{1,7} [a-z])(?:(\d{1,6}) failed(?:, )?)?(?:\d{1,7} (?:passed|skipped|deselected"
                r"|xfailed|xpassed|warnings?|subtests passed)(?:, )?){0,7}(?:(\d{1,6}) errors?(?:, )?)?"
                r"(?:\d{1,6} rerun)?(?:, .{1,60}?)? in \d[\d.]{0,12}s"
            ),
        ),
    ),
)


def _unittest(found: re.Match[str]) -> str | None:
    method, place = found[1], found[2]
    if "_FailedTest" in place:  # stands for a module that could not be imported
        return None
    return place if place.endswith(f".{method}") else f"{place}.{method}"


# https://docs.python.org/3/library/unittest.html#command-line-interface
UNITTEST = Tool(
    "unittest",
    (
        LineFormat(
            Outcome.FAILED, ": ", re.compile(r"^(?:FAIL|ERROR): (\w{1,150}) \(([\w.]{1,250})\)"), _unittest
        ),
        LineFormat(
            Outcome.FAILED,
            " ... ",
            re.compile(r"^(\w{1,150}) \(([\w.]{1,250})\) \.\.\. (?:FAIL|ERROR)$"),
            _unittest,
        ),
        LineFormat(
            Outcome.PASSED, " ... ok", re.compile(r"^(\w{1,150}) \(([\w.]{1,250})\) \.\.\. ok$"), _unittest
        ),
    ),
    (
        CountFormat(
            "FAILED (", re.compile(r"^FAILED \((?:failures=(\d{1,6}))?(?:, )?(?:errors=(\d{1,6}))?[,)]")
        ),
    ),
)

# -- Rust -----------------------------------------------------------------------------------------------------------


def _cargo(found: re.Match[str]) -> str:
    return re.sub(r" \(line \d{1,6}\)$", "", found[1])


# https://doc.rust-lang.org/rustc/tests/index.html
CARGO = Tool(
    "cargo",
    (
        LineFormat(Outcome.FAILED, " ... FAILED", re.compile(r"^test (\S.{0,250}?) \.\.\. FAILED"), _cargo),
        LineFormat(Outcome.PASSED, " ... ok", re.compile(r"^test (\S.{0,250}?) \.\.\. ok"), _cargo),
        LineFormat(Outcome.FAILED, " stdout ----", re.compile(r"^---- (\S.{0,250}?) stdout ----$"), _cargo),
    ),
    (CountFormat("test result: ", re.compile(r"^test result: \w{2,6}\. \d{1,7} passed; (\d{1,6}) failed")),),
)

_NEXTEST_TEST = r" \[ {0,8}[\d.]{1,10}s\] {1,2}(?:\([ ─\d/]{1,24}\) {1,2})?(\S{1,150} \S{1,250})$"
# https://nexte.st/docs/reporting/, https://nexte.st/docs/features/retries/
NEXTEST = Tool(
    "nextest",
    (
        LineFormat(
            Outcome.FAILED,
            "s] ",
            re.compile(
                r"^\s{0,12}(?:TRY \d{1,3} )?(?:FAIL|TIMEOUT|TMT|ABORT|SIG[A-Z]{2,6}|LEAK-FAIL|L-FAIL)"
                + _NEXTEST_TEST
            ),
        ),
        LineFormat(
            Outcome.PASSED, "s] ", re.compile(r"^\s{0,12}(?:TRY \d{1,3} )?(?:PASS|LEAK)" + _NEXTEST_TEST)
        ),
        LineFormat(
            Outcome.FLAKY, "s] ", re.compile(r"^\s{0,12}(?:FLAKY|FLKY-FL) \d{1,3}/\d{1,3}" + _NEXTEST_TEST)
        ),
    ),
    (
        CountFormat(
            " tests run: ",
            re.compile(
                r"^\s{0,12}Summary \[.{1,14}\] \d{1,7}(?:/\d{1,7})? tests run: \d{1,7} passed(?: \([^)]{1,60}\))?"
                r"(?:, (\d{1,6}) failed)?(?:, (\d{1,6}) timed out)?"
            ),
            Counted.FLAKES_TOO,
        ),
    ),
)

# -- others ---------------------------------------------------------------------------------------------------------

# The position of an example changes with every line that is added above it.
RSPEC = Tool(
    "rspec",
    (
        LineFormat(
            Outcome.FAILED,
            "rspec ",
            re.compile(r"^rspec ['\"]?(?:\./)?([^\s:\['\"]{1,250})[^\s#]{0,60} # (.{1,250})$"),
            lambda found: f"{found[1]} # {found[2]}",
        ),
    ),
    (CountFormat(" examples, ", re.compile(r"^\d{1,7} examples, (\d{1,6}) failures?")),),
)

_TOOK = r"(?: \[(?:< ?)?\d[\w., ]{0,20}\])"
# https://learn.microsoft.com/en-us/dotnet/core/tools/dotnet-test; the logger of xUnit.net tells the same test too.
DOTNET = Tool(
    "dotnet",
    (
        LineFormat(Outcome.FAILED, "Failed ", re.compile(rf"^ {{1,4}}Failed {{1,3}}(\S.{{0,300}}?){_TOOK}$")),
        LineFormat(Outcome.PASSED, "Passed ", re.compile(rf"^ {{1,4}}Passed {{1,3}}(\S.{{0,300}}?){_TOOK}$")),
        LineFormat(
            Outcome.FAILED,
            " [FAIL]",
            re.compile(r"^\[xUnit\.net [\d:.]{1,20}\] {1,8}(\S.{0,300}?) \[FAIL\]$"),
        ),
        LineFormat(
            Outcome.FAILED,
            "failed ",
            re.compile(r"^failed ([\w`+]{1,100}\.[\w.`+]{1,200}(?:\(.{0,200}?\))?) \([\dms ]{2,20}\)$"),
        ),
    ),
    (CountFormat("Failed: ", re.compile(r"^(?:Failed|Passed)! {1,3}- Failed: {1,8}(\d{1,6}), Passed:")),),
)

# https://google.github.io/googletest/
GOOGLETEST = Tool(
    "googletest",
    (
        LineFormat(
            Outcome.FAILED,
            "[  FAILED  ] ",
            re.compile(r"^\[  FAILED  \] ([\w/]{1,150}\.[\w/]{1,150})(?=$| \(|, )"),
        ),
        LineFormat(
            Outcome.PASSED,
            "[       OK ] ",
            re.compile(r"^\[       OK \] ([\w/]{1,150}\.[\w/]{1,150})(?=$| \()"),
        ),
    ),
    (CountFormat(" FAILED TEST", re.compile(r"^ {0,2}(\d{1,6}) FAILED TESTS?$")),),
)

# https://cmake.org/cmake/help/latest/manual/ctest.1.html
CTEST = Tool(
    "ctest",
    (
        LineFormat(
            Outcome.FAILED,
            " - ",
            re.compile(
                r"^\s{1,10}\d{1,6} - (\S{1,250}) \((?:Failed|Timeout|SEGFAULT|ILLEGAL|NUMERICAL|OTHER_FAULT"
                r"|BAD_COMMAND|Subprocess aborted)\)$"
            ),
        ),
    ),
    (
        CountFormat(
            " failed out of ", re.compile(r"^\d{1,3}% tests passed, (\d{1,6}) tests? failed out of \d")
        ),
    ),
)

# https://bazel.build/reference/test-encyclopedia
BAZEL = Tool(
    "bazel",
    (
        LineFormat(
            Outcome.FAILED,
            " in ",
            re.compile(r"^(//\S{1,250}) {1,200}(?:\(cached\) )?(?:FAILED|TIMEOUT) in \d"),
        ),
        LineFormat(Outcome.FLAKY, "FLAKY, ", re.compile(r"^(//\S{1,250}) {1,200}FLAKY, failed in \d")),
    ),
    (CountFormat(" fail", re.compile(r"^Executed .{1,100}? and (\d{1,6}) fails? ")),),
)

PLAIN_TOOLS = (GRADLE, PYTEST, UNITTEST, CARGO, NEXTEST, RSPEC, DOTNET, GOOGLETEST, CTEST, BAZEL)
"""The tools whose lines tell enough by themselves."""
