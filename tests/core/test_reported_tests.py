"""Test results out of logs: one name for a test however its tool prints it, what healed, and what is missing."""

import re
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.evidence import FailedJob
from bot.core.report_lines import PLAIN_TOOLS
from bot.core.report_sections import SECTIONED_TOOLS
from bot.core.reported_tests import failing_tests, names_all_failures, passed_after_retry, reported_tests
from tests.core.counting import calls_of

SUREFIRE = """\
[ERROR] Tests run: 9, Failures: 1, Errors: 1, Skipped: 0, Time elapsed: 0.804 s <<< FAILURE! -- in io.acme.FlowTest
[ERROR] io.acme.FlowTest.resumes -- Time elapsed: 0.020 s <<< FAILURE!
org.opentest4j.AssertionFailedError: expected: <1> but was: <2>
	at io.acme.FlowTest.resumes(FlowTest.java:52)
[ERROR] io.acme.FlowTest.pauses -- Time elapsed: 0.003 s <<< ERROR!
[INFO] Results:
[INFO]
[ERROR] Failures:
[ERROR]   FlowTest.resumes:52
expected: "1"
 but was: "2"
[ERROR] Errors:
[ERROR]   FlowTest.pauses:71 » NullPointer Cannot invoke "io.acme.Flow.length()" because "flow" is null
[INFO]
[ERROR] Tests run: 233, Failures: 1, Errors: 1, Skipped: 0"""
SUREFIRE_FLAKES = """\
[ERROR] io.acme.CacheTest.expires -- Time elapsed: 2.017 s <<< FAILURE!
[ERROR] Failures:
[ERROR] io.acme.ZoneTest.coversTheIslands
[ERROR]   Run 1: ZoneTest.coversTheIslands:39 expected: <7> but was: <6>
[ERROR]   Run 2: ZoneTest.coversTheIslands:39 expected: <7> but was: <6>
[INFO]
[WARNING] Flakes:
[WARNING] io.acme.CacheTest.expires
[ERROR]   Run 1: CacheTest.expires:61 expected: <null> but was: <entry>
[INFO]   Run 2: PASS
[INFO]
[ERROR] Tests run: 410, Failures: 1, Errors: 0, Skipped: 2, Flakes: 1"""
GO = """\
=== RUN   TestFlow
    flow_test.go:77: still held
--- FAIL: TestFlow (0.31s)
    --- PASS: TestFlow/pauses (0.00s)
    --- FAIL: TestFlow/resumes (0.31s)
        --- FAIL: TestFlow/resumes/twice (0.30s)
--- FAIL: TestZone (0.00s)
FAIL
FAIL\tacme.example/widget/flow\t0.318s
ok  \tacme.example/widget/store\t0.044s
--- FAIL: TestZone (0.01s)
FAIL
FAIL\tacme.example/widget/zone\t0.010s
FAIL"""
PYTEST = """\
tests/test_flow.py::test_pauses PASSED                                   [ 25%]
tests/test_flow.py::test_resumes[a - b] FAILED                           [ 50%]
tests/test_flow.py::test_starts ERROR                                    [ 75%]
=========================== short test summary info ============================
FAILED tests/test_flow.py::test_resumes[a - b] - AssertionError: assert 1 == 2
ERROR tests/test_flow.py::test_starts - RuntimeError
============== 1 failed, 1 passed, 3 warnings, 1 error in 22.10s ==============="""
PYTEST_RERUNS = """\
tests/test_flow.py::test_a RERUN                                         [ 50%]
tests/test_flow.py::test_a PASSED                                        [ 50%]
tests/test_flow.py::test_b RERUN                                         [100%]
tests/test_flow.py::test_b FAILED                                        [100%]
=========================== rerun test summary info ============================
RERUN tests/test_flow.py::test_a
RERUN tests/test_flow.py::test_b
=========================== short test summary info ============================
FAILED tests/test_flow.py::test_b - assert 1 == 2
==================== 1 failed, 2 passed, 2 rerun in 2.10s ======================"""
VITEST = """\
 ❯ src/flow.test.ts (3 tests | 1 failed) 212ms
   × flow > resumes 12ms
     → expected 1 to be 2
 ✓ src/zone.test.ts (12 tests) 2461ms
   ✓ zone > merges (retry x1) 1804ms

 FAIL  src/flow.test.ts > flow > resumes
AssertionError: expected 1 to be 2
 Test Files  1 failed | 72 passed (73)
      Tests  1 failed | 20 passed (21)"""
