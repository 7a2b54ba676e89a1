"""Every shipped rule knows its example, is not fooled by its near-miss, and is quick on a hostile log."""

import pytest

from bot.core.causes import Cause, Rule, Where, judge
from bot.core.evidence import Evidence, FailedJob
from bot.pipeline.rules import RulesError, read_rules, shipped_rules

RULES = pytest.mark.parametrize("rule", shipped_rules(), ids=lambda rule: rule.name)

GOOD = """
rules:
  - name: zork
    cause: transient
    where: log
    pattern: 'zork \\d{1,3}'
    unless: 'harmless'
    about: the zork failed
    example: zork 17
    near-miss: zork seventeen
"""


def said(rule: Rule, text: str) -> Evidence:
    """A failed job that says this in the place where the rule looks."""
    spoken = {
        Where.STEP: FailedJob("build", "failure", text, (), None, 1, None),
        Where.ANNOTATION: FailedJob("build", "failure", None, (text,), None, 1, None),
        Where.JOB: FailedJob(text, "failure", None, (), None, 1, None),
    }
    in_the_log = FailedJob("build", "failure", None, (), text, 1, None)
    return Evidence((spoken.get(rule.where, in_the_log),), 1, startup_failure=False)


@RULES
def test_a_rule_decides_about_its_own_example(rule: Rule) -> None:
    finding = judge(said(rule, rule.example), shipped_rules()).findings[0]

    assert (finding.rule, finding.cause) == (rule.name, rule.cause)


@RULES
def test_the_near_miss_of_a_rule_is_not_its_business(rule: Rule) -> None:
    verdict = judge(said(rule, rule.near_miss), shipped_rules())

    assert rule.near_miss
    assert verdict.findings[0].rule != rule.name
    assert verdict.cause is not rule.cause or rule.cause is Cause.UNKNOWN


@RULES
def test_what_a_rule_says_can_be_followed_by_the_job(rule: Rule) -> None:
    assert rule.about == rule.about.strip().rstrip(".")
    assert len(rule.about) <= 70


@pytest.mark.parametrize(
    "beginning",
    [
        "a",
        " ",
        "=",
        "go: ",
        "error ",
        "Could not transfer artifact ",
        "a > ",
        "FAILED a::",
        "[ERROR] a.",
        "[rejected]",
    ],
)
def test_a_log_made_to_take_for_ever_is_judged_at_once(beginning: str) -> None:
    """20 lines of 200,000 characters each; with one quadratic pattern this would take hours."""
    line = (beginning * 200_000)[:200_000]
    job = FailedJob("build", "failure", line, (line,), "\n".join([line] * 20), 1, None)

    judge(Evidence((job,), 1, startup_failure=False), shipped_rules(), known_flakes={"build": ["a"]})


@RULES
def test_a_single_pattern_is_quick_on_a_line_of_200_000_characters(rule: Rule) -> None:
    """The judge cuts lines long before; this keeps each pattern simple by itself."""
    line = (rule.example.splitlines()[0] * 20_000)[:200_000] + "\x00"
    rule.pattern.findall(line)


def test_a_rule_is_read_with_all_its_keys() -> None:
    (rule,) = read_rules(GOOD, source="mine.yml")

    assert (rule.name, rule.cause, rule.where, rule.about) == (
        "zork",
        Cause.TRANSIENT,
        Where.LOG,
        "the zork failed",
    )
    assert rule.unless is not None


@pytest.mark.parametrize(
    ("line", "fires"),
    [("ZORK 17", True), ("frob 17", True), ("FROB 17", False), ("zork 17, harmless", False)],
)
def test_a_rule_may_have_several_patterns_and_each_its_own_case(line: str, fires: bool) -> None:
    several = GOOD.replace("pattern: 'zork \\d{1,3}'", "pattern: ['(?i)zork \\d{1,3}', 'frob \\d{1,3}']")
    (rule,) = read_rules(several, source="mine.yml")

    assert (judge(said(rule, line), [rule]).findings[0].rule == rule.name) is fires


@pytest.mark.parametrize(
    ("before", "after", "mistake"),
    [
        ("about:", "abuot:", "'abuot' is not a key of a rule, did you mean 'about'?"),
        ("    about: the zork failed\n", "", "'about' is missing"),
        (
            "transient",
            "sometimes",
            "'cause' is 'sometimes', it must be one of transient, flaky, broken, unknown",
        ),
        ("log", "logs", "'where' is 'logs', it must be one of step, annotation, log, job, any"),
        (
            "zork \\d{1,3}'",
            "zork ('",
            "'pattern' is not a regular expression: missing ), unterminated subpattern at position 5",
        ),
        (
            "zork \\d{1,3}'",
            "(z+)+ork'",
            "'pattern' repeats a group that repeats itself, which can take for ever; bound one of them",
        ),
        (
            "pattern: 'zork \\d{1,3}'",
            "pattern: ['zork', 'zork (']",
            "'pattern' is not a regular expression: missing ), unterminated subpattern at position 5",
        ),
        (
            "pattern: 'zork \\d{1,3}'",
            "pattern: ['zork', 17]",
            "'pattern' must be a text that is not empty, or a list of such",
        ),
        ("unless: 'harmless'", "unless: []", "'unless' must be a text that is not empty, or a list of such"),
        ("example: zork 17", "example: frob", "its pattern does not match any line of its example"),
        ("about: the zork failed", "about: 17", "'about' must be a text that is not empty"),
    ],
)
def test_a_rule_that_cannot_work_is_refused_with_the_reason(before: str, after: str, mistake: str) -> None:
    with pytest.raises(RulesError) as refused:
        read_rules(GOOD.replace(before, after, 1), source="mine.yml")

    assert f"mine.yml: rule 1 ('zork'): {mistake}" in refused.value.mistakes


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("rulez: []", "mine.yml: the file must have the one key 'rules', with a list of rules"),
        ("[]", "mine.yml: the file must have the one key 'rules', with a list of rules"),
        (
            "rules: [zork]",
            "mine.yml: rule 1: a rule must be a mapping with the keys name, cause, pattern, about, example",
        ),
    ],
)
def test_a_file_of_another_form_is_refused_with_the_reason(text: str, mistake: str) -> None:
    with pytest.raises(RulesError) as refused:
        read_rules(text, source="mine.yml")

    assert refused.value.mistakes == (mistake,)


def test_two_rules_of_one_name_are_refused() -> None:
    with pytest.raises(RulesError, match="rule 2 \\('zork'\\): another rule has this name"):
        read_rules(GOOD + GOOD.removeprefix("\nrules:\n"), source="mine.yml")


def test_a_file_that_is_not_yaml_is_refused_with_its_place() -> None:
    with pytest.raises(RulesError, match=r"mine\.yml:2:\d+: "):
        read_rules("rules:\n  - {name: zork", source="mine.yml")
