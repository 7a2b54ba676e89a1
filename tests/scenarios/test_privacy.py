"""Private stays private: canaries in a private repository, and everything the bot wrote in public searched for them.

A canary is a random name, or a number or commit that GitHub gave out there. None may appear in a public write: not
plain, not url-encoded, not in base64.
"""

import base64
import json
import random
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import quote, unquote

import pytest

from bot.simulator.ledger import Entry
from bot.simulator.repositories import Annotation, Repository
from tests.scenarios.stage import OSS, Stage

_LUCK = random.Random(20261120)


def canary(kind: str) -> str:
    return f"{kind}{''.join(_LUCK.choices('bcdfghkmnpqrtvwxz', k=12))}"


REPO, FILE, BRANCH, JOB, LINE, NOTE, PLACE, INPUT, OTHER = (
    canary(kind) for kind in ("repo", "file", "branch", "job", "line", "note", "place", "input", "other")
)
CANARIES = (REPO, FILE, BRANCH, JOB, LINE, NOTE, PLACE, INPUT, OTHER)
PIPELINE = f"""\
pipelines:
  release:
    steps:
      open: {{repo: {OSS}, dispatch: build.yml, ref: develop, inputs: {{version: "{{{{ version }}}}"}}}}
      hidden: {{repo: acme/{REPO}, dispatch: {FILE}.yml, ref: {BRANCH}, inputs: {{{INPUT}: "{{{{ version }}}}"}}}}
      after: {{needs: hidden, repo: acme/{REPO}, watch: {OTHER}.yml, ref: {BRANCH}, appears-within: 5m}}
"""

CHOSEN = f"""\
pipelines:
  release:
    parameters: {{edition: {{values: [secretone, other], default: secretone}}}}
    steps:
      watched:
        repo: {OSS}
        watch: pre-release.yml
        ref: "v{{{{ version }}}}-{{{{ edition }}}}"
        appears-within: 5m
      last:
        needs: watched
        repo: {OSS}
        dispatch: build.yml
        ref: "{{{{ edition }}}}-{{{{ version }}}}"
        inputs: {{version: "{{{{ version }}}}"}}
"""
TAGGED = f"""\
pipelines:
  release:
    parameters: {{edition: {{values: [secretone, other], default: secretone}}}}
    steps:
      build:
        repo: {OSS}
        dispatch: build.yml
        ref: "{{{{ edition }}}}-line"
        inputs: {{version: "{{{{ version }}}}"}}
        unless-tag: "{{{{ edition }}}}-{{{{ version }}}}"
"""


def vault(stage: Stage) -> Repository:
    """The private repository of the story."""
    made = stage.world.add_repository(f"acme/{REPO}", visibility="private")
    made.branches[BRANCH] = made.branches[made.default_branch]
    stage.world.add_workflow(made, f"{FILE}.yml", inputs=[INPUT])
    stage.world.add_workflow(made, f"{OTHER}.yml").on_branches = (BRANCH,)
    stage.world.give_role("maya", "maintain", made)
    stage.pipeline(PIPELINE)
    return made


async def opens_with_private_file(stage: Stage, text: str) -> Repository:
    """The pipeline file lies in a private repository, its steps run in a public one."""
    ops = stage.world.add_repository("acme/ops", visibility="private")
    stage.pipeline(text, ops, path="all.yml")
    stage.oss.files.clear()
    await stage.opens(PIPELINES="acme/ops:all.yml")
    return ops


def secrets(stage: Stage, place: Repository) -> Iterator[str]:
    yield from CANARIES
    yield str(place.id)
    for sha in {*place.commits, *place.branches.values()}:
        yield sha[:7]
    for run in place.runs.values():
        yield str(run.id)
        yield from (str(job.id) for attempt in run.attempts for job in attempt.jobs)
    for number in place.check_runs:
        yield str(number)


