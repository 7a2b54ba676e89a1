"""Every mistake in `one-at-a-time`, `moves`, `names`, `parameters` and `notify`, told once and at its exact place.

In the tables `«` marks where the mistake must be reported; it is taken out before the file is read.
"""

import re
from pathlib import Path

import pytest

from bot.pipeline.load import load
from bot.pipeline.schema import ParameterShape, PipelineShape, StepShape, keys_of
from tests.pipeline.test_pipeline_mistakes import STEPS, mistakes_of, pipeline, step, told_at_its_place


def moves(text: str, line: str = "images") -> str:
    """A file with one step that moves names."""
    return step(f"{{dispatch: a.yml, one-at-a-time: {line}, moves: {text}}}")


def steps(*lines: str) -> str:
    return STEPS + "".join(f"      {line}\n" for line in lines)


def named(text: str) -> str:
    """A file with rules for names, and a step that moves two."""
    return (
        f"pipelines:\n  release:\n    names: {text}\n    steps:\n"
        "      a: {dispatch: a.yml, one-at-a-time: images, moves: [latest, '{{ series }}']}\n"
    )


def chosen(parameters: str, line: str = "dispatch: a.yml") -> str:
    """A file with parameters and one step."""
    return f"pipelines:\n  release:\n    parameters: {parameters}\n    steps:\n      a: {{{line}}}\n"


def in_two(one: str, other: str) -> str:
    """A file with two pipelines of one step each."""
    return f"pipelines:\n  release:\n    steps:\n      a: {{{one}}}\n  nightly:\n    steps:\n      b: {{{other}}}\n"


def many(count: int, each: str) -> str:
    return ", ".join(each.replace("#", str(number)) for number in range(count))


LINES = [
    (step("{dispatch: a.yml, one-at-a-time: «''}"), "the name is empty: steps of one name run one after"),
    (
        step(f"{{dispatch: a.yml, one-at-a-time: «{'a' * 201}}}"),
        "cannot be a name of `one-at-a-time`: one line",
    ),
    (step("{dispatch: a.yml, one-at-a-time: «[a]}"), "this must be text, not a list"),
    (step("{dispatch: a.yml, one-at-a-time: «'x-{{ serie }}'}"), "not defined; did you mean `series`?"),
    (step("{dispatch: a.yml, «one-at-a-time: }"), "`one-at-a-time` has no value: write one or leave it out"),
    (
        step("{watch: a.yml, ref: v1, «one-at-a-time: x}"),
        "`one-at-a-time` belongs to `dispatch` steps: the bot cannot say when a run begins that somebody else",
    ),
    (
        step("{approval: a?, «one-at-a-time: x}"),
        "`one-at-a-time` belongs to `dispatch` steps, and this is a step of kind `approval`",
    ),
    (step("{dispatch: a.yml, «mutex: x}"), "`mutex` is not a key of a step; did you mean `one-at-a-time`?"),
    (step("{dispatch: a.yml, «lock: x}"), "did you mean `one-at-a-time`?"),
    (step("{dispatch: a.yml, «one_at_a_time: x}"), "did you mean `one-at-a-time`?"),
    (pipeline("«one-at-a-time: x"), "`one-at-a-time` belongs to a step, not to a pipeline"),
    (step("{dispatch: a.yml, «concurrency: x}"), "`concurrency` belongs to a pipeline, not to a step"),
]

