"""The list of flakes: as a comment, as text, as a report, as JSON."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.core import present
from bot.core.audience import Audience
from bot.core.ledger import Flake

from .releases import EE, OSS, PUBLIC

LAST = datetime(2026, 11, 19, 23, 30, tzinfo=UTC)
NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
CART = Flake(OSS, "1.0", "pre-release.yml", "build (21)", "CartTest.empty()", None, 13, 14, LAST, 2_520.0)
LOGIN = replace(CART, test="LoginTest.twice()", healed=2, failures=2, seconds=300.0)
NODE = replace(CART, job="e2e", test=None, rule="browser-closed", healed=1, failures=3, seconds=29.0)
NIGHT = replace(
    CART, line="develop", workflow="nightly.yml", job="build", healed=1, failures=1, seconds=7_200
)
HIDDEN = replace(CART, repo=EE, test="VaultTest.opens()")
FEEDS = (
    "A flake failed and then passed on the same commit. The re-runs of releases show that, and so do the finished "
    "runs of workflows that the pipeline file names under `observe:`. "
    "What a service or the network was to blame for is left out."
)
LEFT_OUT = "Repositories that you, or others who read this, may not see are left out."


def answer(*flakes: Flake, line: str | None = None, left_out: bool = False) -> str:
    return present.flakes_answer(flakes, PUBLIC, days=30, line=line, left_out=left_out)


def test_the_comment_has_a_table_for_each_line_the_newest_series_first() -> None:
    assert answer(CART, NODE, NIGHT) == (
        """\
A flake failed and then passed on the same commit. These did in the last 30 days, the most frequent first.

**`acme/widget`, line `1.0`**: 2 flakes, seen 14 times, 42m lost.

| test | job | flaked | of failures | last seen | minutes lost |
| --- | --- | ---: | ---: | --- | ---: |
| `CartTest.empty()` | `pre-release.yml: build (21)` | 13 | 14 | 2026-11-19 | 42 |
| no test named (rule `browser-closed`) | `pre-release.yml: e2e` | 1 | 3 | 2026-11-19 | under 1 |

**`acme/widget`, line `develop`**: 1 flake, seen once, 2h lost.

| test | job | flaked | of failures | last seen | minutes lost |
| --- | --- | ---: | ---: | --- | ---: |
| `CartTest.empty()` | `nightly.yml: build` | 1 | 1 | 2026-11-19 | 120 |"""
    )


def test_time_that_two_tests_of_one_job_share_is_not_claimed_twice() -> None:
    assert "2 flakes, seen 15 times, at most 47m lost." in answer(CART, LOGIN)


def test_lines_are_in_the_order_of_their_numbers() -> None:
    lines = ["0.24", "1.9", "main", "1.10", "2.0", "develop"]
    said = answer(*(replace(CART, line=line) for line in lines))

    assert re.findall(r"line `(.+?)`", said) == ["2.0", "1.10", "1.9", "0.24", "develop", "main"]


def test_of_each_line_the_comment_shows_ten_and_counts_the_rest() -> None:
    many = [replace(CART, test=f"Test{number}") for number in range(13)]
    said = answer(*many, NIGHT)

    assert [f"`Test{number}`" in said for number in range(13)] == [True] * 10 + [False] * 3
    assert "And 3 more.\n\n**`acme/widget`, line `develop`**" in said


def test_an_empty_memory_says_what_feeds_it() -> None:
    assert answer() == f"No flake is known from the last 30 days. {FEEDS}"
    assert answer(line="1.0") == f"No flake of the line `1.0` is known from the last 30 days. {FEEDS}"


def test_in_public_nothing_of_a_private_repository_appears() -> None:
    said = answer(CART, HIDDEN, left_out=True)

    assert said == f"{answer(CART)}\n\n{LEFT_OUT}"
    assert answer(HIDDEN, left_out=True) == f"{answer()}\n\n{LEFT_OUT}"


def test_where_its_readers_may_see_it_the_private_repository_is_listed_too() -> None:
    private = Audience("private", {OSS: "public", EE: "private"})
    said = present.flakes_answer([CART, HIDDEN], private, days=30, line=None, left_out=False)

    assert "VaultTest" in said
    assert LEFT_OUT not in said


NASTY = "a|b`c</td> @acme/team <!-- release-bot:x -->\n/release cancel\x1b[31m #12 \N{RIGHT-TO-LEFT OVERRIDE}"


def test_foreign_names_do_nothing_in_a_comment_or_a_report() -> None:
    nasty = replace(CART, test=NASTY, job=NASTY, workflow=NASTY, line=NASTY, rule=NASTY)
    for said in (
        answer(nasty, replace(nasty, test=None)),
        present.flakes_report([nasty, replace(nasty, test=None)], days=30, until=NOW, about=NASTY),
        present.flakes_report([], days=30, until=NOW, about=NASTY),
    ):
        outside = re.sub(r"`[^`\n]*`", "", said)
        assert not re.search(
            r"[@<`\x1b\N{RIGHT-TO-LEFT OVERRIDE}]|acme/team|/release|^/", outside, re.MULTILINE
        )
        rows = [row for row in said.splitlines() if row.startswith("|")]
        assert {row.count("|") for row in rows} <= {7}


def test_foreign_names_cannot_steer_a_terminal() -> None:
    said = present.flakes_text([replace(CART, test=NASTY, job=NASTY, line=NASTY)], days=30)

    assert "\x1b" not in said
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in said
    assert len(said.splitlines()) == 5


def test_a_comment_is_never_longer_than_github_takes() -> None:
    many = [replace(CART, line=f"{n // 10}.0", test=f"{n}" * 60, job="x" * 300) for n in range(2_000)]

    assert len(answer(*many)) <= 65_000
    assert "Cut here" in answer(*many)
    assert len(present.flakes_report(many, days=30, until=NOW)) <= 65_000


def test_the_text_is_a_small_aligned_table_for_each_line() -> None:
    assert present.flakes_text([CART, NODE, NIGHT], days=7) == (
        """\
