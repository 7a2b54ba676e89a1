"""What a person is shown of a log: the lines around the reason, and the file it points at."""

from dataclasses import replace

import pytest

from bot.core.causes import Cause, Finding, judge
from bot.core.evidence import Evidence, FailedJob
from bot.core.excerpts import excerpt, failing_path
from bot.pipeline.rules import shipped_rules

HOME = "/home/runner/work/widget/widget"
WARNED = f"{HOME}/src/a.js\n  1:5  warning  unused  no-unused-vars"


def job(log: str | None) -> FailedJob:
    return FailedJob("build", "failure", None, (), log, 1, None)


def at(number: int | None) -> Finding:
    return Finding("build", None, Cause.UNKNOWN, None, "unknown failure", None, number)


def judged(log: str) -> Finding:
    return judge(Evidence((job(log),), 1, startup_failure=False), shipped_rules()).findings[0]


def numbered(first: int, last: int) -> str:
    return "\n".join(f"line {number}" for number in range(first, last + 1))


@pytest.mark.parametrize(
    ("number", "first", "last"),
    [(50, 31, 60), (1, 1, 30), (5, 1, 30), (100, 71, 100), (95, 71, 100), (None, 71, 100), (101, 71, 100)],
)
def test_an_excerpt_is_around_the_deciding_line(number: int | None, first: int, last: int) -> None:
    assert excerpt(job(numbered(1, 100)), at(number)) == numbered(first, last)


def test_an_excerpt_of_few_lines_holds_the_deciding_one() -> None:
    assert excerpt(job(numbered(1, 100)), at(50), most=1) == "line 50"


def test_a_short_log_is_shown_whole() -> None:
    assert excerpt(job(numbered(1, 3)), at(2)) == numbered(1, 3)


def test_a_job_without_a_log_has_no_excerpt() -> None:
    assert excerpt(job(None), at(None)) == ""


def test_the_marks_of_the_runner_are_made_readable() -> None:
    log = "##[group]Run make\nmake: zork\n##[endgroup]\n##[error]Process completed with exit code 2."

    assert excerpt(job(log), at(2)) == "Run make\nmake: zork\nError: Process completed with exit code 2."


@pytest.mark.parametrize(
    ("log", "path"),
    [
        (
            f"{HOME}/core/src/main/java/Flow.java:12: error: cannot find symbol",
            "core/src/main/java/Flow.java",
        ),
        (f"[ERROR] {HOME}/src/main/java/Flow.java:[12,5] cannot find symbol", "src/main/java/Flow.java"),
        (f"e: file://{HOME}/app/src/Main.kt:12:9 Unresolved reference 'flwo'.", "app/src/Main.kt"),
        ("D:\\a\\widget\\widget\\src\\Flow.cs(12,5): error CS1002: ; expected", "src/Flow.cs"),
        ("/Users/runner/work/widget/widget/src/flow.c:3:5: error: 'x' undeclared", "src/flow.c"),
        ("/__w/widget/widget/src/flow.c:3:5: fatal error: x.h: No such file or directory", "src/flow.c"),
        ("/opt/actions/_work/widget/widget/src/flow.c:3:5: error: 'x' undeclared", "src/flow.c"),
        ("src/flow.ts(3,5): error TS2322: Type 'string' is not assignable", "src/flow.ts"),
        ("src/flow.ts:3:5 - error TS2322: Type 'string' is not assignable", "src/flow.ts"),
        ("./flow/flow.go:3:5: undefined: flwo", "flow/flow.go"),
        ("error[E0425]: cannot find value `flwo`\n  --> src/flow.rs:1:2\n   |", "src/flow.rs"),
        (
            f"\n{HOME}/src/flow.js\n  12:5  error  'x' is not defined  no-undef\n\n✖ 1 problem (1 error, 0 warnings)",
            "src/flow.js",
        ),
        (
            f"{WARNED}\n\n{HOME}/src/b.js\n  12:5  error  'x'  no-undef\n\n✖ 2 problems (1 error, 1 warning)",
            "src/b.js",
        ),
        ("src/flow.py:3:5: F821 Undefined name `flwo`", "src/flow.py"),
        (
            "FAILED tests/test_flow.py::test_a - assert 1 == 2\n=== 1 failed, 2 passed in 1.20s ===",
            "tests/test_flow.py",
        ),
        (
            "FAIL src/flow.test.ts\n  ● flow › resumes\n\nTests:       1 failed, 2 passed, 3 total",
            "src/flow.test.ts",
        ),
        (
            " FAIL  src/flow.test.ts > flow > resumes\n      Tests  1 failed | 2 passed (3)",
            "src/flow.test.ts",
        ),
    ],
)
def test_a_failure_points_at_a_file_of_the_repository(log: str, path: str) -> None:
    assert failing_path(job(log), judged(log)) == path


@pytest.mark.parametrize(
    "log",
    [
        "/usr/include/stdio.h:12:5: error: expected ';'",
        "/opt/build/Flow.java:12: error: cannot find symbol",
        "../flow/flow.go:3:5: undefined: flwo",
        f"{HOME}/node_modules/lantern/index.ts(3,5): error TS2322: Type 'string' is not assignable",
        f"{HOME}/{'d/' * 150}Flow.java:12: error: cannot find symbol",
        "main.go:74: error during command execution: signing: no key",
        "src/pr\ufffdfer.c:3:5: error: 'x' undeclared",
        f"{WARNED}\n\n✖ 1 problem (1 error, 0 warnings)",
        "A > x() FAILED\n1 test completed, 1 failed",
        "curl: (56) Recv failure: Connection reset by peer",
        "zork",
        "",
    ],
)
def test_no_file_is_better_than_a_wrong_one(log: str) -> None:
    assert failing_path(job(log), judged(log)) is None


def test_a_failure_of_the_network_points_at_no_file() -> None:
    line = "src/flow.c:3:5: error: Connection reset"
    transient = Finding("build", None, Cause.TRANSIENT, "connection-reset", "a connection was reset", line, 1)

    assert failing_path(job(line), transient) is None


def test_a_file_that_only_an_annotation_names_is_the_failing_one() -> None:
    silent = FailedJob(
        "build", "failure", None, ("Expected 1",), "no word of it", 1, None, (".github", "src/app.ts")
    )
    found = judge(Evidence((silent,), 1, startup_failure=False), ()).findings[0]

    assert failing_path(silent, found) == "src/app.ts"
    assert failing_path(replace(silent, paths=(".github", "/etc/passwd", "../up.ts")), found) is None
