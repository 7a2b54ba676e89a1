"""The stories in which the process is ended: each a person's day, told so that it goes on whatever the bot forgets.

Rule: a person waits for what GitHub shows, needs some seconds to type what comes of it, and answers the one question
that the contract allows after a crash - "was this dispatch made?" - only where it was not.
"""

import json
import re
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta

from bot.simulator.faults import Break
from bot.simulator.repositories import Comment
from bot.simulator.runs import Run
from tests.chaos.crash_points import CrashStage
from tests.scenarios.stage import EE, ONE_CHAIN, ONE_STEP, OSS, TWO_EDITIONS

_DISPATCHES = re.compile(r"^ +([\w-]+): \{.*?repo: ([\w/-]+), dispatch: ([\w.-]+)", re.MULTILINE)
_VERSION = "{{ version }}"
FLAKE = (
    "io.acme.FlowTest > startsTwice FAILED\n"
    "io.acme.FlowTest > startsTwice PASSED\n"
    "##[error]Process completed with exit code 1.\n"
)
COMPILER = "/home/runner/work/widget/core/Flow.java:42: error: cannot find symbol\n"
NO_RETRIES = ONE_STEP.replace("build: {", "build: {retry: 0, ")
WITH_APPROVAL = f"""\
pipelines:
  release:
    steps:
      build: {{retry: 0, repo: {OSS}, dispatch: build.yml, inputs: {{version: "{_VERSION}"}}}}
      go: {{needs: build, approval: "Publish the images?"}}
      images: {{needs: go, repo: {OSS}, dispatch: release-docker.yml, inputs: {{}}, ref: "v{_VERSION}"}}
"""
BRANCH = f"""\
pipelines:
  release:
    steps:
      build: {{repo: {OSS}, watch: pre-release.yml, ref: develop}}
"""
GROUP = ONE_STEP.replace("    steps:", '    concurrency: "{{ series }}"\n    steps:')
TWO_BUILDS = f"""\
pipelines:
  release:
    steps:
      build: {{repo: {OSS}, dispatch: build.yml, inputs: {{version: "{_VERSION}"}}}}
      ee: {{repo: {EE}, dispatch: build.yml, inputs: {{version: "{_VERSION}"}}}}
      images: {{needs: [build, ee], repo: {OSS}, dispatch: release-docker.yml}}
"""
LINE = ONE_STEP.replace(
    f'inputs: {{version: "{_VERSION}"}}',
    f'inputs: {{version: "{_VERSION}", latest: "{{{{ moves_latest }}}}"}}, one-at-a-time: images, moves: latest',
)
REST = timedelta(minutes=3)
"""After the last event, for reports to catch up."""

_TYPING = 5.0
"""Seconds from what a person sees to what they say: until then a call for them may still be on its way."""


@dataclass(slots=True)
class Day:
    """The people's side of one telling."""

    stage: CrashStage
    pipeline: str = ONE_STEP
    ordered: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How often each version and step was to be dispatched so far, other than once."""
    again: Counter[str] = field(default_factory=Counter)
    """How often each version was begun beside the first time."""
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Where a person had to say that a dispatch was not made."""
    commands: list[Comment] = field(default_factory=list)
    answers: list[Comment] = field(default_factory=list)

    async def begins(self, pipeline: str, command: str = "/release 1.0.3", **settings: str) -> None:
        self.pipeline = pipeline
        self.stage.pipeline(pipeline)
        await self.stage.opens(HOMES=OSS, **settings)
        await self.says(command)

    async def says(self, text: str, *, by: str = "maya") -> Comment:
        await self.stage.passes(seconds=_TYPING)
        comment = await self.stage.says(text, by=by)
        self.commands.append(comment)
        return comment

    async def until(self, what: Callable[[], object], *, hours: float = 3) -> None:
        """Waits until it is so, and sends again what a crash has kept from being sent."""
        while True:
            await self.stage.until(lambda: what() or self.unsent(), hours=hours)
            if what():
                return
            for version, step in self.unsent():
                self.asked.append((version, step))
                self.answers.append(await self.stage.says(f"/release retry {version} {step}"))
                await self.stage.until(lambda s=step, v=version: not self.needs_person(s, v), hours=1)  # type: ignore[misc]

    async def released(self, version: str = "1.0.3") -> None:
        await self.until(lambda: self.stage.state(version) == "released")

    def needs_person(self, step: str, version: str = "1.0.3") -> bool:
        return self.stage.step(step, version) == "needs attention"

    def unsent(self) -> list[tuple[str, str]]:
        """Dispatch steps for which a person is asked, and whose dispatch GitHub never got."""
        places = {name: (repo, file) for name, repo, file in _DISPATCHES.findall(self.pipeline)}
        return [
            (status.version, step)
            for status in self.stage.statuses()
            for step, word in status.steps.items()
            if word == "needs attention" and step in places
            if self.made(*places[step], status.version) < 1 + self.ordered[status.version, step]
        ]

    def made(self, repo: str, file: str, version: str) -> int:
        """How many dispatches of the workflow GitHub has carried out for that version."""
        path = f"/repos/{repo}/actions/workflows/{file}/dispatches"
        entries = self.stage.world.ledger.dispatches
        return sum(e.effect and e.path == path and version in json.dumps(e.body) for e in entries)

    async def presses(self, step: str, button: str, until: Callable[[], object]) -> None:
        """Presses the button, and again if nothing comes of it: a lost click is GitHub's loss, not the bot's."""
        await self.stage.passes(seconds=_TYPING)
        for _ in range(3):
            check = self.stage.checks(step)[-1]
            if check.conclusion == "action_required":
                self.stage.world.hand("maya").presses(check, button)
            await self.stage.passes(minutes=1)
            if until():
                return
        await self.until(until, hours=1)

    def run(self, file: str) -> Run:
        return self.stage.run(self.stage.oss, file)

    def over(self, file: str) -> bool:
        """The newest run of the workflow is over."""
        runs = self.stage.oss.workflows[file].runs
        return bool(runs) and runs[-1].status == "completed"


