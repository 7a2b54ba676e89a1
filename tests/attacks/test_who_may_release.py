"""Who may release: whoever tries without the right, in whatever disguise, causes nothing but an allowed refusal."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import product
from typing import Literal, assert_never

import pytest

from bot.simulator.faults import Break, Failure, Fault
from bot.simulator.repositories import App, Comment, Person
from bot.simulator.talk import add_comment
from tests.attacks.forging import announces, versions_sent, writes_unheard
from tests.scenarios.stage import EE, ONE_STEP, OSS, Stage

Author = Literal["person", "bot", "app for a person"]
Action = Literal["created", "edited", "deleted"]
TOLD = ["eyes", "confused"]
DONE = ["eyes", "rocket"]
MAYA = 1_003
"""The account's number on a fresh stage."""
APPROVALS = f"""\
pipelines:
  release:
    steps:
      go: {{approval: "Publish?"}}
      build: {{needs: go, repo: {OSS}, dispatch: build.yml, inputs: {{version: "{{{{ version }}}}"}}}}
"""


# -- the matrix ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cell:
    author: Author
    action: Action
    on_pull_request: bool
    at_home: bool


AUTHORS: tuple[Author, ...] = ("person", "bot", "app for a person")
ACTIONS: tuple[Action, ...] = ("created", "edited", "deleted")
CELLS = [
    Cell(author, action, on_pull_request, at_home)
    for author, action, on_pull_request, at_home in product(AUTHORS, ACTIONS, (False, True), (False, True))
]
ALLOWED = Cell("person", "created", on_pull_request=False, at_home=True)


def _other_app(stage: Stage) -> App:
    return App(77, "helper", "Helper", "Iv1.helper", stage.world.account("acme"))


async def _plays(stage: Stage, cell: Cell, command: str) -> None:
    """One comment as the cell says, and some time for the bot."""
    place = stage.oss if cell.at_home else stage.world.repository("acme/ops")
    issue = place.issues[9 if cell.on_pull_request else 7]
    pat, robot = stage.world.account("pat"), stage.world.account("pat-helper[bot]", kind="Bot")
    by = robot if cell.author == "bot" else pat
    via = _other_app(stage) if cell.author == "app for a person" else None
    match cell.action:
        case "created":
            add_comment(stage.world, issue, command, by=by, via=via)
        case "edited":
            comment = writes_unheard(stage, "Shall we?", by=by, issue=issue, via=via)
            await stage.passes(seconds=1)  # GitHub's times are whole seconds: a listing shows no quicker edit
            stage.world.hand(by.login).edits(comment, command)
        case "deleted":
            comment = writes_unheard(stage, command, by=by, issue=issue, via=via)
            stage.world.hand(by.login).deletes(comment)
        case _:
            assert_never(cell.action)
    await stage.passes(seconds=1)


@pytest.mark.parametrize("role", ["", "read", "triage", "write", "maintain", "admin"])
async def test_attack_13_of_the_whole_matrix_only_a_new_comment_of_a_permitted_person_at_home_dispatches(
    stage: Stage, role: str
) -> None:
    ops = stage.world.add_repository("acme/ops")
    for place in (stage.oss, ops):
        stage.pipeline(ONE_STEP, place)
        stage.world.add_issue(place, 7)
        stage.world.add_issue(place, 9, pull_request=True)
    stage.world.give_role("pat", role)
    stage.world.give_role("pat-helper[bot]", role)
    await stage.opens(HOMES=OSS)
    for number, cell in enumerate(CELLS):
        await _plays(stage, cell, f"/release 1.0.{number}")
    await stage.passes(minutes=10)

    allowed = {f"1.0.{CELLS.index(ALLOWED)}"} if role in {"maintain", "admin"} else set()
    assert versions_sent(stage) == allowed


# -- what GitHub says of a person ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("by", "association", "reactions"),
    [("stranger", "OWNER", TOLD), ("walt", "MEMBER", TOLD), ("maya", "NONE", DONE)],
)
async def test_attack_14_the_association_in_the_payload_grants_nothing_and_takes_nothing(
    stage: Stage, by: str, association: str, reactions: list[str]
) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens()
    comment = writes_unheard(stage, "/release 1.0.3", by=stage.world.account(by))
    announces(stage, comment, author_association=association)
    await stage.passes(seconds=10)

    assert stage.reactions(comment) == reactions
    assert versions_sent(stage) == ({"1.0.3"} if reactions == DONE else set())


