"""Rules of the pipeline file: they judge before the built-in ones, and only for releases that started with them."""

from bot.simulator.runs import Workflow
from tests.scenarios.stage import ONE_STEP, Stage

RIDDLE = "the gears ground to a halt\n##[error]Process completed with exit code 3.\n"
RULES = """\
    failures:
      - name: gears
        cause: transient
        pattern: gears ground to a halt
        reason: the press hall was overheated
"""


def with_rules(rules: str = RULES) -> str:
    return ONE_STEP.replace("    steps:", f"{rules}    steps:")


def build(stage: Stage) -> Workflow:
    return stage.oss.workflows["build.yml"]


async def fails(stage: Stage, pipeline: str) -> None:
    build(stage).on_run().job("build").fails(log=RIDDLE)
    stage.pipeline(pipeline)
    await stage.opens()
    await stage.says("/release 1.0.3")


async def test_a_rule_of_the_file_judges_what_no_other_rule_knows(stage: Stage) -> None:
    await fails(stage, with_rules())
    await stage.until(lambda: stage.state() == "needs attention")

    assert len(stage.world.ledger.reruns) == 3
    assert "The press hall was overheated in job build (rule `gears`" in stage.status().body


async def test_a_rule_of_the_file_comes_before_the_built_in_ones(stage: Stage) -> None:
    rule = RULES.replace("transient", "broken").replace("gears ground to a halt", "ECONNRESET")
    build(stage).on_run().job("build").fails(log="npm error code ECONNRESET\n")
    stage.pipeline(with_rules(rule))
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "needs attention")

    assert stage.world.ledger.reruns == []


async def test_a_release_keeps_the_rules_it_started_with(stage: Stage) -> None:
    await fails(stage, with_rules())
    stage.pipeline(with_rules(RULES.replace("transient", "broken")))
    await stage.until(lambda: stage.state() == "needs attention")

    assert len(stage.world.ledger.reruns) == 3


async def test_words_of_a_private_pipeline_file_do_not_appear_in_a_public_place(stage: Stage) -> None:
    rules = RULES.replace("gears\n", "hush-hush\n").replace("press hall", "vault of Zurich")
    build(stage).on_run().job("build").fails(log=RIDDLE)
    stage.pipeline(with_rules(rules), stage.ee, "release-bot.yml")
    await stage.opens(PIPELINES="acme/widget-ee:release-bot.yml")
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "needs attention")
    await stage.passes(minutes=1)

    public = [stage.status().body, *stage.said()]
    public += [f"{check.title} {check.summary}" for check in stage.checks("build")]
    assert not [text for text in public if "hush" in text or "Zurich" in text]
    assert "A rule of the pipeline file fired in job build" in stage.status().body
    assert all(
        entry.repository != "acme/widget" or "Zurich" not in str(entry.body)
        for entry in stage.world.ledger.writes
    )
