"""The judge: how jobs add up to a cause, what counts as evidence, and what history can say."""

import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.causes import Cause, Rule, Where, judge
from bot.core.evidence import MOST_TESTS, Evidence, FailedJob
from bot.pipeline.rules import shipped_rules

NETWORK = "curl: (56) Recv failure: Connection reset by peer"
COMPILER = "src/main/java/io/acme/Flow.java:42: error: cannot find symbol"
STRANGE = "zork: the frobnicator said 17\n##[error]Process completed with exit code 17."
RERUN = "=========== 213 passed, 1 rerun in 31.20s ==========="
RESUME = "FlowRunnerTest > shouldResumeAfterPause()"
PAUSE = "FlowRunnerTest > shouldPause()"


def job(
    log: str | None = None,
    *,
    name: str = "build",
    conclusion: str = "failure",
    step: str | None = None,
    annotations: Sequence[str] = (),
) -> FailedJob:
    return FailedJob(name, conclusion, step, tuple(annotations), log, 1, None)


def of(*jobs: FailedJob) -> Evidence:
    return Evidence(jobs, len(jobs) + 1, startup_failure=False)


def cause_of(*jobs: FailedJob, known_flakes: Sequence[str] = ()) -> Cause:
    return judge(of(*jobs), shipped_rules(), known_flakes={"build": known_flakes}).cause


def gradle(*failed: str, count: int | None = None) -> str:
    lines = [f"{test} FAILED" for test in failed]
    total = f"1412 tests completed, {count or len(failed)} failed"
    return "\n".join([*lines, total, "> There were failing tests. See the report at: file:///tmp/index.html"])


@pytest.mark.parametrize(
    ("logs", "cause"),
    [
        ((NETWORK, NETWORK), Cause.TRANSIENT),
        ((NETWORK, RERUN), Cause.FLAKY),
        ((NETWORK, RERUN, STRANGE), Cause.UNKNOWN),
        ((NETWORK, RERUN, STRANGE, COMPILER), Cause.BROKEN),
        ((COMPILER, NETWORK), Cause.BROKEN),
    ],
)
def test_the_worst_job_decides(logs: Sequence[str], cause: Cause) -> None:
    assert cause_of(*(job(log, name=f"job {number}") for number, log in enumerate(logs))) is cause


def test_the_headline_says_what_happened_and_where() -> None:
    log = "[ERROR] Could not transfer artifact io.acme:core:jar:1 from/to central (https://repo.maven.apache.org/"
    reset = job(log + "maven2): Connection reset", step="publish")

    assert judge(of(reset), shipped_rules()).headline == (
        "Maven Central reset the connection in job build / publish"
    )


def test_the_headline_is_about_the_jobs_that_decided() -> None:
    jobs = [job(NETWORK, name="docs"), job(COMPILER, name="linux"), job(COMPILER, name="windows")]

    assert judge(of(*jobs), shipped_rules()).headline == (
        "The Java code does not compile in job linux and in 1 other job"
    )


def test_a_finding_points_at_the_line_that_gave_it_away() -> None:
    found = judge(of(job(f"compiling\n\n{COMPILER}\n1 error")), shipped_rules()).findings[0]

    assert (found.rule, found.line, found.line_number) == ("javac", COMPILER, 3)


def test_an_unknown_failure_shows_the_last_words_of_the_log() -> None:
    found = judge(of(job(f"doing something\n{STRANGE}\nPost job cleanup.")), shipped_rules()).findings[0]

    assert (found.cause, found.rule, found.line, found.line_number) == (
        Cause.UNKNOWN,
        None,
        "zork: the frobnicator said 17",
        2,
    )


@pytest.mark.parametrize("conclusion", ["skipped", "success", "neutral"])
def test_a_job_that_did_nothing_wrong_is_no_evidence(conclusion: str) -> None:
    assert cause_of(job(NETWORK), job(COMPILER, conclusion=conclusion)) is Cause.TRANSIENT