MOVES = [
    (moves("«[]"), "the list is empty: write something or leave the key out"),
    (moves("«''"), "`(nothing)` cannot be a name that moves: letters, digits, `.`, `_` and `-`, at most 128"),
    (moves("[latest, «'a b']"), "`a b` cannot be a name that moves"),
    (moves("[latest, «.x]"), "`.x` cannot be a name that moves"),
    (moves("[latest, «acme/widget]"), "`acme/widget` cannot be a name that moves"),
    (moves(f"«{'a' * 129}"), "cannot be a name that moves"),
    (moves("«'v {{ version }}'"), "`v 1.0.3` cannot be a name that moves"),
    (moves("«'{{ serie }}'"), "the template uses `serie`, which is not defined; did you mean `series`?"),
    (moves("«{a: b}"), "this must be a name or a list of names, not keys with values"),
    (moves("[«[a]]"), "this must be text, not a list"),
    (moves(f"«[{many(11, 'a#')}]"), "there are 11 names; at most 10"),
    (moves("[latest, «latest]"), "`latest` is named twice"),
    (moves("['{{ series }}', «'{{series}}']"), "`{{series}}` is named twice"),
    (moves("[a.b, «a-b]"), "`a-b` and `a.b` would both be `moves_a_b` in templates"),
    (
        step("{watch: a.yml, ref: v1, «moves: latest}"),
        "`moves` belongs to `dispatch` steps, and this is a step",
    ),
    (
        step("{dispatch: a.yml, one-at-a-time: x, «move: latest}"),
        "not a key of a step; did you mean `moves`?",
    ),
    (pipeline("«moves: latest"), "`moves` belongs to a step, not to a pipeline"),
    (
        step("{dispatch: a.yml, «moves: [latest, stable]}"),
        "two releases could both win `latest`: a step with `moves` needs `one-at-a-time`, so that they go one",
    ),
    (step("{dispatch: a.yml, moves: latest, «one-at-time: x}"), "did you mean `one-at-a-time`?"),
]

RULES = [
    (named("{«lates: highest released}"), "no step of this pipeline moves `lates`; did you mean `latest`?"),
    (named("{«lts: series 1.0}"), "no step of this pipeline moves `lts`: name it in `moves` of a step"),
    (named("{latest: «newest}"), "`newest` is not a rule for a name: did you mean `highest released`?"),
    (named("{latest: «Highest-Released}"), "did you mean `highest released`?"),
    (named("{latest: «highest relased}"), "did you mean `highest released`?"),
    (named("{latest: «1.0}"), "`1.0` is not a rule for a name: did you mean `series 1.0`?"),
    (named("{latest: «series 1.0.3}"), "did you mean `series 1.0`?"),
    (named("{latest: «Series 1.0}"), "did you mean `series 1.0`?"),
    (
        named("{latest: «series 1}"),
        "write `highest released` or, for the versions of one series, `series 1.0`",
    ),
    (named("{latest: «series 01.0}"), "`series 01.0` is not a rule for a name"),
    (named("{latest: «'series {{ series }}'}"), "is a template, which is not possible here"),
    (named("{latest: «[highest released]}"), "this must be text, not a list"),
    (named("«[latest]"), "this must be keys with values, not a list"),
    (
        named("{'{{ series }}': highest released, «'{{series}}': series 1.0}"),
        "`{{series}}` has a rule already",
    ),
    (step("{dispatch: a.yml, «names: {}}"), "`names` belongs to a pipeline, not to a step"),
    (pipeline("«name: x"), "`name` is not a key of a pipeline; did you mean `about`?"),
]

LATEST = "dispatch: a.yml, one-at-a-time: images, moves: latest"
RIVALS = [
    (
        moves("latest", "«'images-{{ series }}'"),
        "two releases could both win `latest`: this is `images-1.0` for 1.0.3 and `images-1.1` for 1.1.3",
    ),
    (moves("'{{ series }}'", "«'images-{{ patch }}'"), "two releases could both win `1.0`"),
    (
        in_two(
            f"repo: acme/widget, {LATEST}",
            "repo: Acme/Widget, dispatch: a.yml, one-at-a-time: «x, moves: latest",
        ),
        "`latest`: step `a` of `release` moves it too, one at a time as `images`, and this is `x`; write the same",
    ),
    (in_two(LATEST, "dispatch: a.yml, one-at-a-time: «x, moves: latest"), "could both win `latest`"),
    (
        in_two(
            "dispatch: a.yml, one-at-a-time: y, moves: '{{ series }}'",
            "dispatch: a.yml, one-at-a-time: «x, moves: '4.7'",
        ),
        "two releases could both win `4.7`",
    ),
    (
        in_two(
            "dispatch: a.yml, one-at-a-time: y, moves: '{{ series }}'",
            "dispatch: a.yml, one-at-a-time: «x, moves: '{{ major }}.{{ minor }}'",
        ),
        "two releases could both win `1.0`",
    ),
    (
        steps(f"a: {{{LATEST}}}", "b: {dispatch: b.yml, one-at-a-time: images, moves: [x, «latest]}").replace(
            "[x, «latest]", "«latest"
        ),
        "`latest` is moved by step `a` too: one step of a pipeline moves a name",
    ),
    (
        steps(
            "a: {dispatch: a.yml, one-at-a-time: x, moves: '{{ series }}'}",
            "b: {dispatch: a.yml, one-at-a-time: x, moves: [z, «'{{ major }}.{{ minor }}']}",
        ),
        "`1.0` is moved by step `a` too for 1.0.3",
    ),
    (
        chosen(
            "{arch: [arm, intel]}",
            "dispatch: a.yml, one-at-a-time: «'x-{{ arch }}', moves: latest",
        ),
        "two releases could both win `latest`: this can be `x-arm` or `x-intel`, as the parameters say",
    ),
]

