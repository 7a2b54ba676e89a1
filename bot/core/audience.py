"""Who reads a surface, and what may stand there: private stays private (contract section 5).

Rule: every public byte is rendered through an `Audience`. What is unknown counts as hidden.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from bot.core.facts import VISIBILITIES


@dataclass(frozen=True, slots=True)
class Audience:
    """The readers of one repository: `surface` is its visibility, `visibilities` those of all (keys in lower case)."""

    surface: str
    visibilities: Mapping[str, str]

    def sees(self, repo: str | None) -> bool:
        """Whether its details may appear here: only where visibility is no wider. None: no repository."""
        if repo is None:
            return True
        theirs = self.visibilities.get(repo.lower())
        if theirs not in VISIBILITIES:
            return False
        here = VISIBILITIES.index(self.surface) if self.surface in VISIBILITIES else 0
        return here >= VISIBILITIES.index(theirs)