PLAYWRIGHT = """\
  ✘  40 [chromium] › basket.spec.ts:57:7 › basket › keeps the voucher (30.2s)
  ✓  41 [chromium] › basket.spec.ts:57:7 › basket › keeps the voucher (retry #1) (3.0s)
  ✘  42 [chromium] › login.spec.ts:12:5 › signs in (5.0s)
  1) [chromium] › basket.spec.ts:57:7 › basket › keeps the voucher ─────────
    Test timeout of 30000ms exceeded.
  2) [chromium] › login.spec.ts:12:5 › signs in ──────────────
    Error: no button
    Retry #1 ─────
  1 failed
    [chromium] › login.spec.ts:12:5 › signs in ───────────────
  1 flaky
    [chromium] › basket.spec.ts:57:7 › basket › keeps the voucher ────────────
  86 passed (4.2m)"""
CARGO = """\
test flow::pauses ... ok
test flow::resumes ... FAILED
test src/lib.rs - start (line 12) ... FAILED

failures:

---- flow::resumes stdout ----
thread 'flow::resumes' panicked at src/flow.rs:12:5:
    left: 1

failures:
    flow::resumes
    src/lib.rs - start (line 12)

test result: FAILED. 41 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.21s"""
NEXTEST = """\
        PASS [   0.031s] (211/214) quill-wal segment::torn_page
  TRY 1 FAIL [   5.004s] ( ──────) quill-net::it gossip::converge
  TRY 2 PASS [   1.882s] (213/214) quill-net::it gossip::converge
  TRY 1 FAIL [   5.004s] quill-net::it gossip::refuses
  TRY 2 FAIL [   5.004s] quill-net::it gossip::refuses
     Summary [  41.207s] 214 tests run: 212 passed, 2 failed, 6 skipped
     FLKY-FL 2/2 [   1.882s] (213/214) quill-net::it gossip::converge
  TRY 2 FAIL [   5.004s] quill-net::it gossip::refuses"""
MOCHA = """\
  20 passing (19s)
  2 failing

  1) basket
       with a voucher
         keeps it after a reload:
     AssertionError: expected 1 to equal 2
      at Context.<anonymous> (test/basket.js:48:9)

  2) starts:
     Error: no"""
RSPEC = """\
Failures:

  1) Flow resumes after a pause
     Failure/Error: expect(flow).to be_running

3 examples, 1 failure

Failed examples:

rspec ./spec/flow_spec.rb:12 # Flow resumes after a pause"""
DOTNET = """\
[xUnit.net 00:00:01.23]     Acme.Tests.FlowTests.Resumes(times: 2) [FAIL]
  Failed Acme.Tests.FlowTests.Resumes(times: 2) [12 ms]
  Error Message:
   Assert.Equal() Failure
  Passed Acme.Tests.FlowTests.Pauses [< 1 ms]

Failed!  - Failed:     1, Passed:    20, Skipped:     0, Total:    21, Duration: 1 s - Acme.Tests.dll (net8.0)"""
JEST = """\
FAIL test/flow.test.js (7.911 s)
  ● Console

    console.log hello
  ● flow › resumes after a pause

    expect(received).toBe(expected)
  ● starts

Summary of all failing tests
FAIL test/flow.test.js (7.911 s)
  ● flow › resumes after a pause
  ● starts

Tests:       2 failed, 588 passed, 590 total"""

