"""`status` without a version: all open releases of a home in one table, who needs a person first."""

import re
from dataclasses import replace

from bot.core.model import Release, StepRecord
from bot.core.plan import ApprovalStep, DispatchStep, Plan
from bot.core.present import board_answer
from bot.core.states import AwaitingApproval, InLine, Running

from .releases import EE, FAILED, OSS, PLAN, PUBLIC, WEB, at, bound, failed, needing, passed, record, release

DONE = passed(7000, began=0, ended=4)


def one(
    version: str, steps: dict[str, StepRecord] | None = None, plan: Plan = PLAN, *, issue: int = 7
) -> Release:
    made = release(steps, plan=replace(plan, version=version))
    return replace(made, id=f"r-{version}", issue=issue)


def answer(*releases: Release, pipeline: str = "release") -> str:
    return board_answer(pipeline, releases, PUBLIC, web_url=WEB, comments={"r-1.0.3": 41})


def rows(text: str) -> list[list[str]]:
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.split("\n")
        if line.startswith("|")
    ]


def test_the_day_at_a_glance() -> None:
    running = one("1.1.0", {"oss-start": record(Running(bound()), began=1)}, issue=8)
    asking = one("1.0.3", {**dict.fromkeys(("oss-start", "oss", "ee"), DONE)})
    asking = asking.with_step("go", record(AwaitingApproval(at(9), at(9)), began=9))
    stuck = one("0.24.9", {"oss-start": needing(FAILED, failed()), "ee": record(Running(bound(8001)))})

    assert answer(running, asking, stuck) == (
        """\
3 releases are open, 1 of them needs a person.

| release | state | oss-start | oss | ee | go | docker |
| --- | --- | --- | --- | --- | --- | --- |
| [release 0.24.9](https://github.com/acme/widget/issues/7) | 🔴 needs attention \
| 🔴 needs attention | ⚪ waiting | 🟡 running | ⚪ waiting | ⚪ waiting |
| [release 1.0.3](https://github.com/acme/widget/issues/7#issuecomment-41) | 🟡 running \
| ✅ passed | ✅ passed | ✅ passed | ✋ awaiting approval | ⚪ waiting |
| [release 1.1.0](https://github.com/acme/widget/issues/8) | 🟡 running \
| 🟡 running | ⚪ waiting | ⚪ waiting | ⚪ waiting | ⚪ waiting |

- **release 0.24.9**: `oss-start` needs a person: type `/release retry 0.24.9 oss-start`, \
`/release redo 0.24.9 oss-start`, `/release skip 0.24.9 oss-start` or `/release cancel 0.24.9`.
- **release 1.0.3**: `go` waits for an approval (Publish the images?): type `/release approve 1.0.3`.
- **release 1.1.0**: `oss-start` is running; `oss` and `ee` come next."""
    )


def test_plans_that_differ_share_one_table_and_a_step_that_one_has_not_is_a_dash() -> None:
    older = replace(PLAN, steps=(PLAN.steps[0], PLAN.steps[1], PLAN.steps[4]))
    sign = DispatchStep("sign", ("docker",), OSS, "sign.yml", "v1.0.3")
    check = DispatchStep("check", (), OSS, "check.yml", "develop")
    newer = replace(PLAN, steps=(check, *PLAN.steps, sign))

    table = rows(answer(one("1.0.3", plan=older), one("1.1.0", plan=newer)))

    assert table[0][2:] == ["check", "oss-start", "oss", "ee", "go", "docker", "sign"]
    assert table[2][2:] == ["–", "⚪ waiting", "⚪ waiting", "–", "–", "⚪ waiting", "–"]
    assert table[3][2:] == ["⚪ waiting"] * 7


def test_other_pipelines_have_tables_of_their_own_below() -> None:
    docs = Plan(
        pipeline="docs",
        version="1.0.3",
        about="",
        permission="write",
        group="1.0.3",
        home=OSS,
        file_repo=OSS,
        steps=(ApprovalStep("read", (), "Is it right?"),),
    )
    text = answer(one("1.0.3", plan=docs), one("1.0.3"), one("1.1.0"), pipeline="Release")

    assert text.startswith("3 releases are open.\n\n| release | state | oss-start |")
    assert [row[0] for row in rows(text) if len(row) == 3] == [
        "release",
        "---",
        "[docs 1.0.3](https://github.com/acme/widget/issues/7#issuecomment-41)",
    ]
    assert text.index("docs 1.0.3") > text.index("**release 1.1.0**")


def test_when_only_others_are_open_it_says_so() -> None:
    assert answer(one("1.0.3"), pipeline="docs").startswith(
        "No release of `docs` is open. Of other pipelines 1 release is open.\n\n|"
    )


def test_of_many_releases_thirty_are_shown_and_the_rest_is_counted() -> None:
    text = answer(*(one(f"1.0.{patch}") for patch in range(33)))

    assert len(rows(text)) == 2 + 30
    assert text.endswith("\n\nAnd 3 more.")


def test_whoever_needs_a_person_is_shown_first_whatever_the_pipeline() -> None:
    many = [one(f"1.0.{patch}") for patch in range(33)]
    stuck = one("9.9.9", {"oss-start": needing(FAILED, failed())}, replace(PLAN, pipeline="hot"))

    table = rows(answer(*many, stuck))

    assert [row[0].partition("]")[0] for row in table[2:6]] == [
        "[hot 9.9.9",
        "release",
        "---",
        "[release 1.0.0",
    ]
    assert len(table) == 2 * 2 + 30


def test_a_step_in_line_behind_a_private_one_is_waiting_like_any_other() -> None:
    plan = replace(PLAN, steps=tuple(replace(s, repo=EE) if s.kind == "dispatch" else s for s in PLAN.steps))
    done = dict.fromkeys(("oss-start", "oss", "ee", "go"), DONE)

    text = answer(one("1.0.3", {**done, "docker": record(InLine(at(9)))}, plan), one("1.1.0"))

    assert "- **release 1.0.3**: `docker` comes next.\n" in text
    assert not re.search(r"(?m)^\s*/|<!--|[@＠]", text)
