"""Who may speak to the bot, who is heard, and what nobody hears."""

from dataclasses import dataclass
from datetime import timedelta

import pytest

from bot.simulator.faults import Break
from bot.simulator.repositories import Comment, Level
from bot.simulator.webhooks import Delivery
from tests.scenarios.stage import EE, ONE_STEP, OSS, Stage

BOTH = f"""\
pipelines:
  release:
    PERMISSION
    steps:
      build: {{repo: {OSS}, dispatch: build.yml, inputs: {{version: "{{{{ version }}}}"}}}}
      ee: {{repo: {EE}, dispatch: build.yml, inputs: {{version: "{{{{ version }}}}"}}}}
"""
TOLD = ["eyes", "confused"]
DONE = ["eyes", "rocket"]


def both(permission: str = "") -> str:
    return BOTH.replace("PERMISSION", f"permission: {permission}" if permission else "about: Both")


@dataclass(frozen=True, slots=True)
class Wish:
    """A person with a role, what they ask for, and how the bot reacts."""

    role: str
    command: str
    reactions: list[str]


MATRIX = [
    *(Wish(role, "/release 1.0.3", DONE) for role in ("maintain", "admin")),
    *(Wish(role, "/release 1.0.3", TOLD) for role in ("", "read", "triage", "write")),
    *(Wish(role, "/release 1.0.3 --dry-run", DONE) for role in ("write", "maintain", "admin")),
    *(Wish(role, "/release 1.0.3 --dry-run", TOLD) for role in ("", "read", "triage")),
    *(Wish(role, "/release help", DONE) for role in ("write", "maintain", "admin")),
    *(Wish(role, "/release help", TOLD) for role in ("", "read", "triage")),
    *(Wish(role, "/release status", DONE) for role in ("write", "maintain", "admin")),
    *(Wish(role, "/release status", TOLD) for role in ("", "read", "triage")),
]


# -- roles ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wish", MATRIX, ids=lambda wish: f"{wish.role or 'stranger'} {wish.command}")
async def test_what_is_done_depends_on_the_role(stage: Stage, wish: Wish) -> None:
    stage.pipeline(ONE_STEP)
    stage.world.give_role("pat", wish.role)
    await stage.opens()
    comment = await stage.says(wish.command, by="pat")
    await stage.passes(seconds=10)

    started = wish.command == "/release 1.0.3" and wish.reactions == DONE
    assert stage.reactions(comment) == wish.reactions
    assert stage.dispatches() == (["widget/build.yml@develop"] if started else [])


@pytest.mark.parametrize(("role", "reactions"), [("triage", TOLD), ("write", DONE), ("maintain", DONE)])
async def test_a_pipeline_may_ask_for_less(stage: Stage, role: str, reactions: list[str]) -> None:
    stage.pipeline(both("write"))
    stage.world.give_role("pat", role)
    await stage.opens()
    assert stage.reactions(await stage.says("/release 1.0.3", by="pat")) == reactions


@pytest.mark.parametrize(("role", "reactions"), [("maintain", TOLD), ("admin", DONE)])
async def test_a_pipeline_may_ask_for_more(stage: Stage, role: str, reactions: list[str]) -> None:
    stage.pipeline(both("admin"))
    stage.world.give_role("pat", role)
    await stage.opens()
    assert stage.reactions(await stage.says("/release 1.0.3", by="pat")) == reactions


async def test_a_refusal_names_the_role_and_who_can_give_the_command(stage: Stage) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens()
    await stage.says("/release 1.0.3", by="walt")

    assert "it needs `maintain`, you have `write`" in stage.answer()
    assert "ask somebody who has the access" in stage.answer()


async def test_who_may_only_triage_hears_which_role_reading_needs(stage: Stage) -> None:
    await stage.opens()
    await stage.says("/release status", by="tess")

    assert "`write`" in stage.answer()
    assert "in this repository" in stage.answer()


async def test_the_role_is_needed_in_every_repository_of_the_pipeline(stage: Stage) -> None:
    stage.pipeline(both())
    stage.world.give_role("maya", "write", stage.ee)
    await stage.opens()
    comment = await stage.says("/release 1.0.3")
    await stage.passes(minutes=1)

    assert stage.reactions(comment) == TOLD
    assert "step `ee`: role" in stage.answer()
    assert "`maintain`" in stage.answer()
    assert EE not in stage.answer()
    assert stage.dispatches() == []