TEST_LOGGER = """\
io.acme.FlowTest

  Test pauses() PASSED (1.2s)
  Test resumes() FAILED

  org.opentest4j.AssertionFailedError: expected: <1> but was: <2>

io.acme.ZoneTest

  ✔ merges() (1.2s)
  ✘ splits() (1m 2s)

FAILURE: Executed 4 tests in 1m 4.1s (2 failed)

4 tests completed, 2 failed"""

LOGS = {
    "gradle": (
        "FlowTest > resumes() FAILED\nFlowTest > pauses() PASSED\n2 tests completed, 1 failed",
        ("FlowTest > resumes()",),
        (),
    ),
    "surefire": (SUREFIRE, ("FlowTest.resumes", "FlowTest.pauses"), ()),
    "surefire on GitHub": (
        SUREFIRE.replace("[ERROR]", "##[error]"),
        ("FlowTest.resumes", "FlowTest.pauses"),
        (),
    ),
    "surefire flakes": (
        SUREFIRE_FLAKES,
        ("CacheTest.expires", "ZoneTest.coversTheIslands"),
        ("CacheTest.expires",),
    ),
    "go": (
        GO,
        (
            "acme.example/widget/flow.TestFlow/resumes/twice",
            "acme.example/widget/flow.TestZone",
            "acme.example/widget/zone.TestZone",
        ),
        (),
    ),
    "pytest": (PYTEST, ("tests/test_flow.py::test_resumes[a - b]", "tests/test_flow.py::test_starts"), ()),
    "pytest with reruns": (
        PYTEST_RERUNS,
        ("tests/test_flow.py::test_a", "tests/test_flow.py::test_b"),
        ("tests/test_flow.py::test_a",),
    ),
    "vitest": (
        VITEST,
        ("src/zone.test.ts > zone > merges", "src/flow.test.ts > flow > resumes"),
        ("src/zone.test.ts > zone > merges",),
    ),
    "playwright": (
        PLAYWRIGHT,
        ("[chromium] › basket.spec.ts › basket › keeps the voucher", "[chromium] › login.spec.ts › signs in"),
        ("[chromium] › basket.spec.ts › basket › keeps the voucher",),
    ),
    "cargo": (CARGO, ("flow::resumes", "src/lib.rs - start"), ()),
    "nextest": (
        NEXTEST,
        ("quill-net::it gossip::converge", "quill-net::it gossip::refuses"),
        ("quill-net::it gossip::converge",),
    ),
    "mocha": (MOCHA, ("basket > with a voucher > keeps it after a reload", "starts"), ()),
    "rspec": (RSPEC, ("spec/flow_spec.rb # Flow resumes after a pause",), ()),
    "dotnet": (DOTNET, ("Acme.Tests.FlowTests.Resumes(times: 2)",), ()),
    "test logger": (TEST_LOGGER, ("FlowTest > resumes()", "ZoneTest > splits()"), ()),
    "jest": (JEST, ("flow › resumes after a pause", "starts"), ()),
}


def job(log: str | None, *annotations: str) -> FailedJob:
    return FailedJob("build", "failure", None, annotations, log, 1, None)


@pytest.mark.parametrize("tool", LOGS)
def test_a_log_names_each_failed_test_once_and_those_that_passed_when_tried_again(tool: str) -> None:
    log, failed, healed = LOGS[tool]

    assert failing_tests(job(log)) == failed
    assert passed_after_retry(job(log)) == set(healed)
    assert names_all_failures(job(log))