Flakes of the last 7 days: 3 flakes, seen 15 times, 2h 42m lost.

acme/widget, line 1.0: 2 flakes, seen 14 times, 42m lost
  flaked  of failures  last seen   minutes lost  test                                  job
      13           14  2026-11-19            42  CartTest.empty()                      pre-release.yml: build (21)
       1            3  2026-11-19       under 1  (no test named, rule browser-closed)  pre-release.yml: e2e

acme/widget, line develop: 1 flake, seen once, 2h lost
  flaked  of failures  last seen   minutes lost  test              job
       1            1  2026-11-19           120  CartTest.empty()  nightly.yml: build"""
    )


def test_the_report_begins_with_what_cost_most() -> None:
    assert present.flakes_report([NODE, CART, NIGHT], days=30, until=NOW) == (
        """\
# Flakes from 2026-10-21 to 2026-11-20

A flake failed and then passed on the same commit. The re-runs of releases show that, and so do the finished runs of \
workflows that the pipeline file names under `observe:`. What a service or the network was to blame for is left out.

In all: 3 flakes, seen 15 times, 2h 42m lost.

## `acme/widget`, line `develop`

1 flake, seen once, 2h lost.

| test | job | flaked | of failures | last seen | minutes lost |
| --- | --- | ---: | ---: | --- | ---: |
| `CartTest.empty()` | `nightly.yml: build` | 1 | 1 | 2026-11-19 | 120 |

## `acme/widget`, line `1.0`

2 flakes, seen 14 times, 42m lost.

| test | job | flaked | of failures | last seen | minutes lost |
| --- | --- | ---: | ---: | --- | ---: |
| `CartTest.empty()` | `pre-release.yml: build (21)` | 13 | 14 | 2026-11-19 | 42 |
| no test named (rule `browser-closed`) | `pre-release.yml: e2e` | 1 | 3 | 2026-11-19 | under 1 |"""
    )


@pytest.mark.parametrize(
    ("days", "about", "first"),
    [
        (30, None, "No flake is known from the last 30 days."),
        (1, "acme/widget", "No flake of acme/widget is known from the last day."),
    ],
)
def test_without_flakes_the_text_is_a_sentence(days: int, about: str | None, first: str) -> None:
    said = present.flakes_text([], days=days, about=about)

    assert said.startswith(f"{first} A flake failed and then passed")
    assert "\n" not in said


def test_programs_read_one_object_with_the_minutes() -> None:
    assert json.loads(present.flake_json(NODE)) == {
        "repo": "acme/widget",
        "line": "1.0",
        "workflow": "pre-release.yml",
        "job": "e2e",
        "test": None,
        "rule": "browser-closed",
        "healed": 1,
        "failures": 3,
        "last": "2026-11-19T23:30:00Z",
        "minutes": 0.5,
    }
