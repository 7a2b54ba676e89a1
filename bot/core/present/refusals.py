"""Why a command about an open release is refused: the rule, and what to do instead, for each `No`.

Rule: the first sentence says what is refused and why. A link stands only where its step may be seen, workflow and ref
only where the pipeline file may be seen too.
"""

import re
from typing import Literal, assert_never

from bot.core.audience import Audience
from bot.core.model import Release
from bot.core.plan import ApprovalStep, Step
from bot.core.present.hints import hints, spelled
from bot.core.present.inert import code, cut
from bot.core.present.sides import how_to_go_on
from bot.core.present.view import View
from bot.core.present.words import names
from bot.core.states import NeedsPerson, StepWord, run_of, word_of
from bot.core.steering import No, Refused, find_step
from bot.core.suggest import nearest

_ABOUT_A_RUN = frozenset(
    {
        No.OTHER_REPOSITORY,
        No.OTHER_WORKFLOW,
        No.OTHER_REF,
        No.BOUND_ELSEWHERE,
        No.BOUND_ALREADY,
        No.NO_SUCH_RUN,
    }
)
_ABOUT_A_STATE = frozenset(
    {
        No.ENVIRONMENT,
        No.LIVE,
        No.SEND_UNKNOWN,
        No.NOT_FAILED,
        No.NOT_RERUNNABLE,
        No.REDO_WATCHED,
        No.ADOPT_APPROVAL,
        No.REDO_APPROVAL,
    }
)
_STATUS_TELLS = "The status comment says where things stand."
_RIGHT_RUN = "Give the id or the URL of a run with the step's repository, workflow and branch or tag."
_SAFE_LINK = re.compile(r"https?://[A-Za-z0-9.:/_-]+/actions/runs/\d+(?:/attempts/\d+)?")


_OfRelease = Literal[
    No.FINISHED,
    No.CANCELLING,
    No.PAUSED,
    No.ALREADY_PAUSED,
    No.NOT_PAUSED,
    No.UNKNOWN_STEP,
    No.NOTHING_TO_RETRY,
    No.NOTHING_TO_APPROVE,
    No.SEVERAL_TO_APPROVE,
]
_OfStep = Literal[No.NO_APPROVAL, No.STEP_OVER, No.NEEDS_UNMET, No.NOT_FAILED, No.ADOPT_APPROVAL]
_OfAttempt = Literal[
    No.ENVIRONMENT, No.LIVE, No.SEND_UNKNOWN, No.NOT_RERUNNABLE, No.REDO_WATCHED, No.REDO_APPROVAL
]
_OfRun = Literal[
    No.OTHER_REPOSITORY,
    No.OTHER_WORKFLOW,
    No.OTHER_REF,
    No.BOUND_ELSEWHERE,
    No.BOUND_ALREADY,
    No.NO_SUCH_RUN,
]
_Answer = tuple[str, str]
"""What is refused and why; what to do instead."""


def refused_answer(
    refused: Refused, release: Release, audience: Audience, *, web_url: str, comment: int | None = None
) -> str:
    """One sentence that names the rule, then what to do or who can do it. `comment`: the id of the status comment."""
    view = View(release, audience, web_url)
    step = _target(view, refused)
    guarded = step is not None and not view.shows(step) and refused.why in _ABOUT_A_RUN | _ABOUT_A_STATE
    first, then = _guarded(view, step, refused) if step and guarded else _answer(view, refused)
    if then == _STATUS_TELLS and comment is not None:
        then = _STATUS_TELLS.replace(
            "The status comment", f"[The status comment]({view.comment_url(comment)})"
        )
    return cut(" ".join(filter(None, (first, then))))


def _guarded(view: View, step: Step, refused: Refused) -> _Answer:
    """About a step of which only the state word may be told."""
    name = code(step.name)
    if refused.why in _ABOUT_A_RUN:
        return f"That run cannot be bound to {name}.", _RIGHT_RUN
    word = word_of(view.release.steps[step.name].state)
    if word is StepWord.AWAITING_APPROVAL:
        return f"{name} is {code(word)} on GitHub.", "Only its reviewers can give it, there."
    more = f"Its check run {code(view.check_name(step))}, in the step's own repository, says more."
    then = _STATUS_TELLS if word is StepWord.WAITING else more
    return f"The state of {name} is {code(word)}, and the command does not fit it.", then