async def test_the_role_is_needed_in_the_home_repository_too(stage: Stage) -> None:
    ops = stage.world.add_repository("acme/ops")
    stage.world.give_role("maya", "write", ops)
    stage.pipeline(ONE_STEP, ops)
    await stage.opens()
    comment = await stage.says("/release 1.0.3", issue=stage.world.add_issue(ops, 3))

    assert stage.reactions(comment) == TOLD
    assert "`acme/ops`" in stage.answer()
    assert stage.dispatches() == []


@pytest.mark.parametrize(
    ("base", "permission", "reactions"),
    [
        ("write", "write", DONE),
        ("admin", "maintain", DONE),
        ("write", "maintain", TOLD),
        ("read", "write", TOLD),
    ],
)
async def test_a_custom_role_counts_as_what_github_says_it_permits(
    stage: Stage, base: Level, permission: str, reactions: list[str]
) -> None:
    stage.pipeline(both(permission))
    for repo in (stage.oss, stage.ee):
        repo.custom_roles["captain"] = base
        repo.roles["cora"] = "captain"
    stage.world.account("cora")
    await stage.opens()
    comment = await stage.says("/release 1.0.3", by="cora")

    assert stage.reactions(comment)[-1] == reactions[-1]
    assert bool(stage.dispatches()) is (reactions == DONE)


async def test_a_role_that_was_taken_away_is_noticed_at_the_next_command(stage: Stage) -> None:
    stage.pipeline(ONE_STEP)
    stage.oss.workflows["build.yml"].on_run().runs_until_told()
    await stage.opens()
    await stage.says("/release 1.0.3")
    stage.world.give_role("maya", "write", stage.oss)
    comment = await stage.says("/release cancel")
    await stage.passes(minutes=1)

    assert stage.reactions(comment) == TOLD
    assert "`maintain`" in stage.answer()
    assert stage.state() == "running"


async def test_steering_needs_the_role_in_every_repository_of_the_release(stage: Stage) -> None:
    stage.pipeline(both())
    await stage.opens()
    await stage.says("/release 1.0.3")
    stage.world.give_role("rob", "maintain", stage.oss)
    comment = await stage.says("/release pause", by="rob")

    assert stage.reactions(comment) == TOLD
    assert EE not in stage.answer()
    assert stage.state() != "paused"


async def test_attack_17_an_account_that_took_over_the_name_of_another_one_may_do_nothing(
    stage: Stage,
) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens()
    stage.world.hand("maya").comments(stage.issue, "/release 1.0.3")
    stage.world.people["maya"].id += 500
    comment = stage.issue.comments[0]
    await stage.passes(minutes=1)

    assert stage.dispatches() == []
    assert stage.reactions(comment)[-1:] != ["rocket"]


@pytest.mark.parametrize("trouble", [Break.RESET, Break.CONNECT])
async def test_when_github_cannot_say_who_it_is_the_answer_is_no(stage: Stage, trouble: Break) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens()
    stage.world.trouble.breaks("GET", "/permission$", trouble, times=None)
    comment = await stage.says("/release 1.0.3")
    await stage.passes(seconds=25)

    assert stage.reactions(comment) == TOLD
    assert "GitHub could not say whether you may do this" in stage.answer()
    assert stage.dispatches() == []


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_a_short_hiccup_of_github_does_not_refuse_anybody(stage: Stage, status: int) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens()
    stage.world.trouble.answers("GET", "/permission$", status, "Server Error", times=2)
    comment = await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "released")

    assert stage.reactions(comment) == DONE


async def test_a_role_that_cannot_be_read_in_one_repository_is_a_no(stage: Stage) -> None:
    stage.pipeline(both())
    await stage.opens()
    stage.world.trouble.answers(
        "GET", "widget-ee/collaborators/.*/permission$", 500, "Server Error", times=None
    )
    comment = await stage.says("/release 1.0.3")
    await stage.passes(minutes=1)

    assert stage.reactions(comment) == TOLD
    assert "could not verify" in stage.answer()
    assert stage.dispatches() == []


# -- strangers -----------------------------------------------------------------------------------------------


async def test_strangers_get_reactions_only_and_after_ten_in_an_hour_nothing(stage: Stage) -> None:
    await stage.opens()
    heard = [await stage.says("/release 1.0.3", by=f"stranger{number}") for number in range(12)]
    await stage.passes(minutes=1)

    assert [stage.reactions(comment) for comment in heard[:10]] == [TOLD] * 10
    assert [stage.reactions(comment) for comment in heard[10:]] == [[], []]
    assert stage.said() == []


