"""Which jobs a pattern names: in doubt a job is named, since what is named is only left to people."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.job_names import fits, named


@pytest.mark.parametrize(
    ("job", "pattern"),
    [
        ("publish", "publish"),
        ("Publish", "pUBLISH"),
        (" publish ", "publish"),
        ("publish (linux)", "publish"),
        ("publish (linux, 17)", "publish"),
        ("publish (linux)", "publish (linux)"),
        ("publish (linux)", "publish (*)"),
        ("publish (beta) (linux)", "publish (beta)"),
        ("publish (beta) (linux)", "publish"),
        ("publish (a / b)", "publish"),
        ("publish to Maven Central", "publish*"),
        ("publish to Maven Central", "*maven*"),
        ("publish", "publish*"),
        ("publish", "*"),
        ("publish", "*publish**"),
        ("publish 17", "publish ??"),
        ("release / publish", "publish"),
        ("release / publish", "release"),
        ("release / publish", "release / publish"),
        ("release / publish", "release / *"),
        ("release / publish (linux)", "publish"),
        ("release / publish (linux)", "release / publish"),
        ("release (linux) / publish", "release / publish"),
        ("release (linux) / publish", "release"),
        ("nightly / release / publish", "release / publish"),
        ("nightly / release (linux) / publish (17)", "release / publish"),
        ("[x] sign", "[x] *"),
        ("sign. all", "sign. *"),
        ("a\nb", "a*b"),
    ],
)
def test_a_job_is_named(job: str, pattern: str) -> None:
    assert named(job, (pattern,))


@pytest.mark.parametrize(
    ("job", "pattern"),
    [
        ("publish", "publis"),
        ("publish", "ublish"),
        ("publish", "publish?"),
        ("publish-docs", "publish"),
        ("x publish (linux)", "publish"),
        ("publish linux", "publish (linux)"),
        ("publish 1", "publish ??"),
        ("x sign", "[x] *"),
        ("signs all", "sign. *"),
        ("release/publish", "publish"),
        ("ab", "a*a"),
        ("aba", "ab*ba"),
        ("", "?"),
    ],
)
def test_a_job_is_not_named(job: str, pattern: str) -> None:
    assert not named(job, (pattern,))


def test_one_of_several_patterns_is_enough_and_none_names_nothing() -> None:
    assert named("deploy", ("publish*", "deploy"))
    assert not named("deploy", ())


def test_a_branch_is_taken_with_its_letter_case() -> None:
    assert fits("release/1.0", "release/*")
    assert fits("release/a/b", "release/*")
    assert not fits("Main", "main")
    assert not fits("main", "mai")


def plainly_fits(text: str, pattern: str) -> bool:
    """The meaning of a pattern, without any thought of time."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(plainly_fits(text[at:], pattern[1:]) for at in range(len(text) + 1))
    return bool(text) and pattern[0] in {"?", text[0]} and plainly_fits(text[1:], pattern[1:])


@given(st.text("ab./", max_size=8), st.text("ab./*?", max_size=6))
def test_a_pattern_fits_what_its_signs_mean(text: str, pattern: str) -> None:
    assert fits(text, pattern) == plainly_fits(text, pattern)


@given(st.text("ab ()", max_size=30), st.text("xy,", min_size=1, max_size=10))
def test_a_name_is_named_by_itself_with_any_suffix_or_caller(job: str, other: str) -> None:
    pattern = job.strip() or "a"

    assert named(pattern, (pattern,))
    assert named(f"{pattern} ({other})", (pattern,))
    assert named(f"{other} / {pattern}", (pattern,))
    assert named(f"{other} / {pattern} ({other})", (pattern,))


@pytest.mark.parametrize("job", ["a" * 1_999, " / " * 600, "a (" * 600 + ")", "(" * 1_999, "a / " * 499])
def test_names_and_patterns_made_to_take_long_do_not(job: str) -> None:
    patterns = tuple("*a" * count + "?b" for count in range(50, 100))

    assert not named(job, patterns)


def test_a_name_of_more_than_2000_characters_is_named_by_anything() -> None:
    assert named("a" * 2_001, ("publish",))
    assert not named("a" * 2_001, ())