PARAMETERS = [
    (chosen("«[java]"), "this must be keys with values, not a list"),
    (
        chosen("{java: «'17'}"),
        "this must be a list of the allowed values, or `values` and `default`, not the text",
    ),
    (chosen("{«java: }"), "`java` has no value: write one or leave it out"),
    (chosen("{«java: {}}"), "`values` is missing"),
    (chosen("{java: {«valeus: [a]}}"), "`valeus` is not a key of a parameter; did you mean `values`?"),
    (chosen("{java: {«allowed: [a]}}"), "`allowed` is not a key of a parameter; did you mean `values`?"),
    (chosen("{java: {«options: [a]}}"), "did you mean `values`?"),
    (chosen("{java: {values: [a], «about: x}}"), "`about` belongs to a pipeline, not to a parameter"),
    (chosen("{java: «[]}"), "the list is empty"),
    (chosen("{java: {values: «[]}}"), "the list is empty"),
    (chosen("{java: {values: «{a: b}}}"), "this must be a value or a list of values, not keys with values"),
    (chosen("{java: [a, «[b]]}"), "this must be text, not a list"),
    (chosen("{java: {values: [a, «[b]]}}"), "this must be text, not a list"),
    (chosen("{java: [a, «'b c']}"), "`b c` cannot be given with a command: plain ASCII without spaces only"),
    (chosen("{java: {values: [a, «ü]}}"), "`ü` cannot be given with a command"),
    (chosen("{java: [a, «'']}"), "an allowed value is empty"),
    (chosen(f"{{java: [a, «{'b' * 101}]}}"), "has 101 characters; at most 100"),
    (chosen(f"{{java: «[{many(51, 'a#')}]}}"), "there are 51 values; at most 50"),
    (chosen("{java: [a, b, «a]}"), "`a` is named twice"),
    (chosen("{java: {values: [a, b, «A]}}"), "`A` and `a` differ in letter case only"),
    (chosen("{java: {values: [a, b], default: «c}}"), "the default `c` is not one of `values`: add it there"),
    (chosen("{java: {values: [a, b], default: «A}}"), "is not one of `values`: did you mean `a`?"),
    (chosen("{java: {values: [a, b], default: «[a]}}"), "this must be text, not a list"),
    (chosen("{java: {values: [a], «default: }}"), "`default` has no value: write one or leave it out"),
    (
        chosen("{«java-version: [a]}"),
        "a letter, then letters, digits and `_`, at most 40 in all; did you mean `java_version`?",
    ),
    (chosen("{«17: [a]}"), "`17` cannot be the name of a parameter"),
    (chosen(f"{{«{'a' * 41}: [a]}}"), "cannot be the name of a parameter"),
    (chosen("{java: [a], «Java: [b]}"), "`Java` and `java` differ in letter case only"),
    (
        chosen("{«Version: [a]}"),
        "`Version` is what templates know of the version, so a parameter needs another",
    ),
    (chosen("{«series: [a]}"), "`series` is what templates know of the version"),
    (chosen("{«moves_latest: [a]}"), "`moves_latest` is kept for names that a step moves"),
    (chosen("{«if: [a]}"), "`if` means something else in templates, so a parameter needs another name"),
    (chosen("{«none: [a]}"), "`none` means something else in templates"),
    (chosen("{«true: [a]}"), "`true` means something else in templates"),
    (chosen("{«self: [a]}"), "`self` means something else in templates"),
    (
        chosen(f"{{{many(21, 'p#: [a]')}}}", "dispatch: a.yml, ref: '{{ p1 }}'").replace(
            "param", "«param", 1
        ),
        "there are 21 parameters; at most 20",
    ),
    (pipeline("«params: {}"), "`params` is not a key of a pipeline; did you mean `parameters`?"),
    (step("{dispatch: a.yml, «parameters: {}}"), "`parameters` belongs to a pipeline, not to a step"),
    (pipeline("«values: [a]"), "`values` belongs to a parameter, not to a pipeline"),
]

