"""Dispatches, reads and reports of one installation at the same time: nobody takes the other's place."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import pytest
from anyio.lowlevel import checkpoint

from bot.core.facts import Limited, OutOfTurn
from bot.github import GitHubCalls
from bot.github.limits import IN_FLIGHT
from tests.adapters.scripted_github import REPO, START, Clock, ScriptedGitHub, connect, refused, said

DISPATCHES = f"/repos/{REPO}/actions/workflows/release.yml/dispatches"
COMMENTS = f"/repos/{REPO}/issues/1/comments"
SOON = START + timedelta(minutes=1)


async def settled() -> None:
    """Lets every task go as far as it can without time passing."""
    for _ in range(50):
        await checkpoint()


class Slow(ScriptedGitHub):
    """A GitHub that never answers what it is asked about jobs."""

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/jobs"):
            self.requests.append(request)
            await asyncio.Event().wait()
        return await super().__call__(request)


@asynccontextmanager
async def reads_that_hang(github: Slow, calls: GitHubCalls) -> AsyncIterator[None]:
    """As many reads as there may be are under way, and others wait behind them."""
    await calls.repository(REPO)
    reads = [asyncio.create_task(calls.jobs(REPO, 5, 1)) for _ in range(IN_FLIGHT + 1)]
    await settled()
    assert len(github.asked("GET", ".*/jobs.*")) == IN_FLIGHT
    yield
    for read in reads:
        read.cancel()
    await asyncio.gather(*reads, return_exceptions=True)


@pytest.mark.parametrize("refusals", [0, 1])
async def test_a_dispatch_and_the_trial_of_its_token_leave_while_reads_hang(
    private_key_pem: str, refusals: int
) -> None:
    github = Slow(Clock())
    calls = connect(github, private_key_pem)
    github.answers("POST", DISPATCHES, *[refused(401, "no")] * refusals, said(204))

    async with reads_that_hang(github, calls), asyncio.timeout(5):
        await calls.dispatch(REPO, "release.yml", "develop", {}, send_by=SOON)

    assert len(github.asked("POST", DISPATCHES)) == 1 + refusals


async def test_a_dispatch_is_made_ready_while_reads_hang(private_key_pem: str) -> None:
    github = Slow(Clock())
    calls = connect(github, private_key_pem)

    async with reads_that_hang(github, calls), asyncio.timeout(5):
        await calls.prepare_dispatch(REPO)


class StandingClock(Clock):
    """Time does not pass: whoever sleeps goes on sleeping."""

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.Event().wait()


async def test_a_dispatch_goes_before_the_reports_that_wait(private_key_pem: str) -> None:
    github = ScriptedGitHub(StandingClock())
    calls = connect(github, private_key_pem)
    await calls.prepare_dispatch(REPO)
    github.answers("POST", DISPATCHES, said(204))
    github.answers("POST", COMMENTS, *[said(201, {"id": number}) for number in range(1, 21)])
    reports = [asyncio.create_task(calls.create_comment(REPO, 1, "hello")) for _ in range(20)]
    await settled()
    waiting = calls.waiting_writes

    async with asyncio.timeout(5):
        await calls.dispatch(REPO, "release.yml", "develop", {}, send_by=SOON)

    assert waiting == calls.waiting_writes > 10
    for report in reports:
        report.cancel()
    await asyncio.gather(*reports, return_exceptions=True)


async def test_a_dispatch_too_far_behind_others_is_told_at_once_when_it_could_leave(
    private_key_pem: str,
) -> None:
    github = ScriptedGitHub(Clock())
    calls = connect(github, private_key_pem)
    github.answers("POST", DISPATCHES, *[said(204)] * 10)
    for _ in range(10):
        await calls.dispatch(REPO, "release.yml", "develop", {}, send_by=SOON)

    with pytest.raises(OutOfTurn) as error:
        await calls.dispatch(REPO, "release.yml", "develop", {}, send_by=START + timedelta(milliseconds=500))

    assert error.value.definite
    assert error.value.until == START + timedelta(seconds=1)
    assert github.clock.slept == []


async def test_a_limit_of_one_installation_holds_up_no_other(private_key_pem: str) -> None:
    github = ScriptedGitHub(Clock())
    calls = connect(github, private_key_pem)
    github.answers("GET", "/repos/other/widget/installation", said(200, {"id": 8}))
    github.answers("GET", f"/repos/{REPO}$", refused(429, "slow down", retry_after="60"))

    with pytest.raises(Limited):
        await calls.repository(REPO)

    assert (await calls.repository("other/widget")).id == 99
