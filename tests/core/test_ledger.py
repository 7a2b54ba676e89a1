"""Which line a ref belongs to, and what is proven to be a flake."""

import pytest

from bot.core.ledger import LASTING, NEVER_SEEN, History, Memory, line_of, line_order


@pytest.mark.parametrize(
    ("ref", "line"),
    [
        ("v1.0.3", "1.0"),
        ("1.0.3", "1.0"),
        ("1.0", "1.0"),
        ("1.0.x", "1.0"),
        ("v1.0.3-rc.1", "1.0"),
        ("v1.0.3.4", "1.0"),
        ("release/1.0.x", "1.0"),
        ("release-1.0.3", "1.0"),
        ("widget-v0.24.9", "0.24"),
        ("refs/tags/v1.10.0", "1.10"),
        ("refs/heads/release/2.3", "2.3"),
        ("develop", "develop"),
        ("refs/heads/main", "main"),
        ("refs/heads/feature/retry", "feature/retry"),
        ("v2", "v2"),
        ("release/2.x", "release/2.x"),
        ("fix-1234", "fix-1234"),
        ("dependabot/npm/lodash-4.17.21", "dependabot/npm/lodash-4.17.21"),
        ("node20.1", "node20.1"),
        ("", ""),
    ],
)
def test_versions_of_one_series_share_a_line_and_other_refs_have_their_own(ref: str, line: str) -> None:
    assert line_of(ref) == line


def test_a_line_is_its_own_line() -> None:
    assert [line_of(line_of(ref)) for ref in ("v1.0.3", "refs/heads/main")] == ["1.0", "main"]


def test_lines_are_sorted_as_people_count() -> None:
    lines = ["main", "1.10", "develop", "0.24", "1.9", "10.0"]
    assert sorted(lines, key=line_order) == ["0.24", "1.9", "1.10", "10.0", "develop", "main"]


@pytest.mark.parametrize(
    ("history", "proven"),
    [
        (NEVER_SEEN, False),
        (History(seen=5, healed=0), False),
        (History(seen=1, healed=1), True),
        (History(seen=9, healed=8, streak=LASTING - 1), True),
        (History(seen=9, healed=8, streak=LASTING), False),
    ],
    ids=["never seen", "never healed", "healed once", "failed once since", "fails for good"],
)
def test_a_flake_is_proven_by_healing_until_it_fails_for_good(history: History, proven: bool) -> None:
    assert history.proven is proven


def test_a_memory_names_the_tests_that_are_proven() -> None:
    memory = Memory(
        tests={"flaky": History(2, 1), "new": NEVER_SEEN, "lasting": History(9, 1, streak=LASTING)}
    )
    assert memory.flakes == {"flaky"}
