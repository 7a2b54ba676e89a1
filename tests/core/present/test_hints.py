"""What can be typed for a step that needs a person: nothing that would be refused, nothing that cannot help."""

import itertools
import re
from dataclasses import replace

import pytest

from bot.core import commands
from bot.core.audience import Audience
from bot.core.causes import Cause
from bot.core.effects import Notice
from bot.core.model import Note, NoteKind, Release, StepRecord
from bot.core.plan import WatchStep
from bot.core.present import check_body, notice_comment, status_answer, status_comment
from bot.core.states import BoundRun, Finding, NeedsPerson, Running
from bot.core.steering import AT_ANY_TIME, OpenCommand, Refused, may_adopt, resolve
from bot.core.trouble import Trouble, TroubleKind

from .releases import EE, FAILED, OSS, PLAN, PUBLIC, WEB, at, bound, failed, needing, passed, release

TYPED = re.compile(r"`/release (\w+) 1\.0\.3(?: ([\w-]+))?(?: RUN)?`")
_EE = PLAN.step("ee")
assert isinstance(_EE, WatchStep)
ALL_SEEN = replace(PLAN, steps=(*PLAN.steps[:2], replace(_EE, repo=OSS), *PLAN.steps[3:]))
DONE = passed(7000, began=0, ended=4)
RUN = f"{WEB}/{OSS}/actions/runs/7001"


def sentence(one: Release, audience: Audience = PUBLIC) -> str:
    return status_comment(one, audience, web_url=WEB).split("\n")[2]


def called(one: Release, step: str) -> str:
    notice = Notice(f"r-4711:person:{step}:1", "person", step)
    text = notice_comment(one, notice, PUBLIC, web_url=WEB, status_url=None)
    assert text is not None
    return text


def summary(one: Release, step: str) -> str:
    body = check_body(one, step, audience=PUBLIC, web_url=WEB, head_sha="abc")["output"]
    assert isinstance(body, dict)
    return str(body["summary"])


def accepted(one: Release, verb: str, step: str) -> bool:
    place = {"pipeline": one.pipeline, "version": one.version}
    wanted: dict[str, OpenCommand] = {
        "retry": commands.Retry(**place, step=step or None),
        "redo": commands.Redo(**place, step=step),
        "skip": commands.Skip(**place, step=step),
        "resume": commands.Resume(**place),
        "cancel": commands.Cancel(**place),
    }
    if verb == "adopt":
        return may_adopt(one, one.plan.step(step), AT_ANY_TIME) is None
    return not isinstance(resolve(one, wanted[verb], "ada", AT_ANY_TIME), Refused)


def everything(one: Release, step: str) -> str:
    told = [status_comment(one, PUBLIC, web_url=WEB), status_answer(one, PUBLIC, web_url=WEB, comment=None)]
    return "\n".join([*told, called(one, step), summary(one, step)])


RUNS = [None, failed(), bound()]
STUCK = [
    (kind, run, watched, paused, two)
    for kind, run, watched, paused, two in itertools.product(
        TroubleKind, RUNS, (False, True), (False, True), (False, True)
    )
]


@pytest.mark.parametrize(("kind", "run", "watched", "paused", "two"), STUCK)
def test_whatever_is_offered_is_accepted(
    kind: TroubleKind, run: BoundRun | None, watched: bool, paused: bool, two: bool
) -> None:
    name = "oss" if watched else "oss-start"
    steps = {"oss-start": DONE, name: needing(Trouble(kind, "why", (RUN,)), run)}
    if two:
        steps["ee"] = needing(Trouble(kind, "why", (RUN,)), run)
    one = replace(release(steps, plan=ALL_SEEN), paused_by="ada" if paused else None)

    offered = set(TYPED.findall(everything(one, name)))

    assert ("cancel", "") in offered
    assert [choice for choice in offered if not accepted(one, *choice)] == []


def test_of_a_lost_send_that_is_still_looked_for_nothing_is_offered_that_waits_for_it() -> None:
    lost = Finding(1, at(1), at(16), None, "the answer was lost")
    one = release({"oss-start": StepRecord(NeedsPerson(Trouble(TroubleKind.NO_ACCESS), at(9), parked=lost))})

    assert sentence(one) == (
        "`oss-start` needs a person: the repository cannot be reached; when that is mended it goes on by itself."
    )


# -- where nothing but the end is left -----------------------------------------------------------------------------


LATE = needing(Trouble(TroubleKind.TIMED_OUT, "", (RUN,)), bound())


def late() -> Release:
    return release({"oss-start": LATE})


def test_a_run_over_its_time_is_looked_at_first_and_ending_the_release_comes_last() -> None:
    look = f"look at [its run]({RUN}) first, a success that comes later still counts."
    ends = "To end the release instead, type `/release cancel 1.0.3`"

    assert sentence(late()) == f"`oss-start` needs a person: {look}"
    assert called(late(), "oss-start") == (
        f"@maya release 1.0.3 needs you at `oss-start`: The run is not over after 6h ([run]({RUN}), attempt 1). "
        "Look at it first: a success that comes later still counts. "
        "If it hangs, cancel it on GitHub; then the step can be tried again.\n\n"
        f"{ends}."
    )
    assert f"\n\n{ends}.\n\n" in status_comment(late(), PUBLIC, web_url=WEB)
    assert f"{ends} in a comment on [the issue]({WEB}/{OSS}/issues/7), or use the button." in summary(
        late(), "oss-start"
    )


