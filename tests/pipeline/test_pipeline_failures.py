"""`failures`, `never-rerun` and `observe`: what they mean, and every mistake in them, at its place.

In the tables `«` marks where the mistake must be reported; it is taken out before the file is read.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.causes import Cause, Where
from bot.core.plan import FailureRule, Plan
from bot.core.versions import Version
from bot.pipeline.load import load
from bot.pipeline.plans import Observed, Pipeline, make_plan
from bot.pipeline.rules import fires, rules_of, shipped_rules
from tests.pipeline.test_pipeline_hostile_files import OFTEN, YAML_LIKE, outcome
from tests.pipeline.test_pipeline_mistakes import mistakes_of, pipeline, step, told_at_its_place


def rule(text: str) -> str:
    """A file with one good rule's name and cause, and what else it says."""
    return pipeline(f"failures: [{{name: slow, cause: transient, {text}}}]")


def block(text: str) -> str:
    """A file with one rule of several lines."""
    lines = "\n".join(f"        {line}" for line in text.splitlines())
    return pipeline(f"failures:\n      -\n{lines}")


def written(text: str) -> Pipeline:
    found = load(text, "f.yml").find("release")
    assert found is not None
    return found


def plan_of(text: str) -> Plan:
    return make_plan(written(text), Version.parse("1.0.3"), home="acme/home", file_repo=None)


def many(count: int, each: str) -> str:
    return ", ".join(each.replace("#", str(number)) for number in range(count))


NEVER_RERUN = [
    (step("{dispatch: a.yml, never-rerun: «''}"), "the pattern is empty: write the name of a job, such as"),
    (step("{dispatch: a.yml, never-rerun: [a, «' ']}"), "the pattern is empty"),
    (step("{dispatch: a.yml, never-rerun: «[]}"), "the list is empty: write something or leave the key out"),
    (step("{dispatch: a.yml, «never-rerun: }"), "`never-rerun` has no value: write one or leave it out"),
    (
        step("{dispatch: a.yml, never-rerun: «{a: b}}"),
        "this must be a pattern of job names or a list of patterns, not keys with values",
    ),
    (step("{dispatch: a.yml, never-rerun: [«[a]]}"), "this must be text, not a list"),
    (step(f"{{dispatch: a.yml, never-rerun: «{'a' * 201}}}"), "the pattern has 201 characters; at most 200"),
    (
        step(f"{{dispatch: a.yml, never-rerun: «[{many(51, 'a#')}]}}"),
        "there are 51 patterns; at most 50",
    ),
    (
        step("{dispatch: a.yml, never-rerun: [«'^publish']}"),
        "`^publish` looks like a regular expression: here `*` is any text",
    ),
    (
        step("{dispatch: a.yml, never-rerun: «'publish {{ version }}'}"),
        "is a template, which is not possible here: write `*` instead",
    ),
    (step("{dispatch: a.yml, «never_rerun: a}"), "is not a key of a step; did you mean `never-rerun`?"),
    (step("{dispatch: a.yml, «never-retry: a}"), "is not a key of a step; did you mean `never-rerun`?"),
    (step("{approval: a?, «never-rerun: a}"), "`never-rerun` belongs to `dispatch` and `watch` steps"),
    (pipeline("«never-rerun: a"), "`never-rerun` belongs to a step, not to a pipeline"),
]

