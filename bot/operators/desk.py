"""The server's side of the operators' socket.

Rule: it never prevents the start, and it keeps nobody waiting at the end: without it, a command only has to wait until
the server is stopped.
"""

import asyncio
import contextlib
import os
import socket
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import structlog

from bot.core.ledger import Flake
from bot.operators.address import address_of
from bot.operators.words import (
    LONGEST_ANSWER,
    LONGEST_QUESTION,
    BadWords,
    FlakesAsked,
    read_question,
    write_answer,
    write_refusal,
)

log = structlog.get_logger(__name__)

QUESTION_SECONDS = 5.0
ANSWER_SECONDS = 20.0
_MOST_AT_ONCE = 4
_FOR_OUR_EYES = 0o177
"""What the system leaves out of a new socket's mode 0777: there is no moment at which others could connect."""

Answering = Callable[[FlakesAsked], Awaitable[tuple[Flake, ...]]]


@contextlib.asynccontextmanager
async def listening(path: Path, answer: Answering) -> AsyncIterator[None]:
    """Answers on a socket at `path` until the end of the block; only the owner of the database file may say so.

    `answer` may raise whatever it likes. Where there can be no socket it is logged once, and there is none.
    """
    try:
        bound = _bind(path)
    except OSError as error:
        reason = error.strerror or str(error)
        log.warning("there is no socket for operators' commands", socket=str(path), error=reason)
        yield
        return
    try:
        async with _answered(bound, answer):
            yield
    finally:
        _remove(path)


@contextlib.asynccontextmanager
async def _answered(bound: socket.socket, answer: Answering) -> AsyncIterator[None]:
    desk = _Desk(answer)
    server = await asyncio.start_unix_server(
        desk.serve, sock=bound, limit=LONGEST_QUESTION, start_serving=False
    )
    try:
        await server.start_serving()  # here, so that a start which is cut off meanwhile gives it back as well
        yield
    finally:
        server.close()
        await desk.close()


def _bind(path: Path) -> socket.socket:
    """A socket that only its owner may use. Whose it was that lies there is gone: we own the database now."""
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise OSError("something that is no socket has its name: move it away")
        path.unlink()
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(_FOR_OUR_EYES)
    try:
        with address_of(path) as address:
            made.bind(address)
        made.listen()
    except OSError:
        made.close()
        raise
    finally:
        os.umask(before)
    return made


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


class _Desk:
    """One question and one answer for each connection."""

    def __init__(self, answer: Answering) -> None:
        self._answer = answer
        self._seats = asyncio.Semaphore(_MOST_AT_ONCE)
        self._served: set[asyncio.Task[None]] = set()
        self._closed = False

    def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._closed:  # it had been let in before, and is heard of only now
            _part(writer)
            return
        task = asyncio.create_task(self._serve(reader, writer), name="operators' command")
        self._served.add(task)
        task.add_done_callback(self._served.discard)
        task.add_done_callback(lambda _: _part(writer))  # not in the task: it may end before it has begun

    async def close(self) -> None:
        self._closed = True
        for task in self._served:
            task.cancel()
        await asyncio.gather(*self._served, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with self._seats:
                said = await self._said(reader)
                if said:
                    async with asyncio.timeout(ANSWER_SECONDS):
                        writer.write(said)
                        await writer.drain()
        except (OSError, TimeoutError):
            log.info("an operators' command went away before its answer")

    async def _said(self, reader: asyncio.StreamReader) -> bytes:
        try:
            asked = await _asked(reader)
            if asked is None:
                return b""
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = write_answer(await self._answer(asked))
        except BadWords as error:
            return write_refusal(str(error))
        except TimeoutError:
            return write_refusal("The server could not answer in time: ask again in a minute.")
        except Exception as error:
            log.warning("an operators' command could not be answered", error=repr(error))
            return write_refusal("The server could not answer; its log says why.")
        if len(answer) > LONGEST_ANSWER:
            return write_refusal("The answer is too long: ask for one repository or fewer days.")
        return answer


def _part(writer: asyncio.StreamWriter) -> None:
    if writer.transport.get_write_buffer_size() > 0:
        writer.transport.abort()  # nobody takes what is left: a polite end would wait for ever
    else:
        writer.close()


async def _asked(reader: asyncio.StreamReader) -> FlakesAsked | None:
    """The question; None when whoever knocked went away."""
    try:
        async with asyncio.timeout(QUESTION_SECONDS):
            line = await reader.readline()
    except ValueError:  # asyncio's word for a line beyond the limit
        raise BadWords("The question is too long.") from None
    return read_question(line) if line else None
