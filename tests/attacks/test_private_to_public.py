"""Private to public: whatever happens in a private repository, no surface that others can read shows a piece of it."""

import base64
import inspect
import re
import types
import typing
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import quote

import httpx
import pytest

from bot.core import present
from bot.core.audience import Audience
from bot.core.model import Release
from bot.core.plan import Plan
from bot.core.problems import Problem
from bot.simulator.faults import Break
from tests.attacks.canaries import Marks, Vault, readings
from tests.scenarios.stage import Stage

Happens = Callable[[Vault], object]
EVERY_COMMAND = (
    *("status", "help", "retry", "redo hidden", "skip hidden", "retry hidden", "pause", "resume"),
    *("adopt hidden 17000000099", "adopt hidden {url}", "approve hidden", "1.0.3"),
)

# -- what happens there --------------------------------------------------------------------------------------


def goes_well(vault: Vault) -> None:
    vault.repo.workflows[f"{vault.marks.file}.yml"].on_run().jobs(vault.marks.job)


def fails_twice(vault: Vault) -> None:
    vault.fails_twice()


def is_rerun_by_somebody_there(vault: Vault) -> None:
    vault.fails_twice()
    stage = vault.stage

    def rerun() -> None:
        run = stage.run(vault.repo, f"{vault.marks.file}.yml")
        stage.world.hand(vault.marks.person).reruns_failed_jobs(run)

    stage.world.after(timedelta(seconds=75), rerun)


def is_cancelled_by_somebody_there(vault: Vault) -> None:
    stage = vault.stage
    hand = stage.world.hand(vault.marks.person)
    vault.repo.workflows[f"{vault.marks.file}.yml"].on_run().jobs(vault.marks.job).takes(minutes=30)
    stage.world.after(
        timedelta(minutes=2), lambda: hand.cancels(stage.run(vault.repo, f"{vault.marks.file}.yml"))
    )


def is_deleted_there(vault: Vault) -> None:
    stage = vault.stage
    hand = stage.world.hand(vault.marks.person)
    vault.repo.workflows[f"{vault.marks.file}.yml"].on_run().jobs(vault.marks.job).takes(minutes=30)
    stage.world.after(
        timedelta(minutes=2), lambda: hand.deletes_run(stage.run(vault.repo, f"{vault.marks.file}.yml"))
    )


def waits_for_an_environment(vault: Vault) -> None:
    rules = vault.repo.workflows[f"{vault.marks.file}.yml"].on_run()
    rules.jobs(vault.marks.job).waits_for_environment(vault.marks.place)
    stage = vault.stage
    stage.world.after(
        timedelta(minutes=30),
        lambda: stage.world.hand(vault.marks.person).rejects(
            stage.run(vault.repo, f"{vault.marks.file}.yml")
        ),
    )


def cannot_start(vault: Vault) -> None:
    vault.repo.workflows[f"{vault.marks.file}.yml"].on_run().fails_at_startup()


def is_renamed(vault: Vault) -> None:
    stage = vault.stage
    stage.world.after(
        timedelta(minutes=1), lambda: stage.world.hand("ada").renames(vault.repo, vault.marks.renamed)
    )


def has_two_candidates(vault: Vault) -> None:
    goes_well(vault)
    stage = vault.stage

    def push() -> None:
        stage.world.hand(vault.marks.person).pushes(vault.repo)

    for minutes in (2.2, 2.4):
        stage.world.after(timedelta(minutes=minutes), push)


def gets_the_forbidden_tag(vault: Vault) -> None:
    vault.stage.world.hand(vault.marks.person).pushes_tag(vault.repo, f"{vault.marks.tag}1.0.3")


async def _story(vault: Vault) -> None:
    """A dry run, a release, every command in public, and the end."""
    stage = vault.stage
    await stage.opens()
    await stage.says("/release 1.0.3 --dry-run")
    await stage.says("/release 1.0.3")
    await stage.passes(minutes=35)
    run = max(vault.repo.runs, default=1)
    url = f"{stage.world.urls.web}/acme/{vault.marks.repo}/actions/runs/{run}"
    for command in EVERY_COMMAND:
        await stage.says(f"/release {command.format(url=url)}")
    await stage.passes(minutes=10)
    await stage.says("/release cancel")
    await stage.passes(minutes=15)


@pytest.mark.parametrize(
    "happens",
    [
        goes_well,
        fails_twice,
        is_rerun_by_somebody_there,
        is_cancelled_by_somebody_there,
        is_deleted_there,
        waits_for_an_environment,
        cannot_start,
        is_renamed,
        has_two_candidates,
        gets_the_forbidden_tag,
    ],
)
async def test_attack_36_38_and_39_no_piece_of_a_private_repository_is_in_any_public_request_or_page(
    stage: Stage, happens: Happens
) -> None:
    vault = Vault.on(stage)
    happens(vault)
    await _story(vault)

    assert vault.told_at_home() or happens is gets_the_forbidden_tag
    assert vault.betrayed() == []
    assert vault.betrayed_in(await _pages(stage)) == []
    comments = [c for c in stage.world.comments_of_bot(stage.oss) if "<!-- release-bot:" in c.body]
    rows = [
        line
        for comment in comments
        for body in (*comment.history, comment.body)
        for line in body.splitlines()
        if line.startswith(("| hidden", "| after"))
    ]
    words = "waiting|queued|running|retrying|awaiting approval|needs attention|passed|skipped|cancelled"
    assert [
        row for row in rows if not re.fullmatch(rf"\| \w+ \| \S+ (?:{words}) \| – \| – \| – \|", row)
    ] == []


