"""The bot lives through the quarter: whole, over HTTP, on the simulator's virtual clock.

Rule: what is measured is what GitHub saw (its ledger, the log of its deliveries) and what the bot wrote into its own
journal; the bot is neither changed nor asked.
"""

import re
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

from benchmarks.quarter_fates import stage_jobs
from benchmarks.quarter_nights import Nights
from benchmarks.quarter_notes import NotedDay, Record, sends
from benchmarks.quarter_people import LONGEST_DAY, Lived, Team
from benchmarks.quarter_world import NIGHTLY, WORKFLOW, Days, Place, Quarter, place_of
from bot.simulator.repositories import Issue
from bot.simulator.runs import Run
from bot.store.rows import JournalRow
from tests.scenarios.stage import EE, OSS, Stage

STEPS = {OSS: "oss", EE: "ee"}
REPOS = {step: repo for repo, step in STEPS.items()}
SIDE = 'ref: "{{ series }}.x", inputs: {releaseVersion: "{{ version }}"}, nonce: sendId'
NIGHTS = f"""\
    observe:
      - {{workflows: {NIGHTLY}, branches: "*.x"}}
      - {{repo: {EE}, workflows: {NIGHTLY}, branches: "*.x"}}
"""
PIPELINE = f"""\
pipelines:
  release:
    steps:
      oss: {{repo: {OSS}, dispatch: {WORKFLOW}, {SIDE}}}
      ee: {{repo: {EE}, dispatch: {WORKFLOW}, {SIDE}}}
"""
_TOLD = re.compile(r"@maya release (\S+) (?:is (released)|needs you at `(oss|ee)`)")


class ByCommand:
    """A person goes on with a command to the bot, in the day's issue."""

    def __init__(self, days: Days) -> None:
        self._hand = days.world.hand("maya")
        self.issue: Issue | None = None

    def failed_jobs_again(self, place: Place, run: Run) -> None:
        del run
        self._says(f"/release retry {place.version} {STEPS[place.repo]}")

    def new_run(self, place: Place) -> None:
        self._says(f"/release redo {place.version} {STEPS[place.repo]}")

    def _says(self, text: str) -> None:
        assert self.issue is not None
        self._hand.comments(self.issue, text)


class _BotDays:
    def __init__(self, quarter: Quarter, stage: Stage) -> None:
        self._stage, self._quarter = stage, quarter
        self._days = Days(quarter, stage.world)
        stage_jobs(self._days)
        self._nights = Nights(self._days, stage.clock) if quarter.nights else None
        self._keyboard = ByCommand(self._days)
        self._team = Team(self._days, self._keyboard)
        self._told: dict[str, datetime] = {}
        self._read = 0
        self.record = Record()

    async def live(self) -> Lived:
        for day in range(self._quarter.tuesdays):
            begun = time.monotonic()
            await self._live_through(day)
            spent = time.monotonic() - begun
            print(f"the bot: Tuesday {day + 1} of {self._quarter.tuesdays} ({spent:.0f} s)", file=sys.stderr)
        self.record.sends, self.record.doubled = sends(self._days)
        return Lived(self._days, self._team.calls, self._told)

    async def _live_through(self, day: int) -> None:
        for morning in self._quarter.mornings(day):
            tuesday = morning == self._quarter.morning(day)
            if self._nights or tuesday:
                await self._gets_up(morning)
            if tuesday:
                await self._releases(day)
            await self._stage.closes()

    async def _gets_up(self, morning: datetime) -> None:
        """The bot starts five minutes early; what ran at night is there to be read."""
        if self._nights:
            self._nights.live_through(morning)
        stage = self._stage
        stage.clock.move_to(max(morning - timedelta(minutes=5), stage.clock.now()))
        await stage.opens(HOMES=OSS)
        await stage.passes(minutes=5)

    async def _releases(self, day: int) -> None:
        stage, world = self._stage, self._stage.world
        self._days.begin(day)
        issue = self._keyboard.issue = world.add_issue(stage.oss, 100 + day, title=f"Release day {day + 1}")
        places = self._quarter.places(day)
        versions = list(dict.fromkeys(place.version for place in places))
        asked, first = len(world.ledger), len(world.hook.log)
        world.hand("maya").comments(issue, f"/release {' '.join(versions)}")
        end = world.now() + LONGEST_DAY
        await stage.until(lambda: self._is_over(versions, end), hours=25)
        await stage.passes(minutes=2)
        asks, deliveries = world.ledger[asked:], world.hook.log[first:]
        journal = await self._journal(versions)
        NotedDay(self._days, self._team.calls, journal, asks, deliveries).note(self.record)

    async def _journal(self, versions: list[str]) -> list[JournalRow]:
        assert self._stage.bot is not None
        ids = [status.release_id for status in self._stage.statuses() if status.version in versions]
        kept = self._stage.bot.store.releases
        return [row for release_id in ids for row in await kept.journal(release_id)]

    def _is_over(self, versions: list[str], end: datetime) -> bool:
        """Reads what the bot has said since; who is mentioned because of a problem is called."""
        comments = list(self._stage.oss.comments.values())
        for comment in comments[self._read :]:
            if comment.via is self._stage.world.app and (said := _TOLD.match(comment.body)):
                version, released, step = said.groups()
                if released:
                    self._told[version] = comment.created_at
                else:
                    self._team.call(place_of(REPOS[step], version))
        self._read = len(comments)
        return all(version in self._told for version in versions) or self._stage.world.now() >= end


async def by_bot(quarter: Quarter) -> tuple[Lived, Record]:
    """The whole quarter with the bot; its process stops when the work is done and starts again in the morning."""
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(Path(folder))
        stage.pipeline(PIPELINE.replace("    steps:", f"{NIGHTS}    steps:") if quarter.nights else PIPELINE)
        days = _BotDays(quarter, stage)
        return await days.live(), days.record
