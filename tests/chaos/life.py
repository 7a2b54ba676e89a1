"""One life of the bot's process: everything that goes when it is killed.

Rule: a dead process says nothing, asks nothing and writes nothing. What it was about to do hangs until it is buried.
"""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from random import Random

import httpx

from bot.app import Bot
from bot.store import StoreRefused, StoreUnavailable
from tests.chaos.disk import Ended
from tests.chaos.points import Crash, Point, Refusal, point_of

_MOST_ROUNDS = 40


class Life:
    """From the start of a process to its end. It is the gate to its disk, too."""

    def __init__(
        self,
        *,
        luck: Random,
        told: Callable[[str], None],
        committed: Callable[[sqlite3.Connection, set[str]], None],
    ) -> None:
        self.tasks: list[asyncio.Task[object]] = []
        self.bot: Bot | None = None
        self.open = False
        self.dead = False
        self.ended_by: str | None = None
        self.rest = 5.0
        self._luck = luck
        self._told = told
        self._committed = committed
        self._touched: set[str] = set()
        self.crashes: list[Crash] = []
        self.refusals: list[Refusal] = []

    # -- the start -----------------------------------------------------------------------------------

    async def begin(self, build: Callable[[], Awaitable[Bot]]) -> None:
        """Builds and starts the bot; a database that cannot be used ends the process, as `serve` does."""
        try:
            self.bot = await build()
            await self.bot.start()
        except (StoreUnavailable, StoreRefused) as error:
            self.ended_by = f"it could not start: {type(error).__name__}"
            self.dead = True
            return
        self.open = True

    # -- the points ----------------------------------------------------------------------------------

    async def at(self, point: Point) -> None:
        """A moment has come; whoever dies at it never returns."""
        self._meets(point)
        await self.hangs_if_dead()

    def _meets(self, point: Point) -> None:
        for crash in self.crashes:
            if crash.strikes(point):
                self.dies(f"killed {point}", crash.rest)

    def dies(self, how: str, rest: float) -> None:
        if not self.dead:
            self.dead, self.ended_by, self.rest = True, how, rest

    async def hangs_if_dead(self) -> None:
        if self.dead:
            await asyncio.get_running_loop().create_future()

    async def begins(self) -> None:
        if self.dead:
            raise asyncio.CancelledError
        for _ in range(self._luck.randrange(3)):  # others may come first
            await asyncio.sleep(0)

    def before(self, statement: str) -> None:
        point = point_of(statement)
        if point is Point.BEGIN:
            self._touched = set()
        words = statement.split(None, 3)
        if words[0] in {"INSERT", "UPDATE"}:
            self._touched.add(words[1] if words[0] == "UPDATE" else words[2])
        self._refuses(point)
        self._at(point)

    def after(self, statement: str, raw: sqlite3.Connection) -> None:
        if statement != "COMMIT":
            return
        touched, self._touched = self._touched, set()
        self._committed(raw, touched)
        self._at(Point.COMMITTED)
        self._refuses(Point.COMMITTED)

    def _at(self, point: Point) -> None:
        """As `at`, in the middle of a transaction."""
        self._meets(point)
        if self.dead:
            raise Ended

    def _refuses(self, point: Point) -> None:
        for refusal in self.refusals:
            if refusal.strikes(point):
                self._told(f"the database says {point}: {refusal.message}")
                raise sqlite3.OperationalError(refusal.message)

    # -- the end -------------------------------------------------------------------------------------

    async def buried(self) -> None:
        """Everything that was under way is dropped where it stands."""
        self.dead, self.open = True, False
        me = asyncio.current_task()
        for _ in range(_MOST_ROUNDS):
            left = [task for task in self.tasks if not task.done() and task is not me]
            if not left:
                break
            for task in left:
                task.cancel()
            await asyncio.sleep(0)
        self.tasks = []

    def unseen(self) -> list[BaseException]:
        """Errors that ended a task and that nobody has looked at."""
        found = []
        for task in self.tasks:
            if task.done() and not task.cancelled() and getattr(task, "_log_traceback", False):
                error = task.exception()
                if error is not None:
                    found.append(error)
        return found


class Line(httpx.AsyncBaseTransport):
    """The bot's line to GitHub; it outlives the bot."""

    def __init__(
        self, line: httpx.AsyncBaseTransport, *, life: Callable[[], Life | None], luck: Random
    ) -> None:
        self._line = line
        self._life = life
        self._luck = luck
        self.leaving: Callable[[httpx.Request], None] = lambda _request: None
        self.left: Callable[[httpx.Request, str], None] = lambda _request, _outcome: None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        life = self._life()
        if life is None:
            raise httpx.ConnectError("the process is gone", request=request)
        await life.hangs_if_dead()
        for point in _points(request, Point.BEFORE_REQUEST, Point.BEFORE_WRITE, Point.BEFORE_DISPATCH):
            await life.at(point)
        self.leaving(request)
        for _ in range(self._luck.randrange(2)):
            await asyncio.sleep(0)
        await life.hangs_if_dead()
        try:
            answer = await self._line.handle_async_request(request)
        except httpx.TransportError as error:
            self.left(request, type(error).__name__)
            raise
        self.left(request, str(answer.status_code))
        for point in _points(request, Point.AFTER_REQUEST, Point.AFTER_WRITE, Point.AFTER_DISPATCH):
            await life.at(point)
        return answer


def _points(request: httpx.Request, every: Point, write: Point, dispatch: Point) -> list[Point]:
    found = [every]
    if request.method != "GET" and not request.url.path.endswith("/access_tokens"):
        found.append(write)
    if request.url.path.endswith("/dispatches"):
        found.append(dispatch)
    return found
