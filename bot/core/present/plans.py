"""What a release would do, and why a version was refused before anything was started.

Rule: of a repository the reader may not see, the step's name and its kind or the problem's kind, no more; nor of a step
or problem that has words of a pipeline file the reader may not see;
what the person has no access to is called 'no access' wherever it is told.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import assert_never

from bot.core.audience import Audience
from bot.core.commands import Start, as_typed
from bot.core.continuing import Left
from bot.core.model import NameMove
from bot.core.plan import ApprovalStep, DispatchStep, Plan, Step, WatchStep
from bot.core.present.inert import code, cut, inert
from bot.core.present.words import NOTHING, date, joined, names
from bot.core.problems import Problem, ProblemKind, UnfitParameter

Found = Sequence[Problem]
"""Everything that stands in the way of one version."""


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What a step would make of its moving names now, and the inputs that follow from it."""

    moves: tuple[NameMove, ...]
    inputs: tuple[tuple[str, str], ...] = ()


_NOTHING_LEFT: Mapping[str, Left] = MappingProxyType({})
_NOTHING_FORESEEN: Mapping[tuple[str, str], Foreseen] = MappingProxyType({})
_WORDS_OF_FILE = frozenset(
    {ProblemKind.INSTALLATION, ProblemKind.WORKFLOW, ProblemKind.REF, ProblemKind.TAG, ProblemKind.RUN}
)
"""Problems whose detail names a workflow, branch or tag, or has GitHub's answer to a question about one."""
_RUN_URL = re.compile(r"https?://[A-Za-z0-9.:/_-]+/actions/runs/(\d{1,18})")


def plan_answer(
    plans: Sequence[tuple[Plan, Found]],
    audience: Audience,
    *,
    left: Mapping[str, Left] = _NOTHING_LEFT,
    foreseen: Mapping[tuple[str, str], Foreseen] = _NOTHING_FORESEEN,
    continues: bool = False,
    unusable: Sequence[tuple[str, Found]] = (),
) -> str:
    """The answer to `--dry-run`: the plan of each version, and its problems.

    `left`: what is left, by version; `foreseen`: what becomes of moving names, by version and step; `continues`: they
    were begun before; `unusable`: versions of the same pipeline of which no plan could be made.
    """
    audience = _who_asked(audience, [found for _, found in (*plans, *unusable)])
    parts = ["This was a dry run: everything was read, nothing was started."]
    for plan, found in plans:
        starts = f"would {'go on' if continues else 'start'}{_given(plan, audience)}"
        parts.append(f"**{plan.pipeline} {plan.version}** {'would be refused' if found else starts}.")
        if found:
            parts.append(_problems(found, audience, plan.permission, plan.file_repo))
        of_it = left.get(plan.version, Left())
        steps = (
            f"{number}. {_step(step, plan, audience, of_it)}"
            f"{_moving(step, plan, audience, foreseen)}{_taken_up(step, plan, audience, of_it)}"
            for number, step in enumerate(plan, 1)
        )
        parts.append("\n".join(steps))
    for version, found in unusable if plans else ():
        plan = plans[0][0]
        parts.append(f"**{plan.pipeline} {version}** would be refused.")
        parts.append(_problems(found, audience, plan.permission, plan.file_repo))
    return cut("\n\n".join(parts))


def _who_asked(audience: Audience, answers: Iterable[Found]) -> Audience:
    """The audience, less what the person who asked may not read, or of which GitHub could not say that they may."""
    doubts = {(p.repo.lower(), p.kind) for found in answers for p in found if p.repo is not None}

    def told(repo: str, visibility: str) -> bool:
        unsure = visibility != "public" and (repo, ProblemKind.UNVERIFIED) in doubts
        return not unsure and (repo, ProblemKind.NO_ACCESS) not in doubts

    readable = {repo: seen for repo, seen in audience.visibilities.items() if told(repo, seen)}
    return replace(audience, visibilities=readable)


def _given(plan: Plan, audience: Audience) -> str:
    """The parameters, with those that have their default."""
    if not plan.parameters or not audience.sees(plan.file_repo):
        return ""
    return f" with {joined([code(f'{name}={value}') for name, value in plan.parameters])}"