# -- errors --------------------------------------------------------------------------------------------------

PLACES = (
    *("/repos/acme/{repo}$", "/{repo}/installation$", "/{repo}/collaborators/", "/{repo}/actions/workflows$"),
    *("/{repo}/contents/", "/{repo}/git/ref/", "/{file}.yml/dispatches$", "/{repo}/actions/runs"),
    *("/{repo}/actions/jobs/", "/{repo}/check-runs", "/{repo}/commits/"),
)


@pytest.mark.parametrize("place", PLACES)
async def test_attack_37_no_public_text_is_built_from_an_error(stage: Stage, place: str) -> None:
    vault = Vault.on(stage)
    vault.fails_twice()
    marks, trouble = vault.marks, stage.world.trouble
    path = place.format(repo=marks.repo, file=marks.file)
    message = f"acme/{marks.repo}: {marks.error} on {marks.branch}, see https://x.example/{marks.line}"
    await stage.opens()
    for status in (404, 403, 422, 500) * 2:
        trouble.answers("*", path, status, message)
    await stage.says("/release 1.0.2 --dry-run")
    await stage.says("/release 1.0.2")
    await stage.passes(minutes=1)
    trouble.ends()
    await stage.says("/release 1.0.3")
    await stage.passes(seconds=30)
    trouble.answers("*", path, 422, message, times=None)
    await stage.passes(minutes=20)
    for command in ("retry hidden", "redo hidden", "status"):
        await stage.says(f"/release {command}")
    await stage.passes(minutes=5)

    assert vault.betrayed() == []


# -- pages, and what the types allow -------------------------------------------------------------------------


async def _pages(stage: Stage) -> str:
    """Everything that can be read from the bot without a key."""
    assert stage.bot is not None
    app = httpx.ASGITransport(app=stage.bot.web, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=app, base_url="http://bot") as anybody:
        asked = [await anybody.get(path) for path in ("/healthz", "/readyz", "/metrics", "/", "/releases")]
        asked.append(await anybody.post("/webhook", content=b"{}"))
        asked.append(
            await anybody.post("/webhook", content=b"ghs_x", headers={"x-hub-signature-256": "sha256=0"})
        )
    return "\n".join(f"{answer.status_code} {answer.headers} {answer.text}" for answer in asked)


async def test_attack_12_the_pages_tell_no_private_name_no_secret_and_no_payload(stage: Stage) -> None:
    vault = Vault.on(stage)
    vault.fails_twice()
    await stage.opens()
    await stage.says("/release 1.0.3")
    stage.world.trouble.breaks("*", f"/{vault.marks.repo}/", Break.RESET, times=None)
    await stage.passes(minutes=20)
    pages = await _pages(stage)

    assert "release_bot_" in pages
    assert vault.betrayed_in(pages) == []
    secrets = [*stage.world.tokens, stage.world.webhook_secret, *stage.world.private_key.splitlines()]
    assert [secret for secret in secrets if secret in pages] == []
    assert not re.search(r"ghs_|Traceback|/bot/|\.py|acme/", pages)


RELEASE_FACTS = {Release, Plan, Problem}


def _types_in(hint: object) -> set[object]:
    if isinstance(hint, types.GenericAlias) or typing.get_args(hint):
        return {part for inner in typing.get_args(hint) for part in _types_in(inner)}
    return {hint}


@pytest.mark.parametrize(
    "name", [name for name in present.__all__ if inspect.isfunction(getattr(present, name))]
)
def test_attack_40_whatever_renders_a_release_has_to_be_told_who_reads_it(name: str) -> None:
    """Instead of a type of its own for each private text: the renderer asks the readers' `Audience`, step by step."""
    hints = typing.get_type_hints(getattr(present, name))
    taken = {part for key, hint in hints.items() if key != "return" for part in _types_in(hint)}

    assert not taken & RELEASE_FACTS or Audience in taken


# -- visibility that changes ---------------------------------------------------------------------------------


async def begins_and_fails_after(stage: Stage, vault: Vault, *, minutes: float) -> None:
    vault.fails_twice()
    vault.repo.workflows[f"{vault.marks.file}.yml"].on_run().takes(minutes=minutes)
    await stage.opens()
    await stage.says("/release 1.0.3")


