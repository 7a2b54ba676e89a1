"""What an answer of GitHub means: a body, or exactly one error of `bot.core.facts`.

Rule: an error is definite only where GitHub gives it before it does anything; the rest is doubt (sent=True).
gidgethub reads the body; what it cannot read is caught here, status by status.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import unquote

import gidgethub
from gidgethub import sansio

from bot.core.facts import (
    Conflict,
    Forbidden,
    GitHubError,
    Gone,
    Moved,
    NotFound,
    Suspended,
    Unauthorized,
    Unprocessable,
    Unreachable,
)
from bot.github.http import Answer
from bot.github.limits import Limiter

# Secondary limits have no status of their own: 403 or 429, often told by the text alone.
# https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits
_LIMIT_TEXT = re.compile(r"secondary rate limit|abuse|API rate limit exceeded", re.IGNORECASE)
_VERSION_TEXT = re.compile(r"supported.*\bversion\b|\bversion\b.*(support|valid)", re.IGNORECASE)
_CURSOR = re.compile(r"[?&](?:cursor|after)=([^&>]+)")
_LONGEST_TEXT = 500

# All of them are said before anything is done. https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api
_REFUSALS: Mapping[int, type[GitHubError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: Unprocessable,
    451: Forbidden,  # blocked for legal reasons
    # Malformed, too long, or of a kind that is not served: a mistake of the bot, refused unread.
    **dict.fromkeys((400, 405, 406, 411, 413, 414, 415), Unprocessable),
}

# What gidgethub 6 raises for the statuses, charsets and bodies that proxies send and GitHub itself does not.
_UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, RecursionError)


def succeeded(answer: Answer) -> bool:
    return answer.status in (200, 201, 202, 204)


def body_of(answer: Answer, call: str) -> object:
    """The JSON of a good answer; None where there is none. Raises Unreachable."""
    try:
        data, _, _ = sansio.decipher_response(answer.status, answer.headers, answer.body)
    except (*_UNREADABLE, gidgethub.HTTPException) as error:
        text = f"GitHub answered {call} with something that is not JSON ({answer.status})"
        raise Unreachable(text, sent=True) from error
    return data


def has_next(answer: Answer) -> bool:
    """Whether another page follows. Its address is not used: addresses are never taken from answers."""
    return 'rel="next"' in answer.headers.get("link", "")


def next_cursor(answer: Answer) -> str | None:
    """Where the next page of a list without numbers begins. Only this word is taken from the address.

    https://docs.github.com/rest/using-the-rest-api/using-pagination-in-the-rest-api
    """
    for link in answer.headers.get("link", "").split(","):
        if 'rel="next"' in link and (found := _CURSOR.search(link)) is not None:
            return unquote(found[1])
    return None


def refuses_version(answer: Answer) -> bool:
    return answer.status == 400 and _VERSION_TEXT.search(message_of(answer)) is not None


def message_of(answer: Answer) -> str:
    """GitHub's own words about a refusal, on one line; empty where there are none."""
    try:
        sansio.decipher_response(answer.status, answer.headers, answer.body)
    except gidgethub.BadRequestUnknownError:
        return ""
    except gidgethub.HTTPException as error:
        return " ".join(str(error).split())[:_LONGEST_TEXT] if answer.body else ""
    except _UNREADABLE:
        return ""
    return ""


def error_of(answer: Answer, call: str, *, limiter: Limiter, now: datetime) -> GitHubError:
    """The one error that an answer other than success means. `call` is the method and path, for the log."""
    said, status = message_of(answer), answer.status
    if status in (403, 429) and is_limit(answer, said):
        return limiter.refused(seconds_to_wait(answer, now), f"GitHub limits the rate of {call}")
    if status == 403 and "suspended" in said.lower():
        return Suspended("the app's installation is suspended: an owner has to unsuspend it", call=call)
    if answer.is_redirect:
        return Moved(f"the repository was renamed or moved (HTTP {status}): use its new name", call=call)
    if (kind := _REFUSALS.get(status)) is not None:
        return kind(f"{said or 'no reason given'} (HTTP {status})", call=call)
    return Unreachable(f"GitHub answered with HTTP {status}", sent=True, call=call)


def is_limit(answer: Answer, said: str) -> bool:
    return (
        answer.status == 429
        or "retry-after" in answer.headers
        or answer.headers.get("x-ratelimit-remaining") == "0"
        or _LIMIT_TEXT.search(said) is not None
    )


def seconds_to_wait(answer: Answer, now: datetime) -> float | None:
    """What GitHub asks to wait: `retry-after` first, else the reset time; None where it names neither.

    https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api#handle-rate-limit-errors-appropriately
    """
    now = clock_of(answer) or now  # the times in it are GitHub's
    try:
        if (after := answer.headers.get("retry-after")) is not None:
            return float(after) if after.strip().isdigit() else (_date(after) - now).total_seconds()
        if answer.headers.get("x-ratelimit-remaining") == "0":
            reset = datetime.fromtimestamp(float(answer.headers["x-ratelimit-reset"]), UTC)
            return (reset - now).total_seconds()
    except (*_UNREADABLE, OverflowError, OSError):
        pass
    return None


def clock_of(answer: Answer) -> datetime | None:
    """GitHub's own time, from the `Date` header."""
    try:
        return _date(answer.headers["date"])
    except (KeyError, ValueError, TypeError):
        return None


def _date(text: str) -> datetime:
    moment = parsedate_to_datetime(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
