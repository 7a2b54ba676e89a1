"""Who cancelled a run, as GitHub says it in the annotations of the jobs that were cut off.

Rule: only GitHub's own sentence about a concurrency group, with none about a person beside it, makes it GitHub's.
https://docs.github.com/actions/how-tos/write-workflows/choose-when-workflows-run/control-workflow-concurrency
"""

import re
from collections.abc import Iterable, Sequence

from bot.core.facts import JobFacts

_FOR_GROUP = re.compile(
    r"\bCancell?(?:ing|ed) since a higher priority waiting request for (?:'(.+)'|([^'].*?)) exists\.?\s*\Z",
    re.IGNORECASE,
)
_BY_SOMEBODY = re.compile(r"\bwas cancell?ed by\b(?: @([\w-]+(?:\[bot\])?))?", re.IGNORECASE)


def group_of(messages: Iterable[str]) -> str | None:
    """The concurrency group for which GitHub cancelled; empty: somebody did; None: nothing tells."""
    told = tuple(messages)
    if any(_BY_SOMEBODY.search(message) for message in told):
        return ""
    found = (_FOR_GROUP.search(message) for message in told)
    return next((match[1] or match[2] for match in found if match), None)


def cancelled_by(messages: Iterable[str], login: str) -> bool:
    """Whether it says that this one did it, and nobody else."""
    found = [match[1] for message in messages if (match := _BY_SOMEBODY.search(message))]
    return bool(found) and all(who is not None and who.lower() == login.lower() for who in found)


def person_of(messages: Iterable[str]) -> str:
    """Who cancelled it by hand; empty where nobody is named. An app is no person: workflows that end themselves after a
    failure do so in the name of one.
    """
    found = (match[1] for message in messages if (match := _BY_SOMEBODY.search(message)))
    return next((who for who in found if who and not who.endswith("[bot]")), "")


def cut_off(jobs: Sequence[JobFacts]) -> tuple[JobFacts, ...]:
    """The jobs at which it is said who cancelled."""
    return tuple(job for job in jobs if job.conclusion == "cancelled")


def began(jobs: Sequence[JobFacts]) -> bool:
    """Whether anything of the attempt may have happened already."""
    return any(job.began for job in jobs)