def _taken_up(step: Step, plan: Plan, audience: Audience, left: Left) -> str:
    """What is not done once more. Of a step that may not be seen here its state word is all that is told."""
    if step.name in left.skipped:
        return " It is **skipped**: its tag exists." if _seen(step, plan, audience) else " It is **skipped**."
    run = left.runs.get(step.name) or left.watched.get(step.name)
    if run is None or not _seen(step, plan, audience):
        return ""
    ended = "has passed" if run.conclusion == "success" else f"ended with {inert(run.conclusion or '')}"
    state = "is going on" if run.status != "completed" else ended
    return f" It takes up {_link(run.html_url) or f'run {run.id}'}, which {state}."


def _moving(step: Step, plan: Plan, audience: Audience, foreseen: Mapping[tuple[str, str], Foreseen]) -> str:
    """Names such as `latest`, before and after, and the inputs that say so to the workflow."""
    told = foreseen.get((plan.version, step.name))
    if told is None or not _seen(step, plan, audience):
        return ""
    lines = [_move(move, plan.version) for move in told.moves]
    inputs = joined([code(f"{name}={value}") for name, value in told.inputs])
    given = [f"it is given {inputs}"] if inputs else []
    return f" As things stand, {'; '.join([*lines, *given])}." if lines else ""


def _move(move: NameMove, version: str) -> str:
    if move.after == version:
        before = f" from {code(move.before)}" if move.before and move.moved else ""
        return f"{code(move.name)} moves{before} to {code(version)}"
    if move.before:
        return f"{code(move.name)} stays at {code(move.before)}"
    return f"{code(move.name)} stays" + (f", since {code(move.above)} is higher" if move.above else "")


def _seen(step: Step, plan: Plan, audience: Audience) -> bool:
    return audience.sees(plan.file_repo) and (isinstance(step, ApprovalStep) or audience.sees(step.repo))


def _step(step: Step, plan: Plan, audience: Audience, left: Left) -> str:
    """What only the file says needs leave to see the file, what the repository has, to see the repository."""
    after = f" After {names(step.needs, most=10)}." if step.needs else ""
    seen = audience.sees(plan.file_repo)
    match step:
        case ApprovalStep(question=question):
            asked = f" {inert(question, most=500)}" if seen else ""
            return f"{code(step.name)}: approval.{asked}{after}"
        case DispatchStep() | WatchStep() if not (seen and audience.sees(step.repo)):
            return f"{code(step.name)}: {step.kind}.{after}"
        case DispatchStep():
            told = " ".join(_dispatch(step, skipped=step.name in left.skipped))
            return f"{code(step.name)}: dispatch {told}{after}"
        case WatchStep():
            run = f"a run of {code(step.workflow)} in {code(step.repo)} on {code(step.ref)}"
            return f"{code(step.name)}: watch for {run} ({inert(step.event)}).{after}"
        case _:
            assert_never(step)


def _dispatch(step: DispatchStep, *, skipped: bool) -> Iterator[str]:
    ref = code(step.ref) if step.ref else "its default branch"
    inputs = [code(f"{name}={value}") for name, value in step.inputs]
    given = f" with {joined(inputs)}" if inputs else ""
    yield f"{code(step.workflow)} in {code(step.repo)} on {ref}{given}."
    if step.unless_tag is not None and not skipped:
        yield f"The tag {code(step.unless_tag)} must not exist."
    if step.one_at_a_time:
        yield f"One at a time with {code(step.one_at_a_time)}: it waits its turn."


def preflight_answer(
    refused: Sequence[tuple[str, Found]],
    started: Sequence[str],
    audience: Audience,
    *,
    file_repo: str | None,
    permission: str = "",
    go_on: str = "",
    again: Start | None = None,
) -> str:
    """All refused versions with all their problems, in one comment. `file_repo`: where the pipeline file is kept;
    `permission`: the pipeline's role; `go_on`: the command that goes on with those whose tags alone are in the way;
    `again`: the command as it was given.
    """
    audience = _who_asked(audience, [found for _, found in refused])
    versions = [version for version, _ in refused]
    first = f"Refused for {names(versions, most=10)}, so nothing was done."
    if started:
        first = f"Started: {names(started, most=10)}. Refused: {names(versions, most=10)}."
    parts = [first]
    for version, problems in refused:
        lines = _problems(problems, audience, permission, file_repo)
        parts.append(f"{code(version, most=64)}:\n\n{lines}" if len(refused) > 1 else lines)
    if go_on:
        parts.append(f"If it was begun before and has to go on, type {code(go_on, most=1_000)}.")
    parts += _what_to_do(refused, permission, again)
    return cut("\n\n".join(parts))


