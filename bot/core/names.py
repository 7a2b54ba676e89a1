"""Which names, such as the tag `latest` of an image, a version earns: the highest released one has them.

Rule: an older version never takes a name back, and a version with a suffix (`1.1.0-rc1`) earns none. In whatever order
versions are released, the names end at the same ones.
"""

from collections.abc import Iterable

from bot.core.model import NameMove
from bot.core.plan import MovingName
from bot.core.versions import Version


def decided(
    version: Version, moving: MovingName, *, rivals: Iterable[Version], holder: Version | None
) -> NameMove:
    """Whether `version` takes the name. `rivals`: the other released versions that make the same name of its template;
    `holder`: the one that is known to have it, None: nobody knows.
    """
    competing = [rival for rival in rivals if _competes(rival, moving) and rival != version]
    highest = max([*competing, *([holder] if holder is not None else [])], default=None)
    before = holder.text if holder is not None else ""
    if _competes(version, moving) and (highest is None or highest <= version):
        # Where nobody has seen it moved, the highest released one has it by the same rule.
        return NameMove(moving.name, before or (highest.text if highest is not None else ""), version.text)
    above = highest.text if highest is not None and highest > version else ""
    return NameMove(moving.name, before, before, above)


def _competes(version: Version, moving: MovingName) -> bool:
    return not version.suffix and moving.series in {"", version.series}
