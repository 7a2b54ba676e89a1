"""What a release would do, and why a version was refused before anything was started.

Rule: of a repository the reader may not see, the step's name and its kind or the problem's kind, no more;
what the person has no access to is called 'no access' wherever it is told.
"""

from collections.abc import Iterator, Sequence
from typing import assert_never

from bot.core.audience import Audience
from bot.core.plan import ApprovalStep, DispatchStep, Plan, Step, WatchStep
from bot.core.present.inert import code, cut, inert
from bot.core.present.words import NOTHING, joined, names
from bot.core.problems import Problem, ProblemKind

Found = Sequence[Problem]
"""Everything that stands in the way of one version."""


def plan_answer(plans: Sequence[tuple[Plan, Found]], audience: Audience) -> str:
    """The answer to `--dry-run`: the plan of each version, and its problems."""
    parts = ["This was a dry run: everything was read, nothing was started."]
    for plan, found in plans:
        verdict = "would be refused" if found else "would start"
        parts.append(f"**{plan.pipeline} {plan.version}** {verdict}.")
        if found:
            parts.append("\n".join(_problem(problem, audience, plan.permission) for problem in found))
        parts.append(
            "\n".join(f"{number}. {_step(step, plan, audience)}" for number, step in enumerate(plan, 1))
        )
    return cut("\n\n".join(parts))


def _step(step: Step, plan: Plan, audience: Audience) -> str:
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
            return f"{code(step.name)}: dispatch {' '.join(_dispatch(step))}{after}"
        case WatchStep():
            run = f"a run of {code(step.workflow)} in {code(step.repo)} on {code(step.ref)}"
            return f"{code(step.name)}: watch for {run} ({inert(step.event)}).{after}"
        case _:
            assert_never(step)


def _dispatch(step: DispatchStep) -> Iterator[str]:
    ref = code(step.ref) if step.ref else "its default branch"
    inputs = [code(f"{name}={value}") for name, value in step.inputs]
    given = f" with {joined(inputs)}" if inputs else ""
    yield f"{code(step.workflow)} in {code(step.repo)} on {ref}{given}."
    if step.unless_tag is not None:
        yield f"The tag {code(step.unless_tag)} must not exist."


def preflight_answer(
    refused: Sequence[tuple[str, Found]], started: Sequence[str], audience: Audience, *, permission: str = ""
) -> str:
    """All refused versions with all their problems, in one comment. `permission`: the pipeline's role."""
    versions = [version for version, _ in refused]
    first = f"Refused for {names(versions, most=10)}, so nothing was done."
    if started:
        first = f"Started: {names(started, most=10)}. Refused: {names(versions, most=10)}."
    parts = [first]
    for version, problems in refused:
        lines = "\n".join(_problem(problem, audience, permission) for problem in problems)
        parts.append(f"{code(version, most=64)}:\n\n{lines}" if len(refused) > 1 else lines)
    found = {problem.kind for _, problems in refused for problem in problems}
    mended = "Give the command again when this is mended"
    if found & {ProblemKind.ROLE, ProblemKind.NO_ACCESS}:
        role = f"the role {code(permission)}" if permission else "the pipeline's role"
        parts.append(f"The person who types the command needs {role} in every repository of the pipeline.")
        mended += ", or ask somebody who has the access"
    parts.append(f"{mended}.")
    return cut("\n\n".join(parts))


def _problem(problem: Problem, audience: Audience, permission: str) -> str:
    where = _steps(problem.steps)
    if problem.kind is ProblemKind.NO_ACCESS:
        return f"- {where or 'a repository'}: no access"
    if problem.repo is not None and not audience.sees(problem.repo):
        needed = f", {code(permission)} is needed" if problem.kind is ProblemKind.ROLE and permission else ""
        return f"- {where or 'a repository'}: {problem.kind}{needed}"
    repo = f"in {code(problem.repo)}" if problem.repo is not None else ""
    place = joined([part for part in (where, repo) if part], last="") if where and repo else where or repo
    detail = inert(problem.detail, most=500)
    said = " – ".join(part for part in (str(problem.kind), detail) if part)
    return f"- {' '.join(place.split())}: {said}." if place else f"- {said or NOTHING}."


def _steps(steps: Sequence[str]) -> str:
    if not steps:
        return ""
    return f"{'step' if len(steps) == 1 else 'steps'} {names(steps, most=10)}"
