"""A day with several releases, as people see it: half-published versions, turns, the board, the list, the summary."""

import re
import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from bot.simulator.leaks import leaks
from bot.simulator.ledger import Entry
from bot.simulator.repositories import Comment
from tests.scenarios.stage import EE, ONE_CHAIN, ONE_STEP, OSS, Stage

COMPILER = "/home/runner/work/widget/core/Flow.java:42: error: cannot find symbol\n"
NETWORK = "npm error code ECONNRESET\nnpm error network request failed\n"
LIST = "<!-- release-bot-together:"
IMAGES = f"""\
pipelines:
  release:
    notify: [ada, acme/releases, MAYA]
    parameters: {{java: {{values: ["17", "21"], default: "21"}}}}
    steps:
      build: {{repo: {OSS}, dispatch: build.yml, ref: develop, inputs: {{version: "{{{{ version }}}}"}}}}
      images:
        needs: build
        repo: {OSS}
        dispatch: release-docker.yml
        ref: develop
        one-at-a-time: images
"""
APPROVAL = """\
pipelines:
  release:
    steps:
      go: {approval: "Publish the images?"}
"""


def lists(stage: Stage) -> list[Comment]:
    """The comments that list the releases of one command."""
    return [comment for comment in stage.world.comments_of_bot() if LIST in comment.body]


def listed(stage: Stage) -> str:
    (comment,) = lists(stage)
    return comment.body


def rows(body: str) -> dict[str, list[str]]:
    """The cells of a table below its head, by the text of the first one."""
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in body.splitlines()
        if line.startswith("|")
    ]
    return {re.sub(r"\[(.*)\]\(.*\)", r"\1", first): rest for first, *rest in cells[2:]}


def edits(stage: Stage) -> list[Entry]:
    """Changes of the list."""
    return [entry for entry in stage.world.ledger.matching("PATCH", "/issues/comments/") if _lists(entry)]


def _lists(entry: Entry) -> bool:
    return LIST in str((entry.body or {}).get("body"))


def summaries(stage: Stage) -> list[str]:
    return [said for said in stage.said() if said.startswith("**Releases of ")]


def build(stage: Stage) -> None:
    """Runs of the build last until they are told to end."""
    stage.oss.workflows["build.yml"].on_run().runs_until_told()


def ends(stage: Stage, version: str) -> None:
    next(run for run in stage.oss.workflows["build.yml"].runs if run.inputs["version"] == version).finish()


def over(stage: Stage, *versions: str) -> Callable[[], bool]:
    return lambda: all(stage.state(version) in {"released", "cancelled"} for version in versions)


async def begins(
    stage: Stage, command: str = "/release 1.0.3 0.24.9", file: str = ONE_STEP, **settings: str
) -> None:
    stage.pipeline(file)
    await stage.opens(**settings)
    await stage.says(command)
    await stage.passes(seconds=30)


# -- half-published ----------------------------------------------------------------------------------------------------


async def half_published(stage: Stage) -> None:
    stage.ee.workflows["pre-release.yml"].on_run().job("build").fails(log=COMPILER)
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "needs attention" and stage.step("oss") == "passed")
    await stage.passes(seconds=30)


async def test_a_release_that_needs_a_person_says_what_is_done_on_which_side(stage: Stage) -> None:
    await half_published(stage)

    expected = """\
So far:

- `acme/widget`: `oss-start` and `oss` are done, `oss-docker` has not begun.
- elsewhere: `ee-start` passed, `ee` needs attention, `ee-docker` is waiting."""
    assert expected in stage.status().body
    assert stage.answer().startswith("@maya release 1.0.3 needs you at `ee`")
    assert "- elsewhere: `ee-start` passed, `ee` needs attention" in stage.answer()
    assert leaks(stage.world.ledger.public_writes, stage.ee) == []


async def test_a_release_that_was_cancelled_half_way_says_how_to_go_on(stage: Stage) -> None:
    await half_published(stage)
    await stage.says("/release cancel 1.0.3")
    await stage.until(lambda: stage.answer().startswith("@maya release 1.0.3 is cancelled"))

    assert "`oss-start` and `oss` are done, `oss-docker` has not begun." in stage.answer()
    assert "`oss-start` and `oss` are done, `oss-docker` has not begun." in stage.status().body
    assert "`/release 1.0.3 --continue` starts it again" in stage.answer()
    assert leaks(stage.world.ledger.public_writes, stage.ee) == []