def test_a_job_cancelled_because_another_failed_is_no_evidence() -> None:
    assert cause_of(job(NETWORK), job(STRANGE, conclusion="cancelled")) is Cause.TRANSIENT


def test_a_lost_runner_explains_a_job_that_ended_as_cancelled() -> None:
    lost = job(conclusion="cancelled", annotations=["The runner has received a shutdown signal."])

    assert cause_of(lost, job("The operation was canceled.", conclusion="cancelled")) is Cause.TRANSIENT


def test_jobs_cancelled_for_no_visible_reason_are_unknown() -> None:
    verdict = judge(of(job(conclusion="cancelled"), job(conclusion="cancelled")), shipped_rules())

    assert verdict.cause is Cause.UNKNOWN
    assert verdict.headline == "It was cancelled for no visible reason in job build"


def test_the_time_limit_alone_is_unknown() -> None:
    verdict = judge(of(job(conclusion="timed_out")), shipped_rules())

    assert (verdict.cause, verdict.headline) == (Cause.UNKNOWN, "The time limit was reached in job build")


def test_the_runners_own_word_about_the_time_limit_does_not_tell_what_hung() -> None:
    note = (
        "The job running on runner GitHub Actions 2 has exceeded the maximum execution time of 360 minutes."
    )

    found = judge(of(job(conclusion="timed_out", annotations=[note])), shipped_rules()).findings[0]

    assert (found.cause, found.rule) == (Cause.UNKNOWN, "time-limit")


def test_a_job_without_a_log_is_judged_by_its_annotations() -> None:
    note = "The hosted runner lost communication with the server. Anything in your workflow that terminates"

    assert cause_of(job(annotations=[note])) is Cause.TRANSIENT


def test_nothing_known_at_all_is_unknown_and_says_so() -> None:
    assert judge(of(job()), shipped_rules()).headline == "There is no log that tells the reason in job build"


def test_no_failed_job_at_all_is_unknown() -> None:
    verdict = judge(of(), shipped_rules())

    assert (verdict.cause, verdict.findings, verdict.headline) == (
        Cause.UNKNOWN,
        (),
        "No failed job was found",
    )


def test_a_run_that_could_not_start_is_broken() -> None:
    verdict = judge(Evidence((), 0, startup_failure=True), shipped_rules())

    assert (verdict.cause, verdict.headline) == (
        Cause.BROKEN,
        "The run could not start, its workflow file is not valid",
    )


def test_a_compile_error_beats_the_network_and_a_lost_runner() -> None:
    note = "The runner has received a shutdown signal."

    assert cause_of(job(f"{NETWORK}\n{COMPILER}", annotations=[note])) is Cause.BROKEN


@pytest.mark.parametrize(
    "line",
    [
        "[WARNING] Could not transfer artifact a:b:pom:1 from/to central (https://repo.example): timed out",
        "npm warn tarball request failed, reason: read ECONNRESET",
        "##[warning]Failed to restore: Cache service responded with 503",
        "Request failed with status code 503. Retrying in 4 seconds...",
        "connection timed out, will retry",
    ],
)
def test_a_warning_about_a_retry_explains_nothing(line: str) -> None:
    assert cause_of(job(f"{line}\n{STRANGE}")) is Cause.UNKNOWN


STEP = "##[group]Run make\n##[endgroup]"
EXIT = "##[error]Process completed with exit code 1."


@pytest.mark.parametrize(
    "log",
    [
        f"{STEP}\n{NETWORK}\nfetched\n{STEP}\nzork\n{EXIT}",
        f"{STEP}\nzork\n{EXIT}\n{STEP}\n{NETWORK}\nPost job cleanup.",
        "\n".join([NETWORK, *["went on"] * 150, "zork", EXIT]),
    ],
    ids=["a step before", "a step after", "long before the end"],
)
def test_network_trouble_that_did_not_end_the_job_explains_nothing(log: str) -> None:
    assert cause_of(job(log)) is Cause.UNKNOWN


