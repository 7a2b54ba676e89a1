"""Answers to commands: the first sentence says the state or the refusal, the next what to do."""

import re
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from bot.core import commands, present
from bot.core.plan import DispatchStep
from bot.core.present.words import duration
from bot.core.problems import Problem, ProblemKind
from bot.core.states import Cancelled, Running, Skipped
from bot.core.steering import No, Refused
from bot.core.verbs import VERBS

from .releases import FAILED, OSS, PLAN, PUBLIC, WEB, at, bound, failed, needing, passed, record, release

TAG = Problem(ProblemKind.TAG, ("oss-start",), OSS, "the tag `v1.0.3` exists already")
HIDDEN = Problem(ProblemKind.TAG, ("ee",), "acme/widget-ee", "the tag `v1.0.3` exists already")
ROLE = Problem(ProblemKind.ROLE, ("oss-start", "oss"), OSS, "it needs `maintain`, you have `write`")
FACTS = present.PipelineFacts(
    "release",
    "Micro release",
    "maintain",
    (("oss", "watch"), ("docker", "dispatch"), ("go", "approval")),
    True,
    (OSS,),
)


def test_a_refused_version_is_told_all_its_problems_at_once() -> None:
    assert present.preflight_answer(
        [("1.0.3", [TAG, HIDDEN, ROLE])], [], PUBLIC, file_repo=OSS, permission="maintain"
    ) == (
        """\
Refused for `1.0.3`, so nothing was done.

- step `oss-start` in `acme/widget`: tag – the tag `v1.0.3` exists already.
- step `ee`: tag
- steps `oss-start` and `oss` in `acme/widget`: role – it needs `maintain`, you have `write`.

The person who types the command needs the role `maintain` in every repository of the pipeline.

Give the command again when this is mended, or ask somebody who has the access."""
    )


def test_how_many_problems_a_private_step_has_is_not_told() -> None:
    other = replace(HIDDEN, detail="another one")
    one = present.preflight_answer([("1.0.3", [HIDDEN])], [], PUBLIC, file_repo=OSS)
    assert present.preflight_answer([("1.0.3", [HIDDEN, other])], [], PUBLIC, file_repo=OSS) == one


def test_versions_that_started_are_told_from_those_that_were_refused() -> None:
    text = present.preflight_answer([("1.0.3", [TAG]), ("1.0.5", [HIDDEN])], ["1.0.4"], PUBLIC, file_repo=OSS)

    assert text.startswith(
        "Started: `1.0.4`. Refused: `1.0.3` and `1.0.5`.\n\n`1.0.3`:\n\n- step `oss-start`"
    )


def test_a_dry_run_answers_with_the_whole_plan() -> None:
    assert present.plan_answer([(PLAN, ())], PUBLIC) == (
        """\
This was a dry run: everything was read, nothing was started.

**release 1.0.3** would start.

1. `oss-start`: dispatch `start.yml` in `acme/widget` on `develop` with `releaseVersion=1.0.3`. \
The tag `v1.0.3` must not exist.
2. `oss`: watch for a run of `pre-release.yml` in `acme/widget` on `v1.0.3` (push). After `oss-start`.
3. `ee`: watch.
4. `go`: approval. Publish the images? After `oss` and `ee`.
5. `docker`: dispatch `docker.yml` in `acme/widget` on `v1.0.3`. After `go`."""
    )


def test_a_dry_run_tells_what_stands_in_the_way() -> None:
    text = present.plan_answer([(PLAN, (TAG, HIDDEN))], PUBLIC)

    assert "**release 1.0.3** would be refused.\n\n- step `oss-start` in `acme/widget`: tag" in text
    assert "\n- step `ee`: tag\n" in text


def test_a_dispatch_without_a_ref_goes_to_the_default_branch() -> None:
    first = PLAN.step("oss-start")
    assert isinstance(first, DispatchStep)
    plan = replace(PLAN, steps=(replace(first, ref="", inputs=(), unless_tag=None),))

    text = present.plan_answer([(plan, ())], PUBLIC)

    assert "`oss-start`: dispatch `start.yml` in `acme/widget` on its default branch." in text


def test_status_of_a_release_lists_its_steps_and_links_its_status_comment() -> None:
    steps = {"oss-start": passed(7000, began=0, ended=4), "oss": record(Running(bound()), began=5)}

    assert present.status_answer(release(steps), PUBLIC, web_url=WEB, comment=41) == (
        """\
🟡 **release 1.0.3: running.** `oss` is running; `ee` comes next.

- oss-start: ✅ passed
- oss: 🟡 running
- ee: ⚪ waiting
- go: ⚪ waiting
- docker: ⚪ waiting

[Status of release 1.0.3](https://github.com/acme/widget/issues/7#issuecomment-41)"""
    )