SLOW = "{name: n#, cause: flaky, pattern: 'a.{0,40}b.{0,40}c'}"
RULE_KEYS = [
    (rule("pattern: a, «about: x"), "`about` is not a key of a rule of `failures`; did you mean `reason`?"),
    (rule("pattern: a, «reson: x"), "`reson` is not a key of a rule of `failures`; did you mean `reason`?"),
    (rule("«patterns: [a]"), "`patterns` is not a key of a rule of `failures`; did you mean `pattern`?"),
    (rule("«regex: a"), "`regex` is not a key of a rule of `failures`; did you mean `pattern`?"),
    (rule("pattern: a, «near_miss: b"), "did you mean `near-miss`?"),
    (
        rule("pattern: a, «colour: b"),
        "there are `name`, `cause`, `pattern`, `where`, `unless`, `reason`, `example`, `near-miss`",
    ),
    (rule("pattern: a, «retry: 2"), "`retry` belongs to a step, not to a rule of `failures`"),
    (pipeline("failures: [«{cause: flaky, pattern: a}]"), "`name` is missing"),
    (pipeline("failures: [«{name: a, pattern: a}]"), "`cause` is missing"),
    (pipeline("failures: [«{name: a, cause: flaky}]"), "`pattern` is missing"),
    (pipeline("failures: [«a]"), "this must be keys with values, not the text `a`"),
    (pipeline("failures: «a"), "this must be a list of rules, each beginning with `- name:`"),
    (pipeline("failures: «{slow: {cause: flaky}}"), "this must be a list of rules, each beginning with"),
    (pipeline("failures: «[]"), "the list is empty: write something or leave the key out"),
    (pipeline("«failures:"), "`failures` has no value: write one or leave it out"),
    (
        pipeline(f"failures: «[{many(101, '{name: n#, cause: flaky, pattern: a}')}]"),
        "there are 101 rules; at most 100",
    ),
    (step("{dispatch: a.yml, «failures: []}"), "`failures` belongs to a pipeline, not to a step"),
    (
        pipeline(f"«failures: [{many(12, SLOW)}]"),
        "these rules together can take too long on a log made for them",
    ),
    (step("{dispatch: a.yml, «name: x}"), "`name` is not a key of a step; there are"),
]

RULE_VALUES = [
    (
        pipeline("failures: [{name: «a b, cause: flaky, pattern: a}]"),
        "`a b` cannot be the name of a rule: letters, digits, `-`, `_` and `.`, at most 60 in all",
    ),
    (
        pipeline(f"failures: [{{name: «{'a' * 61}, cause: flaky, pattern: a}}]"),
        "cannot be the name of a rule",
    ),
    (pipeline("failures: [{name: «[a], cause: flaky, pattern: a}]"), "this must be text, not a list"),
    (
        pipeline("failures: [{name: a, cause: flaky, pattern: a}, {name: «A, cause: flaky, pattern: a}]"),
        "another rule is called `a`: choose a new name",
    ),
    (
        pipeline("failures: [{name: a, cause: «flakey, pattern: a}]"),
        "`flakey` is not a cause: did you mean `flaky`?",
    ),
    (
        pipeline("failures: [{name: a, cause: «network, pattern: a}]"),
        "`network` is not a cause: write `transient`, `flaky`, `broken` or `unknown`",
    ),
    (rule("pattern: a, where: «logs"), "`logs` is not a place to look at: did you mean `log`?"),
    (rule("pattern: a, reason: «' '"), "the text is empty: write one or leave the key out"),
    (rule("pattern: a, reason: «..."), "the reason is empty: say in a few words what happened"),
    (rule(f"pattern: a, reason: «{'a' * 101}"), "the reason has 101 characters; at most 100"),
    (rule("pattern: a, example: «''"), "the example is empty: copy the line from a log"),
    (rule(f"pattern: a, example: «{'a' * 2001}"), "the example has 2,001 characters; at most 2,000"),
    (rule("pattern: a, example: «b"), "`pattern` fits no line of this example"),
    (rule("pattern: a, where: job, example: «b"), "`pattern` fits no line of this example"),
    (
        rule("pattern: a, unless: b, example: «ab"),
        "`unless` fits this example too, so the rule does not fire",
    ),
    (
        rule("pattern: reset, example: «'connection reset, retrying in 5 s'"),
        "the rule does not fire on this example: a line that announces a retry, is a warning, or names a server",
    ),
    (rule("pattern: a, near-miss: «ba"), "the rule fires on this near-miss: make `pattern` stricter"),
    (block("name: a\ncause: flaky\npattern: a\nexample: «|\n  b\n  c"), "`pattern` fits no line of this"),
    (
        block("name: a\ncause: flaky\npattern:\n  - a\n  - «'('"),
        "`(` is not a regular expression: missing ),",
    ),
]

