"""The status comment read back as a person reads it: first line, table, marker."""

import re
from dataclasses import dataclass, field

_FIRST = re.compile(r"### \S+ (?P<pipeline>\S+) (?P<version>\S+): (?P<state>[a-z ]+)")
_MARKER = re.compile(r"<!-- release-bot:(\S+) -->\Z")
_WORDS = (
    "needs attention",
    "awaiting approval",
    "waiting",
    "queued",
    "running",
    "retrying",
    "passed",
    "skipped",
    "cancelled",
)


@dataclass(frozen=True)
class StatusComment:
    body: str
    pipeline: str
    version: str
    state: str
    release_id: str
    steps: dict[str, str] = field(default_factory=dict)
    rows: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, body: str) -> "StatusComment | None":
        """None for a comment that is no status comment."""
        lines = body.strip().splitlines()
        first, marker = _FIRST.fullmatch(lines[0]), _MARKER.fullmatch(lines[-1])
        if first is None or marker is None:
            return None
        steps, rows = {}, {}
        for line in lines:
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            word = next((word for word in _WORDS if len(cells) > 1 and cells[1].endswith(word)), None)
            if line.startswith("|") and word:
                steps[cells[0]], rows[cells[0]] = word, line
        return cls(body, first["pipeline"], first["version"], first["state"], marker[1], steps, rows)

    @property
    def sentence(self) -> str:
        """What happens next."""
        return self.body.strip().splitlines()[2]