def test_without_an_open_release_status_says_how_to_start_one() -> None:
    assert present.nothing_open_answer("release") == (
        "No release is open here. Start one with `/release 1.0.3`; `/release help` says what else there is."
    )


def test_what_a_cancelled_release_left_can_be_taken_up_again_and_that_is_said() -> None:
    ended = replace(release({"oss-start": passed(7000, began=0, ended=4)}), cancelled_by="ada")
    for step in ("oss", "ee", "go", "docker"):
        ended = ended.with_step(step, record(Cancelled(at(9))))

    again = "`/release 1.0.3 --continue` starts it again and takes up what exists already."
    assert again in present.status_answer(ended, PUBLIC, web_url=WEB, comment=None)
    assert present.refused_answer(Refused(No.FINISHED), ended, PUBLIC, web_url=WEB) == (
        "release 1.0.3 is cancelled, so nothing about it can be changed. "
        f"{again} `/release status 1.0.3` still works."
    )


def test_help_shows_every_verb_with_who_may_use_it_and_an_example_that_is_valid_here() -> None:
    text = present.help_answer([FACTS], PUBLIC)

    rows = [line for line in text.split("\n") if line.startswith("| `/")]
    assert len(rows) == len(VERBS)
    assert (
        "| `/release status [VERSION]`<br>says where things stand | `write` | `/release status 1.0.3` |"
        in rows
    )
    assert any(row.endswith("| `maintain` | `/release retry 1.0.3 oss` |") for row in rows)
    assert any(row.endswith("| `maintain` | `/release redo 1.0.3 docker` |") for row in rows)
    assert "STEP" not in "".join(row.split("|")[3] for row in rows)
    assert "`maintain` is needed in every repository of the pipeline (here, `acme/widget`)" in text


def test_help_without_a_pipeline_says_so() -> None:
    assert present.help_answer([]).startswith("There is no pipeline here")


@dataclass(frozen=True)
class Written:
    name: str
    kind: str
    repo: str | None


@dataclass(frozen=True)
class WrittenParameter:
    name: str
    values: tuple[str, ...]
    default: str | None = None


@dataclass(frozen=True)
class WrittenPipeline:
    name: str
    about: str
    permission: str
    steps: tuple[Written, ...]
    parameters: tuple[WrittenParameter, ...] = ()


def test_what_help_needs_is_taken_from_the_pipeline_as_written() -> None:
    steps = (
        Written("oss", "watch", OSS),
        Written("docker", "dispatch", OSS),
        Written("go", "approval", None),
    )

    assert (
        present.PipelineFacts.of(WrittenPipeline("release", "Micro release", "maintain", steps), shown=True)
        == FACTS
    )


def test_a_broken_file_is_quoted_as_check_prints_it() -> None:
    assert present.bad_file_answer(["x.yml:7:5: unknown step `biuld`"], "x.yml", shown=True) == (
        """\
`x.yml` has 1 mistake, so nothing was started. \
Mend it and give the command again; `release-bot check FILE` finds the same mistakes.

```text
x.yml:7:5: unknown step `biuld`
```"""
    )


def test_of_a_hidden_file_the_places_are_told() -> None:
    text = present.bad_file_answer(["a/b:x.yml:7:5: `biuld`", "odd"], "a/b:x.yml", shown=False)

    assert "- line 7, column 5 (`FILE:7:5`)\n- a place that cannot be told here" in text
    assert "biuld" not in text


def test_a_missing_file_is_told_where_it_belongs() -> None:
    text = present.no_file_answer("ops/release.yml", docs_url="https://docs.example/file")

    assert text.startswith("There is no pipeline file at `ops/release.yml`, so there is nothing to start. ")
    assert "`.github/release-bot.yml`" in text
    assert "`PIPELINES`" in text
    assert text.endswith("[How the file is written](https://docs.example/file)")


