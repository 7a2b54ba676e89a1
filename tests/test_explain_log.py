"""`release-bot explain-log`: which rule fires on a log, on which line, and why."""

import asyncio
import hashlib
import io
import json
import os
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks.judge import OPEN, Case, cases, hashes_differ
from bot.cli import app
from bot.core.causes import Cause, Rule, Where, judge
from bot.core.evidence import Evidence, FailedJob
from bot.core.log_text import READ_BYTES, clean_tail
from bot.explain import explain, read_tail
from bot.github import run_reads
from bot.pipeline.rules import shipped_rules

COMPILER = "src/main/java/io/acme/Flow.java:42: error: cannot find symbol"
NETWORK = "curl: (56) Recv failure: Connection reset by peer"
STAMP = "2026-11-17T10:00:00.0000000Z "
BROKEN = f"compiling\n\n{COMPILER}\n1 error\n##[error]Process completed with exit code 1.\n"
STRANGE = "zork: the frobnicator said 17\n##[error]Process completed with exit code 17.\n"


def told(*words: str, typed: bytes | str = b"") -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["explain-log", *words], input=typed)
    return result.exit_code, result.stdout, result.stderr


def objects(*words: str, typed: bytes | str = b"") -> list[dict[str, object]]:
    code, out, err = told("--json", *words, typed=typed)
    assert (code, err) == (0, "")
    return [json.loads(line) for line in out.splitlines()]


def test_people_read_cause_reason_rule_and_line(tmp_path: Path) -> None:
    log = tmp_path / "build.log"
    log.write_text(BROKEN)

    code, out, err = told(str(log), "--job", "build", "--step", "compile")

    assert (code, err) == (0, "")
    assert out.splitlines() == [
        f"{log}: broken",
        "  The Java code does not compile in job build / compile.",
        "  Rule: javac",
        f"  Line 3: {COMPILER}",
    ]


def test_where_no_rule_fires_people_read_the_last_words() -> None:
    code, out, _ = told("-", typed=STRANGE)

    assert code == 0
    assert out == "-: unknown\n  Unknown failure.\n  Last words, line 1: zork: the frobnicator said 17\n"


def test_machines_read_one_object_for_each_file_in_the_given_order(tmp_path: Path) -> None:
    broken, network, strange = (tmp_path / name for name in ("z.log", "a.log", "m.log"))
    broken.write_text(BROKEN)
    network.write_text(NETWORK)
    strange.write_text(STRANGE)

    found = objects(str(broken), str(strange), str(network))

    assert [list(each) for each in found] == [["file", "cause", "rule", "line", "why"]] * 3
    assert [tuple(each.values())[:4] for each in found] == [
        (str(broken), "broken", "javac", 3),
        (str(strange), "unknown", None, None),
        (str(network), "transient", "download-failed", 1),
    ]
    assert all(each["why"] for each in found)


def test_standard_input_is_read_for_a_dash() -> None:
    (found,) = objects("-", typed=BROKEN)

    assert (found["file"], found["rule"], found["line"]) == ("-", "javac", 3)


@pytest.mark.parametrize(
    "raw",
    [
        BROKEN.encode("utf-16"),
        BROKEN.replace("\n", "\r\n").encode(),
        b"caf\xe9 \xff\xfe\n\n" + BROKEN.split("\n", 2)[2].encode(),
        "\n".join(STAMP + line for line in BROKEN.splitlines()).encode(),
        ("\ufeff" + BROKEN).encode(),
        BROKEN.replace("error", "\x1b[31merror\x1b[0m").encode(),
        BROKEN.replace("compiling", "##[group]Run make\x1b[0m\r10 %\r20 %").encode(),
    ],
    ids=["utf-16", "windows", "not utf-8", "time stamps", "byte order mark", "colours", "progress"],
)
def test_a_line_has_the_number_it_has_in_the_file(raw: bytes) -> None:
    (found,) = objects("-", typed=raw)

    assert (found["cause"], found["line"]) == ("broken", 3)


def test_of_a_big_log_the_end_is_read_and_lines_keep_their_numbers(tmp_path: Path) -> None:
    log = tmp_path / "big.log"
    before = 300_000
    log.write_text(f"{COMPILER}\n" + "downloading more of it\n" * before + f"{NETWORK}\nbye\n")

    (found,) = objects(str(log))

    assert (found["cause"], found["line"]) == ("transient", before + 2)


def test_no_more_of_a_big_stream_is_kept_than_is_judged() -> None:
    tail = read_tail(io.BytesIO(b"0123456\n" * 500_000))

    assert len(tail.raw) == READ_BYTES + 1
    assert tail.first_line == 500_000 - (READ_BYTES + 1) // 8 + 1