def _says(body: Mapping[str, object] | str) -> Callable[[Stage], object]:
    answer = Failure(200, body)
    return lambda stage: stage.world.trouble.add(Fault("GET", "/permission$", failure=answer, times=None))


def _fails(status: int) -> Callable[[Stage], object]:
    return lambda stage: stage.world.trouble.answers("GET", "/permission$", status, "Sorry", times=None)


def _breaks(how: Break) -> Callable[[Stage], object]:
    return lambda stage: stage.world.trouble.breaks("GET", "/permission$", how, times=None)


def _maya(number: int = MAYA) -> dict[str, object]:
    return {"login": "maya", "id": number, "type": "User"}


DOUBTS: dict[str, Callable[[Stage], object]] = {
    "404": _fails(404),
    "403": _fails(403),
    "401": _fails(401),
    "500": _fails(500),
    "503": _fails(503),
    "no connection": _breaks(Break.CONNECT),
    "reset": _breaks(Break.RESET),
    "no answer": _breaks(Break.HANG),
    "an HTML page": _says("<html>Unicorn!</html>"),
    "an empty object": _says({}),
    "no role": _says({"permission": None, "role_name": None, "user": _maya()}),
    "a role nobody knows": _says({"permission": "superuser", "role_name": "owner", "user": _maya()}),
    "words of another type": _says({"permission": 5, "role_name": ["admin"], "user": _maya()}),
    "a role that only begins like one": _says(
        {"permission": "read", "role_name": "administrator", "user": _maya()}
    ),
    "nobody's role": _says({"permission": "admin", "role_name": "admin", "user": None}),
    "a role without a person": _says({"permission": "admin", "role_name": "admin"}),
    "somebody else's role": _says({"permission": "admin", "role_name": "admin", "user": _maya(99_999)}),
}


@pytest.mark.parametrize("doubt", DOUBTS.values(), ids=DOUBTS)
async def test_attack_15_any_doubt_about_the_role_is_a_no(
    stage: Stage, doubt: Callable[[Stage], object]
) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens()
    assert stage.world.people["maya"].id == MAYA
    doubt(stage)
    comment = await stage.says("/release 1.0.3")
    await stage.passes(minutes=3)

    assert stage.dispatches() == []
    assert stage.reactions(comment) == TOLD
    assert stage.said() == [] or "could not say whether you may" in stage.answer()


@pytest.mark.parametrize("name", ["maintain", "admin", "acme", "maintainers", "release-bot"])
async def test_attack_16_a_name_that_sounds_like_a_role_or_a_team_is_only_a_name(
    stage: Stage, name: str
) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens()
    somebody = Person(stage.world.new_id("user"), name)
    stage.world.people[f"{name}-the-user"] = somebody
    comment = add_comment(stage.world, stage.issue, "/release 1.0.3", by=somebody)
    await stage.passes(minutes=1)

    assert stage.reactions(comment) == TOLD
    assert stage.dispatches() == []


async def test_attack_17_a_button_pressed_under_a_name_that_was_taken_over_does_nothing(stage: Stage) -> None:
    stage.pipeline(ONE_STEP)
    stage.oss.workflows["build.yml"].on_run().concludes("failure").job("build").fails(log="syntax error")
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "needs attention")
    before = len(stage.world.ledger.reruns)
    stage.world.hand("maya").presses(stage.checks("build")[-1], "cancel")
    stage.world.people["maya"].id += 500  # the account is another one before the bot asks
    await stage.passes(minutes=1)

    assert stage.state() == "needs attention"
    assert len(stage.world.ledger.reruns) == before


# -- who really wrote it -------------------------------------------------------------------------------------


def _own_echo(stage: Stage) -> Comment:
    return add_comment(stage.world, stage.issue, "/release 1.0.3", by=stage.world.bot, via=stage.world.app)


def _another_app(stage: Stage) -> Comment:
    robot = stage.world.account("dependabot[bot]", kind="Bot")
    stage.world.give_role(robot.login, "admin")
    return add_comment(stage.world, stage.issue, "/release 1.0.3", by=robot, via=_other_app(stage))