@pytest.mark.parametrize(
    ("line", "test"),
    [
        ("FlowTest > resumes() FAILED", "FlowTest > resumes()"),
        ("io.acme.FlowTest > resumes FAILED", "FlowTest > resumes"),
        ("FlowTest > resumes(String) > [1] a FAILED", "FlowTest > resumes(String) > [1] a"),
        ("FlowTest > resumes() > [1] 2 > 1 FAILED", "FlowTest > resumes() > [1] 2 > 1"),
        (
            "FlowTest > resumes(Flow) > [1] io.acme.Flow@5f1a2b3c FAILED",
            "FlowTest > resumes(Flow) > [1] io.acme.Flow@",
        ),
        ("FlowTest > When paused > resumes() FAILED (1.2s)", "FlowTest > When paused > resumes()"),
        (
            "Gradle Test Run :core:test > Gradle Test Executor 3 > FlowTest > resumes() FAILED",
            "FlowTest > resumes()",
        ),
        ("[ERROR] io.acme.FlowTest.resumes -- Time elapsed: 1.2 s <<< FAILURE!", "FlowTest.resumes"),
        (
            "[ERROR] io.acme.FlowTest$Nested.resumes  Time elapsed: 1.2 s  <<< ERROR!",
            "FlowTest$Nested.resumes",
        ),
        ("[ERROR] resumes(io.acme.FlowTest)  Time elapsed: 1.2 sec  <<< FAILURE!", "FlowTest.resumes"),
        (
            "[ERROR] io.acme.FlowTest.resumes(String)[1] -- Time elapsed: 1 s <<< FAILURE!",
            "FlowTest.resumes(String)[1]",
        ),
        (
            "[ERROR] io.acme.FlowTest.resumes after a pause -- Time elapsed: 1 s <<< FAILURE!",
            "FlowTest.resumes after a pause",
        ),
        ("[ERROR] io.acme.FlowTest -- Time elapsed: 0.1 s <<< ERROR!", "FlowTest"),
        ("[ERROR] Failures:\n[ERROR]   FlowTest.resumes:42->check:7 expected: <1>", "FlowTest.resumes"),
        ("[ERROR] Errors:\n[ERROR]   FlowTest>BaseTest.resumes:42 » Timeout", "FlowTest.resumes"),
        ("Error:  Errors: \nError:    FlowTest.resumes » Timeout after 2 s", "FlowTest.resumes"),
        ("Failed tests:   resumes(io.acme.FlowTest): expected:<1> but was:<2>", "FlowTest.resumes"),
        ("Tests in error:\n  FlowTest.resumes:42 » NullPointer", "FlowTest.resumes"),
        ("FAILED tests/test_flow.py::test_a[b c] - AssertionError: no", "tests/test_flow.py::test_a[b c]"),
        (
            "FAILED tests/test_flow.py::Test::test_a - assert '[' in 'a'",
            "tests/test_flow.py::Test::test_a",
        ),
        ("tests/test_flow.py::test_a FAILED                  [ 50%]", "tests/test_flow.py::test_a"),
        ("[gw0] [ 50%] FAILED tests/test_flow.py::test_a ", "tests/test_flow.py::test_a"),
        ("ERROR tests/test_flow.py::test_a - fixture 'db' not found", "tests/test_flow.py::test_a"),
        ("FAIL: test_a (tests.test_flow.FlowTest.test_a)", "tests.test_flow.FlowTest.test_a"),
        ("ERROR: test_a (tests.test_flow.FlowTest)", "tests.test_flow.FlowTest.test_a"),
        ("    --- FAIL: TestFlow/resumes (0.31s)", "TestFlow/resumes"),
        ("=== FAIL: flow TestFlow/resumes (re-run 1) (0.31s)", "flow.TestFlow/resumes"),
        (
            "=== FAIL: flow TestA (1s)\nFAIL\tacme.example/x/flow\t1s\n=== FAIL: flow TestA (1s)",
            "flow.TestA",
        ),
        ("panic: test timed out after 10m0s\n\trunning tests:\n\t\tTestFlow (9m57s)", "TestFlow"),
        ("test flow::resumes ... FAILED", "flow::resumes"),
        ("  ● flow › resumes after a pause", "flow › resumes after a pause"),
        (" FAIL  |unit| src/flow.test.ts > flow > resumes", "src/flow.test.ts > flow > resumes"),
        (" × src/flow.test.ts > flow > resumes 12ms", "src/flow.test.ts > flow > resumes"),
        (" ❯ src/a.test.ts (1 test | 1 failed) 3ms\n   ✗ flow > resumes", "src/a.test.ts > flow > resumes"),
        ("  1) [chromium] › flow.spec.ts:12:5 › resumes ────", "[chromium] › flow.spec.ts › resumes"),
        ("  1) e2e/flow.spec.ts:12:5 › resumes", "e2e/flow.spec.ts › resumes"),
        ("rspec './spec/flow_spec.rb[1:2:1]' # Flow resumes", "spec/flow_spec.rb # Flow resumes"),
        ("failed Acme.Tests.FlowTests.Resumes (12ms)", "Acme.Tests.FlowTests.Resumes"),
        ("[  FAILED  ] FlowTest.Resumes (12 ms)", "FlowTest.Resumes"),
        ("\t  3 - flow_test (Failed)", "flow_test"),
        ("//flow:resume_test                            FAILED in 3.2s", "//flow:resume_test"),
    ],
)
def test_a_failing_test_is_known_by_its_name(line: str, test: str) -> None:
    last = line.rpartition("\n")[2]
    assert failing_tests(job(f"before\n{line}\n{last}\nafter"))[:1] == (test,)