def test_a_path_of_the_bots_own_machine_is_told_nobody() -> None:
    assert "/srv" not in present.no_file_answer("/srv/pipes.yml")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            present.late_answer("/release 1.0.4", at(-175), timedelta(minutes=22)),
            ("`/release 1.0.4` (09:05 UTC) was not carried out: it reached the bot 22m after it was written. "
            "If it is still wanted, give it again in a new comment."),
        ),
        (
            present.unverified_answer("/release 1.0.4", at(-175)),
            ("`/release 1.0.4` (09:05 UTC) was not carried out: GitHub could not say whether you may do this. "
            "Give it again in a new comment."),
        ),
        (
            present.unverified_answer("", at(-175)),
            ("The command of 09:05 UTC was not carried out: GitHub could not say whether you may do this. "
            "Give it again in a new comment."),
        ),
        (
            present.malformed_answer("`1.0` is not a version: it has too few numbers."),
            "`1.0` is not a version: it has too few numbers. Nothing was done.",
        ),
        (present.malformed_answer("No. Nothing was done; again."), "No. Nothing was done; again."),
        (
            present.not_permitted_answer("write"),
            ("This needs the role `write` in this repository, so nothing was done. Somebody who has the role "
            "can give the command, or an administrator can give you the role."),
        ),
        (
            present.which_release_answer(commands.Skip(pipeline="release", step="build"), ["1.0.3", "1.0.4"]),
            ("It is not clear which release of `release` is meant: open are `1.0.3` and `1.0.4`. "
            "Put the version behind the verb, as in `/release skip 1.0.3 build`."),
        ),
        (
            present.which_release_answer(commands.Pause(pipeline="release"), ["1.0.3"]),
            ("In this issue no release of `release` is open; in another one `1.0.3` is. "
            "Put the version behind the verb, as in `/release pause 1.0.3`."),
        ),
        (
            present.which_release_answer(
                commands.Adopt(pipeline="release", step="build", run_id=17000000001), ["1.0.3", "1.0.4"]
            ),
            ("It is not clear which release of `release` is meant: open are `1.0.3` and `1.0.4`. "
            "Put the version behind the verb, as in `/release adopt 1.0.3 build RUN`."),
        ),
        (
            present.which_release_answer(commands.Pause(pipeline="release"), []),
            "No release of `release` is open, so there is nothing to do.",
        ),
        (
            present.no_release_answer("release", "9.9.9"),
            "There is no release `9.9.9` of `release` in this repository. `/release status` tells which are open.",
        ),
        (
            present.refused_answer(
                Refused(No.FINISHED),
                release({step.name: record(Skipped(at(1), "ada")) for step in PLAN}),
                PUBLIC,
                web_url=WEB,
            ),
            "release 1.0.3 is released, so nothing about it can be changed. `/release status 1.0.3` still works.",
        ),
    ],
)  # fmt: skip
def test_short_answers_say_what_is_and_what_to_do(answer: str, expected: str) -> None:
    assert answer == expected


REFUSALS = {
    No.FINISHED: "nothing about it can be changed",
    No.PAUSED: "release 1.0.3 is paused, and nothing is sent or re-run in a pause. Type `/release resume 1.0.3` first.",
    No.CANCELLING: "release 1.0.3 is being cancelled",
    No.NOT_PAUSED: "release 1.0.3 is not paused",
    No.ALREADY_PAUSED: "release 1.0.3 is paused already. `/release resume 1.0.3` goes on.",
    No.UNKNOWN_STEP: "`osss` is not a step of release 1.0.3. Did you mean `oss`?",
    No.NOTHING_TO_RETRY: "Nothing in release 1.0.3 can be retried",
    No.NOTHING_TO_APPROVE: "No step of release 1.0.3 waits for an approval.",
    No.SEVERAL_TO_APPROVE: "Several steps of release 1.0.3 wait for an approval",
    No.NO_APPROVAL: "`oss` is not an approval step",
    No.ENVIRONMENT: f"Its reviewers approve it there: [its run]({WEB}/{OSS}/actions/runs/7001).",
    No.LIVE: f"The run of `oss` is not over: [its run]({WEB}/{OSS}/actions/runs/7001).",
    No.STEP_OVER: "`oss` is over already",
    No.NEEDS_UNMET: "It is too early for `oss`: `oss-start` comes first.",
    No.SEND_UNKNOWN: "The dispatch of `oss` may have been sent",
    No.NOT_FAILED: "`oss` has not failed",
    No.NOT_RERUNNABLE: "Possible are `/release retry 1.0.3 oss` or `/release cancel 1.0.3`.",
    No.REDO_WATCHED: "Start that run by hand; `/release adopt 1.0.3 oss RUN` binds it.",
    No.ADOPT_APPROVAL: "`oss` is an approval and has no run to adopt.",
    No.REDO_APPROVAL: "`/release approve 1.0.3 oss` gives it, once it is waited for.",
    No.OTHER_REPOSITORY: "That run is not in the repository of `oss`.",
    No.OTHER_WORKFLOW: "That run is not of the workflow of `oss`, `pre-release.yml`.",
    No.OTHER_REF: "That run is not on the branch or tag of `oss`, `v1.0.3`.",
    No.BOUND_ELSEWHERE: "That run is bound to another step already, so `oss` cannot have it.",
    No.BOUND_ALREADY: "`oss` is bound to that run already",
    No.NO_SUCH_RUN: "The bot cannot find that run in the repository of `oss`.",
}


