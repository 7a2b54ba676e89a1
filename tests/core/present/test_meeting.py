"""What is said of releases that meet: turns, runs that gave way, names that move, parameters."""

from dataclasses import replace

import pytest

from bot.core.audience import Audience
from bot.core.model import NameMove, Note, NoteKind, Release, StepRecord
from bot.core.plan import DispatchStep, MovingName, Plan
from bot.core.present import check_body, status_comment
from bot.core.states import Behind, Cancelled, Due, GaveWay, InLine, Passed, Running, StepState, Waiting

from .releases import EE, NOON, OSS, PLAN, PRIVATE, PUBLIC, WEB, at, bound, failed, passed, record, release

DONE = passed(7000, began=0, ended=4)
LATEST, SERIES = MovingName("latest", "latest"), MovingName("1.0", "{{ series }}")
LTS = MovingName("lts", "lts", series="0.24")
MOVES = (
    NameMove("latest", "1.1.0", "1.1.0"),
    NameMove("1.0", "1.0.2", "1.0.3"),
    NameMove("new", "", "1.0.3"),
)


TO_MOVE = "`latest` stays at 1.1.0, `1.0` moves from 1.0.2 to 1.0.3, `new` moves to 1.0.3."


def images(state: StepState, plan: Plan = PLAN) -> Release:
    """Everything before the images is done."""
    done = dict.fromkeys(("oss-start", "oss", "ee", "go"), DONE)
    return release({**done, "docker": record(state)}, plan=plan)


def moving(*moves: MovingName, version: str = "1.0.3", repo: str = OSS) -> Plan:
    docker = PLAN.step("docker")
    assert isinstance(docker, DispatchStep)
    steps = (*PLAN.steps[:-1], replace(docker, moves=moves, repo=repo))
    return replace(PLAN, steps=steps, version=version)


def shown(one: Release, audience: Audience = PUBLIC) -> str:
    return status_comment(one, audience, web_url=WEB)


def sentence(one: Release, audience: Audience = PUBLIC) -> str:
    return shown(one, audience).split("\n")[2]


# -- turns -------------------------------------------------------------------------------------------------------

OTHER = Behind(OSS, "release", "0.24.9", "oss-docker")


@pytest.mark.parametrize(
    ("behind", "expected"),
    [
        (OTHER, "waits for release 0.24.9 / oss-docker"),
        (replace(OTHER, home="ACME/Widget"), "waits for release 0.24.9 / oss-docker"),
        (replace(OTHER, stuck=True), "waits for release 0.24.9 / oss-docker, which needs a person"),
        (replace(OTHER, home="acme/vault", stuck=True), "waits for a step of another release"),
        (None, "waits for its turn"),
    ],
)
def test_whoever_stands_in_line_says_behind_whom(behind: Behind | None, expected: str) -> None:
    one = images(InLine(at(9), behind))

    assert sentence(one) == f"`docker` {expected}."
    assert f"\n- **docker**: It {expected}.\n" in shown(one)


def test_while_something_runs_that_comes_first() -> None:
    steps = {"oss-start": record(Running(bound()), began=1), "docker": record(InLine(at(9), OTHER))}

    assert sentence(release(steps)) == "`oss-start` is running; `oss` and `ee` come next."


def test_several_that_wait_for_the_same_are_told_together() -> None:
    done = dict.fromkeys(("oss-start", "ee"), DONE)
    waiting = {"oss": record(InLine(at(9), OTHER)), "docker": record(InLine(at(9), OTHER))}

    assert sentence(release({**done, **waiting})) == (
        "`oss` and `docker` wait for release 0.24.9 / oss-docker; `go` comes next."
    )


def test_that_a_hidden_step_waits_for_another_release_is_a_detail_of_it() -> None:
    plan = moving(repo=EE)
    waiting, in_line = images(Waiting(), plan), images(InLine(at(9), OTHER), plan)

    assert shown(in_line) == shown(waiting)
    assert sentence(in_line, PRIVATE) == "`docker` waits for release 0.24.9 / oss-docker."


def test_a_private_home_is_not_told_on_a_public_commit() -> None:
    home = "acme/vault"
    one = images(InLine(at(9), replace(OTHER, home=home)), replace(PLAN, home=home))
    audience = Audience("public", {OSS: "public", home: "private"})

    body = check_body(one, "docker", audience=audience, web_url=WEB, head_sha="abc")

    assert "waits for a step of another release" in str(body)
    assert "0.24.9" not in str(body)


