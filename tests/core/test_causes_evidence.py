"""Evidence is stored and read back unchanged, and tests have the same name every time."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.evidence import Evidence, FailedJob, failing_tests, names_all_failures, passed_after_retry

EVIDENCE = st.builds(
    Evidence,
    jobs=st.lists(
        st.builds(
            FailedJob,
            name=st.text(),
            conclusion=st.text(),
            step=st.none() | st.text(),
            annotations=st.lists(st.text(), max_size=3).map(tuple),
            log_tail=st.none() | st.text(),
            job_id=st.integers(),
            url=st.none() | st.text(),
        ),
        max_size=3,
    ).map(tuple),
    total_jobs=st.integers(min_value=0),
    startup_failure=st.booleans(),
)


def job(log: str) -> FailedJob:
    return FailedJob("build", "failure", None, (), log, 1, None)


@given(EVIDENCE)
def test_evidence_comes_back_from_json_as_it_was(evidence: Evidence) -> None:
    assert Evidence.from_json(json.loads(json.dumps(evidence.to_json()))) == evidence


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({}, "'jobs' must be a list"),
        ({"jobs": ["build"]}, "each of 'jobs' must be an object"),
        ({"jobs": [], "total_jobs": "1"}, "'total_jobs' must be a whole number"),
        ({"jobs": [], "total_jobs": True}, "'total_jobs' must be a whole number"),
        ({"jobs": [{"annotations": [], "name": 1}], "total_jobs": 1}, "'name' must be a text"),
        ({"jobs": [{"annotations": [1]}], "total_jobs": 1}, "'annotations' must be a list of texts"),
    ],
)
def test_damaged_evidence_is_refused_by_the_name_of_the_field(data: dict[str, object], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Evidence.from_json(data)


@pytest.mark.parametrize(
    ("line", "test"),
    [
        ("FlowTest > resumes() FAILED", "FlowTest > resumes()"),
        ("FlowTest > resumes(String) > [1] a FAILED", "FlowTest > resumes(String) > [1] a"),
        ("[ERROR] io.acme.FlowTest.resumes -- Time elapsed: 1.2 s <<< FAILURE!", "FlowTest.resumes"),
        ("FAILED tests/test_flow.py::test_a[b c] - AssertionError: no", "tests/test_flow.py::test_a[b c]"),
        ("tests/test_flow.py::test_a FAILED                  [ 50%]", "tests/test_flow.py::test_a"),
        ("    --- FAIL: TestFlow/resumes (0.31s)", "TestFlow/resumes"),
        ("test flow::resumes ... FAILED", "flow::resumes"),
        ("  ● flow › resumes after a pause", "flow › resumes after a pause"),
        ("  1) [chromium] › flow.spec.ts:12:5 › resumes ────", "[chromium] › flow.spec.ts:12:5 › resumes"),
    ],
)
def test_a_failing_test_is_known_by_its_name(line: str, test: str) -> None:
    assert failing_tests(job(f"before\n{line}\n{line}\nafter")) == (test,)


@pytest.mark.parametrize(
    "line",
    [
        "> Task :core:test FAILED",
        "[ERROR] Tests run: 12, Failures: 1, Errors: 0, Skipped: 0 <<< FAILURE! -- in io.acme.FlowTest",
        "FAILED (errors=1)",
        "ok  github.com/acme/widget 0.01s",
    ],
)
def test_other_lines_name_no_test(line: str) -> None:
    assert failing_tests(job(line)) == ()


def test_a_test_that_passed_later_in_the_same_log_passed_after_a_retry() -> None:
    log = "A > x() FAILED\nA > y() FAILED\nA > x() PASSED"

    assert passed_after_retry(job(log)) == {"A > x()"}


def test_a_test_that_passed_before_it_failed_did_not_pass_after_a_retry() -> None:
    assert passed_after_retry(job("A > x() PASSED\nA > x() FAILED")) == frozenset()


@pytest.mark.parametrize(("failed", "named"), [(1, True), (2, False)])
def test_a_count_beyond_the_named_tests_says_that_some_are_missing(failed: int, named: bool) -> None:
    log = f"A > x() FAILED\n9 tests completed, {failed} failed"

    assert names_all_failures(job(log)) is named
