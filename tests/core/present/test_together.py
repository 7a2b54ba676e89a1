"""The living comment of the releases that one command started, and the summary of their day."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from bot.core.audience import Audience
from bot.core.causes import Cause
from bot.core.days import Ended, ended, is_last
from bot.core.model import Release, StepRecord
from bot.core.present import day_comment, status_comment, together_comment
from bot.core.states import AwaitingApproval, Behind, Cancelled, InLine, Running, Skipped
from tests.scenarios.reading import StatusComment

from .releases import (
    FAILED,
    OSS,
    PLAN,
    PRIVATE,
    PUBLIC,
    WEB,
    at,
    bound,
    failed,
    needing,
    passed,
    record,
    release,
)

DONE = passed(7000, began=0, ended=4)
ALL_DONE = {step.name: DONE for step in PLAN}
IDS = ("r-1.0.3", "r-0.24.9", "r-1.1.0")


def one(version: str, steps: Mapping[str, StepRecord] | None = None) -> Release:
    made = release(steps, plan=replace(PLAN, version=version))
    return replace(made, id=f"r-{version}", together=IDS)


def over(
    version: str, *, minutes: float = 72, steps: Mapping[str, StepRecord] | None = None, asked: float = 0
) -> Release:
    made = one(version, {**ALL_DONE, **(steps or {})})
    cancelled = any(isinstance(made.steps[name].state, Cancelled) for name in made.steps)
    return replace(
        made,
        asked_at=at(asked),
        ended_at=at(minutes),
        end_told=True,
        cancelled_by="ada" if cancelled else None,
    )


# -- the list --------------------------------------------------------------------------------------------------------


def test_one_row_for_each_release_with_what_happens_and_where_it_is_told() -> None:
    listed = [
        (one("1.0.3", {"oss-start": record(Running(bound()), began=1)}), 41),
        (one("0.24.9", {"oss-start": needing(FAILED, failed()), "ee": needing(FAILED, failed())}), None),
        (over("1.1.0"), 43),
    ]

    assert together_comment(listed, PUBLIC, web_url=WEB) == (
        """\
**3 releases of one command:** 1 needs attention, 1 running, 1 released.

