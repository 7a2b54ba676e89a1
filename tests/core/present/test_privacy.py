"""Private stays private: canaries in everything a private repository has, and none of them in public."""

import json
import random
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core import present
from bot.core.audience import Audience
from bot.core.causes import Cause
from bot.core.days import Ended
from bot.core.effects import Notice
from bot.core.model import NameMove, Note, NoteKind, Release, StepRecord
from bot.core.plan import ApprovalStep, DispatchStep, MovingName, Plan, RunStep, WatchStep
from bot.core.problems import Problem, ProblemKind
from bot.core.states import (
    AwaitingApproval,
    Behind,
    BoundRun,
    Cancelled,
    Cooling,
    Diagnosing,
    Due,
    Expecting,
    Finding,
    GaveWay,
    InLine,
    NeedsPerson,
    Passed,
    Rerunning,
    Running,
    Sending,
    Skipped,
    StepState,
    Waiting,
)
from bot.core.steering import No, Refused
from bot.core.trouble import Trouble, TroubleKind

from .releases import NOON, OSS, PLAN, WEB, at, passed, release

FRAGMENT = 6
CONSONANTS = "BCDFGHJKLMNPQRSTVWXZ"


@dataclass
class Canaries:
    """Unique marks, each remembered. Without vowels, so that no part of one is a word by chance."""

    random: random.Random
    marks: list[str]

    def word(self) -> str:
        mark = "".join(self.random.choices(CONSONANTS + string.digits, k=14))
        self.marks.append(mark)
        return mark

    def number(self) -> int:
        mark = str(self.random.randrange(10**13, 10**14))
        self.marks.append(mark)
        return int(mark)

    def in_(self, text: str) -> set[str]:
        """Fragments of marks that the text has, whatever the letter case."""
        loud = text.upper()
        parts = (mark[at : at + FRAGMENT] for mark in self.marks for at in range(len(mark) - FRAGMENT + 1))
        return {part for part in parts if part in loud}


def private_step(canaries: Canaries, repo: str, *, watched: bool) -> RunStep:
    if watched:
        return WatchStep(
            name="ee",
            needs=(),
            repo=repo,
            workflow=canaries.word(),
            ref=canaries.word(),
            event=canaries.word(),
        )
    inputs = ((canaries.word(), canaries.word()),)
    return DispatchStep(
        name="ee",
        needs=(),
        repo=repo,
        workflow=canaries.word(),
        ref=canaries.word(),
        inputs=inputs,
        unless_tag=canaries.word(),
        nonce=canaries.word(),
        one_at_a_time=canaries.word(),
        moves=(MovingName(canaries.word(), canaries.word()),),
        late_inputs=((canaries.word(), canaries.word()),),
    )


def private_run(canaries: Canaries, status: str = "in_progress") -> BoundRun:
    conclusion = canaries.word() if status == "completed" else None
    url = f"{WEB}/{canaries.word()}/actions/runs/{canaries.number()}"
    return BoundRun(canaries.number(), 17, status, conclusion, canaries.word(), url, at(3))


def troubles(canaries: Canaries) -> Iterator[Trouble]:
    for kind in TroubleKind:
        links = (f"{WEB}/{canaries.word()}/actions/runs/{canaries.number()}",)
        yield Trouble(kind, canaries.word(), links, canaries.word())


def states(canaries: Canaries) -> list[StepState]:
    over = private_run(canaries, "completed")
    since = at(4)
    return [
        Waiting(),
        InLine(since),
        InLine(
            since, Behind(f"acme/{canaries.word()}", canaries.word(), canaries.word(), canaries.word(), True)
        ),
        Due(since, since, canaries.word()),
        Sending(3, since, since, canaries.word()),
        Finding(3, since, since, canaries.word(), canaries.word()),
        Expecting(since, since),
        *(
            Running(private_run(canaries, status))
            for status in ("queued", "in_progress", "waiting", "completed")
        ),
        Diagnosing(over),
        Cooling(over, since, Cause.FLAKY, canaries.word()),
        Rerunning(over, since, canaries.word()),
        GaveWay(over, since, since, canaries.word(), (canaries.number(),)),
        *(NeedsPerson(trouble, since, run=over) for trouble in troubles(canaries)),
        NeedsPerson(
            Trouble(TroubleKind.MOVED, canaries.word()), since, parked=Running(private_run(canaries))
        ),
        Passed(since, canaries.word()),
        Skipped(since, canaries.word()),
        Cancelled(since),
    ]


