"""One release as the readers of one place may see it.

Rule: whether a detail may be shown is asked here and nowhere else. Links are built from parts, never copied.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from bot.core.audience import Audience
from bot.core.model import Release, StepRecord
from bot.core.plan import ApprovalStep, RunStep, Step
from bot.core.present.inert import code
from bot.core.present.words import clock
from bot.core.states import BoundRun

_RUN_ID = re.compile(r"/actions/runs/([1-9]\d{0,19})(?!\d)")


@dataclass(frozen=True, slots=True)
class View:
    """`web_url` is GitHub's address for people, without a slash at its end."""

    release: Release
    audience: Audience
    web_url: str

    def shows(self, step: Step) -> bool:
        """Whether more than the step's name and state word may appear."""
        return isinstance(step, ApprovalStep) or self.audience.sees(step.repo)

    @property
    def shows_home(self) -> bool:
        return self.audience.sees(self.release.plan.home)

    @property
    def shows_file(self) -> bool:
        """Whether what only the pipeline file says may appear."""
        return self.audience.sees(self.release.plan.file_repo)

    def worded(self, text: str, unsaid: str) -> str:
        """The text, or what stands for it where it has words of a pipeline file that may not appear."""
        return unsaid if unsaid and not self.shows_file else text

    @property
    def steps(self) -> tuple[tuple[Step, StepRecord], ...]:
        return tuple(self.release.items())

    def run_url(self, step: RunStep, run_id: int) -> str:
        return f"{self.web_url.rstrip('/')}/{step.repo}/actions/runs/{run_id}"

    def runs_link(self, step: RunStep, text: str) -> str:
        """The text, with a link to all runs of the workflow where that may be named."""
        if not (self.shows(step) and self.shows_file):
            return text
        return f"[{text}]({self.web_url.rstrip('/')}/{step.repo}/actions/workflows/{step.workflow})"

    def run_link(self, step: Step, run: BoundRun | None, text: str = "run") -> str:
        """A link, or nothing where there is no run or it may not be shown."""
        if run is None or isinstance(step, ApprovalStep) or not self.shows(step):
            return ""
        return f"[{text}]({self.run_url(step, run.id)})"

    def run_links(self, step: RunStep, urls: Iterable[str]) -> tuple[str, ...]:
        """Links to runs of the step's repository; what is no run's address is left out."""
        found = (match[1] for url in urls if (match := _RUN_ID.search(url)))
        return tuple(f"[run {number}]({self.run_url(step, int(number))})" for number in dict.fromkeys(found))

    @property
    def issue_url(self) -> str:
        return f"{self.web_url.rstrip('/')}/{self.release.plan.home}/issues/{self.release.issue}"

    def comment_url(self, comment_id: int) -> str:
        """A comment in the issue of the release."""
        return f"{self.issue_url}#issuecomment-{comment_id}"

    def check_name(self, step: Step) -> str:
        """The name of the step's check run, for everybody to know (contract section 5)."""
        return f"{self.title} / {step.name}"

    @property
    def title(self) -> str:
        """`release 1.0.3`: pipeline and version."""
        return f"{self.release.pipeline} {self.release.version}"

    def person(self, login: str | None) -> str:
        """Who gave a command. Commands are given in the home repository: who cannot see it learns no name."""
        return code(login) if login and self.shows_home else "a person"

    def time(self, at: datetime) -> str:
        return clock(at, day=self.release.asked_at)

    def command(self, verb: str, *words: str) -> str:
        """A command to type, with its version, as a code span."""
        return code(" ".join((f"/{self.release.pipeline}", verb, self.release.version, *words)), most=200)
