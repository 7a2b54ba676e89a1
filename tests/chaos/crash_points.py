"""Crash points: every moment of a story at which the bot's process can end, met one after the other.

Rule: the list of points is what a telling of the story itself meets - before and after each request to GitHub, each
SQL statement that writes, and each COMMIT of something written. A process that ends leaves its database files as
they are at that instant, and what it has asked of GitHub; nothing else comes back.
"""

import asyncio
import os
import re
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import TypeVar

import httpx
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.app import Bot
from bot.settings import Settings
from bot.simulator.ledger import Entry
from bot.simulator.transport import SimulatorTransport
from tests.chaos.crash_branches import Branches
from tests.chaos.disk import Disk, Ended
from tests.scenarios.stage import Stage
from tests.scenarios.wire import Wire

Result = TypeVar("Result")
Reach = Callable[[str], Awaitable[None]]

_WRITE = re.compile(
    r"\s*(INSERT INTO|UPDATE|DELETE FROM|CREATE \w+|ALTER TABLE|DROP \w+)\s+\"?(\w+)", re.IGNORECASE
)
_REPORT = re.compile(rb'"(?:conclusion|status|content)": ?"(\w+)"')
_NUMBERS = re.compile(r"\d{4,}|[0-9a-f]{40}")
ACCEPTED = 202
MOST_LAST_WORDS = 1000
FORGOTTEN = {"journal", "pulse", "leases", "alembic_version", "sqlite_sequence", "revision", "payload", "seq"}
"""Tables and columns from which a new process learns nothing: a revision is only compared with the one that was
read, a delivery's payload goes with its id, and of numbers only the order counts, in which rows are read here."""


@dataclass(frozen=True, slots=True)
class Point:
    """The `nth` moment called `name` of a story, at `place` in its trace."""

    place: int
    name: str
    nth: int
    remains: str
    """What a process that ends here leaves behind, as a digest: the next one cannot tell two points apart whose
    remains are the same."""

    @property
    def kind(self) -> str:
        """The name without the numbers that GitHub gave."""
        return _NUMBERS.sub("N", self.name)

    def __str__(self) -> str:
        return f"{self.place}: {self.name} ({self.nth})"


@dataclass(slots=True)
class Trace:
    """The points of one telling, and the places of those at which the process ends."""

    ends_at: tuple[int, ...] = ()
    branches: Branches = field(default_factory=Branches)
    points: list[Point] = field(default_factory=list)
    over: bool = False
    """What follows is no longer the story."""
    _met: Counter[str] = field(default_factory=Counter)

    def meets(self, name: str, remains: str) -> bool:
        """True: the process ends here."""
        if self.over:
            return False
        self._met[name] += 1
        point = Point(len(self.points), name, self._met[name], remains)
        self.points.append(point)
        if self.branches.at(point.place):
            self.ends_at += (point.place,)
        return point.place in self.ends_at


class Moments:
    """The gate to the disk: every statement that writes, and its commit, is a moment before and a moment after."""

    def __init__(self, stage: "CrashStage") -> None:
        self._stage = stage
        self._wrote = False

    @property
    def dead(self) -> bool:
        return self._stage.wire.cut

    async def begins(self) -> None:
        self._wrote = False
        await self._stage.hangs_if_gone()

    def before(self, statement: str) -> None:
        name = self._name(statement)
        if name is not None:
            self._wrote = True
            self._reach(f"before {name}")
        elif statement == "COMMIT" and self._wrote:
            self._reach("before COMMIT")

    def after(self, statement: str, raw: sqlite3.Connection) -> None:
        name = self._name(statement)
        if name is not None:
            self._reach(f"after {name}")
        elif statement == "COMMIT" and self._wrote:
            self._wrote = False
            self._stage.committed(raw)
            self._reach("after COMMIT")

    def _reach(self, name: str) -> None:
        if self._stage.goes_at(name):
            raise Ended

    @staticmethod
    def _name(sql: str) -> str | None:
        found = _WRITE.match(sql)
        return f"{found[1].upper()} {found[2]}" if found else None