@pytest.mark.parametrize(
    "line",
    [
        "> Task :core:test FAILED",
        "Gradle Test Run :core:test > Gradle Test Executor 3 FAILED",
        "[ERROR] Tests run: 12, Failures: 1, Errors: 0, Skipped: 0 <<< FAILURE! -- in io.acme.FlowTest",
        "[INFO] Failures:\n[INFO] BUILD FAILURE",
        "Errors:\n  Flow.parse:12 went wrong",
        "[ERROR] Failures:\nExpecting:\n java.util.List\n  FlowTest.list:12 to be empty",
        "FAILED (errors=1)",
        "ERROR acme::server: connection refused",
        "ERROR tests/test_flow.py - SyntaxError",
        "ERROR: test_a (unittest.loader._FailedTest.test_a)",
        "ok  github.com/acme/widget 0.01s",
        "=== RUN   TestFlow",
        "test result: FAILED. 41 passed; 1 failed; 0 ignored",
        "  ● Console",
        " FAIL  src/flow.test.ts [ src/flow.test.ts ]",
        "   × not a test at all",
        "    ✕ resumes (12 ms)",
        "  1) install the tools",
        "  1 failed\n    something else",
        "[  FAILED  ] 2 tests, listed below:",
        "Failed to load the plugin [12 ms]",
        "//flow:resume_test FAILED TO BUILD",
    ],
)
def test_other_lines_name_no_test(line: str) -> None:
    assert failing_tests(job(line)) == ()


def test_a_test_that_passed_later_in_the_same_log_passed_after_a_retry() -> None:
    log = "A > x() FAILED\nA > y() FAILED\nA > x() PASSED"

    assert passed_after_retry(job(log)) == {"A > x()"}


@pytest.mark.parametrize(
    "log",
    ["A > x() PASSED\nA > x() FAILED", "A > x() FAILED\nA > x() PASSED\nA > x() FAILED"],
    ids=["it passed before", "it failed again"],
)
def test_a_test_that_failed_last_did_not_pass_after_a_retry(log: str) -> None:
    assert passed_after_retry(job(log)) == frozenset()


def test_surefire_calls_a_test_flaky_whose_other_parameters_passed_and_that_proves_nothing() -> None:
    log = """\
[WARNING] Flakes:
[WARNING] io.acme.FlowTest.resumes
[INFO]   Run 1: PASS
[ERROR]   Run 2: FlowTest.resumes:101 expected <400>
[ERROR]   Run 3: FlowTest.resumes:101 expected <400>
[INFO]
[WARNING] Tests run: 23, Failures: 0, Errors: 0, Skipped: 2, Flakes: 1"""

    assert reported_tests(job(log)).failed == ("FlowTest.resumes",)
    assert reported_tests(job(log)).healed == frozenset()


