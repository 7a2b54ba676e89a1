"""What to say of a key that is not known where it stands: the one that was meant, or where it belongs."""

from collections.abc import Mapping

from bot.core.suggest import nearest, quoted
from bot.pipeline.schema import LEVELS

_OTHER_WORDS: Mapping[str, tuple[str, ...]] = {
    "branch": ("ref", "branches"),
    "tag": ("ref",),
    "with": ("inputs",),
    "depends-on": ("needs",),
    "description": ("about", "reason"),
    "about": ("reason",),
    "why": ("reason",),
    "message": ("reason",),
    "regex": ("pattern",),
    "patterns": ("pattern",),
    "id": ("name",),
    "except": ("unless",),
    "workflow": ("workflows",),
    "repository": ("repo",),
    "never-retry": ("never-rerun",),
    "mutex": ("one-at-a-time",),
    "lock": ("one-at-a-time",),
    "exclusive": ("one-at-a-time",),
    "queue": ("one-at-a-time",),
    "tags": ("moves",),
    "retag": ("moves",),
    "name": ("about",),
    "params": ("parameters",),
    "variables": ("parameters",),
    "allowed": ("values",),
    "options": ("values",),
    "choices": ("values",),
    "mention": ("notify",),
    "mentions": ("notify",),
    "cc": ("notify",),
}
"""What people who know other tools write, or other keys of this file."""

_EVERYWHERE = frozenset({"name"})
"""Keys that people expect on every level: where they belong would be no answer."""


def unknown_key(key: str, level: str) -> str:
    """One sentence for a key that the level does not have."""
    if key == "<<":
        return "merge keys (`<<`) are not supported: write the keys out"
    elsewhere = [other for other, keys in LEVELS.items() if key in keys]
    if elsewhere and key not in _EVERYWHERE and not _other_word(key, level):
        return f"`{key}` belongs to {elsewhere[0]}, not to {level}"
    near = meant_key(key, level)
    if near:
        return f"{quoted(key)} is not a key of {level}; did you mean {quoted(near)}?"
    known = [f"`{one}`" for one in LEVELS[level]]
    there = f"there is only {known[0]}" if len(known) == 1 else f"there are {', '.join(known)}"
    return f"{quoted(key)} is not a key of {level}; {there}"


def meant_key(key: str, level: str) -> str | None:
    """The key of the level that was most likely meant."""
    return _other_word(key, level) or nearest(key, LEVELS[level])


def _other_word(key: str, level: str) -> str | None:
    words = _OTHER_WORDS.get(key.lower().replace("_", "-"), ())
    return next((word for word in words if word in LEVELS[level]), None)
