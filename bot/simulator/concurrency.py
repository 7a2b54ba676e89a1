"""Concurrency groups: of the runs of one group one goes, and only the newest of the others waits for it.

Rule: a group belongs to a repository, whatever workflows share it; letter case does not matter.
https://docs.github.com/actions/how-tos/write-workflows/choose-when-workflows-run/control-workflow-concurrency
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.simulator.runs import Attempt, Run


@dataclass(frozen=True, slots=True)
class Turn:
    run: Run
    attempt: Attempt


@dataclass(slots=True)
class _Group:
    goes: Turn | None = None
    waits: Turn | None = None


class Groups:
    """Who goes and who waits, in every group there is."""

    def __init__(self) -> None:
        self._groups: dict[tuple[int, str], _Group] = {}

    def enter(self, run: Run, attempt: Attempt) -> tuple[bool, Turn | None]:
        """Whether the attempt has to wait, and who has to give way to it: who waited before, or, where the workflow
        says so, who is under way."""
        name = run.group
        if name is None:
            return False, None
        group = self._groups.setdefault((run.repository.id, name.lower()), _Group())
        turn = Turn(run, attempt)
        if group.goes is None:
            group.goes = turn
            return False, None
        before, group.waits = group.waits, turn
        return True, group.goes if run.workflow.cancels_in_progress else before

    def leave(self, attempt: Attempt) -> Turn | None:
        """The attempt is over: whose turn it is now, if somebody waited for this one."""
        for group in self._groups.values():
            if group.waits is not None and group.waits.attempt is attempt:
                group.waits = None
            if group.goes is not None and group.goes.attempt is attempt:
                group.goes, group.waits = group.waits, None
                return group.goes
        return None
