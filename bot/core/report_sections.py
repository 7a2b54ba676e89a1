"""What tools print about their tests where a line means something only after or before others.

Rule of this file: a reader holds no more than the lines of one section. Where the tool's own words do not prove that a
test passed in the end, it counts as failed.
"""

import re
from collections.abc import Iterable, Iterator

from bot.core.report_lines import Count, Counted, Outcome, Result, Told, without_package

_MOST_PARTS = 20
"""Directories in the path of a package."""


class Surefire:
    """Maven Surefire and Failsafe: each failure when it happens, and all of them at the end, flaky ones by runs.

    https://maven.apache.org/surefire/maven-surefire-plugin/examples/rerun-failing-tests.html
    """

    marks = (
        "<<< ",
        "Errors:",
        "Tests run: ",
        "Flaked tests:",
        "Failed tests:",
        "Tests in error:",
        "Flakes:",
        "Failures:",
    )
    _TAG = re.compile(r"\[(?:ERROR|WARNING|INFO)\]|(?:Error|Warning):(?: (?= ))?")
    _HEADING = re.compile(
        r" ?(Failures|Errors|Flakes): {0,3}$| ?(Failed tests|Tests in error|Flaked tests):(.{0,400})$"
    )
    _CLASS = re.compile(r" ?Tests run: .{1,120} <<< (?:FAILURE|ERROR)!.{0,10}? in (\S{1,250})$")
    _TOTAL = re.compile(
        r" ?Tests run: \d{1,7}, Failures: (\d{1,6}), Errors: (\d{1,6}), Skipped: \d{1,6}(?:, Flakes: (\d{1,6}))?$"
    )
    _SINGLE = re.compile(
        r" ?(?!Tests run:)(\S.{0,300}?) {1,2}(?:-- )?Time elapsed: [\d.,]{1,12} s(?:ec)? {1,2}<<< (?:FAILURE|ERROR)!"
    )
    _RUN = re.compile(r" {2,4}Run \d{1,3}: (PASS\b)?")
    _GROUP = re.compile(r" ?((?:[\w$]{1,100}\.){1,20}[\w$][^:»]{0,200})$")
    _ENTRY = re.compile(r" {2,4}([\w$]{1,150}(?:>[\w$]{1,150}){0,3}\.[^:»]{1,250}?)(?=:\d| »|->)")
    _OLD_ENTRY = re.compile(r" {1,4}(\w{1,150}\([\w.$]{1,250}\))(?=: |$)")

    def __init__(self) -> None:
        self._class = ""
        self._section: Outcome | None = None
        self._tagged = False
        self._group = ""

    def read(self, line: str) -> Iterator[Told]:
        tag = self._TAG.match(line)
        text = line[tag.end() :] if tag else line
        if heading := self._HEADING.match(text):
            yield from self._begin(heading, tagged=tag is not None)
        elif total := self._TOTAL.match(text):
            self._section = None
            yield Count("surefire", sum(int(number or 0) for number in total.groups()), Counted.FLAKES_TOO)
        elif of_class := self._CLASS.match(text):
            self._class = of_class[1]
        elif "<<< " in text and (single := self._SINGLE.match(text)):
            yield self._failed(single[1])
        elif self._section and (tag or not self._tagged):  # the rest of a message has no tag
            yield from self._summary(text)

    def end(self) -> Iterator[Told]:
        return iter(())

    def _begin(self, heading: re.Match[str], *, tagged: bool) -> Iterator[Told]:
        word = heading[1] or heading[2]
        if heading[1] and not tagged:  # other tools have such headings too
            return
        self._tagged = tagged
        self._section = Outcome.FLAKY if word.startswith("Flake") else Outcome.FAILED
        self._group = ""
        if heading[3] and (entry := self._OLD_ENTRY.match(heading[3])):
            yield self._failed(entry[1])

    def _summary(self, text: str) -> Iterator[Told]:
        if (run := self._RUN.match(text)) and self._group:
            yield from self._run(passed=bool(run[1]))
        elif group := self._GROUP.match(text):
            self._group = group[1]
            yield self._failed(self._group)
        elif entry := self._ENTRY.match(text) or self._OLD_ENTRY.match(text):
            yield self._failed(entry[1])

    def _run(self, *, passed: bool) -> Iterator[Told]:
        """The last run decides: others may be of other parameters, and those prove nothing.

        https://github.com/apache/maven-surefire/issues/2768
        """
        if not passed:
            yield self._failed(self._group)
        elif self._section is Outcome.FLAKY:
            yield Result("surefire", Outcome.FLAKY, self._name(self._group))

    def _failed(self, text: str) -> Result:
        return Result("surefire", Outcome.FAILED, self._name(text))

    def _name(self, text: str) -> str:
        """`FlowTest.resumes`, whichever of its forms the version prints."""
        old = re.fullmatch(r"([\w$]{1,200})\(([\w$.]{1,250})\)", text)
        if old and ("." in old[2] or old[2] == _simple(self._class)):
            return f"{_simple(old[2])}.{old[1]}"
        # The summary leaves the parameters out.
        text = re.sub(r"\{[^}]{0,200}\}.{0,100}$", "", text, count=1)
        if inherited := re.match(r"([\w$]{1,150})(?:>[\w$]{1,150}){1,3}\.(.{1,250})$", text):
            return f"{inherited[1]}.{inherited[2]}"
        head = re.split(r"[\s(\[]", text, maxsplit=1)[0]
        if "." not in head:
            return f"{_simple(self._class)}.{text}" if self._class and text != _simple(self._class) else text
        plain = without_package(text)
        return plain if plain != text or head[:1].isupper() else _last_two(head) + text[len(head) :]