async def test_attack_41_a_repository_that_becomes_private_is_told_of_no_more(stage: Stage) -> None:
    vault = Vault.on(stage, visibility="public")
    await begins_and_fails_after(stage, vault, minutes=8)
    await stage.passes(minutes=1)
    assert vault.betrayed() != []
    stage.world.hand("ada").changes_visibility(vault.repo, "private")
    await stage.passes(minutes=5)
    since = len(stage.world.ledger)
    await stage.passes(hours=2)
    await stage.says("/release status")

    assert stage.step("hidden") in {"needs attention", "passed"}
    assert vault.betrayed(since) == []
    assert vault.betrayed_in(stage.status().body) == []


async def test_attack_41_what_happens_after_it_became_private_is_told_nowhere_though_no_delivery_tells(
    stage: Stage,
) -> None:
    vault = Vault.on(stage, visibility="public")
    await begins_and_fails_after(stage, vault, minutes=2)
    await stage.passes(seconds=50)
    assert vault.betrayed() != []
    stage.world.hook.post.loses()
    vault.repo.visibility = "private"
    since = len(stage.world.ledger)
    await stage.passes(minutes=5)
    assert vault.betrayed(since) == []


async def test_attack_41_what_happens_after_the_issue_became_public_is_told_nowhere_though_no_delivery_tells(
    stage: Stage,
) -> None:
    vault = Vault.on(stage)
    stage.oss.visibility = "private"
    await begins_and_fails_after(stage, vault, minutes=2)
    await stage.passes(seconds=50)
    stage.world.hook.post.loses()
    stage.oss.visibility = "public"
    since = len(stage.world.ledger)
    await stage.passes(minutes=5)
    assert vault.betrayed(since) == []


async def test_attack_41_an_issue_that_becomes_public_shows_private_details_no_more(stage: Stage) -> None:
    vault = Vault.on(stage)
    stage.oss.visibility = "private"
    await begins_and_fails_after(stage, vault, minutes=8)
    await stage.passes(minutes=1)
    assert vault.betrayed_in(stage.status().body) != []
    stage.world.hand("ada").changes_visibility(stage.oss, "public")
    await stage.passes(minutes=5)
    since = len(stage.world.ledger)
    await stage.passes(hours=2)

    assert stage.step("hidden") in {"needs attention", "passed"}
    assert vault.betrayed(since) == []


async def test_attack_41_a_visibility_that_cannot_be_read_counts_as_private(stage: Stage) -> None:
    vault = Vault.on(stage, visibility="public")
    await begins_and_fails_after(stage, vault, minutes=8)
    await stage.passes(seconds=20)
    stage.world.hook.post.loses()  # deliveries tell the visibility, too
    stage.world.trouble.answers("GET", f"/repos/acme/{vault.marks.repo}$", 500, times=None)
    await stage.passes(minutes=6)
    since = len(stage.world.ledger)
    await stage.passes(hours=1)

    there = f"/repos/acme/{vault.marks.repo}/"
    assert [path for path, _ in vault.betrayed(since) if there not in path] == []
    assert vault.betrayed_in(stage.status().body) == []


# -- the log -------------------------------------------------------------------------------------------------


async def test_attack_42_no_token_key_or_secret_is_in_the_log_whatever_goes_wrong(
    stage: Stage, start: Callable[..., typing.TextIO]
) -> None:
    written = start("json", "debug")
    vault = Vault.on(stage)
    vault.fails_twice()
    await stage.opens()
    await stage.says("/release 1.0.3")
    stage.world.trouble.answers("POST", "/access_tokens$", 500, "Server Error", times=3)
    stage.world.trouble.bad_credentials("*", "/repos/", times=5)
    stage.world.trouble.breaks("*", "/repos/", Break.RESET, times=5, skip=5)
    stage.world.trouble.answers_html("*", "/repos/", times=5)
    await stage.passes(minutes=30)
    log = written.getvalue()  # type: ignore[attr-defined]

    assert log.count("\n") > 20
    secrets = [*stage.world.tokens, stage.world.webhook_secret, *stage.world.private_key.splitlines()[1:-1]]
    pieces = {
        piece for secret in secrets for piece in (secret, secret[12:36], secret[-24:]) if len(piece) > 15
    }
    assert [piece for piece in pieces if piece in log] == []
    assert not re.search(r"ghs_\w|eyJ\w{5}|-----BEGIN|[Bb]earer \w|authorization", log)


# -- the search itself ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "coat",
    [
        str,
        str.upper,
        lambda word: word[4:10],
        lambda word: quote(f"a b/{word}"),
        lambda word: "".join(f"%{ord(letter):02x}" for letter in word),
        lambda word: "".join(f"&#{ord(letter)};" for letter in word),
        lambda word: base64.b64encode(f"x{word}y".encode()).decode(),
        lambda word: base64.urlsafe_b64encode(f"xyz{word}".encode()).decode(),
        lambda word: word.encode().hex(),
    ],
)
def test_a_mark_is_found_in_every_coat(coat: Callable[[str], str]) -> None:
    mark = Marks.drawn(3).line
    text = f"say {coat(mark)} twice"

    assert any(mark[4:10] in reading for reading in readings(text))