def _app_for_a_person(stage: Stage) -> Comment:
    maya = stage.world.account("maya")
    return add_comment(stage.world, stage.issue, "/release 1.0.3", by=maya, via=_other_app(stage))


def _person_named_like_a_bot(stage: Stage) -> Comment:
    stage.world.give_role("maya[bot]", "admin")
    return add_comment(stage.world, stage.issue, "/release 1.0.3", by=stage.world.account("maya[bot]"))


def _sent_by_another(stage: Stage) -> Comment:
    comment = writes_unheard(stage, "/release 1.0.3", by=stage.world.account("maya"))
    announces(stage, comment, sender=stage.world.account("mallory"))
    return comment


def _sent_by_a_bot_for_a_person(stage: Stage) -> Comment:
    comment = writes_unheard(stage, "/release 1.0.3", by=stage.world.account("maya"))
    announces(stage, comment, sender=stage.world.account("dependabot[bot]", kind="Bot"))
    return comment


@pytest.mark.parametrize(
    "writes",
    [
        _own_echo,
        _another_app,
        _app_for_a_person,
        _person_named_like_a_bot,
        _sent_by_another,
        _sent_by_a_bot_for_a_person,
    ],
)
async def test_attack_18_what_no_person_wrote_is_no_command(
    stage: Stage, writes: Callable[[Stage], Comment]
) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens()
    comment = writes(stage)
    await stage.passes(minutes=5)

    assert stage.reactions(comment) == []
    assert stage.world.comments_of_bot() in ([], [comment])
    assert stage.dispatches() == []


@pytest.mark.parametrize("editor", ["stranger", "maya"])
async def test_attack_19_an_edited_comment_is_never_a_command_whoever_wrote_and_edited_it(
    stage: Stage, editor: str
) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens(HOMES=OSS)
    by_stranger = await stage.says("Thank you all!", by="stranger")
    by_maya = await stage.says("Thank you all!")
    for comment in (by_stranger, by_maya):
        stage.world.hand(editor).edits(comment, "/release 1.0.3")
    await stage.passes(minutes=20)

    assert stage.reactions(by_stranger) == stage.reactions(by_maya) == []
    assert stage.dispatches() == []


async def test_attack_19_a_new_comment_that_somebody_edited_before_github_told_of_it_is_no_command(
    stage: Stage,
) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens()
    comment = writes_unheard(stage, "Thank you all!", by=stage.world.account("maya"))
    await stage.passes(seconds=2)
    stage.world.hook.post.loses("issue_comment", "edited", times=1)
    stage.world.hand("walt").edits(comment, "/release 1.0.3")
    announces(stage, comment)
    await stage.passes(minutes=1)

    assert stage.reactions(comment) == []
    assert stage.dispatches() == []


@pytest.mark.parametrize("fresh", [False, True], ids=["the same database", "an empty database"])
async def test_attack_20_a_delivery_of_months_ago_that_is_sent_again_starts_nothing(
    stage: Stage, fresh: bool
) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens()
    comment = await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "released")
    old = next(each for each in stage.world.hook.log if str(comment.id) in each.body.decode())
    await stage.closes()
    if fresh:
        for file in stage.folder.glob("bot.db*"):
            file.unlink()
    stage.clock.move_to(stage.clock.now() + timedelta(days=60))
    await stage.opens()
    said = len(stage.said())
    stage.world.hook.redeliver(old)
    await stage.passes(minutes=5)

    assert len(stage.dispatches()) == 1
    assert len(stage.said()) == said
    assert stage.reactions(comment) == DONE


QUOTED = {
    "a quote": "> /release 1.0.3",
    "the answer to an e-mail": "Yes.\n\nOn Friday, Maya wrote:\n> Shall we?\n>\n> /release 1.0.3\n>\n> Maya",
    "the line below a quote": "> Maya wrote\n/release 1.0.3",
    "a fence": "```\n/release 1.0.3\n```",
    "a fence of tildes": "~~~sh\n/release 1.0.3\n~~~",
    "an indented block": "So:\n\n    /release 1.0.3",
    "a code span over lines": "`\n/release 1.0.3\n`",
    "an HTML comment": "<!--\n/release 1.0.3\n-->",
    "a folded block": "<details><summary>Old</summary>\n\n/release 1.0.3\n\n</details>",
    "the text of a link": "[\n/release 1.0.3\n](https://example.com)",
    "HTML code": "<pre>\n/release 1.0.3\n</pre>",
    "a table": "| a |\n| - |\n/release 1.0.3",
    "a footnote": "See[^1].\n\n[^1]:\n    /release 1.0.3",
    "a heading": "# /release 1.0.3",
    "the middle of a sentence": "Then I type /release 1.0.3 tomorrow.",
    "an address": "/releases/1.0.3",
}


