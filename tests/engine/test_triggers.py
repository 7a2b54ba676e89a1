"""What a workflow file says against the values that a step would send it: only what GitHub refuses for certain."""

import pytest

from bot.core.plan import DispatchStep
from bot.engine.triggers import trigger_problems

WORKFLOW = "on:\n  workflow_dispatch:\n    inputs:\n      "


def said(declared: str, *inputs: tuple[str, str], late: str = "", nonce: str | None = None) -> list[str]:
    step = DispatchStep(
        "build",
        (),
        "acme/widget",
        "build.yml",
        "develop",
        inputs=inputs,
        late_inputs=((late, "{{ moves_latest }}"),) if late else (),
        nonce=nonce,
    )
    return trigger_problems(f"{WORKFLOW}{declared}\n", step)


CHOICE = "channel: {type: choice, options: [stable, beta, 1.10, true, 010]}"
BOOLEAN = "dry: {type: boolean}"


@pytest.mark.parametrize("value", ["stable", "beta", "1.10", "1.1", "true", "True", "010", "10", ""])
def test_a_choice_takes_its_options_in_whatever_way_yaml_may_read_them(value: str) -> None:
    assert said(CHOICE, ("channel", value)) == []


@pytest.mark.parametrize("value", ["nightly", "Stable", "stable ", "1.2", "yes"])
def test_a_choice_takes_nothing_else(value: str) -> None:
    (problem,) = said(CHOICE, ("channel", value))

    assert problem == (
        f"the input `channel` of `build.yml` takes `stable`, `beta`, `1.10`, `true` or `010`, not `{value.strip()}`"
    )


def test_of_many_options_the_first_are_told_and_none_is_told_at_length() -> None:
    options = ", ".join(f"o{number}{'x' * 90}" for number in range(60))
    (problem,) = said(f"channel: {{type: choice, options: [{options}]}}", ("channel", "y" * 900 + "\n@all`"))

    assert "`o0xxx" in problem
    assert problem.endswith(f"or 55 others, not `{'y' * 59}…`")
    assert "\n" not in problem
    assert len(problem) < 500


@pytest.mark.parametrize(
    "declared",
    [
        "channel: {type: choice}",
        "channel: {type: choice, options: []}",
        "channel: {type: choice, options: x}",
        "channel: {type: choice, options: [[a], {b: c}]}",
        "channel: {type: string, options: [a]}",
        "channel: {options: [a]}",
        "channel: {type: number}",
        "channel: {type: environment}",
        "channel: {type: [choice], options: [a]}",
        "channel:",
    ],
)
def test_what_github_may_take_is_left_to_github(declared: str) -> None:
    assert said(declared, ("channel", "nightly")) == []


@pytest.mark.parametrize("value", ["true", "false", "True", "FALSE", ""])
def test_a_boolean_takes_true_and_false(value: str) -> None:
    assert said(BOOLEAN, ("dry", value)) == []


@pytest.mark.parametrize("value", ["yes", "1", "on", "truee"])
def test_a_boolean_takes_nothing_else(value: str) -> None:
    assert said(BOOLEAN, ("dry", value)) == [
        f"the input `dry` of `build.yml` takes `true` or `false`, not `{value}`"
    ]


@pytest.mark.parametrize("declared", ["a: {required: true}", "a: {required: true, type: string}"])
def test_a_required_input_is_not_given_by_an_empty_text(declared: str) -> None:
    assert said(declared, ("a", "")) == ["`build.yml` requires the input `a`, and the text given is empty"]


def test_a_required_boolean_that_is_empty_is_one_problem() -> None:
    assert len(said("a: {required: true, type: boolean}", ("a", ""))) == 1


@pytest.mark.parametrize("declared", ["a: {required: true, default: x}", "a: {required: false}", "a: {}"])
def test_an_empty_text_is_given_where_nothing_is_required(declared: str) -> None:
    assert said(declared, ("a", "")) == []


@pytest.mark.parametrize(
    "declared", ["a: {required: true, type: boolean}", "a: {type: choice, options: [x]}"]
)
def test_what_is_known_only_later_counts_as_given(declared: str) -> None:
    assert said(declared, late="a") == []
    assert said(declared, nonce="a") == []
