"""Who cancelled a run, by what GitHub says at its jobs."""

import pytest

from bot.core.cancel_words import cancelled_by, person_of

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


@pytest.mark.parametrize(
    ("messages", "who"),
    [
        (["The run was canceled by @ada."], "ada"),
        (["build: The operation was cancelled by @ada."], "ada"),
        (["The run was canceled by @github-actions[bot]."], ""),
        (["The run was canceled by @github-actions[bot].", "The run was canceled by @ada."], "ada"),
        (["The operation was canceled."], ""),
        ([], ""),
    ],
)
def test_only_a_person_cancels_a_run_of_which_a_job_had_failed(messages: list[str], who: str) -> None:
    assert person_of(messages) == who
