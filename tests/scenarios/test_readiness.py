"""What `/readyz` says of the app's key: only GitHub's clear word counts against it."""

import asyncio

import httpx

from tests.scenarios.stage import Stage

BUILD = """
pipelines:
  release:
    steps:
      build: {dispatch: build.yml, ref: develop}
"""


async def asked(stage: Stage) -> tuple[int, list[str]]:
    assert stage.bot is not None
    app = httpx.ASGITransport(app=stage.bot.web)
    async with httpx.AsyncClient(transport=app, base_url="http://bot") as http:
        asking = asyncio.create_task(http.get("/readyz"))
        await stage.passes(seconds=1)
        answer = await asking
    return answer.status_code, answer.json().get("problems", [])


def asked_who_it_is(stage: Stage) -> int:
    return sum(entry.path == "/app" for entry in stage.world.ledger)


async def test_an_app_that_github_knows_is_ready_and_is_not_asked_again(stage: Stage) -> None:
    await stage.opens()

    assert await asked(stage) == (200, [])
    await stage.passes(minutes=5)
    assert await asked(stage) == (200, [])
    assert asked_who_it_is(stage) <= 1


async def test_a_key_that_github_refuses_is_told_until_it_is_taken(stage: Stage) -> None:
    stage.world.trouble.answers("GET", "/app", 401, "A JSON web token could not be decoded", times=2)
    await stage.opens()

    assert await asked(stage) == (
        503,
        ["GitHub refuses the app's key: check APP_ID, PRIVATE_KEY and this machine's clock"],
    )
    assert (await asked(stage))[0] == 503
    assert asked_who_it_is(stage) <= 2, "whoever asks often does not make the bot ask often"

    await stage.passes(minutes=1)
    assert await asked(stage) == (200, [])


async def test_a_wrong_app_id_is_a_refused_key(stage: Stage) -> None:
    await stage.opens(APP_ID="999999")

    assert (await asked(stage))[0] == 503


async def test_github_being_away_is_no_problem_of_the_key(stage: Stage) -> None:
    stage.world.trouble.answers("GET", "/app", 502, "away", times=None)
    await stage.opens()

    assert await asked(stage) == (200, [])