class CrashWire(Wire):
    """The line to GitHub, on which every request is a moment before and a moment after."""

    def __init__(self, line: httpx.AsyncBaseTransport, reach: Reach) -> None:
        super().__init__(line)
        self._reach = reach

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        name = f"{request.method} {request.url.path}{_about(request.content)}"
        await self._reach(f"before {name}")
        answer = await self._line.handle_async_request(request)
        await self._reach(f"after {name}")
        return answer


class CrashStage(Stage):
    """A stage on which the process ends at the places that `trace` names, and a new one is started at once."""

    def __init__(self, folder: Path, trace: Trace) -> None:
        super().__init__(folder)
        self.trace = trace
        self.deaths = 0
        self.wire = CrashWire(SimulatorTransport(self.world, self.clock.sleep), self._reach)
        self._gone = asyncio.Event()
        self._content = ""
        self._known: list[tuple[str, str]] = []
        self._done = sha256()
        self._answered = 0
        self._read = 0
        self.disk = Disk(lambda: Moments(self))
        self._process = os.getpid()
        self._left_alone: list[object] = []

    # -- meeting points ----------------------------------------------------------------------------------

    def goes_at(self, name: str) -> bool:
        """A moment has come. True: the process has ended, now or before."""
        if not self.wire.cut and self.trace.meets(name, self._remains()):
            self.wire.cut = True
            self._gone.set()
        return self.wire.cut

    async def hangs_if_gone(self) -> None:
        """Nothing goes on here in a process that has ended."""
        if self.wire.cut:
            await asyncio.get_running_loop().create_future()

    async def _reach(self, name: str) -> None:
        self.goes_at(name)
        await self.hangs_if_gone()

    def _remains(self) -> str:
        """The database's content, what was done to GitHub and when, the deliveries on their way, and the time.

        All that a new process and the people can know. What was only read leaves nothing behind.
        """
        hook = self.world.hook
        for entry in islice(self.world.ledger, self._read, None):
            if entry.status is None and entry.fault is None:
                break  # being carried out
            self._read += 1
            if changes_something(entry):
                done = f"{entry.method} {entry.path} {entry.body} {entry.at} {entry.status} {entry.fault}\n"
                self._done.update(done.encode())
        lost = [delivery.id for delivery in hook.log if delivery.status_code != ACCEPTED]
        left = (
            self._content,
            self._done.hexdigest(),
            len(hook.announced),
            hook.next_due(),
            len(hook.log),
            lost,
            self._answered,
        )
        return sha256(repr((*left, self.clock.now())).encode()).hexdigest()[:20]

    def committed(self, connection: sqlite3.Connection) -> None:
        content = sha256()
        for table, columns in self._tables(connection):
            rows = connection.execute(f"SELECT {columns} FROM {table}").fetchall()  # noqa: S608 - its own names
            content.update(repr(rows).encode())
        self._content = content.hexdigest()

    def _tables(self, connection: sqlite3.Connection) -> list[tuple[str, str]]:
        if not self._known:
            for (table,) in connection.execute(
                "SELECT name FROM sqlite_schema WHERE type = 'table'"
            ).fetchall():
                names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
                if table not in FORGOTTEN:
                    columns = ", ".join(f'"{name}"' for name in names if name not in FORGOTTEN)
                    self._known.append((table, columns))
        return self._known

    # -- life and death ----------------------------------------------------------------------------------

    async def opens(self, **settings: str) -> "CrashStage":
        self._environment |= settings
        while True:
            self.wire.mended()
            self._gone.clear()
            self._not_ours = asyncio.all_tasks()
            if await self._or_gone(self._start()):
                break
            await self.bot_dies()
        await self.settle()
        return self

    async def _start(self) -> bool:
        settings = Settings.load(self._environment, self.folder)
        self.bot = await Bot.build(settings, clock=self.clock, transport=self.wire)
        app = httpx.ASGITransport(app=self._noting(self.bot.web), raise_app_exceptions=False)
        self._http = httpx.AsyncClient(transport=app, base_url="http://bot")
        await self.bot.start()
        return True

    def _noting(self, web: ASGIApp) -> ASGIApp:
        """An answer that has left the door is on its way, although nobody has it in hand yet."""

        async def noting(scope: Scope, receive: Receive, send: Send) -> None:
            async def sent(message: Message) -> None:
                # The process may have ended in the database's thread, in a transaction after this delivery's own.
                await self.hangs_if_gone()
                self._answered += message["type"] == "http.response.start"
                await send(message)

            await web(scope, receive, sent)

        return noting

    async def closes(self) -> None:
        """A stop in good order, in which the process may end as well."""
        if await self._or_gone(self._stop()) is None:
            await self.bot_dies()

    async def _stop(self) -> bool:
        await super().closes()
        return True

    async def bot_dies(self) -> None:
        """The files are what they are at this instant; whatever the dead process still does to them is undone."""
        self.wire.cut = True
        self._gone.set()
        self.deaths += 1
        left = {path.name: path.read_bytes() for path in self._files() if path.exists()}
        if self._process != os.getpid():
            self._moves()
        await self._bury()
        if self._http is not None:
            await self._http.aclose()
        self.bot = self._http = None
        self.disk.unplugged()
        for path in self._files():
            path.unlink(missing_ok=True)
        for name, content in left.items():
            (self.folder / name).write_bytes(content)

    def _files(self) -> list[Path]:
        return [self.folder / "bot.db", self.folder / "bot.db-wal"]

    def _moves(self) -> None:
        """What the double has of the teller's database is left alone: to close it would change the teller's file.

        https://sqlite.org/howtocorrupt.html#_carrying_an_open_database_connection_across_a_fork_
        """
        self._process = os.getpid()
        self.folder = Path(tempfile.mkdtemp(prefix="double-", dir=self.folder.parent))
        if self.disk.connection is not None:
            self.disk.connection.raw.left_alone = True
            self._left_alone.append(self.disk.connection)

    async def _bury(self) -> None:
        """Ends every task of the process, and those that they start in order to end well."""
        seen: set[asyncio.Task[object]] = set()
        for turn in range(MOST_LAST_WORDS):
            lost = asyncio.all_tasks() - self._not_ours
            if not lost:
                return
            for task in lost & seen if turn % 10 == 1 else ():  # one that has not begun gives nothing back
                task.cancel()
                task.add_done_callback(_is_over)
            seen = lost
            await asyncio.sleep(0)
        raise AssertionError(f"the process does not end: {asyncio.all_tasks() - self._not_ours}")

    async def settle(self) -> None:
        """As on every stage, but without a wait on the wall's clock: there is no thread to wait for."""
        loop = asyncio.get_running_loop()
        quiet = 0
        while quiet < 4:
            if self.wire.cut and self.bot is not None:
                await self.bot_dies()
                await self.opens()
            self.world.turn()
            await self.courier.deliver_due()
            await asyncio.sleep(0)
            busy = self.bot is not None and self.bot.store.busy
            quiet = 0 if busy or loop._ready else quiet + 1  # type: ignore[attr-defined]

    async def _post(self, body: bytes, headers: dict[str, str]) -> int:
        status = None if self.wire.cut else await self._or_gone(super()._post(body, headers))
        if status is None:
            raise OSError("the process has ended")
        return status

    async def _or_gone(self, work: Coroutine[None, None, Result]) -> Result | None:
        """None when the process ends meanwhile."""
        working = asyncio.ensure_future(work)
        gone = asyncio.ensure_future(self._gone.wait())
        await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        if working.done():
            return working.result()
        return None


def _about(content: bytes) -> str:
    """What a report says, where the path does not tell it from another one."""
    if b"<!-- release-bot:" in content:
        return " as status"
    if b"<!-- post " in content:
        return " as answer"
    said = _REPORT.search(content)
    return f" as {said[1].decode()}" if said else ""


def changes_something(entry: Entry) -> bool:
    """A request after which GitHub is another one, or has one staged fault less."""
    return entry.fault is not None or (entry.effect and entry.writes)


def _is_over(task: asyncio.Task[object]) -> None:
    """Nobody asks any more how it ended."""
    if not task.cancelled():
        task.exception()
