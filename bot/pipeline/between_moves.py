"""What must hold between names that move, in all pipelines of a file.

Rule: whatever two versions make of the templates, releases that could win the same name of the same repository stand in
one line (`one-at-a-time`), so they decide one after the other. It is tried with versions of all kinds.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from bot.core.suggest import nearest, quoted
from bot.core.versions import Version
from bot.pipeline.between_parameters import other_values, sample_parameters
from bot.pipeline.between_steps import entries_of
from bot.pipeline.between_templates import written_moves
from bot.pipeline.key_words import meant_key
from bot.pipeline.late import moves_variable
from bot.pipeline.moving import as_one, series_of
from bot.pipeline.parameters import MOST_PARAMETERS
from bot.pipeline.schema import KINDS, LEVELS, Path, Problem, Raw
from bot.pipeline.template import BadTemplate, render, variables_of

MOST_MOVES_IN_ALL = 100

_VERSIONS = ("1.0.3", "1.0.4", "1.1.3", "2.0.0", "10.20.30")
_MOST_VERSIONS = 20
_MOST_CHOICES = 50


def moves_problems(pipelines: Mapping[str, Raw]) -> Iterator[Problem]:
    """Every mistake between the names that steps move."""
    movers: list[_Mover] = []
    for name, pipeline in pipelines.items():
        if not isinstance(pipeline, dict):
            continue
        path: Path = ("pipelines", name)
        steps = entries_of(pipeline, "steps") or {}
        for step_name, step in steps.items():
            if isinstance(step, dict):
                yield from _step_problems(step, (*path, "steps", step_name))
        yield from _rule_problems(pipeline, steps, (*path, "names"))
        movers.extend(_movers(pipeline, steps, path))
    if len(movers) > MOST_MOVES_IN_ALL:
        message = f"the steps of this file move {len(movers):,} names; at most {MOST_MOVES_IN_ALL}"
        yield Problem(("pipelines",), message, at_key=True)
        return
    yield from _rival_problems(movers)


# -- one step, one pipeline ------------------------------------------------------------------------


def _step_problems(step: Mapping[str, Raw], path: Path) -> Iterator[Problem]:
    moves = written_moves(step, path)
    names: dict[str, str] = {}
    variables: dict[str, str] = {}
    for place, name in moves:
        variable = moves_variable(name)
        if as_one(name) in names:
            yield Problem(place, f"{quoted(name)} is named twice")
        elif variable in variables:
            message = (
                f"{quoted(name)} and {quoted(variables[variable])} would both be `{variable}` in templates"
            )
            yield Problem(place, message)
        names.setdefault(as_one(name), name)
        variables.setdefault(variable, name)
    meant = {meant_key(key, "a step") for key in step if key not in LEVELS["a step"]}
    alone = not {"one-at-a-time"} & (step.keys() | meant)
    if moves and alone and [key for key in step if key in KINDS] == ["dispatch"]:
        message = (
            f"two releases could both win {quoted(moves[0][1])}: a step with `moves` needs `one-at-a-time`, "
            "so that they go one after the other"
        )
        yield Problem((*path, "moves"), message, at_key=True)


def _rule_problems(pipeline: Mapping[str, Raw], steps: Mapping[str, Raw], path: Path) -> Iterator[Problem]:
    moved = {
        as_one(name): name
        for step in steps.values()
        if isinstance(step, dict)
        for _, name in written_moves(step, ())
    }
    first: dict[str, str] = {}
    for number, name in enumerate(entries_of(pipeline, "names") or {}):
        if as_one(name) in first:
            yield Problem((*path, name), f"{quoted(name)} has a rule already", at_key=True)
        elif as_one(name) not in moved:
            # Looking for the nearest name is slow work, and nobody reads a hundred guesses.
            near = nearest(name, list(moved.values())[:MOST_MOVES_IN_ALL]) if number < 50 else None
            hint = f"; did you mean {quoted(near)}?" if near else ": name it in `moves` of a step"
            yield Problem((*path, name), f"no step of this pipeline moves {quoted(name)}{hint}", at_key=True)
        first.setdefault(as_one(name), name)


# -- who could win the same name -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Mover:
    """One name of one step. `repo` is empty for the home repository; `place` is where the name is written."""

    pipeline: str
    step: str
    repo: str
    line: str
    name: str
    series: str
    parameters: Mapping[str, Sequence[str]] = field(repr=False)
    place: Path

    @property
    def line_place(self) -> Path:
        return ("pipelines", self.pipeline, "steps", self.step, "one-at-a-time")

    @property
    def who(self) -> tuple[str, str]:
        return self.pipeline, self.step


@dataclass(frozen=True, slots=True)
class _Claim:
    """What a mover makes of one version."""

    mover: _Mover
    name: str
    line: str
    version: str
    usual: bool
    """Whether all parameters have their defaults."""


def _movers(pipeline: Mapping[str, Raw], steps: Mapping[str, Raw], path: Path) -> Iterator[_Mover]:
    parameters = entries_of(pipeline, "parameters") or {}
    if len(parameters) > MOST_PARAMETERS:
        return
    samples = sample_parameters(parameters)
    rules = entries_of(pipeline, "names") or {}
    series = {as_one(name): series_of(rule) for name, rule in rules.items() if isinstance(rule, str)}
    for name, step in steps.items():
        if not isinstance(step, dict):
            continue
        line, repo = step.get("one-at-a-time"), step.get("repo")
        if not isinstance(step.get("dispatch"), str) or not isinstance(line, str):
            continue
        for place, moved in written_moves(step, (*path, "steps", name)):
            yield _Mover(
                pipeline=str(path[-1]),
                step=name,
                repo=repo.lower() if isinstance(repo, str) else "",
                line=line,
                name=moved,
                series=series.get(as_one(moved), ""),
                parameters=samples,
                place=place,
            )


def _rival_problems(movers: Sequence[_Mover]) -> Iterator[Problem]:
    """Each step is complained of once: the first of its names tells what is wrong."""
    versions = _versions(movers)
    holders: dict[tuple[str, str], _Claim] = {}
    owners: dict[tuple[str, str, str, str], _Mover] = {}
    told: set[tuple[str, str]] = set()
    for mover in movers:
        for claim in _claims(mover, versions):
            if mover.who in told:
                break
            owner = mover
            if claim.usual:
                key = (mover.pipeline, mover.repo, claim.name, claim.version)
                owner = owners.setdefault(key, mover)
            holder = holders.setdefault((mover.repo, claim.name), claim)
            if owner.who != mover.who:
                told.add(mover.who)
                yield Problem(mover.place, _two_movers(claim, owner))
            elif holder.line != claim.line:
                told.add(mover.who)
                yield Problem(mover.line_place, _both_could_win(holder, claim))


def _two_movers(claim: _Claim, owner: _Mover) -> str:
    made = "" if claim.name == claim.mover.name else f" for {claim.version}"
    return f"{quoted(claim.name)} is moved by step {quoted(owner.step)} too{made}: one step of a pipeline moves a name"


def _both_could_win(holder: _Claim, claim: _Claim) -> str:
    start = f"two releases could both win {quoted(claim.name)}: "
    ours, theirs = quoted(claim.line), quoted(holder.line)
    if holder.mover.who != claim.mover.who:
        owner = f"step {quoted(holder.mover.step)} of {quoted(holder.mover.pipeline)}"
        return f"{start}{owner} moves it too, one at a time as {theirs}, and this is {ours}; write the same in both"
    if holder.version != claim.version:
        return f"{start}this is {theirs} for {holder.version} and {ours} for {claim.version}; write one name for all"
    return f"{start}this can be {theirs} or {ours}, as the parameters say; write one name for all"


def _claims(mover: _Mover, versions: Sequence[Version]) -> Iterator[_Claim]:
    """With all defaults for each version, and for one version with each other value that counts here."""
    winners = [version for version in versions if mover.series in {"", version.series}]
    defaults = {name: values[0] for name, values in mover.parameters.items()}
    tries = [(version, defaults, True) for version in winners]
    tries.extend((version, chosen, False) for version in winners[:1] for chosen in _choices(mover, defaults))
    for version, chosen, usual in tries:
        variables = {**chosen, **version.variables()}
        try:
            name, line = render(mover.name, variables), render(mover.line, variables)
        except BadTemplate:
            continue
        yield _Claim(mover, name, line, version.text, usual)


def _choices(mover: _Mover, defaults: Mapping[str, str]) -> Iterator[dict[str, str]]:
    try:
        used = variables_of(mover.name) | variables_of(mover.line)
    except BadTemplate:
        return
    counting = {name: values for name, values in mover.parameters.items() if name in used}
    yield from ({**defaults, name: value} for name, value in other_values(counting, _MOST_CHOICES))


def _versions(movers: Sequence[_Mover]) -> tuple[Version, ...]:
    """Some that differ in each part, and those that the file itself speaks of."""
    texts = dict.fromkeys(_VERSIONS)
    for text in (text for mover in movers for text in (mover.series, mover.name)):
        for major, minor, patch in re.findall(r"([0-9]{1,9})(?:\.([0-9]{1,9}))?(?:\.([0-9]{1,9}))?", text):
            numbers = (int(major), int(minor or 0))
            texts.update(dict.fromkeys(f"{numbers[0]}.{numbers[1]}.{int(patch or end)}" for end in (0, 1)))
    return tuple(map(Version.parse, islice(texts, _MOST_VERSIONS)))
