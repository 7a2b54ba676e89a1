"""What the demo shows: news as they come, the table of steps on a terminal, and the issue's thread at the end.

Rule: without a terminal there are only plain lines, each with its time; nothing relies on colour or on width.
"""

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markdown import Markdown
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from bot.simulator.chronicle import EMOJI
from bot.simulator.repositories import Comment, Issue
from bot.simulator.status import Status, as_shown
from bot.simulator.story import Expectation

_PLAIN_WIDTH = 110
_STYLES = {
    "status": "bold",
    "comment": "bold",
    "dispatch": "cyan",
    "re-run": "yellow",
    "chaos": "magenta",
    "reaction": "green",
}


class Screen:
    """Use it as a context manager around the time in which the table is live."""

    def __init__(self, console: Console | None = None) -> None:
        console = console or Console()
        self._is_live = console.is_terminal and not console.is_dumb_terminal
        self._console = console if self._is_live else Console(file=console.file, width=_PLAIN_WIDTH)
        self._live = Live(console=self._console, auto_refresh=False) if self._is_live else None
        self._shown: tuple[Status | None, int] | None = None
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    @property
    def elapsed(self) -> float:
        """Seconds since the demo began."""
        return time.monotonic() - self._began

    def say(self, text: str = "", style: str = "") -> None:
        """A line as it is, however long."""
        self._console.print(Text(text, style), soft_wrap=True)

    def tell(self, news: str) -> None:
        """A line with its time; its first word says what kind of news it is."""
        kind = news.split(" ", 1)[0]
        line = Text().append(f"{self.elapsed:6.1f}s  ", "dim")
        line.append(news, _STYLES.get(kind, "red" if "failure" in news else ""))
        self._console.print(line, soft_wrap=True)

    def show(self, status: Status | None) -> None:
        """The steps as the status comment shows them at the moment; drawn again only when something changed."""
        shown = (status, int(self.elapsed))
        if self._live is not None and shown != self._shown:
            self._shown = shown
            self._live.update(_board(*shown), refresh=True)

    def heading(self, text: str) -> None:
        self.say()
        if self._is_live:
            self._console.print(Rule(Text(text, "bold"), align="left"))
        else:
            self.say(f"--- {text}")

    def facts(self, facts: Sequence[tuple[str, str]]) -> None:
        """Names and values below each other."""
        width = max(len(name) for name, _ in facts)
        for name, value in facts:
            line = Text("  ").append(name.ljust(width + 2), "cyan").append(value)
            self._console.print(line, soft_wrap=True)

    def judge(self, expectations: Sequence[Expectation]) -> None:
        for each in expectations:
            mark, style = ("✅", "") if each.problem is None else ("❌", "red")
            self.say(f"  {mark} {each.name}" + (f": {each.problem}" if each.problem else ""), style)

    def thread(self, issue: Issue) -> None:
        """The issue as people see it on GitHub."""
        self.heading(f"{issue.repository.full_name} #{issue.number}: {issue.title}")
        for comment in issue.comments:
            if not comment.deleted:
                self._comment(comment)

    def _comment(self, comment: Comment) -> None:
        edits = len(comment.history)
        edited = f" · edited {edits} times" if edits > 1 else " · edited" if edits else ""
        self.say()
        self.say(f"{comment.user.login} · {comment.created_at:%H:%M:%S} UTC{edited}", "bold")
        self._print_trimmed(Padding(Markdown(as_shown(comment.body)), (0, 0, 0, 2)))
        if comment.reactions:
            shown = [EMOJI.get(each.content, each.content) for each in comment.reactions]
            self.say("  " + "  ".join(shown))

    def _print_trimmed(self, what: RenderableType) -> None:
        """Without the blanks that fill a terminal's line: they are in the way in a file."""
        if self._is_live:
            self._console.print(what)
            return
        with self._console.capture() as captured:
            self._console.print(what)
        for line in captured.get().splitlines():
            self.say(line.rstrip())


def _board(status: Status | None, seconds: int) -> RenderableType:
    if status is None:
        return Text(f"{seconds:5}s  There is no status comment yet.", "dim")
    table = Table("step", "state", "run", "attempt", "time", box=None, padding=(0, 2), header_style="dim")
    for row in status.rows:
        table.add_row(*(Text(cell) for cell in (row.step, row.state, row.run, row.attempt, row.time)))
    first = Text(f"\n{status.icon} {status.title}: {status.state}", "bold")
    return Group(first, Text(status.sentence), table, Text(f"{seconds:5}s", "dim"))
