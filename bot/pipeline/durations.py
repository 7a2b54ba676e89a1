"""Durations as people write them: `0s`, `90s`, `15m`, `6h`, `2d`, or joined (`1h30m`).

Rule: a duration always has a unit, each unit once, the largest first; inside the program it is seconds.
"""

import re

from bot.core.suggest import quoted

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0

_FORM = re.compile(r"(?:([0-9]{1,9})d)?(?:([0-9]{1,9})h)?(?:([0-9]{1,9})m)?(?:([0-9]{1,9})s)?")
_SHAPE = "write it like `90s`, `15m`, `6h`, `2d` or `1h30m`"


class BadDuration(ValueError):
    """The text is no duration, or one out of bounds. The message is one sentence."""


def seconds_of(text: str, *, least: float = 0.0, most: float = 30 * DAY) -> float:
    """The duration in seconds; BadDuration when it is none, or not within `least` and `most`."""
    form = _FORM.fullmatch(text)
    if form is None or not text:
        raise BadDuration(_complaint(text))
    days, hours, minutes, seconds = (int(part or 0) for part in form.groups())
    total = days * DAY + hours * HOUR + minutes * MINUTE + seconds
    if total < least:
        raise BadDuration(f"{quoted(text)} is too short: at least {duration_text(least)}")
    if total > most:
        raise BadDuration(f"{quoted(text)} is too long: at most {duration_text(most)}")
    return total


def duration_text(seconds: float) -> str:
    """The duration as it is written in a pipeline file, in whole seconds: 5400 is `1h30m`."""
    rest, parts = int(seconds), ""
    for unit, size in (("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", 1)):
        count, rest = divmod(rest, int(size))
        parts += f"{count}{unit}" if count else ""
    return parts or "0s"


def _complaint(text: str) -> str:
    """What is wrong, with the likeliest meaning where the text is just a number or a long unit."""
    if re.fullmatch(r"[0-9]{1,9}", text):
        return f"{quoted(text)} has no unit: {quoted(text + 's')} or {quoted(text + 'm')}?"
    if guess := re.fullmatch(r"([0-9]{1,9}) ?([smhd])[a-z]*", text, re.IGNORECASE):
        meant = guess[1] + guess[2].lower()
        return f"{quoted(text)} is not a duration; did you mean {quoted(meant)}?"
    return f"{quoted(text)} is not a duration: {_SHAPE}"
