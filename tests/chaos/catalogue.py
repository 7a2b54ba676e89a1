"""Everything that can go wrong in a story, by its number in the catalogue of faults."""

from tests.chaos import (
    mishaps_github,
    mishaps_people,
    mishaps_places,
    mishaps_poison,
    mishaps_process,
    mishaps_runs,
)
from tests.chaos.kinds import Kind
from tests.chaos.story import Mishap

KINDS: dict[str, Kind] = {
    **mishaps_github.KINDS,
    **mishaps_runs.KINDS,
    **mishaps_process.KINDS,
    **mishaps_people.KINDS,
    **mishaps_places.KINDS,
    **mishaps_poison.KINDS,
}


def words_of(mishap: Mishap) -> str:
    """For people."""
    number, _, rest = mishap.kind.partition(" ")
    words = KINDS[mishap.kind].words.format(n=mishap.n, m=f"{mishap.m:g}", where=mishap.where)
    return f"{number}: {words}" if number[1:].isdigit() and rest else words