def spellings(secret: str) -> Iterator[str]:
    """The secret in every coat: plain, quoted, and in base64 whatever stands before it."""
    yield secret.lower()
    yield quote(secret).lower()
    yield "".join(f"%{byte:02x}" for byte in secret.encode())
    for before in range(3):
        text = base64.b64encode(b"x" * before + secret.encode()).decode()
        yield text[(0, 2, 3)[before] : len(text) // 4 * 4 - 4].lower()


def text_of(entry: Entry) -> str:
    raw = f"{entry.path} {json.dumps(entry.query)} {json.dumps(entry.body, ensure_ascii=False)}"
    return f"{raw} {unquote(raw)}".lower()


def public_writes(stage: Stage, place: Repository) -> list[Entry]:
    """Requests that staged troubles answer are known by their path only."""
    there = f"/repos/{place.full_name}/"
    return [entry for entry in stage.world.ledger.public_writes if not entry.path.startswith(there)]


def betrayed(stage: Stage, place: Repository) -> list[tuple[str, str]]:
    """What stands in public, and where."""
    coats = [
        (secret, coat) for secret in set(secrets(stage, place)) for coat in spellings(secret) if len(coat) > 5
    ]
    return [
        (secret, f"{entry.method} {entry.path}")
        for entry in public_writes(stage, place)
        for secret, coat in coats
        if coat in text_of(entry)
    ]


def fails_loudly(stage: Stage, place: Repository) -> None:
    log = f"{LINE}\nnpm error code ECONNRESET {LINE}\n##[error]{LINE} {REPO} {BRANCH}\n"
    place.workflows[f"{FILE}.yml"].on_run().jobs(JOB)
    rule = place.workflows[f"{FILE}.yml"].on_run(attempts=2)
    rule.job(JOB).fails(log=log, annotations=(Annotation(f"{NOTE} in {JOB}"),))


def waits_at_a_place(stage: Stage, place: Repository) -> None:
    place.workflows[f"{FILE}.yml"].on_run().jobs(JOB).waits_for_environment(PLACE)


def cannot_start(stage: Stage, place: Repository) -> None:
    place.workflows[f"{FILE}.yml"].on_run().fails_at_startup()


def is_refused(stage: Stage, place: Repository) -> None:
    stage.world.trouble.answers("POST", f"{FILE}.yml/dispatches$", 422, f"No ref {BRANCH} in {REPO}: {LINE}")


def is_lost(stage: Stage, place: Repository) -> None:
    stage.world.trouble.answers("POST", f"{FILE}.yml/dispatches$", 502, f"{LINE} {REPO}")


def goes_well(stage: Stage, place: Repository) -> None:
    place.workflows[f"{FILE}.yml"].on_run().jobs(JOB)


@pytest.mark.parametrize(
    "happens", [goes_well, fails_loudly, waits_at_a_place, cannot_start, is_refused, is_lost]
)
async def test_nothing_of_a_private_repository_is_told_in_public_whatever_happens_there(
    stage: Stage, happens: object
) -> None:
    place = vault(stage)
    assert callable(happens)
    happens(stage, place)
    await stage.opens()
    await stage.says("/release 1.0.3 --dry-run")
    await stage.says("/release 1.0.3")
    await stage.passes(hours=1)
    for command in ("status", "retry", "redo hidden", "skip hidden", "adopt hidden 17000000099", "help"):
        await stage.says(f"/release {command}")
    await stage.passes(hours=2)
    await stage.says("/release cancel")
    await stage.passes(hours=1)

    assert stage.status().steps.keys() == {"open", "hidden", "after"}
    assert stage.status().rows["hidden"].count("–") == 3
    assert stage.world.ledger.matching("POST", rf"{REPO}/check-runs$") or happens in {is_refused, is_lost}
    assert betrayed(stage, place) == []


@pytest.mark.parametrize("wrong", ["workflow", "ref", "installation", "disabled", "role"])
async def test_a_refused_start_tells_the_private_step_and_the_kind_of_its_problem_only(
    stage: Stage, wrong: str
) -> None:
    place = vault(stage)
    match wrong:
        case "workflow":
            del place.workflows[f"{FILE}.yml"]
        case "ref":
            del place.branches[BRANCH]
        case "installation":
            stage.world.installation("acme").repositories.remove(place)
        case "disabled":
            place.workflows[f"{FILE}.yml"].state = "disabled_manually"
        case _:
            stage.world.give_role("maya", "read", place)
    await stage.opens()
    comment = await stage.says("/release 1.0.3")
    await stage.passes(minutes=2)
    assert stage.reactions(comment) == ["eyes", "confused"]
    assert stage.dispatches() == []
    assert betrayed(stage, place) == []


@pytest.mark.parametrize(
    "form",
    [
        "adopt hidden RUN",
        "adopt hidden URL",
        "adopt URL hidden",
        "adopt RUN",
        "adopt hidden #RUN",
        "URL",
        "RUN",
        "adopt 1.0.3 hidden PLACE/actions/runs/RUN",
        "adopt 1.0.3 hidden github.com/PLACE/actions/runs/12",
        "retry 1.0.3 PLACE",
        "redo hidden PLACE#12",
        "skip 1.0.3 NAME",
        "pause NAME",
        "NAME",
        "1.0.5 NAME",
        "status NAME",
    ],
)
async def test_what_is_private_in_somebodys_command_is_not_repeated_in_public(
    stage: Stage, form: str
) -> None:
    place = vault(stage)
    await stage.opens()
    for version in ("1.0.3", "1.0.4"):
        await stage.says(f"/release {version}")
    await stage.until(lambda: len(place.runs) == 2)
    run = min(place.runs)
    url = f"https://github.com/{place.full_name}/actions/runs/{run}"
    for word, meant in {"RUN": str(run), "URL": url, "PLACE": place.full_name, "NAME": place.name}.items():
        form = form.replace(word, meant)
    comment = await stage.says(f"/release {form}")
    await stage.passes(minutes=2)

    assert stage.reactions(comment) == ["eyes", "confused"]
    assert betrayed(stage, place) == []


async def test_a_late_command_is_told_without_the_private_run_in_it(stage: Stage) -> None:
    place = vault(stage)
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: bool(place.runs))
    await stage.says(f"/release adopt hidden {min(place.runs)}", age=timedelta(minutes=16))
    await stage.passes(minutes=2)

    assert "`/release adopt hidden …`" in stage.answer()
    assert betrayed(stage, place) == []


