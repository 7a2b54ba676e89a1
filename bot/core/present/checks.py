"""The check run of a step: what stands on its commit, for the readers of the step's own repository.

Rule: within GitHub's limits whatever the texts are, and no null values, which GitHub refuses.
https://docs.github.com/rest/checks/runs#create-a-check-run
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import assert_never

from bot.core import commands
from bot.core.audience import Audience
from bot.core.model import Release, StepRecord
from bot.core.plan import ApprovalStep, RunStep
from bot.core.present.hints import choice
from bot.core.present.inert import cut, plain
from bot.core.present.moving import moving
from bot.core.present.status import shown_run
from bot.core.present.story import NEWEST_FIRST, current, told
from bot.core.present.troubles import headline, log_tail
from bot.core.present.view import View
from bot.core.present.words import names
from bot.core.states import NeedsPerson, StepWord, word_of
from bot.core.steering import AT_ANY_TIME, OpenCommand, Refused, resolve
from bot.core.trouble import Trouble

_MOST_TITLE = 255
_TAIL = 20_000


def check_body(
    release: Release, step_name: str, *, audience: Audience, web_url: str, head_sha: str
) -> dict[str, object]:
    """The body that creates or changes the check run; a change leaves `head_sha` out.

    KeyError when there is no such step, ValueError for an approval, which has no commit.
    """
    step, record, view = (
        release.plan.step(step_name),
        release.steps[step_name],
        View(release, audience, web_url),
    )
    if isinstance(step, ApprovalStep):
        raise ValueError(f"{step_name} is an approval: it has no check run")
    body: dict[str, object] = {
        "name": view.check_name(step),
        "head_sha": head_sha,
        "external_id": f"{release.id}/{step.name}",
        **_progress(word_of(record.state)),
        "output": {"title": _title(view, step, record), "summary": _summary(view, step, record)},
    }
    if url := _details_url(view, step, record):
        body["details_url"] = url
    if view.shows(step):
        body |= _times(record)
    if isinstance(record.state, NeedsPerson):
        body["actions"] = list(_buttons(release, step.name))
    return body


def _progress(word: StepWord) -> dict[str, object]:
    match word:
        case StepWord.WAITING | StepWord.QUEUED:
            return {"status": "queued"}
        case StepWord.RUNNING | StepWord.RETRYING | StepWord.AWAITING_APPROVAL:
            return {"status": "in_progress"}
        case StepWord.NEEDS_ATTENTION:
            return {"status": "completed", "conclusion": "action_required"}
        case StepWord.PASSED:
            return {"status": "completed", "conclusion": "success"}
        case StepWord.SKIPPED:
            return {"status": "completed", "conclusion": "skipped"}
        case StepWord.CANCELLED:
            return {"status": "completed", "conclusion": "cancelled"}
        case _:
            assert_never(word)


def _title(view: View, step: RunStep, record: StepRecord) -> str:
    word = word_of(record.state)
    title = word[:1].upper() + word[1:]
    if not view.shows(step):
        return title
    run = shown_run(record)
    if isinstance(record.state, NeedsPerson):
        title = f"{title}: {headline(_worded(view, record.state.trouble))}"
    elif run is not None and run.attempt > 1:
        title = f"{title}, attempt {run.attempt}"
    return plain(title, most=_MOST_TITLE)


def _worded(view: View, trouble: Trouble) -> Trouble:
    return replace(trouble, detail=view.worded(trouble.detail, trouble.unsaid))


def _summary(view: View, step: RunStep, record: StepRecord) -> str:
    """What happens next, what can be typed, what was seen, and the end of the log."""
    parts = [current(view, step, record) or _next(view, step, record)]
    if isinstance(record.state, NeedsPerson):
        issue = f" in a comment on [the issue]({view.issue_url})" if view.shows_home else " on the issue"
        buttons = len([*_buttons(view.release, step.name)])
        button = f", or use the button{'s' if buttons > 1 else ''}" if buttons else ""
        parts.extend(choice(view, step, lead="Type one of these", where=issue, button=button))
    if text := moving(view, step, record):
        parts.append(text)
    notes = told(view, step, record)
    if notes:
        parts.append(NEWEST_FIRST)
        parts.append("\n".join(f"- {step.name}: {line}" for line in notes))
    if isinstance(record.state, NeedsPerson) and view.shows(step):
        parts.append(log_tail(record.state, most=_TAIL))
    return cut("\n\n".join(part for part in parts if part))


def _next(view: View, step: RunStep, record: StepRecord) -> str:
    word, release = word_of(record.state), view.release
    match word:
        case StepWord.WAITING:
            unmet = [name for name in step.needs if not release.steps[name].done]
            return f"Waits for {names(unmet)}." if unmet else "Waits for its turn."
        case StepWord.QUEUED:
            return "Starts by itself."
        case StepWord.RUNNING | StepWord.RETRYING:
            return (
                "Goes on by itself when the run has succeeded." if view.shows(step) else "Goes on by itself."
            )
        case StepWord.AWAITING_APPROVAL:
            return "Goes on by itself when somebody has approved it."
        case StepWord.NEEDS_ATTENTION:
            return "A person is needed."
        case StepWord.PASSED | StepWord.SKIPPED:
            return "Nothing is left to do for this step."
        case StepWord.CANCELLED:
            return "The release was cancelled."
        case _:
            assert_never(word)


def _details_url(view: View, step: RunStep, record: StepRecord) -> str | None:
    run = shown_run(record)
    if run is not None and view.shows(step):
        return view.run_url(step, run.id)
    return view.issue_url if view.shows_home else None


def _times(record: StepRecord) -> dict[str, object]:
    over = record.state.since if isinstance(record.state, NeedsPerson) else record.ended_at
    times = {"started_at": record.began_at, "completed_at": over}
    return {name: _iso(at) for name, at in times.items() if at is not None}


def _iso(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _buttons(release: Release, step: str) -> Iterator[dict[str, str]]:
    """GitHub's own limits: identifier and label 20 characters, description 40, three buttons."""
    pipeline, version = release.pipeline, release.version
    offered: tuple[tuple[OpenCommand, str, str, str], ...] = (
        (
            commands.Retry(pipeline=pipeline, version=version, step=step),
            "retry",
            "Retry",
            "Failed jobs, or the dispatch, again",
        ),
        (
            commands.Skip(pipeline=pipeline, version=version, step=step),
            "skip",
            "Skip step",
            "Marks the step as done by hand",
        ),
        (
            commands.Cancel(pipeline=pipeline, version=version),
            "cancel",
            "End release",
            "Cancels live runs, ends the release",
        ),
    )
    for command, identifier, label, description in offered:
        if not isinstance(resolve(release, command, "", AT_ANY_TIME), Refused):
            yield {"identifier": identifier, "label": label, "description": description}