@pytest.mark.parametrize("case", cases(OPEN), ids=lambda case: case.file.stem)
def test_a_file_and_the_log_of_a_failed_job_are_judged_alike(case: Case) -> None:
    raw = case.file.read_bytes()
    text = clean_tail(raw) or None
    job = FailedJob(case.job.name, case.job.conclusion, case.job.step, (), text, 1, None)
    found = judge(Evidence((job,), 1, startup_failure=False), shipped_rules()).findings[0]

    explained = explain("a.log", read_tail(io.BytesIO(raw)), case.job, shipped_rules())

    assert (explained.cause, explained.rule) == (found.cause, found.rule)
    assert (explained.said.text if explained.said else None) in {found.line, f"##[error]{found.line}"}


def test_as_much_of_a_file_is_read_as_of_the_log_of_a_failed_job() -> None:
    assert run_reads._LOG_TAIL_BYTES == READ_BYTES + 1


@pytest.mark.parametrize("raw", [b"", b"\n\n\n", b"\x00" * 1000, bytes(range(256)) * 50])
def test_a_log_that_says_nothing_is_unknown(raw: bytes) -> None:
    (found,) = objects("-", typed=raw)

    assert (found["cause"], found["rule"], found["line"]) == ("unknown", None, None)


def test_a_file_that_cannot_be_read_does_not_keep_the_others_from_being_explained(tmp_path: Path) -> None:
    log = tmp_path / "build.log"
    log.write_text(BROKEN)
    missing = str(tmp_path / "missing.log")

    code, out, err = told("--json", missing, str(log), str(tmp_path))

    assert code == 2
    assert [json.loads(line)["file"] for line in out.splitlines()] == [str(log)]
    assert err.splitlines() == [
        f"{missing}: the file cannot be read: No such file or directory",
        f"{tmp_path}: the file cannot be read: Is a directory",
    ]


@pytest.mark.parametrize(
    ("conclusion", "cause", "why"),
    [
        ("timed_out", "unknown", "The time limit was reached in job soak"),
        ("cancelled", "unknown", "It was cancelled for no visible reason in job soak"),
        ("startup_failure", "broken", "The run could not start, its workflow file is not valid"),
        ("success", "unknown", "No failed job was found"),
    ],
)
def test_how_the_job_ended_is_told_by_its_conclusion(conclusion: str, cause: str, why: str) -> None:
    (found,) = objects("-", "--job", "soak", "--conclusion", conclusion, typed=STRANGE)

    assert (found["cause"], found["rule"], found["line"], found["why"]) == (cause, None, None, why)


def test_a_conclusion_that_github_does_not_know_is_refused() -> None:
    code, out, err = told("-", "--conclusion", "zork", typed=STRANGE)

    assert (code, out) == (2, "")
    assert err.startswith("--conclusion: 'zork' must be one of failure, cancelled, timed_out, ")


def test_a_secret_in_the_deciding_line_is_not_shown() -> None:
    secret = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"

    code, out, _ = told(
        "-", typed=f"fatal: Authentication failed for 'https://{secret}@github.com/acme/widget'"
    )

    assert code == 0
    assert "broken" in out
    assert secret not in out


# -- with the rules of a pipeline ------------------------------------------------------------------

OWN_RULES = """
pipelines:
  release:
    steps: {build: {dispatch: build.yml}}
    failures:
      - {name: frobnicator, cause: transient, pattern: 'frobnicator said \\d+', reason: the frobnicator was away}
      - {name: javac, cause: unknown, pattern: 'error: cannot find symbol'}
"""
OTHER_RULES = "  announce:\n    steps: {site: {dispatch: site.yml}}\n"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    file = tmp_path / "release-bot.yml"
    file.write_text(OWN_RULES)
    return file


def test_the_rules_of_a_pipeline_judge_before_those_shipped(own: Path) -> None:
    (found,) = objects("-", "--pipeline", str(own), typed=STRANGE)

    assert list(found) == ["file", "cause", "rule", "line", "why"]
    assert found["cause"] == "transient"
    assert (found["rule"], found["line"], found["why"]) == ("frobnicator", 1, "The frobnicator was away")


def test_a_rule_of_a_pipeline_replaces_the_shipped_one_of_its_name(own: Path) -> None:
    (with_own,) = objects("-", "--pipeline", str(own), typed=BROKEN)
    (without,) = objects("-", typed=BROKEN)

    assert (with_own["cause"], with_own["rule"]) == ("unknown", "javac")
    assert (without["cause"], without["rule"]) == ("broken", "javac")


def test_a_shipped_rule_still_judges_what_a_pipeline_does_not(own: Path) -> None:
    (found,) = objects("-", "--pipeline", str(own), typed=NETWORK)

    assert (found["cause"], found["rule"]) == ("transient", "download-failed")


@pytest.mark.parametrize(("name", "cause"), [("release", "transient"), ("ANNOUNCE", "unknown")])
def test_of_several_pipelines_one_is_chosen_by_its_name(own: Path, name: str, cause: str) -> None:
    own.write_text(OWN_RULES + OTHER_RULES)

    (found,) = objects("-", "--pipeline", str(own), "--name", name, typed=STRANGE)

    assert found["cause"] == cause