async def test_a_maintainer_is_heard_in_a_crowd_of_strangers_and_an_hour_later_all_are(stage: Stage) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens()
    for number in range(11):
        await stage.says("/release 1.0.3", by=f"stranger{number}")
    mine = await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "released")
    await stage.passes(hours=1)
    later = await stage.says("/release 1.0.4", by="stranger1")

    assert stage.reactions(mine) == DONE
    assert stage.reactions(later) == TOLD


async def test_strangers_who_come_all_at_once_get_no_more_than_ten_reactions_either(stage: Stage) -> None:
    await stage.opens()
    issues = [stage.world.add_issue(stage.oss, 100 + number) for number in range(25)]
    stage.world.trouble.is_slow("GET", "/permission$", seconds=1.5, times=None)
    heard = [
        stage.world.hand(f"stranger{number}").comments(issue, "/release 1.0.3")
        for number, issue in enumerate(issues)
    ]
    await stage.passes(minutes=1)

    met = [stage.reactions(comment) for comment in heard]
    assert sorted(met) == [[]] * 15 + [TOLD] * 10


async def test_who_is_known_here_takes_no_place_of_a_strangers(stage: Stage) -> None:
    """While her role is asked for the tenth of the strangers' gets its reactions, and hers is shown to be seen."""
    await stage.opens()
    await stage.says("/release help")
    heard = [await stage.says("/release 1.0.3", by="rita") for _ in range(9)]
    stage.world.trouble.is_slow("GET", "/collaborators/maya/permission$", seconds=8)
    mine = stage.world.hand("maya").comments(stage.world.add_issue(stage.oss, 100), "/release help")
    await stage.passes(seconds=1)
    heard += [await stage.says("/release 1.0.3", by="rita") for _ in range(3)]
    assert stage.reactions(mine) == ["eyes"]
    await stage.passes(minutes=1)

    assert [stage.reactions(comment) for comment in heard] == [TOLD] * 10 + [[], []]
    assert stage.reactions(mine) == DONE


async def test_who_is_known_here_is_seen_at_once_though_strangers_had_their_ten(stage: Stage) -> None:
    await stage.opens()
    await stage.says("/release help")
    for _ in range(11):
        await stage.says("/release 1.0.3", by="rita")
    stage.world.trouble.is_slow("GET", "/collaborators/maya/permission$", seconds=8)
    mine = stage.world.hand("maya").comments(stage.issue, "/release help")
    await stage.passes(seconds=2)

    assert stage.reactions(mine) == ["eyes"]


async def test_who_was_known_here_and_is_a_stranger_now_gets_what_strangers_get(stage: Stage) -> None:
    await stage.opens()
    stage.world.give_role("rita", "write", stage.oss)
    await stage.says("/release help", by="rita")
    stage.world.give_role("rita", "", stage.oss)
    heard = [await stage.says("/release help", by="rita") for _ in range(12)]
    await stage.passes(minutes=1)

    assert [stage.reactions(comment) for comment in heard] == [TOLD] * 10 + [[], []]


async def test_while_roles_cannot_be_read_strangers_get_no_more_than_ten_answers_in_an_hour(
    stage: Stage,
) -> None:
    await stage.opens()
    issues = [stage.world.add_issue(stage.oss, 100 + number) for number in range(15)]
    stage.world.trouble.answers("GET", "/collaborators/mallory/permission$", 500, times=None)
    heard = [stage.world.hand("mallory").comments(issue, "/release 1.0.3") for issue in issues]
    await stage.passes(minutes=2)
    assert sorted(map(stage.reactions, heard)) == [[]] * 5 + [TOLD] * 10
    assert len(stage.said()) == 10

    mine = await stage.says("/release help")
    await stage.passes(minutes=1)
    assert stage.reactions(mine) == DONE
    await stage.passes(hours=1)
    later = await stage.says("/release 1.0.3", by="mallory")
    await stage.passes(minutes=1)
    assert stage.reactions(later) == TOLD


# -- seen at once --------------------------------------------------------------------------------------------


async def test_a_command_is_seen_at_once_though_the_one_before_it_takes_its_time(stage: Stage) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens()
    stage.world.trouble.is_slow("GET", "/collaborators/maya/permission$", seconds=6)
    stage.world.hand("maya").comments(stage.issue, "/release 1.0.3")
    await stage.passes(seconds=0.5)
    second = stage.world.hand("ada").comments(stage.issue, "/release help")
    await stage.passes(seconds=2)
    assert stage.reactions(second) == ["eyes"]

    await stage.passes(minutes=1)
    assert stage.reactions(second) == DONE