def _answer(view: View, refused: Refused) -> _Answer:
    """Rules about the release, about an attempt of a step, about its state, and about a run to adopt."""
    match refused.why:
        case (
            No.FINISHED
            | No.CANCELLING
            | No.PAUSED
            | No.ALREADY_PAUSED
            | No.NOT_PAUSED
            | No.UNKNOWN_STEP
            | No.NOTHING_TO_RETRY
            | No.NOTHING_TO_APPROVE
            | No.SEVERAL_TO_APPROVE
        ) as why:
            return _of_release(view, why, refused.text)
        case (
            No.OTHER_REPOSITORY
            | No.OTHER_WORKFLOW
            | No.OTHER_REF
            | No.BOUND_ELSEWHERE
            | No.BOUND_ALREADY
            | No.NO_SUCH_RUN
        ) as why:
            return _of_run(view, why, refused), _RIGHT_RUN
        case (
            No.ENVIRONMENT
            | No.LIVE
            | No.SEND_UNKNOWN
            | No.NOT_RERUNNABLE
            | No.REDO_WATCHED
            | No.REDO_APPROVAL
        ) as why:
            return _of_attempt(view, why, refused)
        case (No.NO_APPROVAL | No.STEP_OVER | No.NEEDS_UNMET | No.NOT_FAILED | No.ADOPT_APPROVAL) as why:
            return _of_step(view, why, refused), _STATUS_TELLS
        case _:
            assert_never(refused.why)


def _of_release(view: View, why: _OfRelease, text: str) -> _Answer:
    what = f"{view.release.pipeline} {view.release.version}"
    match why:
        case No.FINISHED:
            word, status = view.release.word, view.command("status")
            then = " ".join(filter(None, (how_to_go_on(view), f"{status} still works.")))
            return f"{what} is {word}, so nothing about it can be changed.", then
        case No.CANCELLING:
            return f"{what} is being cancelled, so no other command is carried out.", _STATUS_TELLS
        case No.PAUSED:
            first = f"Type {view.command('resume')} first."
            return f"{what} is paused, and nothing is sent or re-run in a pause.", first
        case No.ALREADY_PAUSED:
            return f"{what} is paused already.", f"{view.command('resume')} goes on."
        case No.NOT_PAUSED:
            return f"{what} is not paused, so there is nothing to resume.", _STATUS_TELLS
        case No.UNKNOWN_STEP:
            return f"{code(text, most=60)} is not a step of {what}.", _known_steps(view, text)
        case No.NOTHING_TO_RETRY:
            nothing = f"Nothing in {what} can be retried: no step has failed or waits for a re-run."
            return nothing, _STATUS_TELLS
        case No.NOTHING_TO_APPROVE:
            return f"No step of {what} waits for an approval.", _STATUS_TELLS
        case No.SEVERAL_TO_APPROVE:
            waiting = [word.strip() for word in text.split(",")]
            example = view.command("approve", waiting[0])
            return f"Several steps of {what} wait for an approval: {names(waiting)}.", f"Name one: {example}."
        case _:
            assert_never(why)


def _of_step(view: View, why: _OfStep, refused: Refused) -> str:
    step = _name(view, refused)
    match why:
        case No.NO_APPROVAL:
            return f"{step} is not an approval step, so there is nothing to approve."
        case No.STEP_OVER:
            return f"{step} is over already, and what is over is not changed."
        case No.NEEDS_UNMET:
            return f"It is too early for {step}{_unmet(view, refused)}."
        case No.NOT_FAILED:
            return f"{step} has not failed, so there is nothing to do again."
        case No.ADOPT_APPROVAL:
            return f"{step} is an approval and has no run to adopt."
        case _:
            assert_never(why)


