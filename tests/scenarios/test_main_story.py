"""The main job: one comment, and both editions are out."""

from tests.scenarios.stage import Stage


async def test_one_comment_releases_both_editions(stage: Stage) -> None:
    await stage.opens()
    comment = await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "released")

    assert comment.reactions_of(stage.world.bot.login) == ["eyes", "rocket"]
    first, then = stage.dispatches()[:2], stage.dispatches()[2:]
    assert sorted(first) == [
        "widget-ee/global-start-release.yml@develop",
        "widget/global-start-release.yml@develop",
    ]
    assert sorted(then) == ["widget-ee/release-docker.yml@v1.0.3", "widget/release-docker.yml@v1.0.3"]
    assert set(stage.status().steps.values()) == {"passed"}
    assert len(stage.statuses()) == 1
    assert len(stage.said()) == 1
    assert "@maya" in stage.said()[0]