def told_releases(canaries: Canaries, *, watched: bool) -> Iterator[tuple[Release, str]]:
    """The release in every state of its private step, and the private repository."""
    repo = f"acme/{canaries.word()}"
    step = private_step(canaries, repo, watched=watched)
    plan = replace(PLAN, steps=tuple(step if one.name == "ee" else one for one in PLAN.steps))
    for state in states(canaries):
        notes = tuple(Note(at(9), kind, canaries.word(), 1, 3, canaries.word(), 17) for kind in NoteKind)
        record = StepRecord(
            state=state,
            sends=3,
            run=private_run(canaries),
            reruns_in_all=7,
            reruns={Cause.FLAKY: 71717},
            earlier_reruns={Cause.TRANSIENT: 71717},
            moves=(NameMove(canaries.word(), canaries.word(), canaries.word()),),
            inputs=((canaries.word(), canaries.word()),),
            usual=71717.0,
            problems=1,
            began_at=NOON + timedelta(hours=7, minutes=7),
            ended_at=NOON + timedelta(hours=8, minutes=8) if isinstance(state, Passed | Skipped) else None,
            notes=notes,
        )
        yield release({"oss-start": passed(7000, began=0, ended=4), "ee": record}, plan=plan), repo


def everything_said(one: Release, audience: Audience, links: list[str]) -> Iterator[str]:
    """Every text the bot could write about this release for these readers."""
    yield present.status_comment(one, audience, web_url=WEB)
    yield present.status_answer(one, audience, web_url=WEB, comment=41)
    yield present.board_answer("release", [one, one], audience, web_url=WEB, comments={one.id: 41})
    twins = replace(one, together=(one.id, one.id))
    yield present.together_comment([(twins, 41), (twins, None)], audience, web_url=WEB)
    yield present.day_comment([Ended(one, at(99), 41), Ended(one, at(99), None)], audience, web_url=WEB)
    for kind in ("person", "approval", "environment", "second-run", "released", "cancelled"):
        notice = Notice(f"r:{kind}:ee:1", kind, "ee")
        yield present.notice_comment(one, notice, audience, web_url=WEB, status_url=None) or ""
    for name in ("ee", "oss", "oss-start"):
        body = present.check_body(one, name, audience=audience, web_url=WEB, head_sha="")
        yield json.dumps(body, ensure_ascii=False)
    for no in No:
        for step in ("ee", None):
            for link in links:
                yield present.refused_answer(Refused(no, step, link), one, audience, web_url=WEB, comment=41)


STATES = len(states(Canaries(random.Random(0), [])))


@pytest.mark.parametrize("watched", [False, True])
@given(seed=st.integers(0, 2**32), number=st.integers(0, STATES - 1))
def test_attack_36_nothing_of_a_private_repository_appears_in_public(
    watched: bool, seed: int, number: int
) -> None:
    canaries = Canaries(random.Random(seed), [])
    for one, repo in islice(told_releases(canaries, watched=watched), number, number + 1):
        run = one.steps["ee"].state
        links = [
            held.run.url for held in [run] if isinstance(held, Running | Cooling | NeedsPerson) and held.run
        ]
        for visibilities in ({OSS: "public", repo.lower(): "private"}, {OSS: "public"}):
            text = "\n".join(everything_said(one, Audience("public", visibilities), links))
            assert not canaries.in_(text)
            assert "19:07 UTC" not in text
            assert "17" not in text.replace("r-4711", "")


def test_the_same_details_are_there_for_those_who_may_see_them() -> None:
    canaries = Canaries(random.Random(1), [])
    for one, repo in told_releases(canaries, watched=False):
        audience = Audience("private", {OSS: "public", repo.lower(): "private"})

        assert canaries.in_(present.status_comment(one, audience, web_url=WEB))


def test_attack_39_of_a_private_step_the_row_has_its_name_and_state_word_alone() -> None:
    canaries = Canaries(random.Random(1), [])
    for one, repo in told_releases(canaries, watched=True):
        audience = Audience("public", {OSS: "public", repo.lower(): "private"})
        body = present.status_comment(one, audience, web_url=WEB)

        row = next(line for line in body.split("\n") if line.startswith("| ee |"))
        assert row.endswith(" | – | – | – |")
        assert "- ee:" not in body
        assert "**ee**" not in body


