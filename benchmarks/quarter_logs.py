"""What the failed jobs of the simulated quarter print, in the tools' own output formats.

Rule: nothing here is drawn by lot; the same words always make the same log.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

EXIT = "##[error]Process completed with exit code 1."


class Tool(StrEnum):
    """What runs a job's tests."""

    GRADLE = "gradle"
    SUREFIRE = "surefire"
    JEST = "jest"
    PYTEST = "pytest"


_CLASSES = (
    "ReconnectTest",
    "SchedulerTest",
    "SessionExpiryTest",
    "WatermarkTest",
    "LeaseTest",
    "BackpressureTest",
)
_VERBS = ("firesWithinTheMinute", "survivesRestart", "keepsOrder", "releasesOnError", "drainsBeforeClose")
_SNAKES = (
    "fires_within_the_minute",
    "survives_restart",
    "keeps_order",
    "releases_on_error",
    "drains_in_time",
)
_SENTENCES = (
    "reconnects when the server closes first",
    "keeps the order of late answers",
    "shows the spinner until the list is there",
    "restores the draft after a reload",
    "cancels the request on leaving",
)


def test_name(tool: Tool, job: str, number: int) -> str:
    """A test of that job as its tool names it, the same for the same number."""
    place = sum(map(ord, job)) + number
    kind, verb = _CLASSES[place % len(_CLASSES)], _VERBS[(place + number) % len(_VERBS)]
    match tool:
        case Tool.GRADLE:
            return f"{kind} > {verb}()"
        case Tool.SUREFIRE:
            return f"com.example.widget.{kind}.{verb}"
        case Tool.JEST:
            return f"{kind.removesuffix('Test').lower()} › {_SENTENCES[(place + number) % len(_SENTENCES)]}"
        case Tool.PYTEST:
            module = kind.removesuffix("Test").lower()
            return f"tests/test_{module}.py::test_{_SNAKES[(place + number) % len(_SNAKES)]}"


def stamped(lines: Sequence[str], ended: datetime) -> bytes:
    """The log as GitHub serves it: every line with the moment at which it was printed."""
    begun = ended - timedelta(seconds=len(lines))
    times = (begun + timedelta(seconds=place) for place in range(len(lines)))
    return "".join(
        f"{at:%Y-%m-%dT%H:%M:%S.%f}0Z {line}\n" for at, line in zip(times, lines, strict=True)
    ).encode()


# -- tests -----------------------------------------------------------------------------------------------


def failed_tests(tool: Tool, job: str, tests: Sequence[str]) -> list[str]:
    """The end of the log of a job whose tests failed."""
    writers: dict[Tool, Callable[[str, Sequence[str]], Iterator[str]]] = {
        Tool.GRADLE: _gradle,
        Tool.SUREFIRE: _surefire,
        Tool.JEST: _jest,
        Tool.PYTEST: _pytest,
    }
    return [*writers[tool](job, tests), EXIT]


def _gradle(job: str, tests: Sequence[str]) -> Iterator[str]:
    yield from ("> Task :core:compileJava UP-TO-DATE", f"> Task :core:{job}", "")
    for test in tests:
        kind = test.split(" ")[0]
        yield f"{test} FAILED"
        yield "    org.opentest4j.AssertionFailedError: expected: <true> but was: <false>"
        yield "        at app//org.junit.jupiter.api.AssertTrue.assertTrue(AssertTrue.java:36)"
        yield f"        at app//com.example.widget.{kind}.run({kind}.java:88)"
        yield ""
    yield f"412 tests completed, {len(tests)} failed"
    yield from ("", f"> Task :core:{job} FAILED", "", "FAILURE: Build failed with an exception.", "")
    yield from ("* What went wrong:", f"Execution failed for task ':core:{job}'.")
    yield f"> There were failing tests. See the report at: file:///home/runner/work/widget/core/build/reports/tests/{job}/index.html"
    yield from ("", "BUILD FAILED in 14m 22s")


