"""What is released: two editions whose runs take moments, and one job that fails once.

Rule: the world is GitHub's side only; it knows nothing of processes and of how they die.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

from bot.simulator.ledger import Entry
from bot.simulator.repositories import CheckRun, Comment, Repository
from bot.simulator.runs import Input, Run, Workflow
from bot.simulator.story import BUILD, CENTRAL_RESET, EE, IMAGES, OSS, START
from bot.simulator.world import World
from tests.scenarios.reading import StatusComment

STARTER = "maya"
PIPELINE_FILE = ".github/release-bot.yml"
PLACES = {
    "oss-start": (OSS, START),
    "oss": (OSS, BUILD),
    "ee-start": (EE, START),
    "ee": (EE, BUILD),
    "oss-docker": (OSS, IMAGES),
    "ee-docker": (EE, IMAGES),
}
NEEDS = {
    "oss": ("oss-start",),
    "ee": ("ee-start",),
    "oss-docker": ("oss", "ee"),
    "ee-docker": ("oss", "ee"),
}
DISPATCHED = ("oss-start", "ee-start", "oss-docker", "ee-docker")
APPEARS_WITHIN = 4
"""Seconds a lost run is looked for."""

_DISPATCH = "{name}: {{{needs}repo: {repo}, dispatch: {file}, ref: {ref}, {more}appears-within: {within}s}}"
_WATCH = "{name}: {{needs: {name}-start, repo: {repo}, watch: {file}, ref: {tag}, retry: {{transient: 3, wait: 0s}}}}"
_TAG = '"v{{ version }}"'
_VERSION = 'inputs: {releaseVersion: "{{ version }}"}, unless-tag: "v{{ version }}", '


def pipeline(*, nonce: bool) -> str:
    """The pipeline file; `nonce`: dispatches carry the bot's id for the send."""
    extra = "nonce: sent-as, " if nonce else ""
    lines = []
    for name, (repo, file) in PLACES.items():
        needs = "needs: [oss, ee], " if name.endswith("docker") else ""
        match file:
            case "pre-release.yml":
                lines.append(_WATCH.format(name=name, repo=repo, file=file, tag=_TAG))
            case _:
                ref, more = ("develop", _VERSION) if file == START else (_TAG, "")
                lines.append(
                    _DISPATCH.format(
                        name=name, needs=needs, repo=repo, file=file, ref=ref, more=more + extra,
                        within=APPEARS_WITHIN,
                    )
                )  # fmt: skip
    return "pipelines:\n  release:\n    steps:\n" + "".join(f"      {line}\n" for line in lines)


@dataclass(frozen=True, slots=True)
class Sent:
    """A dispatch as the ledger has it."""

    version: str
    step: str
    entry: Entry


class Scene:
    """The repositories, the people and the issue, and what can be seen there."""

    def __init__(self, world: World, rng: Random, *, versions: tuple[str, ...], nonce: bool) -> None:
        self.world, self.versions, self.nonce = world, versions, nonce
        self.oss = world.add_repository(OSS)
        self.ee = world.add_repository(EE, visibility="private")
        self.ee.files[PIPELINE_FILE] = pipeline(nonce=nonce)
        for repo in (self.oss, self.ee):
            _add_workflows(world, repo, rng)
        self.oss.workflows[BUILD].on_run(attempts=1).job("publish").fails(log=CENTRAL_RESET)
        world.give_role(STARTER, "maintain")
        self.issue = world.add_issue(self.oss, 7, by=STARTER)
        self.command: Comment | None = None

    def begins(self) -> None:
        self.command = self.says(f"/release {' '.join(self.versions)}")

    def says(self, text: str) -> Comment:
        return self.world.hand(STARTER).comments(self.issue, text)

    # -- looking ---------------------------------------------------------------------------------------

    def statuses(self) -> list[StatusComment]:
        every = [StatusComment.read(comment.body) for comment in self.world.comments_of_bot()]
        return [status for status in every if status is not None]

    def status(self, version: str) -> StatusComment | None:
        return next((status for status in self.statuses() if status.version == version), None)

    def said(self) -> list[str]:
        """The bot's comments that are no status comments."""
        return [c.body for c in self.world.comments_of_bot() if StatusComment.read(c.body) is None]

    def dispatches(self) -> list[Sent]:
        return [self._sent(entry) for entry in self.world.ledger.dispatches]

    def _sent(self, entry: Entry) -> Sent:
        file = entry.path.split("/")[-2]
        repo = "/".join(entry.path.split("/")[2:4])
        body = entry.body or {}
        inputs, ref = body.get("inputs"), str(body.get("ref"))
        given = inputs.get("releaseVersion") if isinstance(inputs, dict) else None
        step = next(name for name, place in PLACES.items() if place == (repo, file))
        return Sent(str(given or ref.removeprefix("v")), step, entry)

    def runs(self, version: str, step: str) -> list[Run]:
        """Runs of the step's workflow for that version, whoever started them; oldest first."""
        repo, file = PLACES[step]
        runs = self.world.repository(repo).workflows[file].runs
        return [run for run in runs if version in {run.head_branch.removeprefix("v"), *run.inputs.values()}]

    def check(self, version: str, step: str) -> CheckRun | None:
        """The newest check run of the bot for that step."""
        checks = self.world.repository(PLACES[step][0]).check_runs.values()
        name = f"release {version} / {step}"
        return max(
            (c for c in checks if c.app is self.world.app and c.name == name),
            key=lambda c: c.id,
            default=None,
        )

    def states(self) -> tuple[str, ...]:
        """The state word of each release; empty while it has no status comment."""
        return tuple(status.state if (status := self.status(v)) else "" for v in self.versions)

    @property
    def released(self) -> bool:
        """Every release says so, in the comment, in its check runs and to the person who asked."""
        if any(state != "released" for state in self.states()):
            return False
        checks = [self.check(version, step) for version in self.versions for step in PLACES]
        told = [f"release {version} is released" for version in self.versions]
        return all(c is not None and c.conclusion == "success" for c in checks) and all(
            any(text in said for said in self.said()) for text in told
        )


def _add_workflows(world: World, repo: Repository, rng: Random) -> None:
    sent_as = Input(default="")
    start = world.add_workflow(
        repo,
        START,
        inputs={"releaseVersion": Input(required=True), "sent-as": sent_as},
        run_name="{releaseVersion} {sent-as}",
    )
    start.on_run().jobs("release").pushes_tag("v{releaseVersion}")
    world.add_workflow(repo, BUILD, on_tag=True).on_run().jobs("test", "publish")
    world.add_workflow(repo, IMAGES, inputs={"sent-as": sent_as}, run_name="Images {sent-as}").on_run().jobs(
        "image"
    )
    _take_moments(repo.workflows.values(), rng)


def _take_moments(workflows: Iterable[Workflow], rng: Random) -> None:
    for workflow in workflows:
        workflow.on_run().queues(seconds=rng.uniform(0, 0.1)).takes(seconds=rng.uniform(0.02, 0.5))