# -- runs that gave way ------------------------------------------------------------------------------------------


def test_a_run_that_gave_way_says_for_what_and_that_it_is_sent_again() -> None:
    over = bound(status="completed", conclusion="cancelled")
    one = images(GaveWay(over, at(9), at(99), "images-`1`"))

    assert (
        "\n- **docker**: It gave way to another run of its concurrency group `images-'1'` "
        "and is sent again when that is over.\n"
    ) in shown(one)
    assert "| docker | 🔁 retrying | [#7001]" in shown(one)


@pytest.mark.parametrize(("text", "group"), [("@ada/x", " `＠ada/x`"), ("", "")])
def test_the_group_a_run_gave_way_in_is_text_from_outside(text: str, group: str) -> None:
    note = Note(at(9), NoteKind.GAVE_WAY, text, attempt=1)
    one = release({"oss": StepRecord(state=Running(bound()), notes=(note,))})

    came = f"another run of its concurrency group{group} came"
    assert f"\n- oss: GitHub cancelled attempt 1 before a job of it ran: {came}\n" in shown(one)


# -- names that move ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (moving(LATEST), "Moves `latest` if 1.0.3 is then the highest released."),
        (
            moving(LATEST, SERIES),
            "Moves `latest` and `1.0` if 1.0.3 is then the highest released for them.",
        ),
        (
            moving(LATEST, LTS),
            "Moves `latest` if 1.0.3 is then the highest released. Leaves `lts` alone: it is for series 0.24.",
        ),
        (
            moving(LTS, version="0.24.9"),
            "Moves `lts` if 0.24.9 is then the highest released for it.",
        ),
        (
            moving(LATEST, version="1.1.0-rc1"),
            "Leaves `latest` alone: a version with a suffix takes no name.",
        ),
    ],
)
@pytest.mark.parametrize("state", [Waiting(), InLine(NOON)])
def test_before_its_turn_a_step_says_when_it_will_move_names(
    plan: Plan, expected: str, state: StepState
) -> None:
    assert f"\n- **docker**: {expected}\n" in shown(images(state, plan))


@pytest.mark.parametrize(
    ("state", "line"),
    [
        (Due(at(9), at(9)), TO_MOVE),
        (Running(bound()), TO_MOVE),
        (Passed(at(9)), "`latest` stayed at 1.1.0, `1.0` moved from 1.0.2 to 1.0.3, `new` moved to 1.0.3."),
    ],
)
def test_from_its_turn_on_it_says_which_names_go_where(state: StepState, line: str) -> None:
    one = images(state, moving(LATEST, SERIES))
    decided = one.with_step("docker", replace(one.steps["docker"], moves=MOVES))

    assert f"\n- **docker**: {line}\n" in shown(decided)
    body = check_body(decided, "docker", audience=PUBLIC, web_url=WEB, head_sha="abc")
    assert line in str(body)


def test_what_was_cancelled_moves_nothing() -> None:
    one = images(Cancelled(at(9)), moving(LATEST))
    decided = one.with_step("docker", replace(one.steps["docker"], moves=MOVES))

    assert "latest" not in shown(decided)


@pytest.mark.parametrize("hidden", ["repository", "file"])
def test_names_are_for_those_who_may_see_the_repository_and_the_file(hidden: str) -> None:
    plan = moving(LATEST, repo=EE) if hidden == "repository" else moving(LATEST)
    plan = replace(plan, file_repo="acme/vault") if hidden == "file" else plan
    one = images(Waiting(), plan)
    decided = one.with_step("docker", replace(one.steps["docker"], moves=MOVES))

    assert "latest" not in shown(one)
    assert "latest" not in shown(decided)


# -- parameters --------------------------------------------------------------------------------------------------


def test_the_parameters_stand_below_the_table_where_the_file_may_be_seen() -> None:
    plan = replace(PLAN, parameters=(("java", "21"), ("notes", "`@ada`")))
    hidden = replace(plan, file_repo="acme/vault")

    text = shown(images(Running(failed()), plan))

    assert "| docker | 🟡 running | [#7001]" in text
    assert " |\n\nWith `java=21` and `notes='＠ada'`.\n\n" in text
    assert "java" not in shown(images(Waiting(), hidden))
