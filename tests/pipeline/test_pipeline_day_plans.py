"""What the keys for a day of several releases become in a plan: turns, moving names, parameters, people."""

from itertools import product
from pathlib import Path

import pytest

from bot.core.plan import DispatchStep, MovingName, Plan
from bot.core.versions import Version
from bot.pipeline.late import late_inputs
from bot.pipeline.load import load
from bot.pipeline.parameters import BadParameter, Parameter, resolve_parameters
from bot.pipeline.plans import Pipeline, make_plan
from bot.pipeline.template import BadTemplate

IMAGES = """\
pipelines:
  release:
    names: {"lts-{{  edition }}": series 1.0}
    parameters:
      Java: {values: ["17", "21", yes], default: "21"}
      edition: [oss, ee, null]
    notify: ["@alice", acme/release-managers]
    steps:
      start: {dispatch: start.yml, ref: main, unless-tag: "release-{{version}}-final"}
      images:
        dispatch: images.yml
        ref: "v{{ version }}"
        one-at-a-time: "images-{{ edition }}"
        moves: ["{{ edition }}", "{{ edition }}-{{ series }}", "lts-{{edition}}"]
        inputs:
          jdk: "{{ Java }}"
          retag-latest: "{{ moves_edition }}"
          tags: >-
            {{ version }}{{ ',' ~ series if moves_edition_series == 'true' }}{{ ',lts' if moves_lts_edition == 'true' }}
"""


def pipeline_of(text: str) -> Pipeline:
    found = load(text, "f.yml").find("release")
    assert found is not None
    return found


def plan_of(text: str, version: str = "1.0.3", *, home: str = "acme/home", **parameters: str) -> Plan:
    return make_plan(
        pipeline_of(text), Version.parse(version), home=home, file_repo=None, parameters=parameters
    )


def dispatched(plan: Plan, name: str = "a") -> DispatchStep:
    step = plan.step(name)
    assert isinstance(step, DispatchStep)
    return step


def one(text: str, *others: str) -> str:
    """A file with one step, and perhaps lines for more."""
    steps = "".join(f"      {line}\n" for line in (f"a: {{dispatch: a.yml, {text}}}", *others))
    return f"pipelines:\n  release:\n    steps:\n{steps}"


def images(version: str = "1.0.3", **parameters: str) -> tuple[Plan, DispatchStep]:
    plan = plan_of(IMAGES, version, **({"edition": "oss"} | parameters))
    return plan, dispatched(plan, "images")


# -- turns and names -------------------------------------------------------------------------------


def test_a_step_has_its_line_and_its_names_for_the_version() -> None:
    _, step = images()

    assert step.one_at_a_time == "images-oss"
    assert step.moves == (
        MovingName("oss", "{{ edition }}"),
        MovingName("oss-1.0", "{{ edition }}-{{ series }}"),
        MovingName("lts-oss", "lts-{{edition}}", series="1.0"),
    )


@pytest.mark.parametrize("rule", ["highest released", "' highest  released '"])
def test_the_rule_that_counts_anyway_can_be_written(rule: str) -> None:
    text = one("one-at-a-time: x, moves: latest").replace(
        "    steps:", f"    names: {{latest: {rule}}}\n    steps:"
    )

    assert dispatched(plan_of(text)).moves == (MovingName("latest", "latest"),)


def test_a_step_without_these_keys_has_none_of_them() -> None:
    plan = plan_of(one("ref: main, inputs: {a: b}"))

    step = dispatched(plan)
    assert (step.one_at_a_time, step.moves, step.late_inputs, step.version_tag) == ("", (), (), None)
    assert (plan.parameters, plan.notify) == ((), ())


@pytest.mark.parametrize(
    ("text", "version", "message"),
    [
        (
            one("one-at-a-time: x, moves: ['1.0', '{{ series }}']"),
            "1.0.3",
            "step `a`, `moves`: `1.0` and `{{ series }}` are both `1.0`",
        ),
        (
            one("one-at-a-time: x, moves: \"{{ 'latest' if minor == '0' else '' }}\""),
            "1.1.0",
            "step `a`, `moves`: `(nothing)` cannot be a name that moves",
        ),
        (
            one("one-at-a-time: \"{{ 'x' if minor == '0' else '' }}\""),
            "1.1.0",
            "step `a`, `one-at-a-time`: the name is empty",
        ),
        (
            one(
                "one-at-a-time: x, moves: latest",
                "b: {repo: Acme/Home, dispatch: b.yml, one-at-a-time: x, moves: latest}",
            ),
            "1.0.3",
            "step `b`, `moves`: `latest` is moved by `a` too",
        ),
        (
            one(
                "one-at-a-time: x, moves: latest, "
                "inputs: {i: \"{{ 1 if moves_latest == 'true' or major == '2' else 'x'|int }}\"}"
            ),
            "1.0.3",
            "step `a`, `i`: the template `{{ 1 if moves_latest == 'true' or major == '2' else 'x'¦int…` cannot be",
        ),
    ],
)
def test_what_no_plan_can_be_made_of_names_its_step(text: str, version: str, message: str) -> None:
    with pytest.raises(BadTemplate) as bad:
        plan_of(text, version)

    assert str(bad.value).startswith(message)