Story = Callable[[Day], Awaitable[None]]


async def main(day: Day) -> None:
    """Both editions and their images; one edition's tests are flaky once."""
    pre_release = day.stage.oss.workflows["pre-release.yml"]
    pre_release.on_run(attempts=1).job("build").fails(log=FLAKE)
    await day.begins(TWO_EDITIONS)
    await day.released()


async def new_database(day: Day) -> None:
    """The very first start, tables and all."""
    await day.begins(ONE_STEP)
    await day.released()


async def lost_answer(day: Day) -> None:
    """GitHub's answer to the dispatch is lost, and its run is found."""
    day.stage.world.trouble.breaks("POST", r"dispatches$", Break.RESET, when="after")
    day.stage.oss.workflows["build.yml"].on_run().appears_after(minutes=2)
    await day.begins(ONE_STEP)
    await day.released()


async def branch(day: Day) -> None:
    """The first run of a branch after the step became due."""
    day.stage.oss.workflows["pre-release.yml"].on_branches = ("develop",)
    maya = day.stage.world.hand("maya")
    maya.pushes(day.stage.oss)
    await day.stage.passes(minutes=5)
    await day.begins(BRANCH)
    await day.until(lambda: day.stage.step("build") == "waiting")
    await day.stage.passes(minutes=2)
    maya.pushes(day.stage.oss)
    await day.stage.passes(seconds=30)
    maya.pushes(day.stage.oss)
    await day.released()


async def approval(day: Day) -> None:
    """A failure is retried by its button, and a person approves."""
    stage = day.stage
    stage.oss.workflows["build.yml"].on_run(attempts=1).job("publish").fails(log=COMPILER)
    stage.world.hand("ada").pushes_tag(stage.oss, "v1.0.3")
    await day.begins(WITH_APPROVAL)
    await day.until(
        lambda: day.over("build.yml") and stage.checks("build")[-1:] and day.needs_person("build")
    )
    await day.until(lambda: stage.checks("build")[-1].conclusion == "action_required")
    await day.presses("build", "retry", until=lambda: len(day.run("build.yml").attempts) == 2)
    await day.until(lambda: stage.step("go") == "awaiting approval")
    await day.says("/release approve 1.0.3", by="ada")
    await day.released()


async def redo_and_adopt(day: Day) -> None:
    """The run fails, is dispatched anew, fails again, and a person's own run takes its place."""
    stage = day.stage
    stage.oss.workflows["build.yml"].on_run(runs=2).job("build").fails(log=COMPILER)
    await day.begins(NO_RETRIES)
    await day.until(lambda: day.over("build.yml") and day.needs_person("build"))
    first = day.run("build.yml")
    stage.world.hand("ada").pushes(stage.oss)
    day.ordered["1.0.3", "build"] += 1
    await day.stage.passes(minutes=1)
    await day.says("/release redo 1.0.3 build")
    await day.until(lambda: not day.needs_person("build"))
    await day.until(
        lambda: day.run("build.yml") is not first and day.over("build.yml") and day.needs_person("build")
    )
    byhand = stage.world.hand("ada").starts(stage.oss.workflows["build.yml"], version="1.0.3")
    await day.says(f"/release adopt 1.0.3 build {byhand.id}")
    await day.released()


