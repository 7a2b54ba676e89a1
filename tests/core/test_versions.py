"""Versions: what is one, what a person is told when it is none, and which comes first."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.versions import BadVersion, Version

WELL_FORMED = st.from_regex(
    r"(0|[1-9][0-9]{0,3})(\.(0|[1-9][0-9]{0,3})){2}(-[A-Za-z0-9.]{1,8})?", fullmatch=True
)


@pytest.mark.parametrize(
    "text",
    [
        "1.0.3",
        "0.24.9",
        "0.0.0",
        "10.20.30",
        "1.0.3-rc.1",
        "1.0.3-RC1",
        "1.0.0-1",
        "1.0.0-0.0",
        "1.0.0-SNAPSHOT",
    ],
)
def test_a_well_formed_version_keeps_its_text(text: str) -> None:
    assert Version.parse(text).text == text


def test_templates_get_the_parts_as_text() -> None:
    assert Version.parse("1.20.3-rc.1").variables() == {
        "version": "1.20.3-rc.1",
        "major": "1",
        "minor": "20",
        "patch": "3",
        "series": "1.20",
    }


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("v1.0.3", "leading `v`"),
        ("V1.0.3", "leading `V`"),
        ("01.0.0", "leading zeros"),
        ("1.0.03", "leading zeros"),
        ("1.0.3+build.7", "`+` part"),
        ("1.0", "too few numbers"),
        ("1", "too few numbers"),
        ("1.0.3.4", "too many numbers"),
        ("1.0.3-", "suffix of letters"),
        ("1.0.3-rc_1", "suffix of letters"),
        ("1.0.3-rc-1", "suffix of letters"),
        ("1.0.3,", "leave out the `,`"),
        ("1..3", "write `MAJOR.MINOR.PATCH`"),
        ("1.0.3;id", "write `MAJOR.MINOR.PATCH`"),
        ("1.0.3%0a", "write `MAJOR.MINOR.PATCH`"),
        ("$(id)", "write `MAJOR.MINOR.PATCH`"),
        ("../../x", "write `MAJOR.MINOR.PATCH`"),
        ("refs/heads/main", "write `MAJOR.MINOR.PATCH`"),
        ("--force", "write `MAJOR.MINOR.PATCH`"),
        ("1.0.3\n", "write `MAJOR.MINOR.PATCH`"),
        ("", "write `MAJOR.MINOR.PATCH`"),
        ("１.0.3", "not plain ASCII"),
        ("1.0.3\N{ZERO WIDTH SPACE}", "not plain ASCII"),
        ("1.0.3-\N{CYRILLIC SMALL LETTER ER}c", "not plain ASCII"),
        ("1.0." + "9" * 61, "longer than 64"),
        ("9" * 10_000, "longer than 64"),
    ],
)
def test_a_badly_formed_version_is_refused_with_what_is_wrong(text: str, complaint: str) -> None:
    with pytest.raises(BadVersion) as refusal:
        Version.parse(text)

    assert complaint in str(refusal.value)


def test_sixty_four_characters_are_still_a_version() -> None:
    assert Version.parse("1.0." + "9" * 60).patch == int("9" * 60)


@given(st.text())
def test_any_other_text_is_refused_in_one_short_line(text: str) -> None:
    with pytest.raises(BadVersion) as refusal:
        Version.parse(f"v{text}")

    assert len(str(refusal.value).splitlines()) == 1
    assert len(str(refusal.value)) < 250


@given(WELL_FORMED)
def test_the_text_of_a_version_is_never_rewritten(text: str) -> None:
    assert Version.parse(text).variables()["version"] == text


def test_versions_come_in_the_order_of_their_release() -> None:
    unknown = "1.0.0-SNAPSHOT 1.0.0-build9.x 1.0.0-build10.x"
    known = "1.0.0-dev1 1.0.0-b9 1.0.0-b10 1.0.0-rc.1 1.0.0 1.0.9 1.0.10"
    in_order = ["0.9.10", *unknown.split(), *known.split()]

    assert [version.text for version in sorted(map(Version.parse, sorted(in_order)))] == in_order


@given(st.lists(WELL_FORMED.map(Version.parse), min_size=3, max_size=3))
def test_every_pair_of_versions_has_an_order(three: list[Version]) -> None:
    low, middle, high = sorted(three)

    assert low <= middle <= high
    assert low <= high
    assert (low == high) == (low.text == high.text)
