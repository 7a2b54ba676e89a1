"""Every word the bot shows to people on GitHub: pure functions from what is known to Markdown.

Rule: whatever came from GitHub or a person goes through `inert`; whatever belongs to a repository goes
through a `View`, which knows what its readers may see. Nothing here reads a clock.
"""

from bot.core.present.answers import (
    late_answer,
    malformed_answer,
    no_release_answer,
    not_in_file_answer,
    not_permitted_answer,
    nothing_open_answer,
    status_answer,
    unverified_answer,
    which_release_answer,
)
from bot.core.present.board import board_answer
from bot.core.present.checks import check_body
from bot.core.present.day import day_comment
from bot.core.present.echoes import named_in, unnamed
from bot.core.present.files import bad_file_answer, no_file_answer
from bot.core.present.flakes import flake_json, flakes_answer, flakes_report, flakes_text
from bot.core.present.guide import PipelineFacts, help_answer
from bot.core.present.notices import notice_comment
from bot.core.present.plans import Foreseen, plan_answer, preflight_answer
from bot.core.present.refusals import refused_answer
from bot.core.present.status import status_comment
from bot.core.present.together import together_comment

__all__ = [
    "Foreseen",
    "PipelineFacts",
    "bad_file_answer",
    "board_answer",
    "check_body",
    "day_comment",
    "flake_json",
    "flakes_answer",
    "flakes_report",
    "flakes_text",
    "help_answer",
    "late_answer",
    "malformed_answer",
    "named_in",
    "no_file_answer",
    "no_release_answer",
    "not_in_file_answer",
    "not_permitted_answer",
    "nothing_open_answer",
    "notice_comment",
    "plan_answer",
    "preflight_answer",
    "refused_answer",
    "status_answer",
    "status_comment",
    "together_comment",
    "unnamed",
    "unverified_answer",
    "which_release_answer",
]
