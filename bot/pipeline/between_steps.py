"""What must hold between the steps of a pipeline: their names, what each kind may have, what waits for what.

Rule: everything here is asked of the raw file, so that a mistake in one key does not hide those between others.
"""

import re
from collections.abc import Iterator, Mapping

from bot.core.suggest import nearest, quoted
from bot.core.verbs import RESERVED_NAMES
from bot.pipeline.key_words import meant_key
from bot.pipeline.schema import KINDS, LEVELS, MOST_INPUTS, MOST_STEPS, Path, Problem, Raw


def entries_of(raw: Raw | Mapping[str, Raw], key: str) -> dict[str, Raw] | None:
    """The mapping at a key, if there is one."""
    value = raw.get(key) if isinstance(raw, Mapping) else None
    return value if isinstance(value, dict) else None


def steps_problems(steps: Mapping[str, Raw], path: Path) -> Iterator[Problem]:
    """Every mistake between the steps of one pipeline."""
    yield from name_problems(steps, path, "step")
    yield from _need_problems(steps, path)
    for name, step in steps.items():
        if isinstance(step, dict):
            yield from _step_problems(step, (*path, name))


def name_problems(entries: Mapping[str, Raw], path: Path, what: str) -> Iterator[Problem]:
    """The form of names, and that no two differ by letter case alone: commands do not mind letter case."""
    if not entries:
        yield Problem(path, f"there must be at least one {what}")
    if what == "step" and len(entries) > MOST_STEPS:
        yield Problem(path, f"there are {len(entries)} steps; at most {MOST_STEPS}", at_key=True)
    first: dict[str, str] = {}
    for name in entries:
        other = first.setdefault(name.lower(), name)
        if not _is_name(name):
            rule = "a letter, then letters, digits, `-` and `_`, at most 40 in all"
            yield Problem(
                (*path, name), f"{quoted(name)} cannot be the name of a {what}: {rule}", at_key=True
            )
        elif name.lower() in RESERVED_NAMES:
            yield Problem(
                (*path, name), f"`{name}` is a command, so a {what} needs another name", at_key=True
            )
        elif other != name:
            yield Problem(
                (*path, name), f"`{name}` and {quoted(other)} differ in letter case only", at_key=True
            )


def _is_name(name: str) -> bool:
    return re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,39}", name) is not None


def _step_problems(step: Mapping[str, Raw], path: Path) -> Iterator[Problem]:
    kinds = [key for key in step if key in KINDS]
    meant = {meant_key(key, "a step") for key in step if key not in LEVELS["a step"]}
    if not kinds and not meant & KINDS.keys():
        yield Problem(
            path, "the step waits for nothing: it needs `dispatch`, `watch` or `approval`", at_key=True
        )
    for other in kinds[1:]:
        message = (
            f"`{kinds[0]}` and `{other}` in one step: a step waits for one thing, so make two steps of it"
        )
        yield Problem((*path, other), message, at_key=True)
    if len(kinds) == 1:
        yield from _kind_problems(step, path, kinds[0])
    if kinds == ["watch"] and not {"ref"} & (step.keys() | meant):
        message = "a watch step needs `ref`: the branch or tag whose run it waits for"
        yield Problem((*path, "watch"), message, at_key=True)
    yield from _input_problems(step, path)


def _kind_problems(step: Mapping[str, Raw], path: Path, kind: str) -> Iterator[Problem]:
    for key in step:
        if key in LEVELS["a step"] and key not in KINDS[kind]:
            yield Problem((*path, key), _belongs(key, kind), at_key=True)


def _belongs(key: str, kind: str) -> str:
    where = " and ".join(f"`{other}`" for other, keys in KINDS.items() if key in keys)
    if key == "one-at-a-time" and kind == "watch":
        return f"`{key}` belongs to {where} steps: the bot cannot say when a run begins that somebody else starts"
    return f"`{key}` belongs to {where} steps, and this is a step of kind `{kind}`"


def _input_problems(step: Mapping[str, Raw], path: Path) -> Iterator[Problem]:
    inputs, nonce = entries_of(step, "inputs") or {}, step.get("nonce")
    count = len(inputs) + isinstance(nonce, str)
    if count > MOST_INPUTS:
        message = f"a dispatch takes at most {MOST_INPUTS} inputs, and these are {count}"
        yield Problem((*path, "inputs"), message, at_key=True)
    # Whatever the letter case: two inputs that nobody can tell apart are a mistake even where GitHub could.
    if isinstance(nonce, str) and nonce.lower() in {name.lower() for name in inputs}:
        yield Problem((*path, "nonce"), f"the input {quoted(nonce)} is also in `inputs`: the bot fills it in")


# -- what waits for what ---------------------------------------------------------------------------


def _need_problems(steps: Mapping[str, Raw], path: Path) -> Iterator[Problem]:
    if len(steps) > MOST_STEPS:
        return
    waits: dict[str, dict[str, Path]] = {}
    unknown = 0
    for name, step in steps.items():
        waits[name] = {}
        for entry, need in _written_needs(step, (*path, name, "needs")):
            if need == name:
                yield Problem(entry, f"the step {quoted(name)} needs itself")
            elif need not in steps:
                unknown += 1
                # Looking for the nearest name is slow work, and nobody reads a hundred guesses.
                names = [other for other in steps if other != name] if unknown <= 50 else []
                yield Problem(entry, _unknown_need(need, names))
            elif need in waits[name]:
                yield Problem(entry, f"{quoted(need)} is named twice")
            else:
                waits[name][need] = entry
    for cycle in _cycles(waits):
        circle = " -> ".join((*cycle, cycle[0]))
        yield Problem(waits[cycle[0]][cycle[1]], f"these steps wait for each other: `{circle}`")


def _written_needs(step: Raw, path: Path) -> Iterator[tuple[Path, str]]:
    match step.get("needs") if isinstance(step, dict) else None:
        case str(need):
            yield path, need
        case list(needs):
            yield from ((((*path, place), need)) for place, need in enumerate(needs) if isinstance(need, str))


def _unknown_need(need: str, names: list[str]) -> str:
    parts = re.split(r"[\s,]+", need.strip())
    if len(parts) > 1 and set(parts) <= set(names):
        return f"{quoted(need)} is one text: write a list, `[{', '.join(parts)}]`"
    near = nearest(need, names)
    hint = f"; did you mean {quoted(near)}?" if near else ""
    return f"there is no step {quoted(need)} in this pipeline{hint}"


def _cycles(waits: Mapping[str, Mapping[str, Path]], most: int = 10) -> list[tuple[str, ...]]:
    """Circles of steps, each once, beginning with the step that stands first in the file."""
    place = {name: number for number, name in enumerate(waits)}
    found: dict[tuple[str, ...], None] = {}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        if name in trail:
            circle = trail[trail.index(name) :]
            start = circle.index(min(circle, key=place.__getitem__))
            found[circle[start:] + circle[:start]] = None
        elif name not in done and len(found) < most and _is_name(name):
            for need in waits[name]:
                visit(need, (*trail, name))
            done.add(name)

    for name in waits:
        visit(name, ())
    return list(found)
