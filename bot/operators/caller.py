"""The operator's side of the socket: one question to the server that owns the database file."""

import asyncio
import contextlib
from pathlib import Path

from bot.core.ledger import Flake
from bot.operators.address import address_of
from bot.operators.words import LONGEST_ANSWER, BadWords, FlakesAsked, read_answer, write_question

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 30.0
"""Longer than the server gives itself."""


class ServerRefused(Exception):
    """A server has the file and does not answer as it should; the text is one sentence."""


async def ask(
    path: Path, asked: FlakesAsked, *, patience: float = ANSWER_SECONDS
) -> tuple[Flake, ...] | None:
    """The server's answer, awaited for `patience` seconds; None when no server listens there.

    Raises `ServerRefused`.
    """
    try:
        with address_of(path) as address:
            async with asyncio.timeout(CONNECT_SECONDS):
                reader, writer = await asyncio.open_unix_connection(address, limit=LONGEST_ANSWER)
    except (FileNotFoundError, ConnectionRefusedError):
        return None  # none was there, or the one that was there has died
    except PermissionError:
        raise ServerRefused(
            f"The server's socket {path} is not for this user: run the command as the user of the server."
        ) from None
    except TimeoutError:
        raise _silent(path) from None
    except OSError:
        return None  # a name that is too long, or a file that is no socket: no server listens at either
    try:
        async with asyncio.timeout(patience):
            writer.write(write_question(asked))
            await writer.drain()
            line = await reader.readline()
        if not line.endswith(b"\n"):  # it stopped in between
            raise _silent(path)
        answer = read_answer(line)
    except BadWords as error:
        raise ServerRefused(
            f"The server at {path} was not understood ({error}): it may be of another version."
        ) from None
    except (OSError, TimeoutError, ValueError):
        raise _silent(path) from None
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    if isinstance(answer, str):
        raise ServerRefused(answer)
    return answer


def _silent(path: Path) -> ServerRefused:
    return ServerRefused(f"The server at {path} does not answer: see its log, or ask again in a minute.")
