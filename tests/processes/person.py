"""The release manager: reads what the bot writes, looks at GitHub, and types one of the bot's commands.

Rule: knows only what people know, and answers each call for a person once it is there to be read.
"""

import time
from dataclasses import dataclass

from tests.processes.scene import Scene

_PATIENCE = 0.3
"""Seconds that a person lets pass before believing what the comment says."""
_AGAIN = 12.0
"""Seconds after which the same call, still standing, is answered again."""


@dataclass(frozen=True, slots=True)
class Help:
    """What the manager typed. `reason`: the comment's words; `named`: whether the run to adopt could be read."""

    version: str
    step: str
    verb: str
    reason: str
    named: bool = True


class ReleaseManager:
    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._since: dict[tuple[str, str], float] = {}
        self._answered: dict[tuple[str, str], float] = {}
        self.helped: list[Help] = []

    def helps(self) -> None:
        """Answers what stands long enough."""
        now = time.monotonic()
        stuck = set(self._stuck())
        self._since = {key: self._since.get(key, now) for key in stuck}
        for key in sorted(stuck):
            if now - self._since[key] < _PATIENCE or now - self._answered.get(key, -_AGAIN) < _AGAIN:
                continue
            self._answered[key] = now
            self._answer(*key)

    def _stuck(self) -> list[tuple[str, str]]:
        return [
            (status.version, step)
            for status in self._scene.statuses()
            if status.state == "needs attention"
            for step, word in status.steps.items()
            if word == "needs attention"
        ]

    def _answer(self, version: str, step: str) -> None:
        """A run that is there is adopted, whoever made it; without one a new dispatch is asked for."""
        scene = self._scene
        told = "\n".join(c.body for c in scene.world.comments_of_bot())
        status = scene.status(version)
        reason = "" if status is None else status.body
        runs = scene.runs(version, step)
        if not runs:
            scene.says(f"/release retry {version} {step}")
            self.helped.append(Help(version, step, "retry", reason))
            return
        run = runs[-1]
        named = run.repository.visibility != "public" or str(run.id) in told
        scene.says(f"/release adopt {version} {step} {run.id}")
        self.helped.append(Help(version, step, "adopt", reason, named))