# -- those who wait, those who are called --------------------------------------------------------------------------


async def test_who_waits_for_another_release_says_for_which_and_that_it_is_stuck(stage: Stage) -> None:
    stage.oss.workflows["release-docker.yml"].on_run().job("build").fails(log=COMPILER)
    build(stage)
    await begins(stage, file=IMAGES)
    ends(stage, "0.24.9")
    await stage.until(lambda: stage.state("0.24.9") == "needs attention")
    ends(stage, "1.0.3")
    await stage.passes(minutes=1)

    sentence = "`images` waits for release 0.24.9 / images, which needs a person."
    assert stage.status("1.0.3").sentence == sentence
    assert rows(listed(stage))["release 1.0.3"] == ["🟡 running", sentence.removesuffix(".")]
    assert "With `java=21`." in stage.status("1.0.3").body


async def test_whom_the_file_names_is_called_when_a_person_is_needed_and_not_at_the_end(stage: Stage) -> None:
    stage.oss.workflows["build.yml"].on_run().job("build").fails(log=COMPILER)
    await begins(stage, "/release 1.0.3", IMAGES)
    await stage.until(lambda: stage.state() == "needs attention")
    await stage.passes(seconds=30)
    assert stage.answer().startswith("@maya @ada @acme/releases release 1.0.3 needs you at `build`")

    await stage.says("/release cancel 1.0.3")
    await stage.until(lambda: "is cancelled" in stage.answer())
    assert re.findall(r"@\S+", stage.answer()) == ["@maya"]


# -- the board -----------------------------------------------------------------------------------------------------


async def test_status_shows_all_open_releases_of_the_home_those_first_that_need_a_person(
    stage: Stage,
) -> None:
    stage.oss.workflows["build.yml"].on_run(about="0.24.9").job("build").fails(log=COMPILER)
    build(stage)
    await begins(stage, "/release 1.0.3")
    await stage.says("/release 0.24.9", issue=stage.world.add_issue(stage.oss, 8))
    await stage.until(lambda: stage.state("0.24.9") == "needs attention")
    await stage.says("/release status", by="walt")

    answer = stage.answer()
    assert answer.startswith(
        "2 releases are open, 1 of them needs a person.\n\n| release | state | build |\n"
    )
    assert [*rows(answer).items()] == [
        ("release 0.24.9", ["🔴 needs attention", "🔴 needs attention"]),
        ("release 1.0.3", ["🟡 running", "🟡 running"]),
    ]
    assert f"[release 0.24.9]({stage.world.urls.web}/{OSS}/issues/8#issuecomment-" in answer
    assert "- **release 0.24.9**: `build` needs a person: type `/release redo 0.24.9 build`" in answer


async def test_status_with_a_version_and_of_one_release_is_the_list_of_its_steps(stage: Stage) -> None:
    build(stage)
    await begins(stage)
    await stage.says("/release status 1.0.3")
    assert "- build: 🟡 running" in stage.answer()
    assert "0.24.9" not in stage.answer()

    ends(stage, "0.24.9")
    await stage.until(over(stage, "0.24.9"))
    await stage.says("/release status")
    assert "- build: 🟡 running" in stage.answer()
    assert "|" not in stage.answer()


async def test_a_board_that_is_too_long_leaves_out_nobody_who_needs_a_person(stage: Stage) -> None:
    build = f'{{repo: {OSS}, dispatch: build.yml, ref: develop, inputs: {{version: "{{{{ version }}}}"}}}}'
    steps = f"steps: {{build: {build}}}"
    stage.oss.workflows["build.yml"].on_run(about="9.9.9").job("build").fails(log=COMPILER)
    stage.oss.workflows["build.yml"].on_run(about="1.0.0").runs_until_told()
    file = f"pipelines:\n  release: {{concurrency: all, {steps}}}\n  hot: {{{steps}}}\n"
    await begins(stage, "/hot 9.9.9", file)
    await stage.until(lambda: stage.state("9.9.9") == "needs attention")
    await stage.says("/release " + " ".join(f"1.0.{patch}" for patch in range(34)))
    await stage.passes(minutes=5)
    await stage.says("/release status")
    await stage.passes(minutes=2)

    assert next(iter(rows(stage.answer()))) == "hot 9.9.9"
    assert "And 5 more." in stage.answer()


