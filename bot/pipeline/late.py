"""Texts of a plan that can only be worked out during the release: they depend on which names its version earns.

Rule: what is rendered here was tried when the plan was made, so it does not fail.
"""

import re
from collections.abc import Mapping

from bot.core.plan import DispatchStep, Plan
from bot.core.versions import Version
from bot.pipeline.template import MOVES, BadTemplate, render

MOST_MOVES_IN_ONE = 5
"""Names that one input may depend on: it is tried beforehand for all the ways in which they can go."""


def moves_variable(template: str) -> str:
    """The variable that says whether a name is moved: `moves_latest`, and `moves_series` for `{{ series }}`."""
    return MOVES + re.sub(r"[^A-Za-z0-9]+", "_", template).strip("_")


def late_inputs(step: DispatchStep, plan: Plan, moved: Mapping[str, bool]) -> tuple[tuple[str, str], ...]:
    """Name and value of the late inputs; `moved`: whether the version earns the name of each template."""
    told = {
        moves_variable(each.template): "true" if moved.get(each.template) else "false" for each in step.moves
    }
    variables = {**Version.parse(plan.version).variables(), **dict(plan.parameters), **told}
    return tuple((name, render(template, variables)) for name, template in step.late_inputs)


def rendered_name(template: str, plan: Plan, version: Version) -> str:
    """The name that another version makes of the template; empty when it makes none."""
    try:
        return render(template, {**version.variables(), **dict(plan.parameters)})
    except BadTemplate:
        return ""
