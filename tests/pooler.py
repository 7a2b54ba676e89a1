"""A transaction pooler as strict as can be: each transaction gets another connection to the server, and whatever the
one before left in it is thrown away.

Rule: it speaks just enough of PostgreSQL's protocol to know where a transaction ends
(https://www.postgresql.org/docs/current/protocol-message-formats.html): after `Query` or `Sync` the server ends its
answer with `ReadyForQuery`, which says whether a transaction is open.
"""

import asyncio
import contextlib
import struct
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path

_NO_ENCRYPTION = {80877103, 80877104}  # SSLRequest, GSSENCRequest
_PROTOCOL = 196608
_IDLE = b"I"

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Pooler:
    """Hands out the connections of one database through a socket in `folder`."""

    def __init__(self, socket: Path, folder: Path, *, user: str, database: str, size: int = 3) -> None:
        self._socket = socket
        self._folder = folder
        self._startup = {"user": user, "database": database, "client_encoding": "UTF8"}
        self._size = size
        self._idle: deque[Streams] = deque()
        self._free = asyncio.Condition()
        self._writers: list[asyncio.StreamWriter] = []
        self._clients: set[asyncio.Task[None]] = set()
        self.lose_answer_to: bytes | None = None
        """The client of the next such query is cut off once the server has done it."""
        self.handed_out = 0
        """How many transactions got a connection."""

    async def serve(self, stop: asyncio.Event, ready: threading.Event) -> None:
        for _ in range(self._size):
            self._idle.append(await self._connect())
        server = await asyncio.start_unix_server(self._client, self._folder / ".s.PGSQL.5432")
        (self._folder / ".s.PGSQL.5432").chmod(0o777)
        ready.set()
        await stop.wait()
        server.close()
        for task in self._clients:
            task.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        for writer in self._writers:
            await _close(writer)

    async def _connect(self) -> Streams:
        reader, writer = await asyncio.open_unix_connection(self._socket)
        fields = b"".join(f"{name}\0{value}\0".encode() for name, value in self._startup.items()) + b"\0"
        writer.write(struct.pack("!ii", len(fields) + 8, _PROTOCOL) + fields)
        self._writers.append(writer)
        await _until_ready(reader, None)
        return reader, writer

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        try:
            if await _greet(reader, writer):
                while await self._transaction(reader, writer):
                    pass
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._clients.discard(task)
            await _close(writer)

    async def _transaction(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """From the first message to the end of the transaction. False: the client has gone."""
        message = await _message(reader)
        if message[:1] == b"X":
            return False
        server = await self._borrow()
        status = b"T"
        try:
            while status != _IDLE:
                server[1].write(message)
                if message[:1] in {b"Q", b"S"}:
                    lost = self.lose_answer_to is not None and self.lose_answer_to in message
                    status = await _until_ready(server[0], None if lost else writer)
                    if lost:
                        self.lose_answer_to = None
                        return False
                    await writer.drain()
                if status != _IDLE:
                    message = await _message(reader)
                    if message[:1] == b"X":
                        return False
        finally:
            await self._take_back(server, status)
        return True

    async def _borrow(self) -> Streams:
        async with self._free:
            await self._free.wait_for(lambda: bool(self._idle))
            self.handed_out += 1
            return self._idle.popleft()

    async def _take_back(self, server: Streams, status: bytes) -> None:
        """To the end of the queue, without any memory. One that was left in mid-transaction is replaced."""
        try:
            if status != _IDLE:
                raise OSError
            query = b"DISCARD ALL\0"
            server[1].write(b"Q" + struct.pack("!i", len(query) + 4) + query)
            await _until_ready(server[0], None)
        except (OSError, asyncio.IncompleteReadError):
            await _close(server[1])
            server = await self._connect()
        async with self._free:
            self._idle.append(server)
            self._free.notify()


async def _greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """What the server says when somebody has logged in. False: it was a request to cancel."""
    while True:
        length, code = struct.unpack("!ii", await reader.readexactly(8))
        await reader.readexactly(length - 8)
        if code not in _NO_ENCRYPTION:
            break
        writer.write(b"N")
    if code >> 16 != _PROTOCOL >> 16:
        return False
    writer.write(b"R" + struct.pack("!ii", 8, 0))
    for name, value in {"client_encoding": "UTF8", "server_version": "18.4"}.items():
        text = f"{name}\0{value}\0".encode()
        writer.write(b"S" + struct.pack("!i", len(text) + 4) + text)
    writer.write(b"K" + struct.pack("!iii", 12, 1, 1) + b"Z" + struct.pack("!i", 5) + _IDLE)
    await writer.drain()
    return True


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def _message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(5)
    return head + await reader.readexactly(struct.unpack("!i", head[1:])[0] - 4)


async def _until_ready(reader: asyncio.StreamReader, writer: asyncio.StreamWriter | None) -> bytes:
    """Pass the server's answer on; the state of the transaction at its end."""
    while True:
        message = await _message(reader)
        if writer is not None:
            writer.write(message)
        if message[:1] == b"Z":
            return message[5:]


@contextlib.contextmanager
def pooling(socket: Path, folder: Path, *, user: str, database: str) -> Iterator[Pooler]:
    """A pooler that works in a thread of its own, so that it also serves whoever blocks the loop."""
    ready = threading.Event()
    made: list[tuple[asyncio.AbstractEventLoop, asyncio.Event, Pooler]] = []

    async def main() -> None:
        stop = asyncio.Event()
        pooler = Pooler(socket, folder, user=user, database=database)
        made.append((asyncio.get_running_loop(), stop, pooler))
        await pooler.serve(stop, ready)

    thread = threading.Thread(target=asyncio.run, args=(main(),), name="pooler", daemon=True)
    thread.start()
    assert ready.wait(10), "the pooler did not start"
    loop, stop, pooler = made[0]
    try:
        yield pooler
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