@pytest.mark.parametrize("no", list(No))
def test_every_refusal_names_its_rule(no: No) -> None:
    refused = Refused(no, "oss", f"{WEB}/{OSS}/actions/runs/7001", "osss")

    answer = present.refused_answer(refused, release({"oss": needing(FAILED, failed())}), PUBLIC, web_url=WEB)

    assert REFUSALS[no] in answer
    assert answer.endswith((".", "?"))


def test_several_approvals_are_named_with_an_example() -> None:
    refused = Refused(No.SEVERAL_TO_APPROVE, text="go, images")
    answer = present.refused_answer(refused, release(), PUBLIC, web_url=WEB)

    assert "`go` and `images`. Name one: `/release approve 1.0.3 go`." in answer


def test_an_unknown_step_far_from_any_gets_the_list() -> None:
    refused = Refused(No.UNKNOWN_STEP, text="zzz")
    answer = present.refused_answer(refused, release(), PUBLIC, web_url=WEB)

    assert "Its steps are `oss-start`, `oss`, `ee`, `go` and `docker`." in answer


def test_a_link_that_is_no_run_is_not_repeated() -> None:
    refused = Refused(No.LIVE, "oss", "javascript:alert(1)//actions/runs/7")

    assert "javascript" not in present.refused_answer(refused, release(), PUBLIC, web_url=WEB)


def test_a_refusal_about_a_private_step_tells_its_state_word_alone() -> None:
    refused = Refused(No.LIVE, "ee", f"{WEB}/acme/widget-ee/actions/runs/8001")

    running = release({"ee": record(Running(bound(8001)))})
    assert present.refused_answer(refused, running, PUBLIC, web_url=WEB) == (
        "The state of `ee` is `running`, and the command does not fit it. "
        "Its check run `release 1.0.3 / ee`, in the step's own repository, says more."
    )


def test_who_can_give_an_approval_on_github_is_said_of_a_private_step_too() -> None:
    held = release({"ee": record(Running(bound(8001, status="waiting")))})
    refused = Refused(No.ENVIRONMENT, "ee", f"{WEB}/acme/widget-ee/actions/runs/8001")

    assert present.refused_answer(refused, held, PUBLIC, web_url=WEB) == (
        "`ee` is `awaiting approval` on GitHub. Only its reviewers can give it, there."
    )


def test_a_refusal_links_the_status_comment_it_sends_people_to() -> None:
    answer = present.refused_answer(Refused(No.NOT_PAUSED), release(), PUBLIC, web_url=WEB, comment=41)

    link = "[The status comment](https://github.com/acme/widget/issues/7#issuecomment-41)"
    assert answer.endswith(f"{link} says where things stand.")


def test_attack_46_no_answer_has_a_line_that_is_a_command_or_the_marker_of_a_status_comment() -> None:
    one = release({"oss": needing(replace(FAILED, tail="/release cancel 1.0.3"), failed())})
    problem = Problem(ProblemKind.REF, ("oss",), OSS, "/release cancel 1.0.3\n/release cancel 1.0.3")
    answers = [
        present.status_answer(one, PUBLIC, web_url=WEB, comment=41),
        present.help_answer([FACTS, replace(FACTS, about="/release cancel 1.0.3")], PUBLIC),
        present.plan_answer([(replace(PLAN, about="/release cancel"), [problem])], PUBLIC),
        present.preflight_answer([("1.0.3", [problem])], [], PUBLIC, file_repo=OSS),
        present.bad_file_answer(["/release cancel 1.0.3", "/x:1:1: no"], "/x", shown=True),
        present.no_file_answer("x"),
        present.malformed_answer("/release cancel 1.0.3"),
        present.unverified_answer("/release cancel", at(0)),
        present.not_in_file_answer("release"),
        *(
            present.refused_answer(Refused(no, "oss", None, "/release"), one, PUBLIC, web_url=WEB)
            for no in No
        ),
        present.status_comment(one, PUBLIC, web_url=WEB).rpartition("\n")[0],
    ]

    for answer in answers:
        assert not re.search(r"(?m)^\s*/", answer), answer
        assert "<!--" not in answer


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (59.9, "59s"),
        (60, "1m"),
        (3_599, "59m"),
        (3_600, "1h"),
        (4_320, "1h 12m"),
        (97_200, "1d 3h"),
    ],
)
def test_durations_have_their_two_largest_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text