def test_a_go_test_that_passed_when_run_again_is_known_by_its_package() -> None:
    log = "--- FAIL: TestFlow (0.31s)\nFAIL\tacme.example/widget/flow\t0.402s\n--- PASS: TestFlow (0.11s)"

    assert passed_after_retry(job(log)) == {"acme.example/widget/flow.TestFlow"}


def test_the_tree_that_vitest_draws_names_no_test_twice() -> None:
    tree = " ❯ src/a.test.ts (3 tests | 1 failed) 9ms\n   ❯ flow (3)\n     × resumes 5ms"

    assert failing_tests(job(f"{tree}\n\n FAIL  src/a.test.ts > flow > resumes")) == (
        "src/a.test.ts > flow > resumes",
    )


def test_gotestsum_tells_which_test_passed_in_another_run() -> None:
    log = """\
=== FAIL: internal/lease TestLease (5.01s)
DONE 2 runs, 389 tests, 2 skipped, 1 failure in 35.907s
internal/lease.TestLease: 2 runs, 1 failures
internal/lease.TestOther: 2 runs, 2 failures"""

    assert passed_after_retry(job(log)) == {"internal/lease.TestLease"}


@pytest.mark.parametrize(
    ("summary", "healed"),
    [("510 passed, 1 rerun in 143.11s", True), ("1 failed, 509 passed, 1 rerun in 143.11s", False)],
    ids=["nothing failed", "what failed is not named"],
)
def test_a_rerun_test_has_healed_only_if_it_cannot_be_the_one_that_failed(summary: str, healed: bool) -> None:
    log = f"RERUN tests/test_flow.py::test_a\n==== {summary} ===="

    assert bool(passed_after_retry(job(log))) is healed


@pytest.mark.parametrize(
    ("log", "named"),
    [
        ("A > x() FAILED\n9 tests completed, 1 failed", True),
        ("A > x() FAILED\n9 tests completed, 2 failed", False),
        ("A > x() FAILED\nA > x() FAILED\n9 tests completed, 2 failed", True),
        ("FAILED a.py::x - no\n=== 2 failed, 7 passed in 1.20s ===", False),
        ("a.py::x FAILED [ 9%]\nFAILED a.py::x - no\n=== 2 failed, 7 passed in 1.20s ===", False),
        ("FAILED a.py::x\n=== 1 failed in 1.20s ===\nFAILED a.py::x\n=== 1 failed in 1.20s ===", True),
        ("ERROR a.py::x - no\n=== 7 passed, 2 errors in 1.20s ===", False),
        (
            "[ERROR] Failures:\n[ERROR]   ATest.x:1 no\n[ERROR] Tests run: 9, Failures: 1, Errors: 1, Skipped: 0",
            False,
        ),
        ("  ● a › x\nTests:       2 failed, 7 passed, 9 total", False),
        (" FAIL  a.test.ts > x\n      Tests  2 failed | 7 passed (9)", False),
        ("test result: FAILED. 1 passed; 1 failed; 0 ignored", False),
        ("--- FAIL: TestA (0s)\nFAIL\tacme.example/a\t0.1s\nFAIL\tacme.example/b\t0.1s", False),
        ("--- FAIL: TestA (0s)\nFAIL\tacme.example/a\t0.1s\nFAIL\tacme.example/b [build failed]", False),
        ("FAIL src/a.test.ts\n  ● a › x\nTests:       1 failed, 7 passed, 8 total\n1 failures", True),
        ("rspec ./a_spec.rb:1 # A x\n9 examples, 2 failures", False),
        ("  Failed A.x [1 ms]\nFailed!  - Failed:     2, Passed:     7, Skipped: 0", False),
    ],
)
def test_a_count_beyond_the_named_tests_says_that_some_are_missing(log: str, named: bool) -> None:
    assert names_all_failures(job(log)) is named