async def test_attack_33_a_token_that_writes_in_public_can_reach_no_private_repository(stage: Stage) -> None:
    place = vault(stage)
    fails_loudly(stage, place)
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.passes(hours=1)
    private = {repo.full_name for repo in stage.world.repositories.values() if repo.visibility != "public"}
    for entry in public_writes(stage, place):
        assert not private & set(entry.scope.repositories), entry.path


async def test_a_ref_with_a_parameter_of_a_private_file_is_not_told_in_public(stage: Stage) -> None:
    ops = await opens_with_private_file(stage, CHOSEN)
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.step("watched") == "needs attention", hours=1)
    elsewhere = stage.world.hand("ada").starts(stage.workflow(stage.oss, "build.yml"), "develop")
    await stage.says(f"/release adopt 1.0.3 watched {elsewhere.id}")
    await stage.says("/release skip 1.0.3 watched")
    await stage.until(lambda: stage.step("last") == "needs attention", hours=1)
    await stage.passes(minutes=2)

    assert "`last`" in stage.status().body
    assert all("secretone" not in text_of(entry) for entry in public_writes(stage, ops))


@pytest.mark.parametrize("command", ["1.0.3", "1.0.3 --dry-run"])
async def test_a_refusal_tells_no_ref_and_no_tag_of_a_private_file_in_public(
    stage: Stage, command: str
) -> None:
    stage.world.hand("ada").pushes_tag(stage.oss, "secretone-1.0.3")
    ops = await opens_with_private_file(stage, TAGGED)
    await stage.says(f"/release {command}")
    await stage.passes(minutes=2)

    assert "- step `build`: ref\n- step `build`: tag\n" in stage.answer()
    assert all("secretone" not in text_of(entry) for entry in public_writes(stage, ops))


async def test_who_has_no_access_to_a_step_learns_nothing_more_of_it_from_a_dry_run(stage: Stage) -> None:
    place = vault(stage)
    home = stage.world.add_repository("acme/home", visibility="private")
    stage.pipeline(PIPELINE, home)
    stage.world.give_role("zoe", "write", home)
    stage.world.give_role("zoe", "write", stage.oss)
    await stage.opens()
    await stage.says("/release 1.0.3 --dry-run", by="zoe", issue=stage.world.add_issue(home, 3))

    assert "`hidden` and `after`: no access" in stage.answer()
    assert "`build.yml` in `acme/widget`" in stage.answer()
    assert [secret for secret in secrets(stage, place) if secret in stage.answer()] == []


async def test_where_everybody_may_read_the_private_repository_everything_is_told(stage: Stage) -> None:
    place = vault(stage)
    fails_loudly(stage, place)
    issue = stage.world.add_issue(place, 3)
    stage.pipeline(PIPELINE, place)
    await stage.opens()
    await stage.says("/release 1.0.3", issue=issue)
    await stage.until(lambda: stage.state() == "needs attention" or stage.step("hidden") == "retrying")
    await stage.passes(minutes=1)
    assert str(stage.run(place, f"{FILE}.yml").id) in stage.status().rows["hidden"]


def test_the_search_finds_a_canary_in_every_coat() -> None:
    for coat in (LINE, quote(LINE), base64.b64encode(f"say {LINE} twice".encode()).decode()):
        assert any(form in coat.lower() for form in spellings(LINE)), coat
