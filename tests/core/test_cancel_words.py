"""Who cancelled a run, by what GitHub says at its jobs."""

import pytest

from bot.core.cancel_words import cancelled_by

APP = "acme-release[bot]"


@pytest.mark.parametrize(
    ("said", "ours"),
    [
        ([f"The run was canceled by @{APP}."], True),
        ([f"The run was cancelled by @{APP.upper()}."], True),
        (["The run was canceled by @ada."], False),
        ([f"The run was canceled by @{APP}.", "The run was canceled by @ada."], False),
        (["The operation was canceled."], False),
        (["The run was canceled by somebody."], False),
        ([], False),
    ],
)
def test_only_what_says_so_everywhere_was_cancelled_by_the_bot(said: list[str], ours: bool) -> None:
    assert cancelled_by(said, APP) is ours
