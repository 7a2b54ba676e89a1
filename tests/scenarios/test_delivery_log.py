"""What GitHub could not deliver is read from its own log, and taken in as if it had come through the door."""

from datetime import timedelta

import pytest

from bot.simulator.ledger import Entry
from bot.simulator.repositories import Comment
from tests.scenarios.stage import ONE_STEP, OSS, Stage

LIST, DETAIL = r"^/app/hook/deliveries$", r"^/app/hook/deliveries/\d+$"


def lists(stage: Stage) -> list[Entry]:
    return stage.world.ledger.matching("GET", LIST)


def details(stage: Stage) -> list[Entry]:
    return stage.world.ledger.matching("GET", DETAIL)


async def given_while_the_bot_was_away(stage: Stage, text: str, **away: float) -> Comment:
    """A command in a repository that nobody named and nobody heard of: no listing can find it."""
    stage.pipeline(ONE_STEP)
    await stage.opens()
    await stage.bot_dies()
    comment = await stage.says(text)
    await stage.passes(**away)
    await stage.opens()
    await stage.passes(seconds=30)
    return comment


async def test_a_command_that_met_a_closed_door_is_carried_out_when_the_bot_is_back(stage: Stage) -> None:
    comment = await given_while_the_bot_was_away(stage, "/release 1.0.3", minutes=5)
    assert stage.reactions(comment) == ["eyes", "rocket"]
    await stage.until(lambda: stage.state() == "released", hours=1)
    assert len(stage.dispatches()) == 1


async def test_a_command_that_is_found_too_late_is_not_carried_out_and_the_bot_asks_to_repeat_it(
    stage: Stage,
) -> None:
    comment = await given_while_the_bot_was_away(stage, "/release 1.0.3", hours=3)
    await stage.until(lambda: stage.reactions(comment) == ["eyes", "confused"], hours=0.1)
    assert "again" in stage.answer() or "repeat" in stage.answer()
    assert stage.dispatches() == []


async def test_a_command_of_another_day_is_ignored_silently(stage: Stage) -> None:
    comment = await given_while_the_bot_was_away(stage, "/release 1.0.3", hours=30)
    await stage.passes(minutes=30)
    assert stage.reactions(comment) == []
    assert stage.said() == []
    assert stage.dispatches() == []


@pytest.mark.parametrize("then", ["edited", "deleted"])
async def test_a_command_that_was_taken_back_while_the_bot_was_away_is_not_carried_out(
    stage: Stage, then: str
) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens()
    await stage.bot_dies()
    comment = await stage.says("/release 1.0.3")
    hand = stage.world.hand("maya")
    hand.edits(comment, "not today") if then == "edited" else hand.deletes(comment)
    await stage.passes(minutes=1)
    await stage.opens()
    await stage.passes(minutes=10)

    assert stage.dispatches() == []
    assert stage.said() == []
    assert len(details(stage)) == 1 + (then == "deleted")


async def test_while_github_cannot_say_whether_a_missed_command_was_edited_it_waits(stage: Stage) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens()
    await stage.bot_dies()
    edited = await stage.says("/release 1.0.2")
    comment = await stage.says("/release 1.0.3")
    stage.world.hand("maya").edits(edited, "not 1.0.2")
    stage.world.trouble.answers("GET", f"^/repos/{OSS}/issues/comments$", 500, times=None)
    await stage.opens()
    await stage.passes(minutes=4)
    assert stage.dispatches() == []

    stage.world.trouble.ends()
    await stage.until(lambda: stage.reactions(comment) == ["eyes", "rocket"], hours=0.1)
    await stage.passes(minutes=5)
    assert stage.reactions(edited) == []
    assert len(stage.dispatches()) == 1


async def test_a_missed_command_of_which_github_cannot_say_so_in_time_is_answered(stage: Stage) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens()
    await stage.bot_dies()
    comment = await stage.says("/release 1.0.3")
    stage.world.trouble.answers("GET", f"^/repos/{OSS}/issues/comments$", 500, times=None)
    await stage.opens()
    await stage.until(lambda: stage.reactions(comment) == ["eyes", "confused"], hours=0.5)
    assert "in a new comment" in stage.answer()
    assert stage.dispatches() == []


async def test_what_came_through_the_door_is_not_asked_for_again(stage: Stage) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "released")
    await stage.bot_restarts()
    await stage.passes(hours=2)
    assert len(lists(stage)) > 2
    assert details(stage) == []


async def test_a_delivery_that_is_sent_again_by_hand_after_it_was_found_changes_nothing(stage: Stage) -> None:
    comment = await given_while_the_bot_was_away(stage, "/release 1.0.3", minutes=5)
    await stage.until(lambda: stage.state() == "released", hours=1)
    for delivery in [each for each in stage.world.hook.log if not each.ok]:
        stage.world.hook.redeliver(delivery)
    await stage.passes(hours=1)
    assert stage.reactions(comment) == ["eyes", "rocket"]
    assert len(stage.dispatches()) == 1
    assert len(stage.statuses()) == 1


async def test_a_click_that_met_a_closed_door_counts_when_the_bot_is_back_soon(stage: Stage) -> None:
    await needs_a_person(stage)
    await stage.bot_dies()
    stage.world.hand("maya").presses(stage.checks("build")[-1], "skip")
    await stage.passes(minutes=5)
    await stage.opens()
    await stage.until(lambda: stage.state() == "released", hours=0.1)
    assert stage.step("build") == "skipped"