async def test_a_command_about_an_open_release_is_seen_at_once_though_the_file_cannot_be_read(
    stage: Stage,
) -> None:
    stage.pipeline(ONE_STEP)
    stage.oss.workflows["build.yml"].on_run().runs_until_told()
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.step("build") == "running")
    stage.world.trouble.answers("GET", "/contents/", 502, "Server Error", times=None)
    pause = stage.world.hand("maya").comments(stage.issue, "/release pause")
    await stage.passes(seconds=2)
    assert stage.reactions(pause) == ["eyes"]

    await stage.passes(minutes=2)
    assert stage.reactions(pause) == DONE
    assert stage.state() == "paused"


@pytest.mark.parametrize("path", ["/contents/", "/collaborators/"])
async def test_a_start_is_seen_within_two_seconds_though_what_it_needs_cannot_be_read_yet(
    stage: Stage, path: str
) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens()
    stage.world.trouble.answers("GET", path, 502, "Server Error", times=5)
    start = stage.world.hand("maya").comments(stage.issue, "/release 1.0.3")
    await stage.passes(seconds=2)
    assert stage.reactions(start) == ["eyes"]

    await stage.passes(minutes=2)
    assert stage.reactions(start) == DONE


async def test_one_failure_of_github_does_not_cost_the_first_reaction(stage: Stage) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens()
    stage.world.trouble.answers("POST", "/reactions$", 502, "Server Error", times=1)
    comment = stage.world.hand("maya").comments(stage.issue, "/release help")
    await stage.passes(seconds=2)

    assert stage.reactions(comment) == DONE


# -- what is no command --------------------------------------------------------------------------------------

NO_COMMANDS = {
    "a quote": "> /release 1.0.3",
    "a line right below a quote": "> as maya said:\n/release 1.0.3",
    "a fenced block": "```\n/release 1.0.3\n```",
    "a block by indentation": "Like this:\n\n    /release 1.0.3",
    "code in a line": "`/release 1.0.3`",
    "an HTML comment": "<!--\n/release 1.0.3\n-->",
    "the middle of a line": "please /release 1.0.3",
    "a list": "- /release 1.0.3",
    "another bot's command": "/deploy production",
    "a path": "/releases/1.0.3",
    "no command at all": "Shall we release 1.0.3 today?",
}


@pytest.mark.parametrize("text", NO_COMMANDS.values(), ids=NO_COMMANDS)
async def test_silence_meets(stage: Stage, text: str) -> None:
    await stage.opens()
    comment = await stage.says(text)
    await stage.passes(minutes=3)

    assert stage.reactions(comment) == []
    assert stage.said() == []
    assert stage.dispatches() == []


async def test_a_command_stands_on_a_line_of_its_own_among_other_text(stage: Stage) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens()
    comment = await stage.says("All is ready.\r\n\r\n> /release 1.0.2\r\n\r\n/release 1.0.3\r\n\r\nCheers")
    await stage.until(lambda: stage.state() == "released")

    assert stage.reactions(comment) == DONE
    assert [status.version for status in stage.statuses()] == ["1.0.3"]


async def test_an_edit_is_never_a_command(stage: Stage) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens()
    comment = await stage.says("Shall we?")
    stage.world.hand("maya").edits(comment, "/release 1.0.3")
    await stage.passes(minutes=15)

    assert stage.reactions(comment) == []
    assert stage.dispatches() == []


async def test_an_edit_in_the_second_of_the_comment_is_never_a_command(stage: Stage) -> None:
    """The listing shows no difference between its times: that it was edited only the delivery of the edit tells."""
    stage.pipeline(ONE_STEP)
    await stage.opens(HOMES=OSS)
    stage.world.hook.post.loses("issue_comment", "created", times=1)
    comment = stage.world.hand("maya").comments(stage.issue, "Shall we?")
    stage.world.hand("maya").edits(comment, "/release 1.0.3")
    await stage.passes(minutes=15)

    assert stage.reactions(comment) == []
    assert stage.dispatches() == []


async def test_an_edit_after_the_command_changes_nothing(stage: Stage) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens()
    comment = await stage.says("/release 1.0.3")
    stage.world.hand("maya").edits(comment, "/release 1.0.4")
    await stage.until(lambda: stage.state() == "released")
    await stage.passes(minutes=15)

    assert [status.version for status in stage.statuses()] == ["1.0.3"]
    assert len(stage.dispatches()) == 1