async def test_the_board_names_nothing_private_but_steps_and_words(stage: Stage) -> None:
    stage.ee.workflows["global-start-release.yml"].on_run().runs_until_told()
    await stage.opens()
    await stage.says("/release 1.0.3 0.24.9")
    await stage.until(lambda: stage.step("ee-start", "0.24.9") == "running")
    await stage.says("/release status")

    assert rows(stage.answer())["release 1.0.3"][3] == "🟡 running"
    assert EE not in stage.answer()
    assert leaks(stage.world.ledger.public_writes, stage.ee) == []


# -- the list of what one command started --------------------------------------------------------------------------


async def test_releases_of_one_command_are_listed_in_one_comment_that_is_kept_true(stage: Stage) -> None:
    build(stage)
    await begins(stage)
    assert listed(stage).startswith("**2 releases of one command:** 2 running.")
    assert rows(listed(stage)) == {
        "release 1.0.3": ["🟡 running", "`build` is running"],
        "release 0.24.9": ["🟡 running", "`build` is running"],
    }

    ends(stage, "0.24.9")
    await stage.until(over(stage, "0.24.9"))
    await stage.passes(seconds=60)
    assert "1 running, 1 released." in listed(stage)

    await stage.says("/release cancel 1.0.3")
    await stage.until(over(stage, "1.0.3"))
    await stage.passes(seconds=60)
    assert listed(stage).startswith("**2 releases of one command:** 1 released, 1 cancelled.")
    assert rows(listed(stage))["release 1.0.3"][0] == "⛔ cancelled"
    assert len(lists(stage)) == 1


async def test_the_list_leads_to_each_status_comment_and_is_none_itself(stage: Stage) -> None:
    stage.world.trouble.answers("POST", "/issues/7/comments$", 502, times=2, skip=2)
    await begins(stage, file=APPROVAL)  # nothing changes any more when the status comments come to be at last

    links = re.findall(r"\[release ([\d.]+)\]\(\S+#issuecomment-(\d+)\)", listed(stage))
    bodies = {str(comment.id): comment.body for comment in stage.world.comments_of_bot()}
    assert [version for version, _ in links] == ["1.0.3", "0.24.9"]
    assert all(bodies[number].startswith(f"### 🟡 release {version}: running") for version, number in links)
    assert sorted(status.version for status in stage.statuses()) == ["0.24.9", "1.0.3"]
    assert listed(stage).splitlines()[-1] == f"{LIST}{stage.status('1.0.3').release_id} -->"


@pytest.mark.parametrize("seconds", [10, 300])
async def test_the_list_is_edited_no_oftener_than_the_setting_says_and_complete_at_the_end(
    stage: Stage, seconds: int
) -> None:
    stage.pipeline(ONE_CHAIN)
    await stage.opens(EDIT_SECONDS=str(seconds))
    await stage.says("/release 1.0.3 0.24.9 1.1.0")
    await stage.until(over(stage, "1.0.3", "0.24.9", "1.1.0"))
    await stage.passes(seconds=60)
    assert listed(stage).startswith("**3 releases of one command:** 3 released.")

    times = [entry.at for entry in edits(stage)]
    assert len(times) <= 30
    calm = times[:-1]  # the end is told at once
    assert all(later - earlier >= timedelta(seconds=seconds) for earlier, later in pairwise(calm)), times
    before = len(stage.world.ledger.writes)
    await stage.passes(hours=5)
    assert len(stage.world.ledger.writes) == before


@pytest.mark.parametrize("command", ["/release 1.0.3", "/release 1.0.3 1.0.3"])
async def test_a_release_that_is_alone_has_no_list(stage: Stage, command: str) -> None:
    await begins(stage, command)
    await stage.until(over(stage, "1.0.3"))

    assert lists(stage) == []


async def test_a_version_that_was_refused_is_not_listed(stage: Stage) -> None:
    build(stage)
    await begins(stage, "/release 0.24.9", ONE_CHAIN)
    await stage.says("/release 0.24.9 1.0.3 1.1.0")
    await stage.passes(seconds=30)

    assert list(rows(listed(stage))) == ["release 1.0.3", "release 1.1.0"]


async def test_a_lost_answer_does_not_make_a_second_list(stage: Stage) -> None:
    stage.world.trouble.answers("POST", "/issues/7/comments$", 502, when="after", times=3)
    build(stage)
    await begins(stage)
    await stage.passes(minutes=5)

    assert len(lists(stage)) == 1
    assert "2 running" in listed(stage)