@given(st.integers(0, 2**32))
@settings(max_examples=20)
def test_a_private_pipeline_file_keeps_its_texts(seed: int) -> None:
    canaries = Canaries(random.Random(seed), [])
    plan = secret_plan(canaries)
    audience = Audience("public", {OSS: "public", (plan.file_repo or "").lower(): "private"})

    decided = (NameMove(canaries.word(), canaries.word(), canaries.word()),)
    moving = release({"oss-start": replace(passed(7000, began=0, ended=4), moves=decided)}, plan=plan)
    for one in (release(plan=plan), awaiting_approval(plan), moving):
        assert not canaries.in_("\n".join(everything_said(one, audience, [])))
    assert not canaries.in_(present.plan_answer([(plan, ())], audience))
    facts = present.PipelineFacts(
        "release", plan.about, "maintain", (("oss", "watch"),), False, (canaries.word(),)
    )
    assert not canaries.in_(present.help_answer([facts], audience))
    mistakes = [f"{plan.file_repo}:7:3: {canaries.word()}"]
    answer = present.bad_file_answer(mistakes, plan.file_repo or "", shown=False)
    assert not canaries.in_(answer)
    assert "line 7, column 3" in answer


@given(st.integers(0, 2**32))
@settings(max_examples=20)
def test_workflow_and_ref_of_a_private_pipeline_file_are_not_told_in_public(seed: int) -> None:
    canaries = Canaries(random.Random(seed), [])
    plan = secret_plan(canaries)
    audience = Audience("public", {OSS: "public", (plan.file_repo or "").lower(): "private"})
    answered = (TroubleKind.REFUSED, TroubleKind.NO_ACCESS, TroubleKind.MOVED)
    quoting = [Trouble(kind, canaries.word() if kind in answered else "") for kind in TroubleKind]
    told: list[StepState] = [
        Expecting(at(4), at(4)),
        Due(at(4), at(4), canaries.word()),
        *(NeedsPerson(trouble, at(4)) for trouble in quoting),
    ]

    for state in told:
        record = StepRecord(state=state, began_at=at(4))
        one = release({"oss-start": record, "oss": record}, plan=plan)
        assert not canaries.in_("\n".join(everything_said(one, audience, [])))
        for no in No:
            assert not canaries.in_(
                present.refused_answer(Refused(no, "oss", None), one, audience, web_url=WEB)
            )


@pytest.mark.parametrize("kind", ["workflow", "ref", "tag", "run", "installation"])
def test_a_problem_with_words_of_a_private_file_is_told_by_step_and_kind_only(kind: str) -> None:
    canaries = Canaries(random.Random(1), [])
    link = f"{WEB}/{OSS}/actions/runs/{canaries.number()}"
    problem = Problem(ProblemKind(kind), ("oss-start",), OSS, canaries.word(), (link,))
    plan = replace(PLAN, file_repo="acme/vault")
    audience = Audience("public", {OSS: "public"})

    for answer in (
        present.preflight_answer([("1.0.3", [problem])], [], audience, file_repo=plan.file_repo),
        present.plan_answer([(plan, [problem])], audience),
    ):
        assert not canaries.in_(answer)
        assert f"- step `oss-start`: {kind}\n" in answer


def secret_plan(canaries: Canaries) -> Plan:
    first, watched, go = PLAN.step("oss-start"), PLAN.step("oss"), PLAN.step("go")
    assert isinstance(first, DispatchStep)
    assert isinstance(watched, WatchStep)
    assert isinstance(go, ApprovalStep)
    steps = (
        replace(
            first,
            workflow=canaries.word(),
            ref=canaries.word(),
            unless_tag=canaries.word(),
            inputs=((canaries.word(), canaries.word()),),
            one_at_a_time=canaries.word(),
            moves=(MovingName(canaries.word(), canaries.word()),),
        ),
        replace(watched, workflow=canaries.word(), ref=canaries.word(), event=canaries.word()),
        PLAN.steps[2],
        replace(go, question=canaries.word()),
    )
    return replace(
        PLAN,
        file_repo=f"acme/{canaries.word()}",
        about=canaries.word(),
        steps=steps,
        parameters=((canaries.word(), canaries.word()),),
        notify=(f"acme/{canaries.word()}",),
    )


