"""Which names a step is going to move, decided when it is its turn.

Rule: what was released is known from three places - what the bot has seen moved, its releases, and the tags of the
repository, which also tell of what was released before the bot came or while its database was another one.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bot.core.model import NameMove, Release, ReleaseWord
from bot.core.names import decided
from bot.core.plan import DispatchStep, MovingName, Plan
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
        chosen = await self._chosen(plan, step)
        moves = []
        for moving in step.moves:
            soon = supposed.moved.get((step.repo.lower(), moving.name), ())
            takers = list(_versions((*moved.get(moving.name, ()), *soon)))
            same = [v for v in released if _makes(v, moving, chosen.get(v.text, (plan,)))]
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

    async def _chosen(self, plan: Plan, step: DispatchStep) -> Mapping[str, Sequence[Plan]]:
        """The plan as each version would have it that this pipeline has begun: with what was chosen for that version.

        What a release does not know yet, such as a parameter that is new in the file, is taken to be as here.
        """
        if not any(name in moving.template for name, _ in plan.parameters for moving in step.moves):
            return {}
        begun: dict[str, list[Release]] = {}
        for stored in await self._store.releases.find(plan.home, pipeline=plan.pipeline):
            begun.setdefault(stored.release.version, []).append(stored.release)
        chosen = {}
        for version, all_of_it in begun.items():
            out = [release for release in all_of_it if release.word is ReleaseWord.RELEASED]
            chosen[version] = [_with_its_parameters(plan, release.plan) for release in out or all_of_it]
        return chosen

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


def _makes(version: Version, moving: MovingName, plans: Sequence[Plan]) -> bool:
    return any(rendered_name(moving.template, plan, version) == moving.name for plan in plans)


def _with_its_parameters(plan: Plan, its: Plan) -> Plan:
    known = {name.lower(): value for name, value in its.parameters}
    return replace(
        plan, parameters=tuple((name, known.get(name.lower(), value)) for name, value in plan.parameters)
    )


def _versions(texts: Iterable[str]) -> Iterator[Version]:
    for text in texts:
        try:
            yield Version.parse(text)
        except BadVersion:
            continue


def _is_higher(one: str, other: str) -> bool:
    return any(version > Version.parse(other) for version in _versions([one]))
