"""One bot for github.com of today and of yesterday, and for GitHub Enterprise Server behind its prefix."""

import pytest

from bot.simulator.world import NEW_VERSION, OLD_VERSION, Urls
from tests.scenarios.stage import Stage

SERVER = Urls(
    api="https://ghe.example/api/v3", web="https://ghe.example", logs="https://logs.ghe.example/store"
)


async def released(stage: Stage) -> None:
    await stage.opens(GITHUB_API_URL=stage.world.urls.api, GITHUB_URL=stage.world.urls.web)
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "released")
    assert len(stage.dispatches()) == 4
    assert set(stage.status().steps.values()) == {"passed"}


@pytest.mark.parametrize(
    ("versions", "answer"),
    [((NEW_VERSION, OLD_VERSION), 200), ((NEW_VERSION,), 200), ((OLD_VERSION,), 204)],
    ids=["both", "new only", "old only"],
)
async def test_every_version_of_the_api_carries_the_main_story(
    stage: Stage, versions: tuple[str, ...], answer: int
) -> None:
    stage.world.api_versions = versions
    if NEW_VERSION not in versions:
        stage.world.knows_return_run_details = False
    await released(stage)
    assert {entry.status for entry in stage.world.ledger.dispatches} == {answer}


async def test_an_enterprise_server_is_asked_below_its_prefix_and_linked_to(stage: Stage) -> None:
    stage.world.urls = SERVER
    stage.world.api_versions = (OLD_VERSION,)
    stage.world.knows_return_run_details = False
    await released(stage)
    run = stage.run(stage.oss, "pre-release.yml")
    assert f"https://ghe.example/acme/widget/actions/runs/{run.id}" in stage.status().body
    assert "github.com" not in "".join([stage.status().body, *stage.said()])


async def test_every_request_names_the_version_it_was_written_for(stage: Stage) -> None:
    await released(stage)
    for entry in stage.world.ledger:
        named = entry.headers.get("x-github-api-version")
        assert named in {NEW_VERSION, OLD_VERSION}, entry.path
        assert entry.headers["user-agent"].startswith("release-bot/")