def awaiting_approval(plan: Plan) -> Release:
    done = {name: passed(7000, began=0, ended=4) for name in ("oss-start", "oss", "ee")}
    asking = StepRecord(state=AwaitingApproval(at(9), at(9)), began_at=at(9))
    return release({**done, "go": asking}, plan=plan)


@pytest.mark.parametrize("kind", list(ProblemKind))
def test_a_problem_in_a_private_repository_is_told_by_step_and_kind_only(kind: ProblemKind) -> None:
    canaries = Canaries(random.Random(1), [])
    problem = Problem(kind, ("ee-start",), f"acme/{canaries.word()}", canaries.word())
    audience = Audience("public", {OSS: "public"})
    told: list[Callable[[], str]] = [
        lambda: present.preflight_answer(
            [("1.0.3", [problem])], [], audience, file_repo=OSS, permission="maintain"
        ),
        lambda: present.plan_answer([(PLAN, [problem])], audience),
    ]

    for answer in told:
        assert not canaries.in_(answer())
        assert f"- step `ee-start`: {kind}" in answer()


def test_what_a_person_cannot_read_is_no_access_even_where_others_may_see_it() -> None:
    canaries = Canaries(random.Random(1), [])
    repo = f"acme/{canaries.word()}"
    problem = Problem(ProblemKind.NO_ACCESS, ("ee",), repo, canaries.word())

    answer = present.preflight_answer(
        [("1.0.3", [problem])], [], Audience("private", {repo.lower(): "public"}), file_repo=None
    )

    assert "- step `ee`: no access\n" in answer
    assert not canaries.in_(answer)


@pytest.mark.parametrize("kind", [ProblemKind.NO_ACCESS, ProblemKind.UNVERIFIED])
def test_of_a_repository_that_a_person_may_not_read_a_dry_run_tells_the_steps_kind_only(
    kind: ProblemKind,
) -> None:
    canaries = Canaries(random.Random(1), [])
    repo = f"acme/{canaries.word()}"
    hidden = WatchStep(name="ee", needs=(), repo=repo, workflow=canaries.word(), ref=canaries.word())
    plan = replace(PLAN, steps=(*PLAN.steps[:2], hidden))
    audience = Audience("private", {OSS: "public", repo.lower(): "private"})
    problem = Problem(kind, ("ee",), repo, canaries.word())

    answer = present.plan_answer([(plan, [problem])], audience)
    assert f"- step `ee`: {kind}\n" in answer
    assert "3. `ee`: watch." in answer
    assert "`start.yml` in `acme/widget`" in answer
    assert not canaries.in_(answer)
    assert not canaries.in_(present.preflight_answer([("1.0.3", [problem])], [], audience, file_repo=OSS))


def test_who_gave_commands_in_a_private_home_is_not_told_on_a_public_commit() -> None:
    canaries = Canaries(random.Random(1), [])
    home = f"acme/{canaries.word()}"
    notes = (Note(at(9), NoteKind.ASKED_SEND, by=canaries.word()),)
    record = StepRecord(state=Skipped(at(9), canaries.word()), notes=notes)
    one = release({"oss": record}, plan=replace(PLAN, home=home))
    audience = Audience("public", {OSS: "public", home.lower(): "private"})

    body = present.check_body(one, "oss", audience=audience, web_url=WEB, head_sha="abc")

    assert not canaries.in_(json.dumps(body))
    assert "details_url" not in body


def test_other_versions_that_a_private_home_released_are_not_told_on_a_public_commit() -> None:
    canaries = Canaries(random.Random(1), [])
    home = f"acme/{canaries.word()}"
    moves = (
        NameMove("latest", before=canaries.word(), after="1.0.3"),
        NameMove("1.0", canaries.word(), canaries.word(), above=canaries.word()),
        NameMove("stable", canaries.word(), canaries.word()),
    )
    told = replace(passed(7000, began=0, ended=4), moves=moves)
    audience = Audience("public", {OSS: "public", home.lower(): "private"})

    for plan in (PLAN, replace(PLAN, home=home)):
        one = release({"oss-start": told}, plan=plan)
        body = present.check_body(one, "oss-start", audience=audience, web_url=WEB, head_sha="abc")
        assert bool(canaries.in_(json.dumps(body))) is (plan is PLAN)