async def test_a_list_that_the_database_does_not_know_any_more_is_found_again(stage: Stage) -> None:
    build(stage)
    await begins(stage)
    await stage.closes()
    with sqlite3.connect(stage.folder / "bot.db") as database:
        database.execute("DELETE FROM surfaces WHERE kind = 'together'")
    database.close()
    await stage.opens()
    ends(stage, "1.0.3")
    await stage.until(over(stage, "1.0.3"))
    await stage.passes(minutes=1)

    assert len(lists(stage)) == 1
    assert "1 running, 1 released" in listed(stage)


async def test_a_list_that_somebody_deleted_is_made_once_more_and_then_no_longer(stage: Stage) -> None:
    build(stage)
    await begins(stage)
    maya = stage.world.hand("maya")
    maya.deletes(lists(stage)[0])
    await stage.passes(minutes=1)
    assert listed(stage).startswith("**2 releases of one command:** 2 running.")

    maya.deletes(lists(stage)[0])
    ends(stage, "1.0.3")
    ends(stage, "0.24.9")
    await stage.until(over(stage, "1.0.3", "0.24.9"))
    await stage.passes(hours=1)
    assert lists(stage) == []


async def test_a_list_that_could_not_be_written_is_written_when_the_bot_starts_again(stage: Stage) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens()
    stage.world.trouble.calls("POST", "reactions$", lambda: stage.world.hand("ada").locks(stage.issue))
    await stage.says("/release 1.0.3 0.24.9")
    await stage.passes(hours=2)
    assert lists(stage) == []

    await stage.bot_dies()
    stage.issue.locked = False
    await stage.opens()
    await stage.passes(minutes=2)
    assert listed(stage).startswith("**2 releases of one command:** 2 released.")


async def test_the_end_of_all_is_listed_although_the_process_died_before_it_could_be(stage: Stage) -> None:
    build(stage)
    await begins(stage)
    stage.world.trouble.answers("PATCH", f"/comments/{lists(stage)[0].id}$", 502, times=None)
    ends(stage, "1.0.3")
    ends(stage, "0.24.9")
    await stage.until(over(stage, "1.0.3", "0.24.9"))
    await stage.passes(minutes=1)
    await stage.bot_dies()
    assert "2 running." in listed(stage)

    stage.world.trouble.ends()
    await stage.opens()
    await stage.passes(minutes=1)
    assert "2 released." in listed(stage)
    assert len(lists(stage)) == 1


# -- the summary of the day ----------------------------------------------------------------------------------------


async def test_the_day_is_summed_up_once_when_its_last_release_is_over(stage: Stage) -> None:
    stage.oss.workflows["build.yml"].on_run(about="0.24.9", attempts=2).job("build").fails(log=NETWORK)
    stage.oss.workflows["build.yml"].on_run(about="1.1.0").job("build").fails(log=COMPILER)
    await begins(stage, "/release 1.0.3 0.24.9")
    await stage.says("/release 1.1.0", by="ada", issue=stage.world.add_issue(stage.oss, 8))
    await stage.until(over(stage, "1.0.3", "0.24.9"))
    await stage.passes(minutes=5)
    assert summaries(stage) == []

    await stage.says("/release cancel 1.1.0", by="ada")
    await stage.until(over(stage, "1.1.0"))
    await stage.passes(hours=2)
    (summary,) = summaries(stage)
    assert "**Releases of 20 Nov 2026:** 2 released and 1 cancelled, from 09:00 UTC to " in summary
    assert [*rows(summary)] == ["release 0.24.9", "release 1.0.3", "release 1.1.0", "**in all**"]
    assert rows(summary)["release 0.24.9"][2:] == ["2: 2 transient", "–"]
    assert rows(summary)["release 1.1.0"][::3] == ["⛔ cancelled", "once"]
    assert rows(summary)["**in all**"][2:] == ["**2: 2 transient**", "**once**"]
    assert "@" not in summary
    (made,) = (c for c in stage.world.comments_of_bot() if c.body == summary)
    assert made.issue.number == 8


