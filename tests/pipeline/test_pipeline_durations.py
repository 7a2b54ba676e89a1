"""Durations as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.pipeline.durations import DAY, BadDuration, duration_text, seconds_of


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0s", 0),
        ("90s", 90),
        ("15m", 900),
        ("6h", 21_600),
        ("2d", 172_800),
        ("1h30m", 5400),
        ("1d2h3m4s", 93_784),
    ],
)
def test_a_duration_is_so_many_seconds(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not a duration: write it like `90s`, `15m`, `6h`, `2d` or `1h30m`"),
        ("15", "`15` has no unit: `15s` or `15m`?"),
        ("15M", "did you mean `15m`?"),
        ("15 min", "did you mean `15m`?"),
        ("2 hours", "did you mean `2h`?"),
        ("30m1h", "is not a duration"),
        ("1h1h", "is not a duration"),
        ("1.5h", "is not a duration"),
        ("-1s", "is not a duration"),
        ("1w", "is not a duration"),
        (" 1s", "is not a duration"),
        ("1s\n", "is not a duration"),
        ("١s", "is not a duration"),
        ("9" * 30 + "s", "is not a duration"),
        ("31d", "is too long: at most 30d"),
    ],
)
def test_what_is_no_duration_is_refused_with_a_remedy(text: str, message: str) -> None:
    with pytest.raises(BadDuration) as bad:
        seconds_of(text)

    assert message in str(bad.value)


def test_a_duration_below_the_least_is_refused() -> None:
    with pytest.raises(BadDuration, match="`0s` is too short: at least 1m"):
        seconds_of("0s", least=60)


@given(st.integers(min_value=0, max_value=int(30 * DAY)))
def test_what_is_written_is_read_back(seconds: int) -> None:
    assert seconds_of(duration_text(seconds)) == seconds