TEMPLATES = [
    (
        chosen("{java: [17, 21]}", "dispatch: a.yml, inputs: {a: «'{{ jaav }}'}"),
        "the template uses `jaav`, which is not defined; did you mean `java`?",
    ),
    (
        chosen("{branch: ['a..b', 'c..d']}", "dispatch: a.yml, ref: «'{{ branch }}'"),
        "`a..b` cannot be the name of",
    ),
    (
        chosen(
            "{branch: {values: ['a..b', 'c..d'], default: 'c..d'}}", "dispatch: a.yml, ref: «'{{ branch }}'"
        ),
        "`c..d` cannot be the name of",
    ),
    (moves("latest, inputs: {a: «'{{ moves_lates }}'}"), "not defined; did you mean `moves_latest`?"),
    (
        moves("latest, ref: «'{{ moves_latest }}'"),
        "not defined; it exists only in `inputs` of a step that has the name in `moves`",
    ),
    (moves("«'{{ moves_latest }}'"), "it exists only in `inputs` of a step that has the name in `moves`"),
    (
        moves("stable, inputs: {a: «'{{ moves_latest }}'}"),
        "it exists only in `inputs` of a step that has the name",
    ),
    (
        pipeline("concurrency: «'{{ moves_latest }}'"),
        "it exists only in `inputs` of a step that has the name",
    ),
    (
        moves("latest, inputs: {a: «\"{{ 'yes' if moves_latest else 'no' }}\"}"),
        "`moves_latest` is text, and any text counts as true: write `moves_latest == 'true'`",
    ),
    (moves('latest, inputs: {a: «"{{ not moves_latest }}"}'), "any text counts as true"),
    (moves('latest, inputs: {a: «"{{ moves_latest and major }}"}'), "any text counts as true"),
    (moves("latest, inputs: {a: «\"{{ major == '1' or moves_latest }}\"}"), "any text counts as true"),
    (
        moves(
            "[a, b, c, d, e, f], inputs: {x: «'" + "".join(f"{{{{ moves_{n} }}}}" for n in "abcdef") + "'}"
        ),
        "uses 6 names that move; at most 5",
    ),
]

PEOPLE = [
    (
        pipeline("notify: «''"),
        "`(nothing)` is neither a user nor a team: write `LOGIN` or `ORGANIZATION/TEAM`",
    ),
    (pipeline("notify: [alice, «'bob smith']"), "`bob smith` is neither a user nor a team"),
    (pipeline("notify: «a--b"), "`a--b` is neither a user nor a team"),
    (pipeline("notify: «bob@acme.example"), "is neither a user nor a team"),
    (pipeline("notify: «acme/Release Managers"), "is not a team: did you mean `acme/release-managers`?"),
    (pipeline("notify: «https://github.com/alice"), "is a link: did you mean `alice`?"),
    (pipeline("notify: «https://github.com/orgs/acme/teams/releases"), "did you mean `acme/releases`?"),
    (
        pipeline("notify: «'{{ version }}'"),
        "is a template, which is not possible here: write a user or a team",
    ),
    (pipeline("notify: [alice, «'@Alice']"), "`Alice` is named twice"),
    (pipeline("notify: [acme/releases, «acme/releases]"), "`acme/releases` is named twice"),
    (pipeline(f"notify: «[{many(21, 'u#')}]"), "there are 21 users and teams; at most 20"),
    (pipeline("notify: «[]"), "the list is empty"),
    (pipeline("notify: «{a: b}"), "this must be a user, a team or a list of them, not keys with values"),
    (pipeline("notify: [«[a]]"), "this must be text, not a list"),
    (pipeline("«notify: "), "`notify` has no value: write one or leave it out"),
    (pipeline("«mention: a"), "`mention` is not a key of a pipeline; did you mean `notify`?"),
    (pipeline("«cc: a"), "`cc` is not a key of a pipeline; did you mean `notify`?"),
    (step("{dispatch: a.yml, «notify: a}"), "`notify` belongs to a pipeline, not to a step"),
]

