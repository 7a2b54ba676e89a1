"""Which version ends with which name, whatever the order in which versions are released."""

from collections.abc import Sequence
from itertools import permutations, product

from bot.core.names import decided
from bot.core.plan import MovingName
from bot.core.versions import Version

LATEST = MovingName("latest", "latest")
LTS = MovingName("lts", "lts", series="1.0")
VERSIONS = ("0.24.9", "1.0.3", "1.1.0", "1.0.4")


def series_name(version: str) -> MovingName:
    return MovingName(Version.parse(version).series, "{{ series }}")


def after_all(order: Sequence[str]) -> dict[str, str]:
    """Where the names point when the versions were released one after the other."""
    names: dict[str, str] = {}
    released: list[Version] = []
    for text in order:
        version = Version.parse(text)
        for moving in (LATEST, LTS, series_name(text)):
            same = [v for v in released if moving.name in {"latest", "lts", v.series}]
            holder = Version.parse(names[moving.name]) if moving.name in names else None
            move = decided(version, moving, rivals=same, holder=holder)
            if move.after:
                names[moving.name] = move.after
        released.append(version)
    return names


ENDS = {"latest": "1.1.0", "lts": "1.0.4", "0.24": "0.24.9", "1.0": "1.0.4", "1.1": "1.1.0"}


def test_every_order_of_four_versions_in_each_of_two_editions_ends_in_the_same_names() -> None:
    """Each edition has names of its own, and its images may come in another order than the other one's."""
    for oss, ee in product(permutations(VERSIONS), repeat=2):
        assert (after_all(oss), after_all(ee)) == (ENDS, ENDS), (oss, ee)


def move(version: str, *rivals: str, holder: str | None = None, name: MovingName = LATEST) -> tuple[str, str]:
    found = decided(
        Version.parse(version),
        name,
        rivals=[Version.parse(rival) for rival in rivals],
        holder=Version.parse(holder) if holder else None,
    )
    return found.before, found.after


def test_an_older_patch_never_takes_a_name_back() -> None:
    assert move("1.0.4", "1.1.0") == ("", "")
    assert move("1.0.4", holder="1.1.0") == ("1.1.0", "1.1.0")


def test_the_first_release_that_anybody_knows_of_takes_the_name() -> None:
    assert move("1.0.3") == ("", "1.0.3")


def test_a_version_with_a_suffix_neither_takes_a_name_nor_keeps_others_from_it() -> None:
    assert move("1.1.0-rc1", "1.0.3", holder="1.0.3") == ("1.0.3", "1.0.3")
    assert move("1.0.3", "1.1.0-rc1") == ("", "1.0.3")


def test_a_name_of_one_series_is_earned_in_that_series_alone() -> None:
    assert move("1.1.0", name=LTS) == ("", "")
    assert move("1.0.4", "1.1.0", "1.0.3", name=LTS) == ("1.0.3", "1.0.4")
    assert move("1.0.3", "1.0.4", name=LTS) == ("", "")


def test_who_has_the_name_already_keeps_it_when_its_step_is_run_again() -> None:
    assert move("1.1.0", "1.0.3", holder="1.1.0") == ("1.1.0", "1.1.0")


def test_a_name_somebody_moved_to_an_older_version_by_hand_is_still_measured_by_what_is_released() -> None:
    assert move("1.0.4", "1.1.0", holder="1.0.3") == ("1.0.3", "1.0.3")


def test_the_higher_version_is_named_that_keeps_a_name_from_being_moved() -> None:
    found = decided(Version.parse("1.0.4"), LATEST, rivals=[Version.parse("1.1.0")], holder=None)
    assert (found.moved, found.above) == (False, "1.1.0")