# -- inputs that come late -------------------------------------------------------------------------


def test_inputs_that_depend_on_moved_names_come_late_and_the_others_at_once() -> None:
    plan, step = images()

    assert step.inputs == (("jdk", "21"),)
    assert [name for name, _ in step.late_inputs] == ["retag-latest", "tags"]
    earned = {"{{ edition }}": False, "{{ edition }}-{{ series }}": True, "lts-{{edition}}": True}
    assert late_inputs(step, plan, earned) == (("retag-latest", "false"), ("tags", "1.0.3,1.0,lts"))


def test_a_name_that_nothing_is_said_of_is_not_moved() -> None:
    plan, step = images()

    assert late_inputs(step, plan, {}) == (("retag-latest", "false"), ("tags", "1.0.3"))


@pytest.mark.parametrize("words", list(product((True, False), repeat=3)))
def test_late_inputs_can_be_worked_out_however_the_names_go(words: tuple[bool, ...]) -> None:
    plan, step = images("2.1.0-rc1")

    inputs = late_inputs(
        step, plan, {move.template: word for move, word in zip(step.moves, words, strict=True)}
    )

    assert dict(inputs)["retag-latest"] == str(words[0]).lower()


@pytest.mark.parametrize(
    ("template", "variable"),
    [
        ("latest", "moves_latest"),
        ("{{ series }}", "moves_series"),
        ("{{series}}-alpine", "moves_series_alpine"),
        ("v{{ major }}.x", "moves_v_major_x"),
        ("{{ version|replace('.', '-') }}", "moves_version_replace"),
        ("__x__", "moves_x"),
    ],
)
def test_a_name_makes_its_variable(template: str, variable: str) -> None:
    text = one(f"one-at-a-time: x, moves: \"{template}\", inputs: {{a: '{{{{ {variable} }}}}'}}")
    plan = plan_of(text)

    assert late_inputs(dispatched(plan), plan, {template: True}) == (("a", "true"),)


# -- tags of versions ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        (one("ref: 'v{{ version }}'"), ("v", "")),
        (one("ref: 'v{{version}}'"), ("v", "")),
        (one("ref: 'widget-{{   version }}-final'"), ("widget-", "-final")),
        (one("ref: '{{ version }}'"), ("", "")),
        (one("ref: main"), None),
        (one("ref: 'v{{ version|lower }}'"), None),
        (one("ref: '{{ version }}-{{ version }}'"), None),
        (one("ref: '{{ series }}'"), None),
        (one("unless-tag: 'v{{ version }}'"), ("v", "")),
        (one("ref: 'a{{ version }}', unless-tag: 'b{{ version }}'"), ("b", "")),
        (one("ref: main", "b: {dispatch: b.yml, unless-tag: 'b{{ version }}'}"), ("b", "")),
        (one("ref: main", "b: {repo: Acme/Home, dispatch: b.yml, unless-tag: 'b{{ version }}'}"), ("b", "")),
        (one("ref: main", "b: {repo: acme/other, dispatch: b.yml, unless-tag: 'b{{ version }}'}"), None),
        (
            one(
                "ref: main",
                "b: {dispatch: b.yml, unless-tag: 'b{{ series }}'}",
                "c: {dispatch: b.yml, unless-tag: 'c{{ version }}'}",
            ),
            ("c", ""),
        ),
    ],
)
def test_the_tags_of_versions_are_known_where_the_file_tells(text: str, tag: tuple[str, str] | None) -> None:
    assert dispatched(plan_of(text)).version_tag == tag


# -- parameters ------------------------------------------------------------------------------------


def test_parameters_are_text_in_the_order_of_the_file() -> None:
    assert pipeline_of(IMAGES).parameters == (
        Parameter("Java", ("17", "21", "yes"), "21"),
        Parameter("edition", ("oss", "ee", "null")),
    )


def test_a_plan_has_every_parameter_given_or_not() -> None:
    assert images(edition="ee")[0].parameters == (("Java", "21"), ("edition", "ee"))
    assert images(Java="17")[0].parameters == (("Java", "17"), ("edition", "oss"))


