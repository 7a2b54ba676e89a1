"""The filters of run listings, `created` with GitHub's date ranges among them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from bot.simulator.call import HttpError
from bot.simulator.runs import Attempt, Run

FILTERS = (
    "actor",
    "branch",
    "event",
    "status",
    "created",
    "head_sha",
    "check_suite_id",
    "exclude_pull_requests",
)


def passes(query: Mapping[str, str], run: Run, attempt: Attempt) -> bool:
    """Whether the run, as that attempt shows it, is asked for. HttpError 422 on a date that is none."""
    wanted = {
        "actor": run.actor.login,
        "branch": run.head_branch,
        "event": run.event,
        "head_sha": run.head_sha,
        "check_suite_id": str(run.suite_id),
    }
    if any(name in query and query[name] != value for name, value in wanted.items()):
        return False
    # `status` takes statuses and conclusions alike.
    if "status" in query and query["status"] not in (attempt.status, attempt.conclusion):
        return False
    return "created" not in query or _created_within(query["created"])(run.created_at.replace(microsecond=0))


def _created_within(text: str) -> Callable[[datetime], bool]:
    """https://docs.github.com/search-github/getting-started-with-searching-on-github/understanding-the-search-syntax#query-for-dates"""
    if ".." in text:
        first, _, last = text.partition("..")
        low, high = _first(first), _last(last)
        return lambda when: low <= when < high
    if text.startswith(">="):
        low = _first(text[2:])
        return lambda when: when >= low
    if text.startswith("<="):
        high = _last(text[2:])
        return lambda when: when < high
    if text.startswith(">"):
        low = _last(text[1:])
        return lambda when: when >= low
    if text.startswith("<"):
        high = _first(text[1:])
        return lambda when: when < high
    low, high = _first(text), _last(text)
    return lambda when: low <= when < high


def _first(text: str) -> datetime:
    """The first moment the words mean."""
    if text == "*":
        return datetime.min.replace(tzinfo=UTC)
    try:
        when = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        raise HttpError(422, f"Invalid value for 'created': {text!r}") from None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _last(text: str) -> datetime:
    """The first moment after what the words mean: a day is over later than a second."""
    if text == "*":
        return datetime.max.replace(tzinfo=UTC)
    return _first(text) + (timedelta(days=1) if "T" not in text else timedelta(seconds=1))