def test_a_long_stack_trace_does_not_push_its_reason_away() -> None:
    trace = ["\tat io.acme.Flow.run(Flow.java:1)"] * 150

    assert cause_of(job("\n".join([NETWORK, *trace, EXIT]))) is Cause.TRANSIENT


def test_a_compile_error_of_another_step_still_counts() -> None:
    log = f"{STEP}\n{COMPILER}\n{STEP}\nthe build before has failed\n{EXIT}"

    assert cause_of(job(log)) is Cause.BROKEN


@pytest.mark.parametrize("before", ["#14 138.8 ", "#7 ERROR: ", "Error: ", "builder-1  | ", "ERROR: "])
def test_what_others_put_before_a_line_does_not_hide_it(before: str) -> None:
    assert cause_of(job(f"{before}error: could not compile `lantern` (lib)")) is Cause.BROKEN


def test_failed_tests_are_unknown_while_history_is_silent() -> None:
    assert cause_of(job(gradle(RESUME))) is Cause.UNKNOWN


def test_failed_tests_are_flaky_when_history_knows_them_all() -> None:
    verdict = judge(of(job(gradle(RESUME))), shipped_rules(), known_flakes={"build": [RESUME]})

    assert verdict.cause is Cause.FLAKY
    assert verdict.headline == f"The test `{RESUME}` is known to be flaky in job build"


def test_one_test_that_history_does_not_know_makes_the_job_unknown() -> None:
    assert cause_of(job(gradle(RESUME, PAUSE)), known_flakes=[RESUME]) is Cause.UNKNOWN


def test_failures_that_the_end_of_the_log_does_not_name_make_the_job_unknown() -> None:
    assert cause_of(job(gradle(RESUME, count=3)), known_flakes=[RESUME]) is Cause.UNKNOWN


def test_a_known_flake_does_not_excuse_a_compile_error() -> None:
    assert cause_of(job(f"{COMPILER}\n{gradle(RESUME)}"), known_flakes=[RESUME]) is Cause.BROKEN


def test_a_flake_of_one_job_excuses_no_other() -> None:
    jobs = job(gradle(RESUME), name="linux"), job(gradle(RESUME), name="windows")

    verdict = judge(of(*jobs), shipped_rules(), known_flakes={"linux": [RESUME]})

    assert [found.cause for found in verdict.findings] == [Cause.FLAKY, Cause.UNKNOWN]


@pytest.mark.parametrize(
    "log", [gradle(RESUME), f"{COMPILER}\n{gradle(RESUME)}", f"{gradle(RESUME)}\n{NETWORK}"]
)
def test_a_finding_names_the_failed_tests_whatever_rule_decided(log: str) -> None:
    assert judge(of(job(log)), shipped_rules()).findings[0].tests == (RESUME,)


def test_a_finding_names_no_more_tests_than_are_remembered() -> None:
    many = gradle(*(f"FlowTest > resumes{number}()" for number in range(MOST_TESTS + 1)))

    assert len(judge(of(job(many)), shipped_rules()).findings[0].tests) == MOST_TESTS


def test_more_than_five_failed_jobs_are_never_flaky_whatever_the_others_show() -> None:
    jobs = job(RERUN), *(job(NETWORK, name=f"job {number}") for number in range(5))

    verdict = judge(of(*jobs), shipped_rules())

    assert verdict.cause is Cause.UNKNOWN
    assert verdict.headline == (
        "6 jobs failed at once, too many to call it flaky: a test failed, then passed in job build"
    )


def test_five_failed_jobs_may_be_flaky() -> None:
    assert cause_of(job(RERUN), *(job(NETWORK, name=f"job {number}") for number in range(4))) is Cause.FLAKY