def _what_to_do(refused: Sequence[tuple[str, Found]], permission: str, again: Start | None) -> Iterator[str]:
    """Only what can be mended is to be mended; then exactly those versions are to be given again."""
    found = {problem.kind for _, problems in refused for problem in problems}
    if found & {ProblemKind.ROLE, ProblemKind.NO_ACCESS}:
        role = f"the role {code(permission)}" if permission else "the pipeline's role"
        yield f"The person who types the command needs {role} in every repository of the pipeline."
    to_mend = tuple(version for version, problems in refused if not any(map(_stays, problems)))
    if to_mend:
        those = "the command"
        if again is not None and again.versions != to_mend:
            those = code(as_typed(replace(again, versions=to_mend)), most=1_000)
        other = (
            ", or ask somebody who has the access"
            if found & {ProblemKind.ROLE, ProblemKind.NO_ACCESS}
            else ""
        )
        yield f"Give {those} again when this is mended{other}."
    elif all(ProblemKind.RELEASED in {problem.kind for problem in problems} for _, problems in refused):
        yield "There is nothing to do."
    elif found == {ProblemKind.NOTHING_TO_CONTINUE}:
        yield "There is nothing to mend: giving this command again changes nothing."


def _stays(problem: Problem) -> bool:
    """Whether the same command will not do, whatever somebody mends."""
    nothing_to_mend = problem.kind is ProblemKind.NOTHING_TO_CONTINUE or problem.release is not None
    return nothing_to_mend or isinstance(problem, UnfitParameter)


def _problems(found: Found, audience: Audience, permission: str, file_repo: str | None) -> str:
    """A list; where only the kind may be told, several problems of one step are one line."""
    shows_file = audience.sees(file_repo)
    lines = (_problem(problem, audience, permission, shows_file=shows_file) for problem in found)
    return "\n".join(dict.fromkeys(lines))


def _problem(problem: Problem, audience: Audience, permission: str, *, shows_file: bool) -> str:
    if isinstance(problem, UnfitParameter):
        return f"- {inert(problem.detail if shows_file else problem.without_file, most=1_000)}"
    where = _steps(problem.steps)
    if problem.kind is ProblemKind.NO_ACCESS:
        return f"- {where or 'a repository'}: no access"
    hidden = not shows_file and problem.kind in _WORDS_OF_FILE
    if problem.kind is ProblemKind.FILE and problem.repo is None:  # a local file may name any repository
        hidden = audience.surface != "private"
    if hidden or (problem.repo is not None and not audience.sees(problem.repo)):
        if problem.kind is ProblemKind.FILE and not where:
            return f"- {problem.kind}: it has a text that cannot be used for this version"
        needed = f" – {code(permission)} is needed" if problem.kind is ProblemKind.ROLE and permission else ""
        return f"- {where or 'a repository'}: {problem.kind}{needed}"
    repo = f"in {code(problem.repo)}" if problem.repo is not None else ""
    place = joined([part for part in (where, repo) if part], last="") if where and repo else where or repo
    links = joined([link for url in problem.links if (link := _link(url))])
    detail = f"{inert(problem.detail, most=500)}{_told_by(problem)}" + (f" ({links})" if links else "")
    kind = "" if problem.kind is ProblemKind.RELEASED else str(problem.kind)
    said = " – ".join(part for part in (kind, detail) if part)
    return f"- {' '.join(place.split())}: {said}." if place else f"- {said or NOTHING}."


def _told_by(problem: Problem) -> str:
    """Which release it is, in an issue of this repository."""
    known = problem.release
    if known is None:
        return ""
    if known.ended_at is not None:
        return f" in issue #{known.issue} on {date(known.ended_at)}"
    status = code(f"/{known.pipeline} status {known.version}")
    return f" in issue #{known.issue}; {status} says where it stands"


def _link(url: str) -> str:
    """What is no plain address of a run is no link of ours."""
    found = _RUN_URL.fullmatch(url)
    return f"[run {found[1]}]({url})" if found else ""


def _steps(steps: Sequence[str]) -> str:
    if not steps:
        return ""
    return f"{'step' if len(steps) == 1 else 'steps'} {names(steps, most=10)}"