def _of_attempt(view: View, why: _OfAttempt, refused: Refused) -> _Answer:
    step, link = _name(view, refused), _link(view, refused)
    match why:
        case No.ENVIRONMENT:
            first = f"{step} waits for the approval of its environment, which can only be given on GitHub."
            return first, f"Its reviewers approve it there: {link or 'on the page of its run'}."
        case No.LIVE:
            there = f": {link}" if link else ""
            return f"The run of {step} is not over{there}.", "Wait for its end, or cancel it on GitHub first."
        case No.SEND_UNKNOWN:
            first = f"The dispatch of {step} may have been sent, and its run is being looked for."
            return first, "Wait until it is found or a person is called, so that nothing runs twice."
        case No.NOT_RERUNNABLE:
            first = f"GitHub cannot re-run the run of {step}, since none of its jobs ran."
            return first, _instead(view, refused)
        case No.REDO_WATCHED:
            first = f"{step} waits for a run that somebody else starts, so the bot cannot dispatch it."
            adopt = view.command("adopt", refused.step or "STEP", "RUN")
            return first, f"Start that run by hand; {adopt} binds it."
        case No.REDO_APPROVAL:
            approve = view.command("approve", refused.step or "STEP")
            return (
                f"{step} is an approval and dispatches nothing.",
                f"{approve} gives it, once it is waited for.",
            )
        case _:
            assert_never(why)


def _of_run(view: View, why: _OfRun, refused: Refused) -> str:
    step = _name(view, refused)
    match why:
        case No.OTHER_REPOSITORY:
            return f"That run is not in the repository of {step}."
        case No.OTHER_WORKFLOW:
            return f"That run is not of the workflow of {step}{_wanted(view, refused, 'workflow')}."
        case No.OTHER_REF:
            return f"That run is not on the branch or tag of {step}{_wanted(view, refused, 'ref')}."
        case No.NO_SUCH_RUN:
            return f"The bot cannot find that run in the repository of {step}."
        case No.BOUND_ELSEWHERE:
            return f"That run is bound to another step already, so {step} cannot have it."
        case No.BOUND_ALREADY:
            return f"{step} is bound to that run already, so nothing would change."
        case _:
            assert_never(why)


def _name(view: View, refused: Refused) -> str:
    step = _target(view, refused)
    return code(step.name) if step is not None else "That step"


def _target(view: View, refused: Refused) -> Step | None:
    """The step a refusal speaks of, by its name or by the address of its run."""
    if refused.step is not None:
        return find_step(view.release, refused.step)
    for step, record in view.steps:
        run = run_of(record.state)
        if run is not None and refused.link is not None and run.url == refused.link:
            return step
    return None


def _link(view: View, refused: Refused) -> str:
    """What is no plain address of a run, or of a run nobody knows the step of, is no link of ours."""
    known = _target(view, refused) is not None
    fits = known and refused.link is not None and _SAFE_LINK.fullmatch(refused.link)
    return f"[its run]({refused.link})" if fits else ""


def _known_steps(view: View, typed: str) -> str:
    steps = [step.name for step in view.release.plan]
    near = nearest(typed, steps)
    if near:
        return f"Did you mean {code(near)}?"
    return f"Its {'only step is' if len(steps) == 1 else 'steps are'} {names(steps, most=20)}."


def _unmet(view: View, refused: Refused) -> str:
    step = _target(view, refused)
    unmet = [name for name in step.needs if not view.release.steps[name].done] if step else []
    return f": {names(unmet)} {'comes' if len(unmet) == 1 else 'come'} first" if unmet else ""


def _wanted(view: View, refused: Refused, part: str) -> str:
    step = _target(view, refused)
    if step is None or isinstance(step, ApprovalStep) or not (view.shows(step) and view.shows_file):
        return ""
    return f", {code(step.workflow if part == 'workflow' else step.ref)}"


def _instead(view: View, refused: Refused) -> str:
    step = _target(view, refused)
    if step is None or not isinstance(view.release.steps[step.name].state, NeedsPerson):
        return _STATUS_TELLS
    return f"Possible are {spelled(hints(view, step))}."
