"""What must hold between the people of `notify`: each is named once."""

from collections.abc import Iterator

from bot.core.suggest import quoted
from bot.pipeline.schema import MOST_NOTIFIED, Path, Problem, Raw


def notify_problems(notify: Raw, path: Path) -> Iterator[Problem]:
    """Whoever is named twice, whatever the letter case, with or without the `@`."""
    if not isinstance(notify, list) or len(notify) > MOST_NOTIFIED:
        return
    seen: set[str] = set()
    for number, name in enumerate(notify):
        if isinstance(name, str):
            plain = name.removeprefix("@").lower()
            if plain in seen:
                yield Problem((*path, number), f"{quoted(name.removeprefix('@'))} is named twice")
            seen.add(plain)