def _simple(name: str) -> str:
    return name.rpartition(".")[2]


def _last_two(name: str) -> str:
    return ".".join(name.split(".")[-2:])


class Go:
    """go test and gotestsum. The package is told after its tests; a package that failed must show one of them.

    https://pkg.go.dev/cmd/go#hdr-Test_packages, https://github.com/gotestyourself/gotestsum
    """

    marks = ("--- FAIL: ", "FAIL\t", "=== FAIL: ", " failures", "panic: test timed out")
    _TEST = re.compile(r"\s{0,16}--- (FAIL|PASS): (\S{1,250})")
    _RUNNING = re.compile(r"\t\t((?:Test|Example|Fuzz)\S{0,250}) \(")
    _PACKAGE = re.compile(r"(FAIL|ok) {0,2}\t(\S{1,300})(?:\s|$)")
    _LISTED = re.compile(r"=== FAIL: (\S{1,300}) (\S{1,250})(?: \(re-run \d{1,3}\))? \(")
    _REPORTED = re.compile(
        r"(\S{1,300})\.((?:Test|Example|Fuzz)[^\s:]{0,250}): (\d{1,3}) runs, (\d{1,3}) failures?$"
    )
    _DONE = re.compile(
        r"DONE (?:\d{1,3} runs, )?\d{1,7} tests?(?:, \d{1,6} skipped)?(?:, (\d{1,6}) failures?)?"
    )

    def __init__(self) -> None:
        self._held: list[tuple[Outcome, str]] = []
        self._whole: dict[str, str] = {}
        self._packages: dict[str, dict[str, None]] = {}

    def read(self, line: str) -> Iterator[Told]:
        if test := self._TEST.match(line):
            self._held.append((Outcome.FAILED if test[1] == "FAIL" else Outcome.PASSED, test[2]))
        elif running := self._RUNNING.match(line):
            self._held.append((Outcome.FAILED, running[1]))
        elif package := self._PACKAGE.match(line):
            yield from self._let_go(package[2])
            if package[1] == "FAIL":
                yield Count("go", 1)
        elif listed := self._LISTED.match(line):
            yield Result("gotestsum", Outcome.FAILED, self._place(listed[1]) + listed[2])
        elif reported := self._REPORTED.match(line):
            outcome = Outcome.FLAKY if int(reported[4]) < int(reported[3]) else Outcome.FAILED
            yield Result("gotestsum reports", outcome, self._place(reported[1]) + reported[2])
        elif done := self._DONE.match(line):
            yield Count("gotestsum", int(done[1] or 0), Counted.RUNS)

    def end(self) -> Iterator[Told]:
        """Those whose package is not told; a second run is of the package that the first was of."""
        for outcome, test in self._held:
            packages = list(self._packages.get(test, {}))
            yield Result("go", outcome, f"{packages[0]}.{test}" if len(packages) == 1 else test)

    def _let_go(self, package: str) -> Iterator[Told]:
        for outcome, test in self._held:
            self._packages.setdefault(test, {})[package] = None
            yield Result("go", outcome, f"{package}.{test}")
        self._held.clear()
        parts = package.split("/")[:_MOST_PARTS]
        for at in range(len(parts)):
            self._whole.setdefault("/".join(parts[at:]), package)

    def _place(self, package: str) -> str:
        """gotestsum leaves the module's own path out; the whole name is taken where the log has told it."""
        return "" if package == "." else f"{self._whole.get(package, package)}."


