"""The story that the demo tells: release 1.0.3 of a public and a private edition, with one failure on the way.

Rule: it stages and it judges; whoever plays it brings the clock, the network and the bot. What was expected is a list
of named sentences, each with the reason when it did not come true.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from bot.simulator.leaks import leaks
from bot.simulator.repositories import CheckRun, Comment, Repository
from bot.simulator.runs import Run
from bot.simulator.status import Status

if TYPE_CHECKING:
    from bot.simulator.world import World

OSS, EE = "acme/widget", "acme/widget-ee"
VERSION = "1.0.3"
TITLE = f"release {VERSION}"
COMMAND = f"/release {VERSION}"
STARTER = "maya"
PIPELINE_FILE = ".github/release-bot.yml"
START, BUILD, IMAGES = "global-start-release.yml", "pre-release.yml", "release-docker.yml"
STEPS = {"oss-start": OSS, "oss": OSS, "ee-start": EE, "ee": EE, "oss-docker": OSS, "ee-docker": EE}
PIPELINE = """\
pipelines:
  release:                          # started by:  /release 1.0.3
    about: Micro release of both editions, then their images
    steps:
      oss-start:
        repo: acme/widget
        dispatch: global-start-release.yml
        ref: develop
        inputs: {releaseVersion: "{{ version }}"}
        unless-tag: "v{{ version }}"
      oss:
        needs: oss-start
        repo: acme/widget
        watch: pre-release.yml      # started by the tag that oss-start pushes
        ref: "v{{ version }}"
        retry: {transient: 3, wait: 2s}
      ee-start:
        repo: acme/widget-ee
        dispatch: global-start-release.yml
        ref: develop
        inputs: {releaseVersion: "{{ version }}"}
        unless-tag: "v{{ version }}"
      ee:
        needs: ee-start
        repo: acme/widget-ee
        watch: pre-release.yml
        ref: "v{{ version }}"
        retry: {transient: 3, wait: 2s}
      oss-docker: {needs: [oss, ee], repo: acme/widget, dispatch: release-docker.yml, ref: "v{{ version }}"}
      ee-docker: {needs: [oss, ee], repo: acme/widget-ee, dispatch: release-docker.yml, ref: "v{{ version }}"}