@pytest.mark.parametrize(
    ("note", "tests"),
    [
        ("io.acme.FlowTest.resumes -- Time elapsed: 0.020 s <<< FAILURE!", ("FlowTest.resumes",)),
        ("FlowTest.resumes: expected <1>", ("FlowTest.resumes",)),
        ("  FlowTest.resumes:42 expected: <1> but was: <2>", ("FlowTest.resumes",)),
        (
            "  1) [chromium] › flow.spec.ts:12:5 › resumes\n\n    Error: no",
            ("[chromium] › flow.spec.ts › resumes",),
        ),
        ("FAILED tests/test_flow.py::test_a - no", ("tests/test_flow.py::test_a",)),
        ("Process completed with exit code 1.", ()),
        ("Flow.resumes: expected <1>", ()),
        ("docs.example: expected a host", ()),
        ("cannot find symbol", ()),
    ],
)
def test_an_annotation_names_a_test_where_it_cannot_be_anything_else(note: str, tests: Sequence[str]) -> None:
    assert failing_tests(job(None, note)) == tuple(tests)


def test_an_annotation_and_the_log_name_the_same_test_once() -> None:
    assert failing_tests(job(GO, "--- FAIL: TestZone (0.00s)")) == failing_tests(job(GO))


@pytest.mark.parametrize("log", [None, "A > x() FAILED\n1 test completed, 1 failed"])
def test_where_annotations_know_more_tests_than_the_log_still_more_may_be_missing(log: str | None) -> None:
    assert not names_all_failures(job(log, "FlowTest.resumes:42 expected: <1>"))


HOSTILE = [
    "a > ",
    "FAILED a::",
    "a::[",
    "FAILED a::b[",
    "[ERROR]   a.",
    "[ERROR] Failures:",
    "--- FAIL: a/",
    "--- FAIL: ",
    "● › ",
    "  ● a › ",
    " × ",
    " FAIL  a.ts > ",
    "  1) [a] › ",
    "    a:1:1 › ",
    "  1 failing",
    " 1 failed, ",
    "1 a, ",
    "test  ... ",
    "//a ",
    "  Failed a(",
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_a_log_twice_as_long_costs_no_more_than_twice_the_steps(piece: str) -> None:
    line = (piece * 500)[:500]

    once, twice = (steps(job("\n".join([line] * lines))) for lines in (150, 300))

    assert twice <= 2.2 * once


def steps(failed: FailedJob) -> int:
    """How many functions are called while its tests are read."""
    return calls_of(lambda: reported_tests(failed))


def patterns() -> Iterator[re.Pattern[str]]:
    for tool in PLAIN_TOOLS:
        yield from (form.pattern for form in tool.lines)
        yield from (form.pattern for form in tool.counts)
    for reader in SECTIONED_TOOLS:
        yield from (value for value in vars(reader).values() if isinstance(value, re.Pattern))


@pytest.mark.parametrize("pattern", list(patterns()), ids=lambda pattern: pattern.pattern[:40])
def test_no_pattern_repeats_anything_without_bound_or_a_group_often(pattern: re.Pattern[str]) -> None:
    """Then the work on a line of 500 characters is bounded, whatever stands in it."""
    bare = re.sub(r"\[\^?.[^\]]*\]|\\.", "x", pattern.pattern)  # without characters that stand for themselves

    assert not re.search(r"[*+]", bare)
    assert all(int(most) <= 20 for most in re.findall(r"\)\{\d*,(\d+)\}", bare))


WORDS = st.sampled_from(
    [*"ab:>.[]()| \t\n›●×✓", "FAILED ", "--- FAIL: ", "[ERROR] Flakes:", " Run 1: ", "::", "a.ts"]
)


@given(st.lists(WORDS).map("".join))
def test_any_text_is_read_without_a_fault_and_what_heals_has_failed(text: str) -> None:
    found = reported_tests(job(text, text))

    assert found.healed <= set(found.failed)
    assert len(set(found.failed)) == len(found.failed)
    assert all(0 < len(test) <= 250 for test in found.failed)
