"""Why a person is needed, in one or two clear sentences: what is wrong, where, and what mends it.

Rule: only for people who may see the step's repository; callers ask the `View` first. Workflow, branch and tag are
words of the pipeline file, and GitHub's answers repeat them: only for people who may see the file.
"""

from collections.abc import Mapping
from typing import assert_never

from bot.core.plan import DispatchStep, RunStep
from bot.core.present.card import touched
from bot.core.present.inert import code, fold, inert, plain
from bot.core.present.view import View
from bot.core.present.words import duration, joined
from bot.core.states import NeedsPerson, run_of
from bot.core.trouble import Trouble, TroubleKind

_SHORT: Mapping[TroubleKind, str] = {
    TroubleKind.FAILED: "the run failed",
    TroubleKind.CANCELLED: "the run was cancelled on GitHub",
    TroubleKind.GROUP_CANCELLED: "GitHub cancelled the run for its concurrency group",
    TroubleKind.DELETED: "the run was deleted",
    TroubleKind.TIMED_OUT: "the run is over its time",
    TroubleKind.NOTHING_RAN: "no job of the run ran",
    TroubleKind.STARTUP_FAILURE: "the run could not start",
    TroubleKind.ODD_END: "the run ended in no usual way",
    TroubleKind.NEVER_APPEARED: "no run appeared",
    TroubleKind.NEVER_FOUND: "the run of a lost answer was not found",
    TroubleKind.TWO_CANDIDATES: "two runs could be the one",
    TroubleKind.DOUBTFUL_RUN: "a run could be the one, or another release's",
    TroubleKind.STRANGE_RUN: "there is a run that belongs to no step",
    TroubleKind.REFUSED: "GitHub refused the dispatch",
    TroubleKind.TAG_EXISTS: "the tag exists already",
    TroubleKind.REF_MISSING: "the branch or tag does not exist",
    TroubleKind.NO_ACCESS: "the repository cannot be reached",
    TroubleKind.MOVED: "the repository has moved",
    TroubleKind.RERUN_REFUSED: "GitHub refused the re-run",
    TroubleKind.RERUN_LOST: "the re-run never appeared",
    TroubleKind.NEVER_RERUN: "a job that must not be re-run by itself failed",
    TroubleKind.UNANSWERED: "GitHub does not tell what the bot has to know",
}

_ANSWERS = frozenset({TroubleKind.REFUSED, TroubleKind.NO_ACCESS, TroubleKind.MOVED, TroubleKind.UNANSWERED})
"""Their detail is an answer of GitHub, which may name workflow, branch or tag."""


def headline(trouble: Trouble) -> str:
    """One phrase without Markdown, for titles."""
    reason = trouble.detail if trouble.kind is TroubleKind.FAILED else ""
    return plain(f"{_SHORT[trouble.kind]}: {reason}" if reason else _SHORT[trouble.kind])


def explained(view: View, step: RunStep, state: NeedsPerson) -> str:
    """What happened and what mends it, with links to the runs."""
    where = _where(view, step, state)
    touch = touched(view, state.trouble.touched) if state.trouble.touched else ""
    happened, remedy = _happened(view, step, state.trouble, where), _remedy(view, step, state.trouble)
    return f"{happened}{touch} {remedy}".strip()


def log_tail(state: NeedsPerson, *, most: int) -> str:
    """The folded end of the log; empty when there is none."""
    return fold("Last lines of the log", state.trouble.tail, most=most)


def _where(view: View, step: RunStep, state: NeedsPerson) -> str:
    """Links in brackets with a space before them, or nothing."""
    run = run_of(state)
    links = view.run_links(step, state.trouble.links)
    if run is not None and len(links) < 2:
        return f" ({view.run_link(step, run)}, attempt {run.attempt})"
    return f" ({joined(links)})" if links else ""


def _happened(view: View, step: RunStep, trouble: Trouble, where: str) -> str:
    detail = _detail(view, trouble)
    because = f": {detail}" if detail else ""
    match trouble.kind:
        case TroubleKind.FAILED:
            return f"The run failed{because}{where}."
        case TroubleKind.CANCELLED:
            return f"The run was cancelled on GitHub{where}."
        case TroubleKind.GROUP_CANCELLED:
            return (
                f"GitHub itself cancelled the run, since another one of the concurrency group {code(trouble.detail)} "
                f"came{where}."
            )
        case TroubleKind.DELETED:
            return "The run was deleted on GitHub, so nobody can tell any more how it ended."
        case TroubleKind.TIMED_OUT:
            return f"The run is not over after {duration(step.timeout)}{where}."
        case TroubleKind.NOTHING_RAN:
            return f"The run is over, but not one of its jobs ran{where}."
        case TroubleKind.STARTUP_FAILURE:
            return f"GitHub could not start the run: {_workflow_of(view, step)} is not valid{where}."
        case TroubleKind.ODD_END:
            how = code(trouble.detail) if trouble.detail else "no conclusion"
            return f"The run ended with {how}, which is neither success nor failure{where}."
        case TroubleKind.NEVER_APPEARED:
            return _never_appeared(view, step, where)
        case TroubleKind.NEVER_FOUND:
            why = f" ({detail})" if detail else ""
            within = duration(step.appears_within)
            return f"The dispatch may have been sent{why}, but no run of it was found within {within}."
        case TroubleKind.DOUBTFUL_RUN:
            return _doubtful(where)
        case TroubleKind.TWO_CANDIDATES:
            return f"More than one run could be this step's, and nothing tells which{where}."
        case TroubleKind.STRANGE_RUN:
            return (
                f"The bot has dispatched a run that belongs to no step{where or because}; nothing was sent."
            )
        case TroubleKind.REFUSED:
            return f"GitHub refused the dispatch of {_run_of(view, step)}{because}."
        case TroubleKind.TAG_EXISTS:
            return f"{_tag_of(view, step)} exists already in {code(step.repo)}, so nothing was dispatched."
        case TroubleKind.REF_MISSING:
            return f"{_ref_of(view, step)} does not exist in {code(step.repo)}, so nothing was dispatched."
        case TroubleKind.NO_ACCESS:
            return f"The bot cannot reach {code(step.repo)}{because}."
        case TroubleKind.MOVED:
            return f"{code(step.repo)} is known by another name now{because}."
        case TroubleKind.RERUN_REFUSED:
            return f"GitHub refused to run the failed jobs again{because}{where}."
        case TroubleKind.NEVER_RERUN:
            job = code(trouble.guarded) if trouble.guarded else "A job"
            return f"{job} failed and is named by `never-rerun`, so nothing was run again{where}{because}."
        case TroubleKind.RERUN_LOST:
            return f"A re-run was asked for, but no new attempt appeared{where}."
        case TroubleKind.UNANSWERED:
            return _unanswered(step, because, where)
        case _:
            assert_never(trouble.kind)