async def test_attack_21_what_is_only_quoted_or_shown_is_no_command(stage: Stage) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens()
    comments = {name: await stage.says(text) for name, text in QUOTED.items()}
    await stage.passes(minutes=2)

    assert [name for name, comment in comments.items() if stage.reactions(comment)] == []
    assert stage.said() == []
    assert stage.dispatches() == []


ODD = {
    "two commands": "/release 1.0.3\n\n/release 1.0.4",
    "a command and a verb": "/release 1.0.3\n\n/release help",
    "text behind it": "/release 1.0.3 please",
    "full-width digits": "/release １.０.３",
    "a bidirectional mark": "/release \u202e3.0.1",
    "a zero-width joiner": "/release 1.0\u200d.3",
    "a Cyrillic letter in the pipeline": "/r\u0435lease 1.0.3",
    "a Cyrillic letter in a verb": "/release st\u0430tus",
    "a shell's end": "/release 1.0.3;id",
    "a shell's call": "/release $(id)",
    "backticks": "/release `id`",
    "a path": "/release ../../x",
    "an option": "/release --force",
    "an escaped line end": "/release 1.0.3%0a",
    "ten thousand digits": f"/release 1.0.{'9' * 10_000}",
    "leading zeros": "/release 01.0.3",
    "a ref": "/release refs/heads/main",
    "an expression": "/release ${{ github.token }}",
    "a template": "/release {{ version }}",
}


async def test_attack_22_and_23_what_is_not_exactly_a_command_is_refused_in_one_short_inert_comment(
    stage: Stage,
) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens()
    comments = {name: await stage.says(text) for name, text in ODD.items()}
    await stage.passes(minutes=5)

    assert {name: stage.reactions(comment) for name, comment in comments.items()} == dict.fromkeys(ODD, TOLD)
    assert len(stage.said()) == len(ODD)
    assert max(map(len, stage.said())) < 600
    assert all(line.isprintable() for answer in stage.said() for line in answer.splitlines())
    assert stage.dispatches() == []
    assert stage.statuses() == []


# -- when it was allowed, and for what -----------------------------------------------------------------------


async def test_attack_24_who_lost_the_role_can_do_nothing_more_with_the_release_they_started(
    stage: Stage,
) -> None:
    """What was asked for while the role was there goes on; the step that wants a person wants the role again."""
    stage.pipeline(APPROVALS)
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.step("go") == "awaiting approval")
    stage.world.give_role("maya", "read")
    comment = await stage.says("/release approve")
    await stage.passes(minutes=5)

    assert stage.reactions(comment) == TOLD
    assert stage.dispatches() == []


async def test_attack_25_an_approval_is_good_for_one_release_and_one_time(stage: Stage) -> None:
    stage.pipeline(APPROVALS)
    await stage.opens()
    await stage.says("/release 1.0.3 1.0.4")
    await stage.until(lambda: stage.step("go", "1.0.4") == "awaiting approval")
    unclear = await stage.says("/release approve")
    comment = await stage.says("/release approve 1.0.3")
    await stage.until(lambda: stage.state("1.0.3") == "released")
    stage.world.hook.redeliver(
        next(each for each in stage.world.hook.log if str(comment.id) in each.body.decode())
    )
    announces(stage, comment)
    await stage.passes(minutes=5)

    assert stage.reactions(unclear) == TOLD
    assert versions_sent(stage) == {"1.0.3"}
    assert stage.step("go", "1.0.4") == "awaiting approval"