async def test_a_click_of_hours_ago_is_not_carried_out(stage: Stage) -> None:
    await needs_a_person(stage)
    await stage.bot_dies()
    stage.world.hand("maya").presses(stage.checks("build")[-1], "skip")
    await stage.passes(hours=3)
    await stage.opens()
    await stage.passes(hours=1)
    assert stage.step("build") == "needs attention"


async def needs_a_person(stage: Stage) -> None:
    stage.oss.workflows["build.yml"].on_run().concludes("cancelled")
    stage.pipeline(ONE_STEP)
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "needs attention" and stage.checks("build"))
    await stage.passes(minutes=1)


async def test_a_delivery_that_the_door_refused_is_found_while_its_command_is_still_good(
    stage: Stage,
) -> None:
    """The process was there all the time, and still: the secret was changed on one side first."""
    stage.pipeline(ONE_STEP)
    await stage.opens()
    secret, stage.world.webhook_secret = stage.world.webhook_secret, "the-next-secret"
    comment = await stage.says("/release 1.0.3")
    stage.world.webhook_secret = secret
    assert stage.world.hook.log[-1].status_code == 401
    await stage.until(lambda: stage.reactions(comment) == ["eyes", "rocket"], hours=0.25)


async def test_after_standing_still_the_log_is_read_at_once(stage: Stage) -> None:
    """A suspended machine: the clock on the wall has moved on when the next pause ends."""
    await stage.opens()
    await stage.passes(minutes=6)
    before = len(lists(stage))
    stage.clock.advance(hours=2)
    await stage.passes(seconds=90)
    assert len(lists(stage)) > before


@pytest.mark.parametrize("status", [404, 403, 500])
async def test_a_server_without_a_log_is_no_trouble(stage: Stage, status: int) -> None:
    stage.world.trouble.answers("GET", "^/app/hook/", status, times=None)
    stage.pipeline(ONE_STEP)
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "released", hours=1)
    await stage.passes(hours=4)
    assert len(lists(stage)) <= 4 * 12 + 4


async def test_one_delivery_that_github_cannot_show_does_not_hide_the_others(stage: Stage) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens()
    await stage.bot_dies()
    await stage.says("/release 1.0.2")
    broken = stage.world.hook.log[-1].id
    comment = await stage.says("/release 1.0.3")
    stage.world.trouble.answers("GET", f"^/app/hook/deliveries/{broken}$", 500, times=None)
    await stage.opens()
    await stage.until(lambda: stage.reactions(comment) == ["eyes", "rocket"], hours=0.1)
    await stage.passes(hours=1)
    assert len(stage.world.ledger.matching("GET", f"/{broken}$")) == 3


async def test_a_long_log_is_read_page_by_page_and_taken_in_bit_by_bit(stage: Stage) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens()
    await stage.bot_dies()
    for number in range(130):
        stage.world.hand("walt").comments(stage.issue, f"remark {number}")
        stage.world.hand("walt").comments(stage.issue, f"another remark {number}")
    await stage.says("/release 1.0.3")
    await stage.passes(minutes=5)
    await stage.opens()
    await stage.until(lambda: stage.state() == "released", hours=1)
    assert len([entry for entry in lists(stage) if "cursor" in entry.query]) >= 2
    taken = details(stage)
    assert len(taken) >= 261
    assert most_within(taken, timedelta(seconds=4)) <= 100


def most_within(entries: list[Entry], span: timedelta) -> int:
    times = [entry.at for entry in entries]
    return max(sum(start <= at < start + span for at in times) for start in times)


async def test_comments_elsewhere_are_not_fetched_when_the_homes_are_named(stage: Stage) -> None:
    elsewhere = stage.world.add_issue(stage.ee, 3)
    await stage.opens(HOMES="acme/widget")
    await stage.bot_dies()
    await stage.says("/release 1.0.3", issue=elsewhere)
    await stage.says("nothing in particular")
    await stage.passes(minutes=5)
    await stage.opens()
    await stage.passes(minutes=20)
    assert len(details(stage)) == 1
    assert stage.dispatches() == []


async def test_how_far_the_log_was_read_survives_a_restart(stage: Stage) -> None:
    await given_while_the_bot_was_away(stage, "nothing in particular", minutes=5)
    await stage.passes(hours=2)
    found = len(details(stage))
    await stage.bot_restarts()
    await stage.passes(hours=1)
    assert found > 0
    assert len(details(stage)) == found


async def test_runs_that_were_missed_cost_a_bounded_number_of_questions(stage: Stage) -> None:
    stage.world.add_workflow(stage.ee, "busy.yml", inputs=[])
    await stage.opens()
    await stage.bot_dies()
    for _ in range(40):
        stage.world.hand("ada").starts(stage.ee.workflows["busy.yml"])
    await stage.passes(hours=1)
    missed = len([each for each in stage.world.hook.log if each.event in {"workflow_run", "workflow_job"}])
    assert missed > 150
    await stage.opens()
    await stage.passes(hours=1)
    assert 0 < len(details(stage)) <= 100