class Jest:
    """Jest. https://jestjs.io/docs/cli"""

    marks = ("● ", "LOGGING RETRY ERRORS")
    _NESTED = re.compile(r" {1,4}● (.{1,200} › .{1,200})$")
    _TOP = re.compile(
        r"  ● (?!Test suite failed to run|Console$|Cannot log|Validation |Deprecation |Multiple |process\.exit)"
        r"(\S.{0,300})$"
    )
    _FILE = re.compile(r" ?(FAIL|PASS) {1,2}\S{1,250}\.[cm]?[jt]sx?\b(?! > )")
    _RETRIED = re.compile(r"LOGGING RETRY ERRORS {1,3}(\S.{0,300})$")
    _COUNT = re.compile(r"Tests: {1,10}(?:(\d{1,6}) failed)?")

    def __init__(self) -> None:
        self._in_failed = False

    def read(self, line: str) -> Iterator[Told]:
        if file := self._FILE.match(line):
            self._in_failed = file[1] == "FAIL"
        elif found := self._NESTED.match(line) or (self._in_failed and self._TOP.match(line)):
            yield Result("jest", Outcome.FAILED, found[1])
        elif retried := self._RETRIED.match(line):
            yield Result("jest", Outcome.TRIED_AGAIN, retried[1])
        elif count := self._COUNT.match(line):
            self._in_failed = False
            yield Count("jest", int(count[1] or 0))

    def end(self) -> Iterator[Told]:
        return iter(())


class Vitest:
    """Vitest: the failed tests are all told again at the end, with their files; until then their crosses count.

    https://vitest.dev/guide/reporters
    """

    marks = (" FAIL ", "FAIL  ", "×", "✗", "(retry x")
    _FILE_NAME = r"(?:\|[^|]{1,60}\| {0,2})?(\S{1,250}\.[cm]?[jt]sx?)"
    _FILE = re.compile(rf" {{0,2}}[✓√❯×✗] {_FILE_NAME} {{1,2}}\(\d{{1,5}} tests?")
    _FAILED = re.compile(rf" ?FAIL {{1,2}}{_FILE_NAME} > (.{{1,300}}?)(?: \[ \S{{1,250}} \])?$")
    _MARKED = re.compile(r" {0,12}([×✗✓√]) (\S.{0,300}?)( \(retry x\d{1,3}\))?(?: {1,2}\d[\d.]{0,9} ?m?s)?$")
    _WITH_FILE = re.compile(rf"{_FILE_NAME} > (.{{1,300}})$")
    _COUNT = re.compile(r" {1,12}Tests {1,4}(?:(\d{1,6}) failed|\d{1,7} (?:passed|skipped))")

    def __init__(self) -> None:
        self._file = ""
        self._crossed: list[str] = []
        self._told = False

    def read(self, line: str) -> Iterator[Told]:
        if file := self._FILE.match(line):
            self._file = file[1]
        elif failed := self._FAILED.match(line):
            self._told = True
            yield Result("vitest", Outcome.FAILED, f"{failed[1]} > {failed[2]}")
        elif marked := self._MARKED.match(line):
            yield from self._marked(marked)
        elif count := self._COUNT.match(line):
            yield from self.end()
            yield Count("vitest", int(count[1] or 0))

    def end(self) -> Iterator[Told]:
        if not self._told:
            yield from (Result("vitest", Outcome.FAILED, test) for test in self._crossed)
        self._crossed, self._told = [], False

    def _marked(self, marked: re.Match[str]) -> Iterator[Told]:
        whole = self._WITH_FILE.match(marked[2])
        if not whole and not self._file:
            return
        test = f"{whole[1]} > {whole[2]}" if whole else f"{self._file} > {marked[2]}"
        if marked[1] in "×✗":
            self._crossed.append(test)
        elif marked[3]:
            yield Result("vitest", Outcome.FLAKY, test)


