"""What a log says that explains no failure: retries, warnings, formalities, and what others put before a line.

Rule of this file: single lines only, at most 500 characters each; every repeat is bounded.
"""

import re
from collections.abc import Sequence

ERROR = "##[error]"
"""The runner's mark of an error."""
LINES_TO_AGAIN = 2
"""So soon after trouble a tool says that it tries again."""
_MOST_LINES_SINCE = 100
"""How many telling lines may follow on a sign of trouble that passes; after more the tool had gone on."""

# A line that announces its own retry, or is only a warning, is no reason for a failure.
_RETRIED = re.compile(
    r"(?i)\bretrying(?! \(Retry\(total=0)|\bwill (?:be )?retr(?:y|ied)\b|\bbefore retry\b|\bretry in \d"
    r"|^(?:\[WARN(?:ING)?\]|##\[warning\]|::warning|npm WARN|WARN\b|warning:)"
    r"(?! Retrying \(Retry\(total=0| (?:fetching|Ignoring) https?://.{1,250} \(try again later\))"
)
# A warning breaks nothing either; Prettier's `[warn]` is its way to tell an error.
_WARNING = re.compile(
    r"^(?:\[WARN(?:ING)?\]|##\[warning\]|::warning|npm (?:warn|WARN) |WARN\b|(?:[Ww]arning|WARNING): )"
)
# What follows on trouble that was not the end.
_AGAIN = re.compile(
    r"(?i)\bretrying\b(?! \(Retry\(total=0)|\bwill (?:be )?retr(?:y|ied)\b|\bbefore retry\b|\bretry in \d"
    r"|\bbefore trying again\b|\btry(?:ing)? again in \d|\bnext attempt in\b|\b[1-9]\d? retries left\b"
)
# A server that the job itself started fails for the job's own reasons; a resolver on the machine does not.
_OWN_SERVER = re.compile(r"(?:\blocalhost|\b127\.0\.0\.1|\b0\.0\.0\.0|\[::1\])(?![\w.])(?!.{0,80}:53\b)")
# What is said after every failure, whatever it was.
_FORMALITY = re.compile(
    r"^(?:Error: )?(?:Process completed with exit code \d{1,10}\.?|The operation was canceled\.)$"
)
_AFTERWARDS = re.compile(r"^(?:Post job cleanup\.|Cleaning up orphan processes)$")
# What stands before the tool's own words: BuildKit's step and seconds, Compose's container, the word of a copied log.
_FOREWORD = re.compile(r"^(?:Error: |ERROR: |#\d{1,4} (?:\d{1,6}\.\d{1,4} )?|[\w.-]{1,60} {1,20}\| )")
_FRAME = re.compile(r"^\s+(?:at |\.\.\. \d)")  # of a stack trace


def is_no_reason(text: str) -> bool:
    """The trouble was tried again, only warned of, or made by a server of the job itself."""
    return bool(_RETRIED.search(text) or _OWN_SERVER.search(text))


def is_warning(text: str) -> bool:
    return bool(_WARNING.search(text))


def says_again(text: str) -> bool:
    """The trouble told right before was tried again."""
    return bool(_AGAIN.search(text))


def is_formality(text: str) -> bool:
    return bool(_FORMALITY.match(text))


def is_end(text: str) -> bool:
    """The step was over when this was said."""
    return bool(_FORMALITY.match(text) or _AFTERWARDS.match(text))


def without_foreword(text: str) -> str:
    """The tool's own words; as many as two things may stand before them."""
    return _FOREWORD.sub("", _FOREWORD.sub("", text, count=1), count=1)


def recent(step: Sequence[str]) -> int:
    """How many lines at the end of a step's log are recent; stack traces are long and count for nothing."""
    last = next((at for at in range(len(step) - 1, -1, -1) if step[at].startswith(ERROR)), len(step) - 1)
    told = 0
    for at in range(last, -1, -1):
        told += not _FRAME.match(step[at])
        if told > _MOST_LINES_SINCE:
            return len(step) - at - 1
    return len(step)