def _surefire(job: str, tests: Sequence[str]) -> Iterator[str]:
    yield f"[INFO] --- surefire:3.2.5:test (default-test) @ widget-{job} ---"
    for test in tests:
        kind = test.rpartition(".")[0]
        yield f"[INFO] Running {kind}"
        yield f"[ERROR] Tests run: 6, Failures: 1, Errors: 0, Skipped: 0, Time elapsed: 3.4 s <<< FAILURE! -- in {kind}"
        yield f"[ERROR] {test} -- Time elapsed: 2.017 s <<< FAILURE!"
        yield "org.opentest4j.AssertionFailedError: expected: <true> but was: <false>"
        yield f"\tat {test}({kind.rpartition('.')[2]}.java:88)"
        yield ""
    yield from ("[INFO] ", "[INFO] Results:", "[INFO] ", "[ERROR] Failures: ")
    for test in tests:
        yield f"[ERROR]   {'.'.join(test.split('.')[-2:])}:88 expected: <true> but was: <false>"
    yield from (
        "[INFO] ",
        f"[ERROR] Tests run: 642, Failures: {len(tests)}, Errors: 0, Skipped: 3",
        "[INFO] ",
    )
    yield "[INFO] BUILD FAILURE"
    yield (
        "[ERROR] Failed to execute goal org.apache.maven.plugins:maven-surefire-plugin:3.2.5:test (default-test) "
        f"on project widget-{job}: There are test failures."
    )


def _jest(_job: str, tests: Sequence[str]) -> Iterator[str]:
    yield from ("> widget@1.0.0 test", "> jest --ci", "", "PASS test/http/paging.test.js")
    for test in tests:
        group = test.split(" ")[0]
        yield f"FAIL test/{group}.test.js (7.911 s)"
        yield from (f"  ● {test}", "", "    expect(received).toBe(expected) // Object.is equality", "")
        yield from (
            "    Expected: 3",
            "    Received: 2",
            "",
            f"      at Object.toBe (test/{group}.test.js:22:32)",
            "",
        )
    yield f"Test Suites: {len(tests)} failed, 51 passed, {51 + len(tests)} total"
    yield f"Tests:       {len(tests)} failed, 588 passed, {588 + len(tests)} total"
    yield from ("Snapshots:   12 passed, 12 total", "Time:        31.447 s", "Ran all test suites.")


def _pytest(_job: str, tests: Sequence[str]) -> Iterator[str]:
    yield "============================= test session starts =============================="
    yield "platform linux -- Python 3.13.1, pytest-8.3.4, pluggy-1.5.0"
    yield from (
        "collected 273 items",
        "",
        "=================================== FAILURES ===================================",
    )
    for test in tests:
        file, _, name = test.partition("::")
        yield f"{f' {name} ':_^80}"
        yield from (
            "",
            ">       assert done.wait(2)",
            "E       assert False",
            "",
            f"{file}:57: AssertionError",
        )
    yield "=========================== short test summary info ============================"
    for test in tests:
        yield f"FAILED {test} - assert False"
    yield f"================== {len(tests)} failed, {273 - len(tests)} passed in 322.10s (0:05:22) ==================="


# -- network and runner ----------------------------------------------------------------------------------


_CENTRAL = "https://repo.maven.apache.org/maven2"
_POM = f"{_CENTRAL}/com/fasterxml/jackson/core/jackson-databind/2.18.2/jackson-databind-2.18.2.pom"
_NPM_ABORTED = (
    "npm error network Invalid response body while trying to fetch https://registry.npmjs.org/zod: aborted"
)
_PIP_TIMEOUT = (
    "pip._vendor.urllib3.exceptions.ReadTimeoutError: "
    "HTTPSConnectionPool(host='files.pythonhosted.org', port=443): Read timed out."
)
_NPM_LOG = "npm error A complete log of this run can be found in: /home/runner/.npm/_logs/debug-0.log"