CASES = [*LINES, *MOVES, *RULES, *RIVALS, *PARAMETERS, *TEMPLATES, *PEOPLE]


@pytest.mark.parametrize(
    ("marked", "message"), CASES, ids=[f"{n}-{case[1][:50]}" for n, case in enumerate(CASES)]
)
def test_a_mistake_is_told_once_at_its_place(marked: str, message: str) -> None:
    assert message in told_at_its_place(marked)


ALLOWED = [
    moves("[latest, '{{ series }}', 'lts']"),
    moves("'{{ series }}'", "'images-{{ series }}'"),
    moves("'{{ version }}'", "'images-{{ version }}'"),
    moves("latest, repo: acme/widget")
    + "      b: {repo: acme/ee, dispatch: a.yml, one-at-a-time: x, moves: latest}\n",
    moves("latest") + "      b: {dispatch: a.yml, one-at-a-time: x, moves: stable}\n",
    moves("latest") + "  nightly: {steps: {b: {dispatch: a.yml, one-at-a-time: images, moves: latest}}}\n",
    moves("'{{ series }}'") + "      b: {dispatch: a.yml, one-at-a-time: images, moves: '{{ major }}'}\n",
    (
        "pipelines:\n  release:\n    names: {lts: series 1.0}\n    steps:\n"
        "      a: {dispatch: a.yml, one-at-a-time: 'images-{{ series }}', moves: lts}\n"
    ),
    chosen(
        "{java: ['17', '21'], arch: [arm]}",
        "dispatch: a.yml, one-at-a-time: '{{ arch }}', moves: '{{ java }}'",
    ),
    chosen("{branch: {values: ['a..b', main]}}", "dispatch: a.yml, ref: '{{ branch }}'"),
]
"""What looks like one of the mistakes above and is none."""


@pytest.mark.parametrize("text", ALLOWED)
def test_what_no_two_releases_can_both_win_is_allowed(text: str) -> None:
    assert load(text, "f.yml").names


def test_too_many_moved_names_in_all_are_one_mistake() -> None:
    lines = (
        f"      s{n}: {{dispatch: a.yml, one-at-a-time: x, moves: [{many(10, f's{n}-#')}]}}\n"
        for n in range(11)
    )

    assert mistakes_of(STEPS + "".join(lines)) == [
        "f.yml:1:1: the steps of this file move 110 names; at most 100"
    ]


def test_a_parameter_with_a_mistake_is_still_a_parameter_to_templates() -> None:
    text = chosen("{java: {values: ['17'], default: '21'}}", "dispatch: a.yml, inputs: {a: '{{ java }}'}")

    assert len(mistakes_of(text)) == 1


# -- what the reference says of it -----------------------------------------------------------------

DOCS = Path(__file__).parents[2] / "docs"

IN_THE_REFERENCE = [
    step("{dispatch: a.yml, moves: latest}"),
    moves("latest", "'i-{{ series }}'"),
    steps(f"a: {{{LATEST}}}", f"b: {{{LATEST}}}"),
    moves("latest, ref: '{{ moves_latest }}'"),
    moves('latest, inputs: {a: "{{ 1 if moves_latest else 2 }}"}'),
    step("{watch: a.yml, ref: v1, one-at-a-time: x}"),
    chosen("{java: {values: [17, 21], default: 22}}"),
]


@pytest.mark.parametrize("text", IN_THE_REFERENCE)
def test_the_reference_tells_the_mistake_in_these_words(text: str) -> None:
    (line,) = mistakes_of(text)
    message = line.split(": ", 1)[1]

    assert f"| `` {message} `` |" in (DOCS / "pipeline-file.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("key", [*keys_of(ParameterShape), *keys_of(PipelineShape), *keys_of(StepShape)])
def test_every_key_has_a_row_in_the_reference(key: str) -> None:
    rows = (DOCS / "pipeline-file.md").read_text(encoding="utf-8")

    assert re.search(rf"^\| `{key}` \||^- `{key}: [A-Z]+` ", rows, re.MULTILINE)