def test_several_pipelines_with_the_same_rules_need_no_name(own: Path) -> None:
    rules = OWN_RULES[OWN_RULES.index("    failures:") :].replace("failures:", "failures: &rules", 1)
    head = "pipelines:\n  release:\n    steps: {build: {dispatch: build.yml}}\n"
    own.write_text(head + rules + OTHER_RULES + "    failures: *rules\n")

    (found,) = objects("-", "--pipeline", str(own), typed=STRANGE)

    assert found["rule"] == "frobnicator"


def test_several_pipelines_with_different_rules_need_a_name(own: Path) -> None:
    own.write_text(OWN_RULES + OTHER_RULES)

    assert told("-", "--pipeline", str(own), typed=STRANGE) == (
        2,
        "",
        f"{own}: its pipelines have different `failures`: choose one with --name, out of release, announce\n",
    )


def test_a_name_that_no_pipeline_has_is_refused(own: Path) -> None:
    assert told("-", "--pipeline", str(own), "--name", "relase", typed=STRANGE) == (
        2,
        "",
        f"--name: there is no pipeline `relase` in {own}; there are release\n",
    )


def test_a_name_without_a_file_is_refused() -> None:
    assert told("-", "--name", "release", typed=STRANGE) == (
        2,
        "",
        "--name: tell the file with --pipeline FILE\n",
    )


def test_every_mistake_of_a_pipeline_file_is_told_before_a_log_is_read(own: Path) -> None:
    own.write_text(OWN_RULES.replace("frobnicator said \\d+", "said (").replace(": unknown", ": unkown"))

    code, out, err = told("-", "--pipeline", str(own), typed=STRANGE)

    assert (code, out) == (2, "")
    assert err.splitlines() == [
        f"{own}:6:56: `said (` is not a regular expression: missing ), unterminated subpattern at position 5",
        f"{own}:7:30: `unkown` is not a cause: did you mean `unknown`?",
    ]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (
            None,
            (
                ": the file cannot be read: No such file or directory; "
                "name the pipeline file, .github/release-bot.yml for instance"
            ),
        ),
        (b"\xff", ":1:1: the file is not UTF-8 text"),
    ],
)
def test_a_pipeline_file_that_cannot_be_read_is_refused(own: Path, raw: bytes | None, message: str) -> None:
    if raw is None:
        own.unlink()
    else:
        own.write_bytes(raw)

    assert told("-", "--pipeline", str(own), typed=STRANGE) == (2, "", f"{own}{message}\n")


def test_check_takes_a_file_with_rules_and_refuses_a_rule_that_does_not_know_its_example(own: Path) -> None:
    good = CliRunner().invoke(app, ["check", str(own)])
    own.write_text(OWN_RULES.replace("reason: the", "example: zork, reason: the"))
    bad = CliRunner().invoke(app, ["check", str(own)])

    assert (good.exit_code, good.stdout) == (0, f"{own}: good: release (1 step)\n")
    assert bad.exit_code == 1
    assert bad.stderr == f"{own}:6:89: `pattern` fits no line of this example\n"


READS_LOGS = [rule for rule in shipped_rules() if rule.where in {Where.ANY, Where.LOG}]


@pytest.mark.parametrize("rule", READS_LOGS, ids=lambda rule: rule.name)
def test_every_rule_that_reads_logs_is_named_for_its_example(rule: Rule) -> None:
    (found,) = objects("-", typed=rule.example)

    assert (found["cause"], found["rule"]) == (rule.cause.value, rule.name)
    line = found["line"]
    assert isinstance(line, int)
    assert rule.pattern.search(rule.example.splitlines()[line - 1].removeprefix("##[error]"))


async def test_the_program_itself_explains_a_log(tmp_path: Path) -> None:
    (tmp_path / "bäh ✗.log").write_text(BROKEN + "✗")
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "explain-log", "--json", "bäh ✗.log", "-"),
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "PYTHONIOENCODING": "ascii"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await child.communicate(NETWORK.encode())
    first, second = (json.loads(line) for line in out.splitlines())

    assert (child.returncode, err) == (0, b"")
    assert (first["file"], first["cause"]) == ("bäh ✗.log", Cause.BROKEN)
    assert (second["file"], second["cause"]) == ("-", Cause.TRANSIENT)


@pytest.mark.parametrize(
    ("listed", "differ"),
    [
        (("a.log", "b.log"), 0),
        (("a.log",), 1),
        (("a.log", "b.log", "c.log"), 1),
    ],
    ids=["as committed", "one too many", "one missing"],
)
def test_files_that_are_not_as_their_hashes_say_are_counted(
    tmp_path: Path, listed: tuple[str, ...], differ: int
) -> None:
    (tmp_path / "held-out").mkdir()
    for name in ("a.log", "b.log"):
        (tmp_path / "held-out" / name).write_text(name)
    hashes = "".join(f"{hashlib.sha256(name.encode()).hexdigest()}  held-out/{name}\n" for name in listed)

    assert hashes_differ(hashes, tmp_path) == differ
    (tmp_path / "held-out" / "a.log").write_text("changed")
    assert hashes_differ(hashes, tmp_path) == differ + 1