async def test_bots_give_no_commands(stage: Stage) -> None:
    stage.world.account("helper[bot]", kind="Bot")
    stage.world.give_role("helper[bot]", "admin")
    await stage.opens()
    comment = await stage.says("/release 1.0.3", by="helper[bot]")
    await stage.passes(minutes=15)

    assert stage.reactions(comment) == []
    assert stage.dispatches() == []


async def test_on_a_pull_request_a_command_is_met_with_confusion_and_no_words(stage: Stage) -> None:
    pull_request = stage.world.add_issue(stage.oss, 9, pull_request=True)
    await stage.opens()
    comment = await stage.says("/release 1.0.3", issue=pull_request)
    await stage.passes(minutes=15)

    assert stage.reactions(comment) == ["confused"]
    assert stage.said() == []
    assert stage.dispatches() == []


# -- lost, late and doubled ----------------------------------------------------------------------------------


async def test_a_command_whose_delivery_was_lost_is_found_by_listing(stage: Stage) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens(HOMES=OSS)
    stage.world.hook.post.loses("issue_comment")
    comment = await stage.says("/release 1.0.3")
    assert stage.reactions(comment) == []
    await stage.passes(minutes=5)

    assert stage.reactions(comment) == DONE
    assert stage.state() == "released"
    assert stage.dispatches() == ["widget/build.yml@develop"]


async def test_where_a_command_was_heard_before_lost_ones_are_found_without_homes(stage: Stage) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens()
    await stage.says("/release status")
    await stage.bot_restarts()
    stage.world.hook.post.loses("issue_comment")
    comment = await stage.says("/release 1.0.3")
    await stage.passes(minutes=5)

    assert stage.reactions(comment) == DONE


async def test_a_command_given_while_the_bot_was_away_is_carried_out_when_it_is_back(stage: Stage) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens(HOMES=OSS)
    await stage.closes()
    stage.world.hook.post.loses("issue_comment")
    comment = stage.world.hand("maya").comments(stage.issue, "/release 1.0.3")
    await stage.passes(minutes=10)
    await stage.opens()
    await stage.until(lambda: stage.state() == "released")

    assert stage.reactions(comment) == DONE


async def test_a_lost_command_that_was_edited_since_is_no_command(stage: Stage) -> None:
    await stage.opens(HOMES=OSS)
    stage.world.hook.post.loses("issue_comment")
    comment = await stage.says("/release 1.0.2")
    await stage.passes(seconds=1)
    stage.world.hand("maya").edits(comment, "/release 1.0.3")
    await stage.passes(minutes=15)

    assert stage.reactions(comment) == []
    assert stage.dispatches() == []


async def test_a_late_command_is_not_carried_out_but_answered(stage: Stage) -> None:
    await stage.opens()
    comment = await stage.says("/release 1.0.3", age=timedelta(minutes=16))
    await stage.passes(minutes=2)

    assert stage.reactions(comment) == TOLD
    assert "16m after it was written" in stage.answer()
    assert "in a new comment" in stage.answer()
    assert stage.dispatches() == []


async def test_a_command_just_in_time_is_carried_out(stage: Stage) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens(COMMAND_TTL_SECONDS="3600")
    comment = await stage.says("/release 1.0.3", age=timedelta(minutes=59))

    assert stage.reactions(comment) == DONE


async def test_a_command_of_another_day_is_ignored_silently(stage: Stage) -> None:
    await stage.opens()
    comment = await stage.says("/release 1.0.3", age=timedelta(days=1, minutes=1))
    await stage.passes(minutes=15)

    assert stage.reactions(comment) == []
    assert stage.said() == []


async def test_a_command_delivered_again_and_again_is_one_command(stage: Stage) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens(HOMES=OSS)
    stage.world.hook.post.doubles("issue_comment", same_guid=False, late=timedelta(seconds=30))
    comment = await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "released")
    await stage.bot_restarts()
    stage.world.hook.redeliver(_delivery_of(stage, comment))
    await stage.passes(minutes=10)

    assert stage.reactions(comment) == DONE
    assert len(stage.statuses()) == 1
    assert len(stage.dispatches()) == 1


def _delivery_of(stage: Stage, comment: Comment) -> Delivery:
    made = [each for each in stage.world.hook.log if each.event == "issue_comment"]
    return next(each for each in made if str(comment.id) in each.body.decode())