class Playwright:
    """Playwright: each try, each failure with its error, and all tests at the end, the flaky ones by themselves.

    The position of a test in its file is no part of its name. https://playwright.dev/docs/test-reporters
    """

    marks = (" › ",)
    _TEST = r"((?:\[[^\]]{1,60}\] › )?[^\s:]{1,250}):\d{1,6}:\d{1,6} › (\S.{0,300}?)"
    _NUMBERED = re.compile(rf" {{1,4}}\d{{1,4}}\) {_TEST}[ ─]{{0,200}}$")
    _TRIED = re.compile(
        rf" {{1,4}}(✘|✓|ok|x) {{1,6}}\d{{1,6}} {_TEST}(?: \(retry #\d{{1,3}}\))?(?: \(\d[\d.]{{0,8}}m?s?\))?$"
    )
    _HEADING = re.compile(r" {1,4}(\d{1,6}) (failed|flaky|interrupted|skipped|did not run|passed)\b")
    _LISTED = re.compile(rf" {{4,6}}{_TEST}[ ─]{{0,200}}$")

    def __init__(self) -> None:
        self._section: Outcome | None = None
        self._count = 0

    def read(self, line: str) -> Iterator[Told]:
        if heading := self._HEADING.match(line):
            outcomes = {"failed": Outcome.FAILED, "flaky": Outcome.FLAKY}
            self._section, self._count = outcomes.get(heading[2]), int(heading[1])
        elif numbered := self._NUMBERED.match(line):
            yield self._result(Outcome.FAILED, numbered[1], numbered[2])
        elif tried := self._TRIED.match(line):
            passed = tried[1] in {"✓", "ok"}
            yield self._result(Outcome.PASSED if passed else Outcome.FAILED, tried[2], tried[3])
        elif self._section and (listed := self._LISTED.match(line)):
            if self._count:  # other tools have such headings too, so it counts only before a test
                yield Count("playwright", self._count, Counted.FLAKES_TOO)
                self._count = 0
            yield self._result(self._section, listed[1], listed[2])

    def end(self) -> Iterator[Told]:
        return iter(())

    @staticmethod
    def _result(outcome: Outcome, place: str, titles: str) -> Result:
        return Result("playwright", outcome, f"{place} › {titles}")


class CargoSummary:
    """The list of failures at the end of Rust's test programs."""

    marks = ("failures:",)
    _LISTED = re.compile(r" {4}(\S.{0,250}?)(?: \(line \d{1,6}\))?$")

    def __init__(self) -> None:
        self._inside = False

    def read(self, line: str) -> Iterator[Told]:
        if line == "failures:":
            self._inside = True
        elif self._inside and (listed := self._LISTED.match(line)):
            yield Result("cargo", Outcome.FAILED, listed[1])
        elif line:
            self._inside = False

    def end(self) -> Iterator[Told]:
        return iter(())


class Mocha:
    """Mocha, and Cypress: the failures are numbered after their count, one suite on each line.

    https://mochajs.org/#spec
    """

    marks = (" failing",)
    _COUNT = re.compile(r" {2}(\d{1,6}) failing$")
    _FIRST = re.compile(r" {2}\d{1,4}\) (\S.{0,250})$")
    _NEXT = re.compile(r" {5,20}(\S.{0,250})$")
    _MOST_SUITES = 10

    def __init__(self) -> None:
        self._listing = False
        self._titles: list[str] = []

    def read(self, line: str) -> Iterator[Told]:
        if count := self._COUNT.match(line):
            self._listing = True
            yield Count("mocha", int(count[1]))
            return
        title = self._listing and (self._NEXT if self._titles else self._FIRST).match(line)
        if not title or len(self._titles) > self._MOST_SUITES:
            self._titles = []
            return
        self._titles.append(title[1])
        if title[1].endswith(":"):
            yield Result("mocha", Outcome.FAILED, " > ".join(self._titles).removesuffix(":"))
            self._titles = []

    def end(self) -> Iterable[Told]:
        return ()


class TestLogger:
    """The plugin of Gradle that lists tests below their class, marked by words or by signs. Gradle's own count stays.

    https://github.com/radarsh/gradle-test-logger-plugin
    """

    marks = (" FAILED", "✘ ")
    _CLASS = re.compile(r"((?:[a-z_]\w{0,80}\.){1,20}[A-Z][\w$]{0,200})$")
    _TEST = re.compile(
        r" {2,12}(?:Test (\S.{0,250}?) (PASSED|FAILED)|([✔✘]) (\S.{0,250}?))(?: \(\d[\d.ms ]{0,12}\))?$"
    )

    def __init__(self) -> None:
        self._class = ""

    def read(self, line: str) -> Iterator[Told]:
        if heading := self._CLASS.match(line):
            self._class = without_package(heading[1])
        elif self._class and (test := self._TEST.match(line)):
            passed = test[2] == "PASSED" or test[3] == "✔"
            outcome = Outcome.PASSED if passed else Outcome.FAILED
            yield Result("gradle", outcome, f"{self._class} > {test[1] or test[4]}")

    def end(self) -> Iterable[Told]:
        return ()


SECTIONED_TOOLS = (Surefire, Go, Jest, Vitest, Playwright, CargoSummary, Mocha, TestLogger)
