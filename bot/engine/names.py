"""Which names a step is going to move, decided when it is its turn.

Rule: what was released is known from three places - what the bot has seen moved, its releases, and the tags of the
repository, which also tell of what was released before the bot came or while its database was another one.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from bot.core.model import NameMove, ReleaseWord
from bot.core.names import decided
from bot.core.plan import DispatchStep, Plan
from bot.core.steering import plain_ref
from bot.core.versions import BadVersion, Version
from bot.engine.ports import GitHub
from bot.pipeline.late import late_inputs, rendered_name
from bot.store import Store

Inputs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Supposed:
    """For a look ahead: versions taken for open, and by (repository, name) those that will have taken it by then."""

    versions: frozenset[str] = frozenset()
    moved: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)


_NOTHING_SUPPOSED = Supposed()


class Names:
    """Reads what is released, and decides."""

    def __init__(self, github: GitHub, store: Store) -> None:
        self._github = github
        self._store = store

    async def of(
        self, plan: Plan, step: DispatchStep, supposed: Supposed = _NOTHING_SUPPOSED
    ) -> tuple[tuple[NameMove, ...], Inputs]:
        """What happens to each name, and the inputs that say so. Raises `GitHubError` when the tags cannot be read."""
        if not step.moves:
            return (), ()
        version = Version.parse(plan.version)
        moved = await self._store.names.moved(step.repo)
        released = await self._released(plan, step, supposed.versions)
        moves = []
        for moving in step.moves:
            soon = supposed.moved.get((step.repo.lower(), moving.name), ())
            takers = list(_versions((*moved.get(moving.name, ()), *soon)))
            same = [v for v in released if rendered_name(moving.template, plan, v) == moving.name]
            holder = takers[-1] if takers else None
            moves.append(decided(version, moving, rivals=[*same, *takers], holder=holder))
        earned = {m.template: d.after == plan.version for m, d in zip(step.moves, moves, strict=True)}
        return tuple(moves), late_inputs(step, plan, earned)

    async def _released(
        self, plan: Plan, step: DispatchStep, supposed: frozenset[str]
    ) -> tuple[Version, ...]:
        """A tag says that a version is out, unless the bot knows better: it may be on its way, or cancelled."""
        own = await self._store.releases.words(plan.home, plan.pipeline)
        known = [version for version, had in own.items() if ReleaseWord.RELEASED in had]
        if step.version_tag is not None:
            words = await self._store.releases.words(
                plan.home
            )  # of other pipelines: only what has a tag here, too
            words = {**dict.fromkeys(supposed, frozenset[ReleaseWord]()), **words}
            for version in await self._tagged(step.repo, *step.version_tag):
                begun = version in words and ReleaseWord.RELEASED not in words[version]
                if not begun or await self._was_made(plan, step, version):
                    known.append(version)
        return tuple(_versions(known))

    async def _was_made(self, plan: Plan, step: DispatchStep, version: str) -> bool:
        """Whether the step of a version that is on its way, or was cancelled, has succeeded all the same: the database
        may have been lost in between.
        """
        before, behind = step.version_tag or ("", "")
        if plain_ref(step.ref) != f"{before}{plan.version}{behind}" or not _is_higher(version, plan.version):
            return False
        runs = await self._github.workflow_runs(
            step.repo,
            step.workflow,
            event="workflow_dispatch",
            branch=f"{before}{version}{behind}",
            status="success",
        )
        return any(run.conclusion == "success" for run in runs)

    async def _tagged(self, repo: str, before: str, behind: str) -> tuple[str, ...]:
        """Where there are no tags, GitHub answers with an empty list: a 404 is a doubt, and not "none"."""
        tags = await self._github.tags(repo, prefix=before)
        ends = (tag.removeprefix(before) for tag in tags if tag.startswith(before) and tag.endswith(behind))
        return tuple(end.removesuffix(behind) for end in ends)


def _versions(texts: Iterable[str]) -> Iterator[Version]:
    for text in texts:
        try:
            yield Version.parse(text)
        except BadVersion:
            continue


def _is_higher(one: str, other: str) -> bool:
    return any(version > Version.parse(other) for version in _versions([one]))