def _doubtful(where: str) -> str:
    return (
        f"A run that could be this step's was made in a time of which the bot's database knows nothing{where}; "
        "another release may have started it."
    )


def _unanswered(step: RunStep, because: str, where: str) -> str:
    return (
        f"For a quarter of an hour GitHub has not told what the bot has to know{because}{where}, although it answers "
        f"for the rest of {code(step.repo)}."
    )


def _never_appeared(view: View, step: RunStep, where: str) -> str:
    run, within = _run_of(view, step), duration(step.appears_within)
    if isinstance(step, DispatchStep):
        return f"GitHub took the dispatch of {run} and named its run, but did not show it within {within}{where}."
    return f"No run of {run} appeared within {within}."


def _detail(view: View, trouble: Trouble) -> str:
    if trouble.kind in _ANSWERS and not view.shows_file:
        return ""
    return inert(view.worded(trouble.detail, trouble.unsaid))


def _tag_of(view: View, step: RunStep) -> str:
    tag = step.unless_tag if isinstance(step, DispatchStep) and view.shows_file else None
    return f"The tag {code(tag)}" if tag else "The tag"


def _ref_of(view: View, step: RunStep) -> str:
    return code(step.ref) if view.shows_file else "Its branch or tag"


def _workflow_of(view: View, step: RunStep) -> str:
    return code(step.workflow) if view.shows_file else "its workflow"


def _run_of(view: View, step: RunStep) -> str:
    on = f" on {code(step.ref)}" if view.shows_file else ""
    return f"{_workflow_of(view, step)}{on} in {code(step.repo)}"


def _remedy(view: View, step: RunStep, trouble: Trouble) -> str:
    match trouble.kind:
        case TroubleKind.TIMED_OUT:
            return (
                "Look at it first: a success that comes later still counts. "
                "If it hangs, cancel it on GitHub; then the step can be tried again."
            )
        case TroubleKind.GROUP_CANCELLED:
            return "Look at what else runs in that group; `queue: max` in the workflow's `concurrency` lets runs wait."
        case TroubleKind.CANCELLED | TroubleKind.RERUN_REFUSED | TroubleKind.RERUN_LOST:
            return "A re-run that you start on GitHub is seen as well."
        case TroubleKind.NOTHING_RAN:
            return f"Look at the conditions in {_workflow_of(view, step)}: a re-run would leave the same jobs out."
        case TroubleKind.DELETED:
            return "If GitHub shows it again, it still counts."
        case TroubleKind.STARTUP_FAILURE:
            return "Mend the file first: GitHub does not re-run such a run."
        case TroubleKind.NEVER_APPEARED if isinstance(step, DispatchStep):
            runs = view.runs_link(step, "the workflow's runs")
            return f"Look at {runs} before you send again. A run that appears now is still taken."
        case TroubleKind.NEVER_APPEARED:
            return "Was it started? A run that appears now is still taken."
        case TroubleKind.NEVER_FOUND:
            runs = view.runs_link(step, "the workflow's runs")
            return f"Look at {runs} before you send again: if you find its run, adopt it."
        case TroubleKind.TWO_CANDIDATES:
            return "Adopt the right one."
        case TroubleKind.DOUBTFUL_RUN:
            return "Adopt it if it is this step's; send again if it is not."
        case TroubleKind.STRANGE_RUN:
            return (
                "Adopt it if it is the run of this step; delete it on GitHub if nobody needs it, then retry."
            )
        case TroubleKind.TAG_EXISTS:
            return (
                "Skip the step if the tag is this release's; delete the tag if it is a mistake, then retry."
            )
        case TroubleKind.REF_MISSING:
            return "Push it, then retry."
        case TroubleKind.NO_ACCESS:
            return "Check that the app is installed there and not suspended; then the step goes on by itself."
        case TroubleKind.UNANSWERED:
            return "The bot goes on asking, and the step goes on by itself when there is an answer."
        case TroubleKind.NEVER_RERUN:
            return "Look at what that job has done before you retry."
        case TroubleKind.MOVED:
            return "Rename it back and the step goes on by itself, or end the release and mend the file."
        case TroubleKind.FAILED | TroubleKind.DELETED | TroubleKind.ODD_END | TroubleKind.REFUSED:
            return ""
        case _:
            assert_never(trouble.kind)