async def cancel(day: Day) -> None:
    """The release is cancelled while both of its runs are under way."""
    stage = day.stage
    for repo in (stage.oss, stage.ee):
        repo.workflows["build.yml"].on_run().runs_until_told()
    await day.begins(TWO_BUILDS)
    await day.until(lambda: stage.step("build") == stage.step("ee") == "running")
    await day.says("/release cancel 1.0.3")
    await day.until(lambda: stage.state() == "cancelled")


async def group(day: Day) -> None:
    """Two releases of one series, one after the other."""
    await day.begins(GROUP)
    await day.says("/release 1.0.4")
    await day.released("1.0.3")
    await day.released("1.0.4")


async def retry(day: Day) -> None:
    """What is broken needs a person, who has the failed jobs run again."""
    stage = day.stage
    stage.oss.workflows["build.yml"].on_run(attempts=1).job("build").fails(log=COMPILER)
    await day.begins(ONE_STEP)
    await day.until(lambda: day.over("build.yml") and day.needs_person("build"))
    await day.says("/release retry 1.0.3 build")
    await day.released()


async def lost_webhooks(day: Day) -> None:
    """Nothing is ever delivered."""
    day.stage.world.hook.post.loses()
    await day.begins(ONE_CHAIN)
    await day.released()


async def pause_and_skip(day: Day) -> None:
    """A failure in a pause, skipped by hand, and on."""
    stage = day.stage
    stage.oss.workflows["build.yml"].on_run().takes(minutes=3).job("build").fails(log=COMPILER)
    await day.begins(TWO_BUILDS)
    await day.until(lambda: stage.step("build") == "running")
    await day.says("/release pause 1.0.3")
    await day.until(lambda: day.over("build.yml") and day.needs_person("build"))
    await day.says("/release skip 1.0.3 build")
    await day.until(lambda: stage.step("build") == "skipped")
    await day.says("/release resume 1.0.3")
    await day.released()


async def answers(day: Day) -> None:
    """Commands that are answered or refused, and nothing else."""
    await day.begins(ONE_STEP, "/release help")
    await day.until(lambda: len(day.stage.said()) == 1)
    for number, (text, by) in enumerate(
        (
            ("/release 1.0.3", "walt"),
            ("/release 1.0.3 --dry-run", "maya"),
            ("/release v1", "maya"),
            ("/release status", "maya"),
            ("/release approve 9.9.9", "maya"),
        )
    ):
        await day.says(text, by=by)
        await day.until(lambda n=number: len(day.stage.said()) == n + 2)  # type: ignore[misc]


async def restart(day: Day) -> None:
    """The process is stopped in good order while a run is under way, and killed while it stops."""
    await day.begins(ONE_CHAIN)
    await day.until(lambda: day.stage.step("build") == "running")
    await day.stage.bot_restarts()
    await day.released()


async def in_line(day: Day) -> None:
    """Two releases of one command, whose only steps run one after the other; the higher one gets the name."""
    day.stage.world.add_workflow(day.stage.oss, "build.yml", inputs=["version", "latest"])
    await day.begins(LINE, "/release 1.0.4 1.0.3")
    await day.released("1.0.3")
    await day.released("1.0.4")


async def goes_on(day: Day) -> None:
    """A version is cancelled half-way, and begun again."""
    stage = day.stage
    stage.oss.workflows["release-docker.yml"].on_run(runs=1).runs_until_told()
    await day.begins(ONE_CHAIN)
    await day.until(lambda: stage.step("images") == "running")
    await day.says("/release cancel 1.0.3")
    await day.until(lambda: stage.state() == "cancelled")
    day.ordered["1.0.3", "images"] += 1
    day.again["1.0.3"] += 1
    await day.says("/release 1.0.3 --continue")
    await day.released()


STORIES: dict[str, Story] = {
    story.__name__.replace("_", "-"): story
    for story in (
        main,
        new_database,
        lost_answer,
        branch,
        approval,
        redo_and_adopt,
        cancel,
        group,
        retry,
        lost_webhooks,
        pause_and_skip,
        answers,
        restart,
        in_line,
        goes_on,
    )
}