def test_of_several_runs_over_their_time_all_are_looked_at() -> None:
    one = release({"oss-start": LATE, "ee": LATE}, plan=ALL_SEEN)

    assert sentence(one) == (
        f"`oss-start` and `ee` need a person: `oss-start`: look at [its run]({RUN}) first, a success that comes "
        f"later still counts; `ee`: look at [its run]({RUN}) first, a success that comes later still counts."
    )


# -- what the reader may not see -----------------------------------------------------------------------------------


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("kind", list(TroubleKind))
def test_of_a_private_step_the_same_is_told_whatever_is_wrong(
    kind: TroubleKind, run: BoundRun | None
) -> None:
    one, other = release({"ee": needing(Trouble(kind), run)}), release({"ee": needing(FAILED, failed())})

    assert called(one, "ee") == called(other, "ee")
    assert sentence(one) == sentence(other)


def test_of_a_private_step_it_is_told_where_to_look_and_when_a_command_is_accepted() -> None:
    one = release({"ee": needing(FAILED, failed(8001))})

    assert called(one, "ee") == (
        """\
@maya release 1.0.3 needs you at `ee`: what is wrong, and what mends it, stands at the check run \
`release 1.0.3 / ee` in the step's own repository.

Type one of these:

- `/release retry 1.0.3 ee` tries the step again, if no run of it is live
- `/release skip 1.0.3 ee` marks the step as done by hand, if no run of it is live
- `/release cancel 1.0.3` ends the release"""
    )
    assert sentence(one) == (
        "`ee` needs a person: look at the check run `release 1.0.3 / ee` in the step's own repository."
    )


def test_of_several_private_steps_all_check_runs_are_named() -> None:
    stuck = needing(FAILED, failed())

    assert sentence(release({"oss-start": stuck, "ee": stuck}), Audience("public", {})) == (
        "`oss-start` and `ee` need a person: look at the check runs `release 1.0.3 / oss-start` and "
        "`release 1.0.3 / ee` in the steps' own repositories."
    )


def test_in_a_pause_a_private_step_is_not_offered_to_be_tried_again() -> None:
    one = replace(release({"ee": needing(FAILED, failed(8001))}), paused_by="ada")

    assert sentence(one) == (
        "`ee` needs a person, and the release is paused: type `/release resume 1.0.3` or `/release cancel 1.0.3`."
    )
    assert re.findall(r"- `/release (\w+)", called(one, "ee")) == ["resume", "skip", "cancel"]


def test_beside_a_private_step_only_what_can_be_seen_is_offered() -> None:
    one = release({"ee": needing(FAILED, failed(8001)), "oss-start": needing(FAILED, bound())})

    assert "/release" not in sentence(one)
    assert sentence(one).endswith(
        "; look at the check run `release 1.0.3 / ee` in the step's own repository."
    )


# -- what is broken ------------------------------------------------------------------------------------------------


def stopped(cause: Cause) -> tuple[Note, ...]:
    """One judgement of an attempt before, and that of the last one."""
    return (
        Note(at(20), NoteKind.STOPPED, "why", 1, 1, attempt=1, cause=Cause.FLAKY),
        Note(at(40), NoteKind.STOPPED, "why", 0, 0, attempt=2, cause=cause),
    )


@pytest.mark.parametrize(
    ("step", "cause", "verbs"),
    [
        ("oss-start", Cause.BROKEN, ["redo", "retry", "skip"]),
        ("oss-start", Cause.UNKNOWN, ["retry", "redo", "skip"]),
        ("oss", Cause.BROKEN, ["adopt", "retry", "skip"]),
        ("oss", Cause.TRANSIENT, ["retry", "adopt", "skip"]),
    ],
)
def test_what_is_broken_needs_a_run_of_another_commit(step: str, cause: Cause, verbs: list[str]) -> None:
    stuck = replace(needing(FAILED, failed(attempt=2)), notes=stopped(cause))
    one = release({"oss-start": DONE, step: stuck})

    assert re.findall(r"- `/release (\w+) 1\.0\.3", called(one, step)) == [*verbs, "cancel"]


def test_each_command_says_what_it_does() -> None:
    broken = replace(needing(FAILED, failed(attempt=2)), notes=stopped(Cause.BROKEN))

    text = called(release({"oss-start": broken}), "oss-start")
    assert "- `/release redo 1.0.3 oss-start` starts a new run: push the fix first\n" in text
    assert "- `/release retry 1.0.3 oss-start` runs the failed jobs again, on the same commit\n" in text
    text = called(release({"oss-start": DONE, "oss": broken}), "oss")
    assert (
        "- `/release adopt 1.0.3 oss RUN` takes a run as the step's own; RUN is its number or its address\n"
        in text
    )


def test_a_run_that_goes_on_after_its_failure_is_judged_anew() -> None:
    again = replace(needing(FAILED, failed(attempt=3)), notes=stopped(Cause.BROKEN))

    text = called(release({"oss-start": again}), "oss-start")

    assert re.findall(r"- `/release (\w+) 1\.0\.3", text) == ["retry", "redo", "skip", "cancel"]


def test_a_step_that_runs_is_offered_nothing() -> None:
    assert TYPED.findall(sentence(release({"oss-start": StepRecord(Running(bound()))}))) == []


def test_the_repository_of_a_private_step_is_named_nowhere() -> None:
    assert EE not in called(release({"ee": needing(FAILED, failed(8001))}), "ee")
