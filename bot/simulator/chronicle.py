"""What happens in a world, told as it happens: comments, reactions, dispatches, tags, runs, check runs.

Rule: it compares what is shown now with what was shown before, and touches nothing.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING

from bot.simulator.repositories import CheckRun, Comment
from bot.simulator.runs import Attempt, Run
from bot.simulator.status import Status, as_shown

if TYPE_CHECKING:
    from bot.simulator.world import World

EMOJI = {"eyes": "👀", "rocket": "🚀", "confused": "😕", "hooray": "🎉", "-1": "👎"}
Fact = tuple[Hashable, str]


class Chronicle:
    """`news` gives every line once, and again when it changes."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._told: dict[Hashable, str] = {}

    def news(self) -> list[str]:
        """What is new since it was asked last."""
        lines = []
        for key, line in self._facts():
            if self._told.get(key) != line:
                self._told[key] = line
                lines.append(line)
        return lines

    def _facts(self) -> Iterator[Fact]:
        yield from self._comments()
        yield from self._requests()
        yield from self._tags()
        for run in self._world.runs:
            for attempt in run.attempts:
                yield ("run", run.id, attempt.number), _run_line(run, attempt)
        yield from self._checks()

    def _comments(self) -> Iterator[Fact]:
        for repo in self._world.repositories.values():
            for comment in repo.comments.values():
                yield ("comment", comment.id), _comment_line(comment)
                status = Status.from_body(comment.body)
                for note in status.notes if status else ():
                    yield ("note", comment.id, note), f"status     {note}"
                for reaction in comment.reactions:
                    emoji = EMOJI.get(reaction.content, reaction.content)
                    yield ("reaction", reaction.id), f"reaction   {emoji} by {reaction.user.login}"

    def _requests(self) -> Iterator[Fact]:
        for entry in self._world.ledger.dispatches:
            ref = (entry.body or {}).get("ref")
            file = entry.path.split("/")[-2]
            yield ("request", entry.number), f"dispatch   {entry.repository}: {file} at {ref}"
        for entry in self._world.ledger.reruns:
            verb = entry.path.split("/")[-1]
            yield (
                ("request", entry.number),
                f"re-run     {entry.repository}: {verb} of {entry.path.split('/')[-2]}",
            )

    def _tags(self) -> Iterator[Fact]:
        for repo in self._world.repositories.values():
            for tag in repo.tags.values():
                yield ("tag", repo.id, tag.name), f"tag        {repo.full_name}: {tag.name}"

    def _checks(self) -> Iterator[Fact]:
        for repo in self._world.repositories.values():
            for check in repo.check_runs.values():
                if check.app is self._world.app:
                    yield ("check", check.id), _check_line(check)


def _comment_line(comment: Comment) -> str:
    status = Status.from_body(comment.body)
    if status is not None:
        return f"status     {status.icon} {status.title}: {status.state}. {status.sentence}"
    first = as_shown(comment.body).splitlines()[0]
    return f"comment    {comment.user.login}: {first}"


def _run_line(run: Run, attempt: Attempt) -> str:
    state = (attempt.conclusion or attempt.status).replace("_", " ")
    failed = [job.name for job in attempt.jobs if job.conclusion not in (None, "success", "skipped")]
    where = f" in {', '.join(failed)}" if failed and attempt.status == "completed" else ""
    number = f", attempt {attempt.number}" if attempt.number > 1 else ""
    return f"run        {run.repository.full_name}: {run.workflow.file}{number}: {state}{where}"


def _check_line(check: CheckRun) -> str:
    state = (check.conclusion or check.status).replace("_", " ")
    return f"check run  {check.repository.full_name}: {check.name}: {state}"