"""
CENTRAL_RESET = """\
2026-11-20T09:00:00.1042185Z ##[group]Run ./mvnw --batch-mode deploy -P release
2026-11-20T09:00:00.1043311Z shell: /usr/bin/bash -e {0}
2026-11-20T09:00:00.1043820Z ##[endgroup]
2026-11-20T09:00:02.7718530Z [INFO] Scanning for projects...
2026-11-20T09:00:03.9120042Z [INFO] --- resources:3.3.1:resources (default-resources) @ widget-core ---
2026-11-20T09:00:09.4406127Z [INFO] BUILD FAILURE
2026-11-20T09:00:09.4409902Z [ERROR] Failed to execute goal on project widget-core: Could not resolve \
dependencies for project com.acme:widget-core:jar:1.0.3: Could not transfer artifact com.acme:lantern:jar:1.2.0 \
from/to central (https://repo.maven.apache.org/maven2): Connection reset -> [Help 1]
2026-11-20T09:00:09.5120448Z ##[error]Process completed with exit code 1.
"""
CAUSE = "Maven Central reset the connection"
PLANNED = Counter({(repo, file): 1 for repo in (OSS, EE) for file in (START, IMAGES)})


@dataclass(frozen=True, slots=True)
class Expectation:
    """One thing that has to come true. `problem`: why it has not; None when it has."""

    name: str
    problem: str | None


class Story:
    """Stages the repositories and people when it is made; `begins` writes the command."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.oss = world.add_repository(OSS)
        self.ee = world.add_repository(EE, visibility="private")
        # The file names the private repository, so it is kept there.
        self.ee.files[PIPELINE_FILE] = PIPELINE
        for repo in (self.oss, self.ee):
            _add_workflows(world, repo)
        build = self.oss.workflows[BUILD]
        build.on_run(attempts=1).job("build / publish").fails(log=CENTRAL_RESET)
        world.give_role(STARTER, "maintain")
        self.issue = world.add_issue(self.oss, 7, title=f"Release day {VERSION}", by=STARTER)
        self.command: Comment | None = None

    def spoils_post(self) -> None:
        """From now on the command and 30 % of the rest are lost, 30 % come twice, and all lose their order."""
        post = self.world.hook.post
        post.loses("issue_comment", "created", times=1)
        post.loses(chance=0.3)
        post.doubles(chance=0.15)
        post.doubles(chance=0.15, same_guid=False)
        post.shuffles(within=timedelta(seconds=1))

    def begins(self) -> None:
        self.command = self.world.hand(STARTER).comments(self.issue, COMMAND)

    # -- looking -------------------------------------------------------------------------------------

    def comments(self) -> list[Comment]:
        """What the bot has written and nobody deleted."""
        return self.world.comments_of_bot()

    def status(self) -> Status | None:
        """The status comment as it stands now."""
        return next((found for c in self.comments() if (found := Status.from_body(c.body))), None)

    @property
    def over(self) -> str | None:
        """Why it cannot end well any more, or None."""
        if self.command and "confused" in self.command.reactions_of(self.world.bot.login):
            return "the command was refused"
        status = self.status()
        if status is not None and status.state in {"needs attention", "cancelled"}:
            return f"the release is {status.state!r}"
        return None

    @property
    def is_as_told(self) -> bool:
        """Everything has come true, and nothing is under way any more."""
        return self.world.next_due() is None and not any(each.problem for each in self.expectations())

    # -- judging -------------------------------------------------------------------------------------

    def expectations(self) -> list[Expectation]:
        judges: dict[str, Callable[[], str | None]] = {
            "the command is acknowledged with 👀 and accepted with 🚀": self._acknowledged,
            "every dispatch leaves the bot exactly once": self._dispatched,
            f"the failed jobs of {OSS} are run again, once": self._rerun,
            "images are dispatched only after both editions are green": self._ordered,
            "every run ends with success": self._green,
            "one status comment says 'released' and every step in it 'passed'": self._told,
            "the status comment says why a job was run again": self._explained,
            f"one closing comment mentions @{STARTER}": self._closed,
            "every step has one check run, and it is green": self._checked,
            f"nothing of {EE} is written in public": self._private,
            "the bot asks GitHub for nothing that GitHub does not have": self._expected,
        }
        return [Expectation(name, judge()) for name, judge in judges.items()]

    def _acknowledged(self) -> str | None:
        found = self.command.reactions_of(self.world.bot.login) if self.command else []
        return None if found == ["eyes", "rocket"] else f"its reactions are {_listed(found) or 'none'}"

    def _dispatched(self) -> str | None:
        sent = Counter((str(e.repository), e.path.split("/")[-2]) for e in self.world.ledger.dispatches)
        wrong = [
            f"{sent[key]} of {key[1]} in {key[0]}" for key in sent | PLANNED if sent[key] != PLANNED[key]
        ]
        if wrong:
            return f"sent: {_listed(wrong)}"
        starts = [e.body or {} for e in self.world.ledger.dispatches if START in e.path]
        odd = [body for body in starts if body.get("inputs") != {"releaseVersion": VERSION}]
        return f"its inputs were {odd[0].get('inputs')}" if odd else None

    def _rerun(self) -> str | None:
        runs = self.oss.workflows[BUILD].runs
        if len(runs) != 1:
            return f"{BUILD} has {len(runs)} runs in {OSS}"
        asked = [entry.path for entry in self.world.ledger.reruns]
        wanted = f"/repos/{OSS}/actions/runs/{runs[0].id}/rerun-failed-jobs"
        return None if asked == [wanted] else f"re-runs asked for: {_listed(asked) or 'none'}"

    def _ordered(self) -> str | None:
        builds = [run for repo in (self.oss, self.ee) for run in repo.workflows[BUILD].runs]
        early = [
            str(entry.repository)
            for entry in self.world.ledger.dispatches
            if IMAGES in entry.path and not all(_succeeded_by(run, entry.at.timestamp()) for run in builds)
        ]
        return f"too early in {_listed(early)}" if early else None

    def _green(self) -> str | None:
        runs = self.world.runs
        wrong = [
            f"{_named(run)} is {run.conclusion or run.status}" for run in runs if run.conclusion != "success"
        ]
        if len(runs) != len(STEPS):
            wrong.append(f"there are {len(runs)} runs, not {len(STEPS)}")
        return _listed(wrong) if wrong else None

    def _told(self) -> str | None:
        found = [status for c in self.comments() if (status := Status.from_body(c.body))]
        if len(found) != 1:
            return f"there are {len(found)} status comments"
        status = found[0]
        wrong = [f"{row.step} is {row.state!r}" for row in status.rows if not row.state.endswith("passed")]
        if [row.step for row in status.rows] != list(STEPS):
            wrong.append(f"its steps are {_listed([row.step for row in status.rows])}")
        if (status.title, status.state) != (TITLE, "released"):
            wrong.insert(0, f"it says {status.title!r} is {status.state!r}")
        return _listed(wrong) if wrong else None

    def _explained(self) -> str | None:
        bodies = [c.body for c in self.comments() if Status.from_body(c.body)]
        return None if any(CAUSE in body for body in bodies) else f"{CAUSE!r} is not in it"

    def _closed(self) -> str | None:
        said = [c.body for c in self.comments() if Status.from_body(c.body) is None]
        if len(said) != 1:
            return f"there are {len(said)} comments beside the status comment"
        good = f"@{STARTER}" in said[0] and "released" in said[0]
        return None if good else f"it says {said[0].splitlines()[0]!r}"

    def _checked(self) -> str | None:
        return _listed(list(self._check_problems())) or None

    def _check_problems(self) -> Iterator[str]:
        for step, repo in STEPS.items():
            checks = self.checks(step)
            places = [check.repository.full_name for check in checks]
            if places != [repo]:
                yield f"{step} has check runs in {_listed(places)}" if places else f"{step} has none"
            elif checks[0].conclusion != "success":
                yield f"that of {step} is {checks[0].conclusion or checks[0].status}"

    def checks(self, step: str) -> list[CheckRun]:
        """The bot's check runs of that step, oldest first."""
        every = [each for repo in (self.oss, self.ee) for each in repo.check_runs.values()]
        return [each for each in every if each.app is self.world.app and each.name == f"{TITLE} / {step}"]

    def _private(self) -> str | None:
        found = leaks(self.world.ledger.public_writes, self.ee)
        return _listed([f"{leak.method} {leak.path} shows {leak.what}" for leak in found]) or None

    def _expected(self) -> str | None:
        return _listed(self.world.unexpected) or None


def _add_workflows(world: World, repo: Repository) -> None:
    start = world.add_workflow(repo, START, inputs=["releaseVersion"])
    start.on_run().jobs("release").pushes_tag("v{releaseVersion}").queues(seconds=0.5).takes(seconds=1.5)
    build = world.add_workflow(repo, BUILD, on_tag=True)
    build.on_run().jobs("build / test", "build / publish").queues(seconds=0.5).takes(seconds=2)
    images = world.add_workflow(repo, IMAGES)
    images.on_run().jobs("image").queues(seconds=0.5).takes(seconds=2)


def _succeeded_by(run: Run, when: float) -> bool:
    return run.conclusion == "success" and run.attempt.updated_at.timestamp() <= when


def _named(run: Run) -> str:
    return f"{run.workflow.file} of {run.repository.full_name}"


def _listed(things: list[str]) -> str:
    """At most four, and how many more."""
    more = f" and {len(things) - 4} more" if len(things) > 4 else ""
    return ", ".join(things[:4]) + more