async def test_attack_25_an_approval_is_not_good_for_a_release_of_that_version_that_comes_later(
    stage: Stage,
) -> None:
    stage.pipeline(APPROVALS)
    await stage.opens()
    await stage.says("/release 1.0.3")
    approved = await stage.says("/release approve 1.0.3")
    await stage.until(lambda: stage.state() == "released")
    await stage.says("/release 1.0.3")
    announces(stage, approved)
    await stage.passes(minutes=5)

    assert stage.reactions(approved) == DONE
    assert len(stage.dispatches()) == 1
    assert stage.step("go") == "awaiting approval"


# -- from where ----------------------------------------------------------------------------------------------


async def test_attack_26_a_pull_request_gets_one_reaction_and_no_words(stage: Stage) -> None:
    stage.pipeline(ONE_STEP)
    pull_request = stage.world.add_issue(stage.oss, 9, by="stranger", pull_request=True)
    await stage.opens()
    comment = await stage.says("/release 1.0.3", issue=pull_request)
    await stage.passes(minutes=5)

    assert stage.reactions(comment) == ["confused"]
    assert stage.said() == []
    assert stage.dispatches() == []


async def test_attack_26_an_issue_of_a_repository_that_is_not_listed_is_deaf(stage: Stage) -> None:
    elsewhere = stage.world.add_repository("acme/playground")
    stage.world.give_role("maya", "admin", elsewhere)
    stage.pipeline(ONE_STEP, elsewhere)
    await stage.opens(HOMES=OSS)
    comment = await stage.says("/release 1.0.3", issue=stage.world.add_issue(elsewhere, 1))
    await stage.passes(minutes=5)

    assert stage.reactions(comment) == []
    assert stage.dispatches() == []


async def test_attack_26_the_role_counts_in_the_repository_to_which_an_issue_was_transferred(
    stage: Stage,
) -> None:
    """The release of an issue that moves away stays with its first repository; elsewhere nobody steers it."""
    stage.pipeline(ONE_STEP)
    stage.oss.workflows["build.yml"].on_run().runs_until_told()
    elsewhere = stage.world.add_repository("acme/playground")
    stage.world.give_role("mallory", "admin", elsewhere)
    stage.pipeline(ONE_STEP, elsewhere)
    await stage.opens()
    await stage.says("/release 1.0.3")
    moved = stage.world.add_issue(elsewhere, 7)
    comment = await stage.says("/release cancel 1.0.3", by="mallory", issue=moved)
    await stage.passes(minutes=5)

    assert stage.reactions(comment)[-1] == "confused"
    assert stage.state() == "running"


@pytest.mark.parametrize("versions", [("1.0.3", "1.0.3"), ("1.0.3", "1.0.4")], ids=["same", "different"])
async def test_attack_27_of_two_commands_in_one_second_each_version_starts_once_and_each_is_answered_once(
    stage: Stage, versions: tuple[str, str]
) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens()
    comments = [
        stage.world.hand(login).comments(stage.world.add_issue(stage.oss, number), f"/release {version}")
        for number, (login, version) in enumerate(zip(("maya", "ada"), versions, strict=True), start=20)
    ]
    await stage.passes(minutes=10)

    ends = sorted(stage.reactions(comment)[-1] for comment in comments)
    assert ends == (["rocket", "rocket"] if len(set(versions)) == 2 else ["confused", "rocket"])
    assert len(stage.dispatches()) == len(set(versions))
    assert versions_sent(stage) == set(versions)


async def test_attack_28_a_flood_by_strangers_gets_ten_reactions_an_hour_and_costs_the_release_nothing(
    stage: Stage,
) -> None:
    await stage.opens()
    await stage.says("/release 1.0.3")
    before = len(stage.world.ledger)
    comments = [
        stage.world.hand(f"stranger{number % 5}").comments(stage.issue, "/release 9.9.9")
        for number in range(500)
    ]
    await stage.passes(minutes=2)
    asked = Counter(entry.path.rpartition("/")[2] for entry in stage.world.ledger[before:])
    assert asked["permission"] <= 10
    assert asked["release-bot.yml"] <= 10
    await stage.until(lambda: stage.state() == "released")

    answered = [comment for comment in comments if stage.reactions(comment)]
    assert len(answered) == 10
    assert {tuple(stage.reactions(comment)) for comment in answered} == {tuple(TOLD)}
    assert not any("9.9.9" in body for body in stage.said())
    assert EE not in str(stage.said())