def away(tool: Tool) -> list[str]:
    """The registry from which the tool gets what it needs answers 503. ValueError for pytest: it needs none."""
    match tool:
        case Tool.GRADLE:
            return [*_gradle_cannot_get("503 from server: Service Unavailable"), EXIT]
        case Tool.SUREFIRE:
            return [*_maven_cannot_get("status code: 503, reason phrase: Service Unavailable (503)"), EXIT]
        case Tool.JEST:
            return [
                *("##[group]Run npm ci --no-audit", "##[endgroup]", "npm error code E503"),
                "npm error 503 Service Unavailable - GET https://registry.npmjs.org/react/-/react-19.0.0.tgz",
                _NPM_LOG,
                EXIT,
            ]
        case Tool.PYTEST:
            raise ValueError("its jobs need no registry")


def hiccup(tool: Tool) -> list[str]:
    """The network failed for a moment."""
    match tool:
        case Tool.GRADLE:
            return [*_gradle_cannot_get("502 from server: Bad Gateway"), EXIT]
        case Tool.SUREFIRE:
            return [*_maven_cannot_get("Connection reset"), EXIT]
        case Tool.JEST:
            return [
                *("##[group]Run npm ci --no-audit", "##[endgroup]"),
                *("npm error code ECONNRESET", "npm error errno ECONNRESET"),
                _NPM_ABORTED,
                "npm error network This is a problem related to network connectivity.",
                _NPM_LOG,
                EXIT,
            ]
        case Tool.PYTEST:
            return [
                "Collecting urllib3<3,>=1.26",
                "ERROR: Exception:",
                "Traceback (most recent call last):",
                _PIP_TIMEOUT,
                "##[error]Process completed with exit code 2.",
            ]


def _gradle_cannot_get(why: str) -> Iterator[str]:
    yield from ("FAILURE: Build failed with an exception.", "", "* What went wrong:")
    yield "Execution failed for task ':core:compileJava'."
    yield "> Could not resolve all files for configuration ':core:compileClasspath'."
    yield "   > Could not resolve com.fasterxml.jackson.core:jackson-databind:2.18.2."
    yield f"      > Could not get resource '{_POM}'."
    yield f"         > Could not GET '{_POM}'. Received status code {why}"
    yield from ("", "BUILD FAILED in 1m 12s")


def _maven_cannot_get(why: str) -> Iterator[str]:
    yield "[INFO] BUILD FAILURE"
    yield (
        "[ERROR] Failed to execute goal on project widget-core: Could not resolve dependencies for project "
        "com.example:widget-core:jar:1.0: Could not transfer artifact org.ow2.asm:asm:jar:9.7 from/to central "
        f"({_CENTRAL}): {why} -> [Help 1]"
    )


LOST_RUNNER = (
    "The hosted runner: GitHub Actions 17 lost communication with the server. Anything in your workflow that "
    "terminates the runner process, starves it for CPU/Memory, or blocks its network access can cause this error."
)

# -- real breaks -----------------------------------------------------------------------------------------

COMPILE_ERROR = [
    "> Task :core:compileJava FAILED",
    "/home/runner/work/widget/core/src/main/java/com/example/widget/Lease.java:42: error: cannot find symbol",
    "        Laese next = lease.renewed();",
    "        ^",
    "  symbol:   class Laese",
    "  location: class Lease",
    "1 error",
    "",
    "FAILURE: Build failed with an exception.",
    "",
    "* What went wrong:",
    "Execution failed for task ':core:compileJava'.",
    "> Compilation failed; see the compiler error output for details.",
    "",
    "BUILD FAILED in 48s",
    EXIT,
]
LINT_ERROR = [
    "> widget@1.0.0 lint",
    "> eslint src",
    "",
    "/home/runner/work/widget/ui/src/list.js",
    "  14:7  error  'rows' is assigned a value but never used  no-unused-vars",
    "",
    "✖ 1 problem (1 error, 0 warnings)",
    "",
    EXIT,
]
WRONG_CREDENTIAL = [
    "> Task :core:publishMavenPublicationToStagingRepository FAILED",
    "",
    "FAILURE: Build failed with an exception.",
    "",
    "* What went wrong:",
    "Execution failed for task ':core:publishMavenPublicationToStagingRepository'.",
    "> Failed to publish publication 'maven' to repository 'staging'",
    "   > Could not PUT 'https://staging.example.com/core-1.0.jar'. Received status code 401 from server: Unauthorized",
    "",
    "BUILD FAILED in 52s",
    EXIT,
]