EXPRESSIONS = [
    (rule("pattern: «''"), "the regular expression is empty"),
    (rule("pattern: «[]"), "the list is empty"),
    (rule("pattern: [a, «[b]]"), "this must be text, not a list"),
    (rule("pattern: «{a: b}"), "this must be a regular expression or a list of them, not keys with values"),
    (rule("pattern: a, unless: «'['"), "`[` is not a regular expression: unterminated character set"),
    (rule("pattern: [a, «'*']"), "`*` is not a regular expression: nothing to repeat at position 0"),
    (rule("pattern: «'a{99999999999999999999}'"), "is not a regular expression: "),
    (rule(f"pattern: «{'a' * 501}"), "the regular expression has 501 characters; at most 500: make a list"),
    (rule(f"pattern: «[{many(21, 'a#')}]"), "there are 21 regular expressions; at most 20"),
    (block("name: a\ncause: flaky\npattern: «|\n  abc\n"), "has a line break, and logs are searched line by"),
    (rule("pattern: «'a*'"), "`a*` fits every line, since it also fits an empty one"),
    (rule("pattern: «'a|'"), "fits every line, since it also fits an empty one"),
    (rule("pattern: a, unless: «'.*'"), "fits every line, since it also fits an empty one"),
    (rule("pattern: «'(a+)+b'"), "`(a+)+b` repeats a group that repeats itself, which can take for ever"),
    (rule("pattern: «'(a|a)*b'"), "can fit one text in too many ways, which can take for ever"),
    (rule("pattern: «'.*a.*b.*c'"), "can take too long on a line made for it: bound its repeats"),
    (rule("pattern: «'(?x)a b'"), "uses the flag x, which is not possible here"),
    (rule("pattern: «'(a)?(?(1)b|c)'"), "asks whether a group was found, which is not possible here"),
    (rule(f"pattern: «'{'(' * 11}a{')' * 11}'"), "is nested more than 10 deep"),
    (rule(f"pattern: «'{'(' * 490}'"), "is nested more than 10 deep"),
    (rule("pattern: «'(?<`@x>a)'"), "is not a regular expression: unknown extension ?…… at position 1"),
]


def long_rules(count: int) -> str:
    return many(count, f"{{name: n#, cause: flaky, pattern: {'a' * 499}}}").replace(", {", ",\n     {")


TOO_MANY = [
    (
        f"{pipeline(f'failures: [{long_rules(40)}]')}  b:\n    «failures: [{long_rules(40)}]\n    steps: {{}}\n",
        "the regular expressions of this file have more than 30,000 characters in all",
    )
]

OBSERVE = [
    (pipeline("«observe: {workflows: a.yml}"), "`branches` is missing"),
    (pipeline("observe: [{workflows: a.yml, branches: main}, «{branches: main}]"), "`workflows` is missing"),
    (
        pipeline("observe: {«workflow: a.yml, branches: main}"),
        "`workflow` is not a key of `observe`; did you mean `workflows`?",
    ),
    (
        pipeline("observe: [{workflows: a.yml, «branch: main}]"),
        "`branch` is not a key of `observe`; did you mean `branches`?",
    ),
    (pipeline("observe: {workflows: a.yml, branches: main, «ref: v1}"), "`ref` belongs to a step, not to"),
    (pipeline("observe: «nightly.yml"), "this must be keys with values, or a list of such, not the text"),
    (pipeline("observe: [«nightly.yml]"), "this must be keys with values, not the text `nightly.yml`"),
    (pipeline("observe: «[]"), "the list is empty"),
    (pipeline("«observe:"), "`observe` has no value: write one or leave it out"),
    (pipeline("observe: {repo: «widget, workflows: a.yml, branches: main}"), "`widget` is not a repository"),
    (pipeline("observe: {workflows: «nightly, branches: main}"), "did you mean `nightly.yml`?"),
    (pipeline("observe: {workflows: [a.yml, «b], branches: main}"), "did you mean `b.yml`?"),
    (
        pipeline("observe: {workflows: «{a: b}, branches: main}"),
        "this must be the file name of a workflow or",
    ),
    (
        pipeline("observe: {workflows: a.yml, branches: «''}"),
        "the pattern is empty: write the name of a branch",
    ),
    (
        pipeline("observe: {workflows: a.yml, branches: [main, «'!dev']}"),
        "`!dev` excludes, which is not possible",
    ),
    (
        pipeline("observe: {workflows: a.yml, branches: «refs/heads/main}"),
        "`refs/heads/main`: write the branch alone, without `refs/heads/`",
    ),
    (
        pipeline("observe: {workflows: a.yml, branches: «'a..*'}"),
        "`a..*`: this fits no name that a branch can",
    ),
    (
        pipeline("observe: {workflows: a.yml, branches: «'{{ series }}'}"),
        "what is observed belongs to no version",
    ),
    (pipeline(f"observe: {{workflows: a.yml, branches: «{'a' * 201}}}"), "the pattern has 201 characters"),
    (pipeline(f"observe: {{workflows: a.yml, branches: «[{many(51, 'a#')}]}}"), "there are 51 patterns"),
    (
        pipeline(f"observe: {{workflows: «[{many(51, 'a#.yml')}], branches: a}}"),
        "there are 51 workflows; at most",
    ),
    (
        pipeline(f"«observe: [{many(2, '{workflows: [' + many(26, 'a#.yml') + '], branches: a}')}]"),
        "there are 52 workflows; at most 50 are observed",
    ),
    (step("{dispatch: a.yml, «observe: {}}"), "`observe` belongs to a pipeline, not to a step"),
]

