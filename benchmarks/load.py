"""A small load generator: signed deliveries over keep-alive connections, with little work per request."""

import asyncio
import hashlib
import hmac
import json
import random
import time
from dataclasses import dataclass
from itertools import count

_NUMBERS = count(1)


@dataclass(frozen=True)
class Target:
    host: str
    port: int
    secret: bytes


def delivery(target: Target, luck: random.Random) -> bytes:
    """One signed `workflow_run` delivery of 10 to 20 kB, as raw HTTP, about a run that nobody knows."""
    number = next(_NUMBERS)
    when = "2026-11-17T10:00:00Z"
    run = {
        "id": number, "run_number": number, "run_attempt": 1, "status": "completed", "conclusion": "success",
        "event": "push", "path": ".github/workflows/ci.yml", "head_branch": "develop", "head_sha": "a" * 40,
        "display_title": "Nightly", "actor": {"login": "maya"}, "triggering_actor": {"login": "maya"},
        "created_at": when, "run_started_at": when, "updated_at": when, "html_url": "https://github.com/x",
    }  # fmt: skip
    repository = {"id": 1, "full_name": "acme/widget", "private": False, "visibility": "public"}
    payload = {
        "action": "completed", "workflow_run": run, "repository": repository,
        "padding": "x" * luck.randint(9_000, 19_000),
    }  # fmt: skip
    body = json.dumps(payload).encode()
    signature = hmac.new(target.secret, body, hashlib.sha256).hexdigest()
    head = (
        f"POST /webhook HTTP/1.1\r\nHost: {target.host}\r\nContent-Type: application/json\r\n"
        f"X-GitHub-Event: workflow_run\r\nX-GitHub-Delivery: bench-{number}-{luck.random()}\r\n"
        f"X-Hub-Signature-256: sha256={signature}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Connection:
    """One keep-alive connection."""

    def __init__(self, target: Target) -> None:
        self._target = target

    async def open(self) -> "Connection":
        self._reader, self._writer = await asyncio.open_connection(self._target.host, self._target.port)
        return self

    async def send(self, request: bytes) -> int:
        """Sends one request; returns the status of its answer."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length")
        )
        await self._reader.readexactly(length)
        return int(head.split(b" ", 2)[1])


async def steady(target: Target, *, per_second: int, seconds: int) -> list[float]:
    """Latencies in ms at a steady rate, measured from the moment at which each request was due."""
    luck = random.Random(1)
    idle = asyncio.Queue[Connection]()
    for _ in range(32):
        idle.put_nowait(await Connection(target).open())
    requests = [delivery(target, luck) for _ in range(per_second * seconds)]
    latencies: list[float] = []

    async def one(request: bytes, due: float) -> None:
        connection = await idle.get()
        status = await connection.send(request)
        latencies.append((time.perf_counter() - due) * 1000)
        idle.put_nowait(connection)
        assert status in {200, 202}, status

    began = time.perf_counter() + 0.1
    tasks = []
    for number, request in enumerate(requests):
        due = began + number / per_second
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(one(request, due)))
    await asyncio.gather(*tasks)
    return sorted(latencies)


async def flat_out(target: Target, *, connections: int, seconds: float) -> float:
    """Deliveries a second when every connection sends the next as soon as the last is answered."""
    luck = random.Random(2)
    requests = [delivery(target, luck) for _ in range(500 * connections)]
    end = time.perf_counter() + seconds
    done = 0

    async def one(number: int) -> None:
        nonlocal done
        connection = await Connection(target).open()
        for request in requests[number::connections]:
            if time.perf_counter() > end:
                return
            await connection.send(request)
            done += 1

    began = time.perf_counter()
    await asyncio.gather(*(one(number) for number in range(connections)))
    return done / (time.perf_counter() - began)


def percentile(values: list[float], share: float) -> float:
    return values[min(len(values) - 1, int(len(values) * share))]