def test_jobs_that_were_only_cancelled_make_no_crowd() -> None:
    cancelled = (job(name=f"job {number}", conclusion="cancelled") for number in range(9))

    assert cause_of(job(RERUN), *cancelled) is Cause.FLAKY


@pytest.mark.parametrize(("jobs", "cause"), [(5, Cause.FLAKY), (6, Cause.UNKNOWN)])
def test_more_than_five_flaky_jobs_at_once_are_no_chance(jobs: int, cause: Cause) -> None:
    assert cause_of(*(job(RERUN, name=f"job {number}") for number in range(jobs))) is cause


def test_any_number_of_jobs_may_lose_the_network() -> None:
    assert cause_of(*(job(NETWORK, name=f"job {number}") for number in range(40))) is Cause.TRANSIENT


@pytest.mark.parametrize(
    ("where", "matches"),
    [
        (Where.STEP, ["step"]),
        (Where.ANNOTATION, ["annotation"]),
        (Where.LOG, ["log"]),
        (Where.JOB, ["job"]),
        (Where.ANY, ["step", "annotation", "log"]),
    ],
)
def test_a_rule_reads_only_where_it_is_told_to(where: Where, matches: list[str]) -> None:
    rule = Rule("r", Cause.TRANSIENT, where, re.compile("zork"), "zork", "zork")
    places = {
        "step": job("x", step="zork"),
        "annotation": job("x", annotations=["zork"]),
        "log": job("zork"),
        "job": job("x", name="zork"),
    }

    assert [place for place, made in places.items() if judge(of(made), [rule]).findings[0].rule] == matches


def test_earlier_rules_go_before_later_ones() -> None:
    zork = re.compile("zork")
    first = Rule("first", Cause.FLAKY, Where.ANY, zork, "first", "zork")
    second = Rule("second", Cause.BROKEN, Where.ANY, zork, "second", "zork")

    assert judge(of(job("zork")), [first, second]).findings[0].rule == "first"


TEXTS = st.text(max_size=300) | st.lists(
    st.sampled_from([rule.example for rule in shipped_rules()] + ["", "> ", "\x00", "FAILED", "é" * 600]),
    max_size=12,
).map("\n".join)
CONCLUSIONS = st.sampled_from(["failure", "cancelled", "timed_out", "skipped", "startup_failure", "zork", ""])
JOBS = st.builds(
    FailedJob,
    name=TEXTS,
    conclusion=CONCLUSIONS,
    step=st.none() | TEXTS,
    annotations=st.lists(TEXTS, max_size=3).map(tuple),
    log_tail=st.none() | TEXTS,
    job_id=st.integers(min_value=1),
    url=st.none(),
)


@given(st.lists(JOBS, max_size=4).map(tuple), st.booleans())
def test_every_evidence_gets_one_cause_and_a_headline(jobs: tuple[FailedJob, ...], startup: bool) -> None:
    evidence = Evidence(jobs, len(jobs), startup)

    verdict = judge(evidence, shipped_rules())

    assert verdict.cause in Cause
    assert verdict.headline
    assert all(finding.cause is Cause.BROKEN for finding in verdict.findings) or not startup


@given(st.lists(JOBS, min_size=1, max_size=4).map(tuple))
def test_one_broken_job_makes_the_failure_broken(jobs: tuple[FailedJob, ...]) -> None:
    assert cause_of(*jobs, job(COMPILER)) is Cause.BROKEN


def test_a_test_that_healed_in_a_step_that_succeeded_explains_no_failure_of_another_step() -> None:
    log = (
        "##[group]Run pytest --reruns 2\n##[endgroup]\n"
        "tests/test_cart.py::test_empty RERUN\ntests/test_cart.py::test_empty PASSED\n== 20 passed, 1 rerun ==\n"
        "##[group]Run ./deploy.sh\n##[endgroup]\n"
        "the gears ground to a halt\n##[error]Process completed with exit code 3.\n"
    )

    assert cause_of(job(log)) is Cause.UNKNOWN