CASES = [*NEVER_RERUN, *RULE_KEYS, *RULE_VALUES, *EXPRESSIONS, *TOO_MANY, *OBSERVE]


@pytest.mark.parametrize(
    ("marked", "message"), CASES, ids=[f"{n}-{case[1][:50]}" for n, case in enumerate(CASES)]
)
def test_a_mistake_is_told_once_at_its_place(marked: str, message: str) -> None:
    assert message in told_at_its_place(marked)


def test_mistakes_in_several_rules_are_told_in_one_pass() -> None:
    text = """\
pipelines:
  release:
    steps: {build: {dispatch: build.yml}}
    failures:
      - {name: one, cause: flakey, pattern: '('}
      - name: two
        cause: broken
        pattern: abc
        example: abd
      - {name: one, cause: flaky, about: x, pattern: y}
"""
    assert mistakes_of(text) == [
        "f.yml:5:28: `flakey` is not a cause: did you mean `flaky`?",
        "f.yml:5:45: `(` is not a regular expression: missing ), unterminated subpattern at position 0",
        "f.yml:9:18: `pattern` fits no line of this example",
        "f.yml:10:16: another rule is called `one`: choose a new name",
        "f.yml:10:35: `about` is not a key of a rule of `failures`; did you mean `reason`?",
    ]


# -- what the keys mean ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["dispatch: a.yml", "watch: a.yml, ref: v1"])
@pytest.mark.parametrize(
    ("patterns", "kept"),
    [
        ("publish*", ("publish*",)),
        ("['publish (linux)', '[x]']", ("publish (linux)", "[x]")),
        ("' a  b '", ("a b",)),
    ],
)
def test_a_step_keeps_the_jobs_that_are_never_run_again(
    kind: str, patterns: str, kept: tuple[str, ...]
) -> None:
    (found,) = plan_of(step(f"{{{kind}, never-rerun: {patterns}}}")).run_steps

    assert found.never_rerun == kept


def test_without_the_keys_nothing_is_kept_from_being_run_again_and_nothing_is_observed() -> None:
    found = written(step("{dispatch: a.yml}"))
    plan = plan_of(step("{dispatch: a.yml}"))

    assert (found.failures, found.observed, plan.failures) == ((), (), ())
    assert [each.never_rerun for each in plan.run_steps] == [()]


def test_a_plan_keeps_the_rules_as_they_are_written() -> None:
    text = block(
        "name: staging.too_slow\ncause: transient\npattern: ['a: \\d{1,3}', b]\nunless: c\nwhere: log\n"
        "example: |\n  nothing yet\n  a: 17\nnear-miss: 'a: 17 c'"
    )

    assert plan_of(text).failures == (
        FailureRule(
            "staging.too_slow", "transient", "log", (r"a: \d{1,3}", "b"), ("c",), reason="staging too slow"
        ),
    )
    assert plan_of(rule("pattern: a")).failures[0].where == "any"
    assert plan_of(rule("pattern: a, reason: Central was slow.")).failures[0].reason == "Central was slow"


