"""GitHub calls of one whole release, by purpose; and what looking costs when every webhook is lost.

Runs on the simulator's virtual clock: the numbers do not depend on the machine.
`python -m benchmarks.calls`
"""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

from bot.log import configure
from bot.simulator.ledger import Entry
from tests.scenarios.stage import EE, OSS, TWO_EDITIONS, Stage

CONNECTION_RESET = """\
> Task :core:publishToMavenCentral FAILED
> Could not PUT 'https://repo.example/maven2/core-1.0.3.jar'. Received status code 503 from server
java.net.SocketException: Connection reset
##[error]Process completed with exit code 1.
"""
PURPOSES = (
    ("periodic listing", "GET", ("/actions/runs", "/issues/comments")),
    ("tokens and installations", "*", ("access_tokens", "/installation", "/app")),
    ("reactions", "POST", ("/reactions",)),
    ("comments", "*", ("/comments", "/comments/{comment_id}")),
    ("check runs", "*", ("/check-runs", "/check-runs/{check_run_id}")),
    ("judging the failure", "GET", ("/annotations", "/logs")),
    ("sends", "POST", ("/dispatches", "/rerun-failed-jobs")),
)


def purpose(entry: Entry) -> str:
    """The purpose of a request, told by its endpoint; reads of refs and runs by the moment they serve."""
    template = entry.template or entry.path
    for name, method, ends in PURPOSES:
        if method in {"*", entry.method} and any(template.endswith(end) for end in ends):
            return name
    if "/actions/workflows/{workflow_id}/runs" in template:
        return "sends with their checks, binding"
    if "/actions/runs/{run_id}" in template:
        return "confirming ends, judging"
    return "start, preflight, refs, visibility"


async def one_release() -> Counter[str]:
    """The six-step example: four dispatches, two watched runs of 20 minutes, one of them re-run once."""
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(Path(folder))
        for repo in (stage.oss, stage.ee):
            repo.workflows["pre-release.yml"].on_run().takes(minutes=10)
        flaky = stage.oss.workflows["pre-release.yml"].on_run(attempts=1)
        flaky.job("publish").fails(log=CONNECTION_RESET)
        await stage.opens()
        await stage.says("/release 1.0.3")
        await stage.until(lambda: stage.state() == "released")
        await stage.passes(minutes=2)
        await stage.closes()
        return Counter(purpose(entry) for entry in stage.world.ledger)


async def looking(releases: int, *, minutes: int = 30) -> tuple[float, float]:
    """Calls a minute with no webhook at all and so many live releases; and how many of them were not 304."""
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(Path(folder))
        stage.pipeline(TWO_EDITIONS)
        stage.world.hook.active = False
        for repo in (stage.oss, stage.ee):
            repo.workflows["pre-release.yml"].on_run().runs_until_told()
        await stage.opens(HOMES=OSS, WRITES_PER_MINUTE="6000")
        for number in range(releases):
            stage.world.hand("maya").comments(stage.issue, f"/release 1.{number}.0")
        await stage.until(lambda: len(stage.run_ids(EE)) == len(stage.run_ids(OSS)) == releases)
        await stage.passes(minutes=15)
        before = len(stage.world.ledger)
        await stage.passes(minutes=minutes)
        asked = list(stage.world.ledger)[before:]
        await stage.closes()
    return len(asked) / minutes, sum(entry.status != 304 for entry in asked) / minutes


async def noticing(seeds: int = 5) -> list[timedelta]:
    """With every webhook lost: how long after its end a run is noticed, in virtual time."""
    found = []
    for seed in range(seeds):
        with tempfile.TemporaryDirectory() as folder:
            stage = Stage(Path(folder))
            stage.world.hook.active = False
            for repo in (stage.oss, stage.ee):
                repo.workflows["pre-release.yml"].on_run().takes(minutes=10 + seed * 0.31)
            await stage.opens(HOMES=OSS)
            stage.world.hand("maya").comments(stage.issue, "/release 1.0.3")
            await _released(stage)
            found += _noticed(stage)
            await stage.closes()
    return sorted(found)


async def _released(stage: Stage) -> None:
    await stage.until(lambda: stage.state() == "released")


def _noticed(stage: Stage) -> list[timedelta]:
    """From the end of each run to the moment at which the bot read that it is over."""
    asked = [entry for entry in stage.world.ledger if entry.method == "GET"]
    return [
        min(
            e.at
            for e in asked
            if e.path.endswith(f"/actions/runs/{run.id}") and e.at >= run.attempt.updated_at
        )
        - run.attempt.updated_at
        for run in stage.world.runs
    ]


def table(title: str, rows: Iterable[tuple[str, object]]) -> None:
    print(f"\n{title}")
    for name, value in rows:
        print(f"  {name:<36} {value}")


async def main() -> None:
    counts = await one_release()
    besides = sum(counts.values()) - counts["periodic listing"]
    table("GitHub calls of one release with one re-run", sorted(counts.items()))
    table("", [("besides the periodic listing", besides), ("aim", "80 or fewer")])
    few, many = await looking(1), await looking(40)
    rows = [
        (f"{n} live releases: calls a minute / counted by GitHub", f"{a:.1f} / {b:.1f}")
        for n, (a, b) in ((1, few), (40, many))
    ]
    table("Every webhook lost, two repositories", [*rows, ("ratio of the two", f"{many[0] / few[0]:.2f}")])
    late = await noticing()
    table(
        "Time to notice an end, every webhook lost",
        [("median", late[len(late) // 2]), ("worst", late[-1]), ("ends", len(late))],
    )


if __name__ == "__main__":
    configure("error", "json")
    asyncio.run(main())
