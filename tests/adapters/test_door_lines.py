"""The door behind a real server and on real connections: what an attacker can do below HTTP's manners."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import pytest
import uvicorn

from bot.web.body import MIB, Limits
from bot.web.lines import bounded_lines
from tests.adapters.test_door import BODY, Bench, signed

pytestmark = pytest.mark.anyio

GOOD = signed(BODY)
WRONG = "sha256=" + "0" * 64


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass(frozen=True)
class Served:
    """A door on a port of this machine."""

    bench: Bench
    port: int
    lines: "list[Line]" = field(default_factory=list)

    async def connects(self) -> "Line":
        line = Line(*await asyncio.open_connection("127.0.0.1", self.port))
        self.lines.append(line)
        return line

    async def delivers(self, delivery: str = "d-1") -> int:
        """The status of the answer to a good delivery on a new connection."""
        return await (await self.connects()).asks(request(delivery=delivery))

    async def is_left(self) -> None:
        """Everybody hangs up."""
        for line in self.lines:
            line.writer.transport.abort()
            with contextlib.suppress(ConnectionError):
                await line.writer.wait_closed()


@dataclass(frozen=True)
class Line:
    """A connection on which anything can be written."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def writes(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self) -> tuple[int, bytes]:
        """Status, and head and body of the next answer as they came. 0: it was cut off without one."""
        head, body = b"", b""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = await self.reader.readuntil(b"\r\n\r\n")
            rows = head.lower().split(b"\r\n")
            length = next((int(row[15:]) for row in rows if row.startswith(b"content-length:")), 0)
            body = await self.reader.readexactly(length)
        return (int(head.split()[1]) if head else 0), head + body

    async def asks(self, data: bytes) -> int:
        self.writes(data)
        return (await self.answer())[0]

    async def is_cut(self) -> bool:
        """Waits until the other side has ended it, whatever it says before."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(65536):
                pass
        return True


def request(
    *,
    target: str = "/webhook",
    method: str = "POST",
    signature: str | None = GOOD,
    delivery: str = "d-1",
    body: bytes = BODY,
    length: int | None = None,
    more: str = "",
) -> bytes:
    """A request as bytes; with nothing changed it is a good delivery."""
    rows = [
        f"{method} {target} HTTP/1.1",
        "Host: bot",
        "Content-Type: application/json",
        "X-GitHub-Event: issue_comment",
        f"X-GitHub-Delivery: {delivery}",
        *([f"X-Hub-Signature-256: {signature}"] if signature is not None else []),
        *([more] if more else []),
        *([f"Content-Length: {len(body) if length is None else length}"] if "chunked" not in more else []),
    ]
    return "\r\n".join(rows).encode() + b"\r\n\r\n" + body


@contextlib.asynccontextmanager
async def served(bench: Bench, *, most: int = 256, patience: float = 15.0) -> AsyncIterator[Served]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(
            bench.app,
            log_config=None,
            lifespan="off",
            http=bounded_lines(most=most, patience=patience),
            timeout_graceful_shutdown=1,
        )
        server = _Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        made = Served(bench, listening.getsockname()[1])
        try:
            yield made
        finally:
            await made.is_left()
            server.should_exit = True
            await serving


@pytest.fixture
async def house() -> AsyncIterator[Served]:
    async with served(Bench()) as made:
        yield made


async def test_attack_09_a_large_body_without_a_signature_is_cut_off_before_it_is_read(house: Served) -> None:
    line = await house.connects()
    line.writes(request(signature=None, body=b"", length=25 * MIB))

    status, _ = await line.answer()

    assert status == 401
    line.writes(b"x" * MIB)
    assert await line.is_cut()


async def test_attack_09_a_hundred_large_unsigned_bodies_at_once_keep_no_good_delivery_away(
    house: Served,
) -> None:
    lines = [await house.connects() for _ in range(100)]
    for line in lines:
        line.writes(request(signature=None, body=b"x" * MIB, length=25 * MIB))

    assert await house.delivers() == 202

    for line in lines:
        assert await line.is_cut()
    assert await house.delivers("d-2") == 202


async def test_attack_09_large_bodies_with_a_made_up_signature_share_two_places() -> None:
    limits = Limits(permit_wait=0.05, large_from=1000)
    async with served(Bench(limits=limits)) as house:
        lines = [await house.connects() for _ in range(6)]
        for line in lines:
            line.writes(request(signature=WRONG, body=b"x" * 5000, length=25 * MIB))
        refused = await asyncio.gather(*(line.answer() for line in lines[2:]))

        assert [status for status, _ in refused] == [429] * 4
        assert await house.delivers() == 202


async def test_attack_09_a_head_that_never_ends_is_cut_off_in_time() -> None:
    async with served(Bench(), patience=0.1) as house:
        loris = [await house.connects() for _ in range(20)]
        for line in loris:
            line.writes(b"POST /webhook HTTP/1.1\r\nHost: bot\r\nX-Slow: ")

        assert await house.delivers() == 202
        assert all([await line.is_cut() for line in loris])


async def test_attack_09_a_connection_that_says_nothing_is_cut_off_in_time() -> None:
    async with served(Bench(), patience=0.1) as house:
        assert await (await house.connects()).is_cut()


async def test_attack_09_a_byte_now_and_then_buys_no_time() -> None:
    async with served(Bench(), patience=0.2) as house:
        line = await house.connects()
        line.writes(request(signature=WRONG, body=b"", length=25 * MIB))
        cut = asyncio.create_task(line.is_cut())

        while not cut.done():
            line.writes(b"x")
            await asyncio.sleep(0)

        assert await cut


async def test_attack_09_a_body_that_stops_arriving_is_told_so() -> None:
    async with served(Bench(limits=Limits(read_time=0.1))) as house:
        line = await house.connects()

        assert await line.asks(request(body=b"{", length=1000)) == 408
        assert await line.is_cut()


async def test_attack_09_no_more_large_bodies_wait_than_the_memory_is_meant_for() -> None:
    limits = Limits(permit_wait=30, large_from=1000, large_at_once=1, most_waiting=2)
    async with served(Bench(limits=limits)) as house:
        lines = [await house.connects() for _ in range(8)]
        for line in lines:
            line.writes(request(signature=WRONG, body=b"x" * 5000, length=25 * MIB))

        waiting = {asyncio.create_task(line.answer()) for line in lines}
        refused: list[int] = []
        while len(refused) < 5:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            refused += [one.result()[0] for one in done]

        assert refused == [429] * 5
        assert await house.delivers() == 202
        for one in waiting:
            one.cancel()


async def test_attack_09_a_complete_request_is_never_given_up_for_a_newcomer() -> None:
    bench = Bench(limits=Limits())
    async with served(bench, most=2) as house:
        bench.problems.append("hangs")
        asking = await house.connects()
        asking.writes(b"GET /readyz HTTP/1.1\r\nHost: bot\r\n\r\n")
        newcomers = [await house.connects() for _ in range(5)]
        for line in newcomers:
            line.writes(b"POST /webhook HTTP/1.1\r\n")

        assert (await asking.answer())[0] == 503
        assert await newcomers[0].is_cut()


async def test_attack_09_when_the_house_is_full_the_one_waited_for_longest_goes() -> None:
    async with served(Bench(), most=5) as house:
        loris = [await house.connects() for _ in range(5)]
        for line in loris:
            line.writes(b"POST /webhook HTTP/1.1\r\n")
        working = await house.connects()
        assert await working.asks(request()) == 202
        for _ in range(3):
            await house.connects()

        assert await loris[0].is_cut()
        assert await working.asks(request(delivery="d-2")) == 202, "it was served a moment ago"


async def test_attack_09_chunks_without_end_are_read_to_the_limit_and_no_further() -> None:
    async with served(Bench(limits=Limits(body=4 * MIB))) as house:
        line = await house.connects()
        line.writes(request(signature=WRONG, body=b"", more="Transfer-Encoding: chunked"))
        written = 0
        while not line.writer.transport.is_closing() and written < 64 * MIB:
            line.writes(b"40000\r\n" + b"x" * 0x40000 + b"\r\n")
            written += 0x40000
            with contextlib.suppress(ConnectionError):
                await line.writer.drain()

        assert written < 64 * MIB
        assert await house.delivers() == 202


@pytest.mark.parametrize(
    "head",
    [
        b"POST /webhook HTTP/1.1\r\nX: " + b"x" * 200_000,
        b"POST /" + b"x" * 200_000,
        b"POST /webhook HTTP/1.1\r\n" + b"X: y\r\n" * 50_000,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 100,
        b"POST /webhook HTTP/1.1\r\nHost: bot\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"POST /webhook HTTP/1.1\r\nHost: bot\r\nContent-Length: -1\r\n\r\n",
        b"POST /webhook HTTP/1.1\r\nHost: bot\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"POST /webhook HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET http://[ HTTP/1.1\r\nHost: bot\r\n\r\n",
    ],
)
async def test_attack_09_what_is_no_http_costs_one_connection_and_no_line_in_the_log(
    house: Served, head: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    line = await house.connects()
    line.writes(head)
    status, text = await line.answer()

    assert status in {0, 400, 404, 415}
    assert b"Traceback" not in text
    assert await house.delivers() == 202
    assert [record.name for record in caplog.records if record.name.startswith("uvicorn.error")] == []


@pytest.mark.parametrize(
    "target",
    [
        "/../webhook",
        "/./webhook",
        "/x/../webhook",
        "/%2e%2e/webhook",
        "/%2e/webhook",
        "//webhook",
        "/webhook/",
        "/webhook//",
        "/webhook/.",
        "/webhook;x",
        "/webhook%00",
        "/webhook%20",
        "/webhook%2f",
        "/WEBHOOK",
        "/metrics/../webhook",
        "//evil.example/webhook",
        "http://evil.example/other",
        "*",
        "/\\webhook",
        "/%c0%ae%c0%ae/webhook",
        "/.env",
        "/.git/config",
        "/docs",
        "/openapi.json",
    ],
)
async def test_attack_11_no_path_trick_reaches_a_route(house: Served, target: str) -> None:
    line = await house.connects()
    line.writes(request(target=target, more="X-Forwarded-Host: evil.example"))

    status, text = await line.answer()

    assert status in {400, 404}
    assert b"evil" not in text
    assert b"location" not in text.lower()
    assert house.bench.inbox.kept == []


@pytest.mark.parametrize(
    "method",
    ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "post", "PROPFIND", "X"],
)
async def test_attack_11_no_other_method_opens_the_door_whatever_it_says_it_is(
    house: Served, method: str
) -> None:
    line = await house.connects()
    line.writes(
        request(
            method=method,
            more="X-HTTP-Method-Override: POST\r\nX-Method-Override: POST\r\nX-HTTP-Method: POST",
        )
    )

    status, text = await line.answer()

    assert status == 405
    assert b"canary" not in text
    assert house.bench.inbox.kept == []


@pytest.mark.parametrize("host", ["evil.example", "evil.example:99999", "[::1]", "", "a" * 5000])
@pytest.mark.parametrize("target", ["/webhook", "/healthz/", "/nowhere"])
async def test_attack_11_the_host_header_is_neither_used_nor_repeated(
    house: Served, host: str, target: str
) -> None:
    line = await house.connects()
    line.writes(request(target=target, signature=WRONG).replace(b"Host: bot", b"Host: " + host.encode()))

    status, text = await line.answer()

    assert status in {400, 401, 404}
    assert b"evil" not in text


@pytest.mark.parametrize("more", ["Upgrade: websocket\r\nConnection: upgrade", "Expect: 100-continue"])
async def test_attack_11_an_upgrade_or_an_expectation_changes_nothing(house: Served, more: str) -> None:
    line = await house.connects()

    status = await line.asks(request(signature=WRONG, more=more))

    assert status in {100, 401}
    assert house.bench.inbox.kept == []


async def test_attack_11_a_second_request_in_the_same_bytes_is_judged_for_itself(house: Served) -> None:
    line = await house.connects()
    line.writes(request() + request(signature=WRONG, delivery="d-2"))

    answers = [(await line.answer())[0] for _ in range(2)]

    assert answers == [202, 401]
    assert [one.delivery_id for one in house.bench.inbox.kept] == ["d-1"]