def test_an_example_may_be_copied_with_its_time_stamp() -> None:
    stamped = "'2026-11-17T10:00:00.0000000Z zork failed'"

    assert written(rule(f"pattern: ^zork, example: {stamped}")).failures


@pytest.mark.parametrize("where", list(Where))
def test_an_example_is_tried_where_the_rule_looks(where: Where) -> None:
    assert written(rule(f"pattern: zork, where: {where}, example: the zork failed")).failures


def test_each_workflow_is_observed_by_itself() -> None:
    text = pipeline(
        "observe: [{workflows: [nightly.yml, .github/workflows/build.yml], branches: [main, 'release/*']}, "
        "{repo: acme/widget, workflows: soak.yml, branches: '1.?.x'}, {repo: Acme/Home, workflows: a.yml, branches: b}]"
    )
    found = written(text)

    assert found.observed == (
        Observed(None, "nightly.yml", ("main", "release/*")),
        Observed(None, "build.yml", ("main", "release/*")),
        Observed("acme/widget", "soak.yml", ("1.?.x",)),
        Observed("Acme/Home", "a.yml", ("b",)),
    )
    assert found.observed_repositories("acme/home") == ("acme/home", "acme/widget")
    assert found.repositories("acme/home") == ("acme/home",)


def test_one_entry_may_be_observed_without_a_list() -> None:
    text = pipeline("observe: {workflows: nightly.yml, branches: main}")

    assert written(text).observed == (Observed(None, "nightly.yml", ("main",)),)


# -- the rules at work -----------------------------------------------------------------------------


def failure(name: str, *patterns: str, cause: str = "transient") -> FailureRule:
    return FailureRule(name, cause, "log", patterns, reason="the zork failed")


def test_the_rules_of_a_pipeline_come_before_those_shipped() -> None:
    rules = rules_of((failure("zork", "zork"), failure("frob", "frob")))

    assert [each.name for each in rules[:2]] == ["zork", "frob"]
    assert rules[2:] == shipped_rules()
    assert (rules[0].cause, rules[0].where, rules[0].about) == (Cause.TRANSIENT, Where.LOG, "the zork failed")
    assert rules_of(()) == shipped_rules()


def test_a_rule_of_a_pipeline_replaces_the_shipped_one_of_its_name() -> None:
    shipped = shipped_rules()[3]

    rules = rules_of((failure(shipped.name.upper(), "zork"),))

    assert [each.name for each in rules].count(shipped.name) == 0
    assert len(rules) == len(shipped_rules())


def test_a_rule_that_a_later_python_cannot_compile_does_not_stop_a_release() -> None:
    rules = rules_of((failure("old", "zork ("), failure("good", "frob")))

    assert [each.name for each in rules[:1]] == ["good"]
    assert rules[1:] == shipped_rules()


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("ZORK", True),
        ("frob", True),
        ("FROB", False),
        ("1 runs, 1 failures", True),
        ("1 runs, 2 failures", False),
    ],
)
def test_several_patterns_keep_their_flags_and_their_groups_to_themselves(line: str, found: bool) -> None:
    (first, *_) = rules_of((failure("a", "(?i)(z)ork", r"(\d) runs, \1 failures", "frob", "(x)[\\1]"),))

    assert fires(first, line) is found


@OFTEN
@given(st.data())
def test_any_rule_is_a_rule_or_a_mistake(data: st.DataObject) -> None:
    texts = st.text("ab()[]{}|*+?.\\^$-,01 ", max_size=12) | YAML_LIKE
    quoted_text = texts.map(lambda text: "'" + text.replace("'", "''").replace("\n", " ") + "'")
    keys = st.sampled_from(["pattern", "unless", "example", "near-miss", "reason", "where"])
    entry = data.draw(st.dictionaries(keys, quoted_text, max_size=4))

    outcome(rule(", ".join(f"{key}: {value}" for key, value in entry.items())))