| release | state | what happens |
| --- | --- | --- |
| [release 1.0.3](https://github.com/acme/widget/issues/7#issuecomment-41) | 🟡 running | `oss-start` is running |
| release 0.24.9 | 🔴 needs attention | `oss-start` and `ee` need a person |
| [release 1.1.0](https://github.com/acme/widget/issues/7#issuecomment-43) | ✅ released | took 1h 12m |

<!-- release-bot-together:r-1.0.3 -->"""
    )


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (lambda r: replace(r, turn=False, ahead="1.0.2"), "⚪ waiting | waits for `1.0.2` |"),
        (lambda r: replace(r, turn=False), "⚪ waiting | waits for its turn |"),
        (lambda r: replace(r, cancelled_by="ada"), "🟡 running | is being ended |"),
        (lambda r: replace(r, paused_by="ada"), "⏸️ paused | by `ada` |"),
        (lambda r: r, "🟡 running | `oss-start` and `ee` come next |"),
        (
            lambda r: r.with_step("oss-start", record(AwaitingApproval(at(1), at(1)))),
            "🟡 running | `oss-start` waits for an approval |",
        ),
        (
            lambda r: replace(
                r,
                steps={
                    **r.steps,
                    "oss-start": record(InLine(at(1), Behind(OSS, "release", "0.24.9", "docker"))),
                    "ee": DONE,
                },
            ),
            "🟡 running | `oss-start` waits for release 0.24.9 / docker |",
        ),
        (
            lambda _: over("1.0.3", steps={"docker": record(Cancelled(at(9)))}),
            "⛔ cancelled | by `ada` after",
        ),
    ],
)
def test_what_happens_is_told_in_a_few_words(changed: Callable[[Release], Release], expected: str) -> None:
    body = together_comment([(changed(one("1.0.3")), None), (one("1.1.0"), None)], PUBLIC, web_url=WEB)

    assert f"| release 1.0.3 | {expected}" in body


def test_it_is_no_status_comment_and_none_is_it() -> None:
    body = together_comment([(one("1.0.3"), 41), (one("1.1.0"), 42)], PUBLIC, web_url=WEB)

    assert StatusComment.read(body) is None
    assert "<!-- release-bot:" not in body
    assert "release-bot-together" not in status_comment(one("1.0.3"), PUBLIC, web_url=WEB)


# -- the day ---------------------------------------------------------------------------------------------------------


def day(*releases: Release, audience: Audience = PRIVATE) -> str:
    known = [found for release in releases if (found := ended(release, 41)) is not None]
    return day_comment(known, audience, web_url=WEB)


RERUN = replace(
    DONE, reruns={Cause.TRANSIENT: 1}, earlier_reruns={Cause.TRANSIENT: 1, Cause.FLAKY: 1}, problems=2
)


def test_the_day_is_summed_up_by_version() -> None:
    text = day(
        over("1.0.3", steps={"oss": RERUN, "ee": replace(DONE, reruns={Cause.UNKNOWN: 1})}),
        over("0.24.9", minutes=185, asked=5, steps={"docker": record(Skipped(at(9), "ada"))}),
        over("1.0.10", minutes=30, steps={"docker": replace(record(Cancelled(at(9))), problems=1)}),
    )

    assert text == (
        """\
**Releases of 2 Mar 2026:** 2 released and 1 cancelled, from 12:00 UTC to 15:05 UTC.

| release | state | duration | re-runs | a person was needed |
| --- | --- | --- | --- | --- |
| [release 0.24.9](https://github.com/acme/widget/issues/7#issuecomment-41) | ✅ released, 1 skipped | 3h | – | – |
| [release 1.0.3](https://github.com/acme/widget/issues/7#issuecomment-41) | ✅ released | 1h 12m \
| 4: 2 transient, 1 flaky, 1 unknown | twice |
| [release 1.0.10](https://github.com/acme/widget/issues/7#issuecomment-41) | ⛔ cancelled | 30m | – | once |
| **in all** | **2 released and 1 cancelled** | **3h 5m** | **4: 2 transient, 1 flaky, 1 unknown** | **3 times** |

<!-- release-bot-day:r-1.0.3 -->"""
    )


def test_of_a_private_repository_no_number_is_told() -> None:
    text = day(over("1.0.3", steps={"oss": RERUN, "ee": RERUN}), over("1.1.0"), audience=PUBLIC)

    assert "| 3: 2 transient, 1 flaky | twice |" in text
    assert "\n\nNot counted: what happened in private repositories.\n\n<!--" in text


def test_a_day_that_was_long_says_when_it_ended() -> None:
    assert "from 12:00 UTC to 3 Mar 13:00 UTC." in day(over("1.0.3"), over("1.1.0", minutes=1500))


FIRST, LAST = over("1.0.3", minutes=60), over("1.1.0", minutes=90)
TIE = over("1.2.0", minutes=90)


@pytest.mark.parametrize(
    ("mine", "of_the_day", "last"),
    [
        (LAST, (FIRST, LAST), True),
        (FIRST, (FIRST, LAST), False),
        (FIRST, (FIRST,), False),
        (LAST, (FIRST, LAST, one("2.0.0")), False),
        (LAST, (FIRST, TIE, LAST), False),
        (TIE, (FIRST, TIE, LAST), True),
    ],
)
def test_the_release_that_ended_last_speaks_for_the_day(
    mine: Release, of_the_day: tuple[Release, ...], last: bool
) -> None:
    assert is_last(mine, of_the_day) is last


def test_an_open_release_has_not_ended() -> None:
    assert ended(one("1.0.3"), 41) is None
    assert ended(over("1.0.3"), 41) == Ended(over("1.0.3"), at(72), 41)