async def test_a_day_has_one_summary_also_when_another_release_begins_after_it(stage: Stage) -> None:
    await begins(stage)
    await stage.until(over(stage, "1.0.3", "0.24.9"))
    await stage.passes(hours=1)
    await stage.says("/release 1.1.0", issue=stage.world.add_issue(stage.oss, 8))
    await stage.until(over(stage, "1.1.0"))
    await stage.passes(hours=1)

    (summary,) = summaries(stage)
    assert "**Releases of 20 Nov 2026:** 3 released, from 09:00 UTC to 10:" in summary
    assert [*rows(summary)] == ["release 0.24.9", "release 1.0.3", "release 1.1.0", "**in all**"]


async def test_a_summary_that_the_database_does_not_know_any_more_is_found_again(stage: Stage) -> None:
    await begins(stage)
    await stage.until(over(stage, "1.0.3", "0.24.9"))
    await stage.passes(hours=1)
    await stage.closes()
    with sqlite3.connect(stage.folder / "bot.db") as database:
        database.execute("DELETE FROM surfaces WHERE kind = 'day'")
    database.close()
    await stage.opens()
    await stage.says("/release 1.1.0")
    await stage.until(over(stage, "1.1.0"))
    await stage.passes(hours=1)

    (summary,) = summaries(stage)
    assert "**Releases of 20 Nov 2026:** 3 released" in summary


async def test_re_runs_of_a_run_that_was_replaced_count_in_the_summary(stage: Stage) -> None:
    stage.oss.workflows["build.yml"].on_run(about="0.24.9").job("build").fails(log=NETWORK)
    await begins(stage)
    await stage.until(lambda: stage.state("0.24.9") == "needs attention")
    stage.oss.workflows["build.yml"].on_run(about="0.24.9").job("build").succeeds()
    await stage.says("/release redo 0.24.9 build")
    await stage.until(over(stage, "1.0.3", "0.24.9"))
    await stage.passes(minutes=1)

    assert rows(summaries(stage)[0])["release 0.24.9"][2:] == ["3: 3 transient", "once"]


async def test_a_day_with_one_release_needs_no_summary(stage: Stage) -> None:
    await begins(stage, "/release 1.0.3")
    await stage.until(over(stage, "1.0.3"))
    await stage.passes(hours=1)

    assert summaries(stage) == []


async def test_a_day_is_that_of_the_command_however_late_its_releases_end(stage: Stage) -> None:
    build(stage)
    await begins(stage, LOOK_SECONDS="3600")
    began = _day(stage.clock.now())
    await stage.passes(hours=16)
    await stage.says("/release 1.1.0")
    ends(stage, "1.0.3")
    ends(stage, "0.24.9")
    await stage.until(over(stage, "1.0.3", "0.24.9"))
    await stage.passes(minutes=5)

    (summary,) = summaries(stage)
    assert summary.startswith(f"**Releases of {began}:** 2 released, from 09:00 UTC to ")
    assert "1.1.0" not in summary

    ends(stage, "1.1.0")
    await stage.until(over(stage, "1.1.0"))
    await stage.passes(minutes=5)
    assert summaries(stage) == [summary]


def _day(at: datetime) -> str:
    return f"{at.day} {at:%b %Y}"


async def test_releases_that_end_in_one_moment_have_one_summary(stage: Stage) -> None:
    build(stage)
    await begins(stage)
    await stage.bot_dies()
    ends(stage, "1.0.3")
    ends(stage, "0.24.9")
    await stage.passes(minutes=5)
    await stage.opens()
    await stage.until(over(stage, "1.0.3", "0.24.9"))
    await stage.bot_restarts()
    await stage.passes(minutes=5)

    assert len(summaries(stage)) == 1


async def test_a_lost_answer_does_not_make_a_second_summary(stage: Stage) -> None:
    build(stage)
    await begins(stage)
    ends(stage, "1.0.3")
    ends(stage, "0.24.9")
    stage.world.trouble.answers("POST", "/issues/7/comments$", 502, when="after", times=4)
    await stage.passes(hours=1)

    assert len(summaries(stage)) == 1


async def test_the_summary_counts_nothing_of_a_private_repository(stage: Stage) -> None:
    stage.ee.workflows["pre-release.yml"].on_run(attempts=1).job("build").fails(log=NETWORK)
    await stage.opens()
    await stage.says("/release 1.0.3 0.24.9")
    await stage.until(over(stage, "1.0.3", "0.24.9"))
    await stage.passes(minutes=5)

    (summary,) = summaries(stage)
    assert rows(summary)["**in all**"][2:] == ["–", "–"]
    assert "Not counted: what happened in private repositories." in summary
    assert leaks(stage.world.ledger.public_writes, stage.ee) == []
