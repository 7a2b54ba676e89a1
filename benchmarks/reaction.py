"""From a completed delivery to the next dispatch, event and intent on disk, GitHub's own answering time subtracted.

Real clock, real database file, the simulator in the same process; beside a bare script that makes the same calls.
`python -m benchmarks.reaction`
"""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from benchmarks.load import percentile
from bot.app import Bot
from bot.log import configure
from bot.settings import Settings
from bot.simulator.clock import SystemClock
from bot.simulator.repositories import Issue
from bot.simulator.transport import SimulatorTransport
from bot.simulator.webhooks import Courier
from bot.simulator.world import World

SAMPLES = 40
PIPELINE = """\
pipelines:
  release:
    concurrency: "{{ version }}"
    steps:
      first: {repo: acme/widget, dispatch: first.yml, inputs: {version: "{{ version }}"}, nonce: id}
      second: {needs: first, repo: acme/widget, dispatch: second.yml, inputs: {version: "{{ version }}"}, nonce: id}
"""


class Watched(httpx.AsyncBaseTransport):
    """Remembers when each request was with the simulator."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner
        self.spans: list[tuple[float, float, str]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        began = time.perf_counter()
        answer = await self._inner.handle_async_request(request)
        self.spans.append((began, time.perf_counter(), f"{request.method} {request.url.path}"))
        return answer

    def busy(self, start: float, end: float) -> float:
        """Seconds of a stretch of time in which at least one request was with the simulator."""
        total, until = 0.0, start
        for began, ended, _ in sorted(self.spans):
            began, ended = max(began, until), min(ended, end)  # noqa: PLW2901
            if ended > began:
                total, until = total + ended - began, ended
        return total


class Scene:
    """A bot, its GitHub, and many live releases."""

    def __init__(self, world: World, bot: Bot, watched: Watched) -> None:
        self.world, self.bot, self.watched = world, bot, watched
        web = httpx.ASGITransport(app=bot.web)
        self._http = httpx.AsyncClient(transport=web, base_url="http://bot")
        self.courier = Courier(world, self._post)
        self.completed_at: dict[int, float] = {}
        self.issue: Issue

    async def _post(self, body: bytes, headers: dict[str, str]) -> int:
        if b'"action": "completed"' in body[:60] or b'"action":"completed"' in body[:60]:
            self.completed_at.setdefault(len(self.completed_at), time.perf_counter())
        return (await self._http.post("/webhook", content=body, headers=headers)).status_code

    async def opens(self, version: str, *, quiet_seconds: float) -> None:
        """One more release whose first step runs."""
        first = self.world.repositories["acme/widget"].workflows["first.yml"]
        before = len(first.runs)
        self.world.hand("maya").comments(self.issue, f"/release {version}")
        await self.turn(lambda: len(first.runs) > before and first.runs[-1].status == "in_progress")
        await self.rests(quiet_seconds)

    async def rests(self, seconds: float) -> None:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            self.world.turn()
            await self.courier.deliver_due()
            await asyncio.sleep(0.005)

    async def turn(self, until: object = None) -> None:
        for _ in range(2000):
            self.world.turn()
            await self.courier.deliver_due()
            await asyncio.sleep(0.001)
            if callable(until) and until():
                return
        raise TimeoutError


@asynccontextmanager
async def scene(releases: int, folder: Path) -> AsyncIterator[Scene]:
    world = World(SystemClock(), seed=0)
    oss = world.add_repository("acme/widget")
    for file in ("first.yml", "second.yml"):
        workflow = world.add_workflow(oss, file, inputs=["version", "id"], run_name="{version} {id}")
        workflow.on_run().jobs("build").queues(seconds=0).runs_until_told()
    oss.files[".github/release-bot.yml"] = PIPELINE
    world.give_role("maya", "maintain")
    issue = world.add_issue(oss, 7)
    environment = {
        "APP_ID": str(world.app.id), "PRIVATE_KEY": world.private_key, "WEBHOOK_SECRET": world.webhook_secret,
        "GITHUB_API_URL": world.urls.api, "WRITES_PER_MINUTE": "1000000", "DATABASE_URL": "sqlite:///bot.db",
    }  # fmt: skip
    watched = Watched(SimulatorTransport(world, asyncio.sleep))
    bot = await Bot.build(Settings.load(environment, folder), transport=watched)
    await bot.start()
    made = Scene(world, bot, watched)
    made.issue = issue
    for number in range(releases):
        await made.opens(f"1.{number}.0", quiet_seconds=0.0)
    await made.rests(5.0)
    yield made
    await bot.close()


async def reactions(releases: int) -> list[float]:
    """Milliseconds of the bot's own time, once for each sample."""
    with tempfile.TemporaryDirectory() as folder:
        async with scene(releases, Path(folder)) as made:
            oss, found = made.world.repositories["acme/widget"], []
            for number in range(SAMPLES):
                await made.opens(f"2.{number}.0", quiet_seconds=0.5)
                before = len(oss.workflows["second.yml"].runs)
                made.completed_at.clear()
                oss.workflows["first.yml"].runs[-1].finish()
                await made.turn(lambda before=before: len(oss.workflows["second.yml"].runs) > before)
                start = max(made.completed_at.values())
                end = max(b for b, _, what in made.watched.spans if what.endswith("second.yml/dispatches"))
                found.append((end - start - made.watched.busy(start, end)) * 1000)
                oss.workflows["second.yml"].runs[-1].finish()
                await made.rests(0.3)
            return sorted(found)


async def bare() -> list[float]:
    """The same calls by a script that knows nothing: read the run, its jobs, the workflow's runs."""
    world = World(SystemClock(), seed=0)
    oss = world.add_repository("acme/widget")
    workflow = world.add_workflow(oss, "first.yml", inputs=["version"])
    world.hook.active = False
    run = world.hand("maya").starts(workflow, version="1.0.0")
    watched = Watched(SimulatorTransport(world, asyncio.sleep))
    found = []
    async with httpx.AsyncClient(transport=watched, base_url=world.urls.api) as http:
        root = "/repos/acme/widget/actions"
        for _ in range(SAMPLES):
            start = time.perf_counter()
            await http.get(f"{root}/runs/{run.id}")
            await http.get(f"{root}/runs/{run.id}/attempts/1/jobs")
            await http.get(f"{root}/workflows/first.yml/runs")
            end = time.perf_counter()
            found.append((end - start - watched.busy(start, end)) * 1000)
    return sorted(found)


async def main() -> None:
    configure("warning", "json")
    script = await bare()
    print(f"{'live releases':>16}{'median ms':>12}{'p99 ms':>10}{'of bare':>10}")
    print(f"{'bare script':>16}{percentile(script, 0.5):12.2f}{percentile(script, 0.99):10.2f}{1:10.1f}")
    for releases in (1, 200):
        found = await reactions(releases - 1)
        median = percentile(found, 0.5)
        ratio = median / percentile(script, 0.5)
        print(f"{releases:>16}{median:12.2f}{percentile(found, 0.99):10.2f}{ratio:10.1f}", flush=True)
    print("aim: median 15 ms, p99 100 ms")


if __name__ == "__main__":
    asyncio.run(main())