def test_every_key_that_takes_templates_takes_parameters() -> None:
    plan = plan_of(
        "pipelines:\n  release:\n    concurrency: 'g-{{ p }}'\n    parameters: {p: [one, two]}\n    steps:\n"
        "      a: {dispatch: a.yml, ref: 'r-{{ p }}', unless-tag: 't-{{ p }}', one-at-a-time: 'l-{{ p }}',\n"
        "          inputs: {i: 'i-{{ p }}'}}\n"
        "      b: {watch: a.yml, ref: 'w-{{ p }}'}\n"
        "      c: {approval: 'c-{{ p }}'}\n",
        p="two",
    )
    a = dispatched(plan)

    assert (plan.group, a.ref, a.unless_tag, a.one_at_a_time) == ("g-two", "r-two", "t-two", "l-two")
    assert a.inputs == (("i", "i-two"),)
    assert [getattr(step, "ref", None) or getattr(step, "question", None) for step in plan.steps[1:]] == [
        "w-two",
        "c-two",
    ]


def test_whatever_is_typed_comes_out_in_the_spelling_of_the_file() -> None:
    given = [("EDITION", "OSS"), ("java", "YES")]

    assert list(resolve_parameters(pipeline_of(IMAGES), given).items()) == [
        ("Java", "yes"),
        ("edition", "oss"),
    ]


MANY = (
    f"pipelines:\n  release:\n    parameters: {{n: [{', '.join(map(str, range(100, 150)))}]}}\n"
    "    steps: {a: {approval: a?}}\n"
)
NEEDY = (
    "pipelines:\n  release:\n    parameters: {java: [17, 21], os: [linux], x: {values: [a], default: a}}\n"
    "    steps: {a: {approval: a?}}\n"
)
NONE = "pipelines:\n  release:\n    steps: {a: {approval: a?}}\n"


@pytest.mark.parametrize(
    ("text", "given", "message"),
    [
        (IMAGES, "jvaa=17", "`jvaa` is not a parameter of `release`: did you mean `Java`?"),
        (IMAGES, "os=linux", "`os` is not a parameter of `release`: there are `Java` and `edition`."),
        (NONE, "java=17", "`release` has no parameters: leave out `java=…`."),
        (IMAGES, "java=18", "The parameter `Java` can be `17`, `21` or `yes`, not `18`."),
        (
            IMAGES,
            "edition=osss",
            "The parameter `edition` can be `oss`, `ee` or `null`, not `osss`; did you mean `oss`?",
        ),
        (IMAGES, "java=", "The parameter `Java` can be `17`, `21` or `yes`, not `(nothing)`."),
        (IMAGES, "java=17 Java=17", "The parameter `Java` is given twice: give it once."),
        (
            IMAGES,
            "",
            (
                "The parameter `edition` must be given after the version: `oss`, `ee` or `null`, "
                "for example `edition=oss`."
            ),
        ),
        (
            NEEDY,
            "",
            "The parameters `java` and `os` must be given after the version, for example `java=17 os=linux`.",
        ),
        (
            NEEDY,
            "java=17",
            "The parameter `os` must be given after the version: `linux`, for example `os=linux`.",
        ),
        (
            MANY,
            "n=9",
            "The parameter `n` can be "
            + ", ".join(f"`{n}`" for n in range(100, 110))
            + " or 40 more, not `9`.",
        ),
        (IMAGES, "java=@acme/all", "The parameter `Java` can be `17`, `21` or `yes`, not `(at)acme/all`."),
    ],
)
def test_a_bad_parameter_is_told_in_one_sentence(text: str, given: str, message: str) -> None:
    pairs = [(name, value) for name, _, value in (word.partition("=") for word in given.split())]

    with pytest.raises(BadParameter) as bad:
        resolve_parameters(pipeline_of(text), pairs)

    assert str(bad.value) == message


def test_no_plan_is_made_without_a_parameter_that_must_be_given() -> None:
    with pytest.raises(BadParameter, match="`edition` must be given"):
        plan_of(IMAGES)


# -- people ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ("alice", ("alice",)),
        ("'@alice'", ("alice",)),
        ("['@Acme/release_managers-2', Bob-2]", ("Acme/release_managers-2", "Bob-2")),
    ],
)
def test_people_are_kept_without_the_sign_that_mentions_them(written: str, names: tuple[str, ...]) -> None:
    plan = plan_of(f"pipelines:\n  release:\n    notify: {written}\n    steps: {{a: {{approval: a?}}}}\n")

    assert plan.notify == names


# -- the example -----------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["0.24.9", "1.0.4", "1.1.2", "1.2.0"])
def test_the_example_of_a_day_makes_a_plan_of_each_version(version: str) -> None:
    text = (Path(__file__).parents[2] / "docs" / "tuesday.yml").read_text(encoding="utf-8")

    plan = plan_of(text, version, jdk="17")

    series = version.rpartition(".")[0]
    for name in ("oss-docker", "ee-docker"):
        step = dispatched(plan, name)
        assert [move.name for move in step.moves] == ["latest", series, "lts"]
        assert step.version_tag == ("v", "")
        assert late_inputs(step, plan, {"latest": True}) == (
            ("retag-latest", "true"),
            ("retag-series", "false"),
            ("retag-lts", "false"),
        )
    assert (plan.parameters, plan.notify) == ((("jdk", "17"),), ("acme/release-managers",))
