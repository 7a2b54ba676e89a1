"""What a file may say in more than one way: tags of YAML, full names of refs, no time at all, long and empty texts."""

from itertools import product

import pytest

from bot.core.plan import DispatchStep, WatchStep
from bot.core.versions import Version
from bot.pipeline.late import late_inputs
from bot.pipeline.load import BadPipelineFile, load
from bot.pipeline.plans import make_plan
from bot.pipeline.template import BadTemplate

MOST = 65_535


def file(step: str, above: str = "") -> str:
    return f"pipelines:\n  release:\n{above}    steps:\n      build: {step}\n"


def planned(text: str, version: str = "1.0.3") -> DispatchStep | WatchStep:
    plan = make_plan(
        next(iter(load(text, "f.yml"))), Version.parse(version), home="acme/home", file_repo=None
    )
    step = plan.step("build")
    assert isinstance(step, DispatchStep | WatchStep)
    return step


def inputs_of(text: str) -> dict[str, str]:
    step = planned(text)
    assert isinstance(step, DispatchStep)
    return dict(step.inputs)


def mistakes_of(text: str) -> list[str]:
    with pytest.raises(BadPipelineFile) as bad:
        load(text, "f.yml")
    return [str(mistake) for mistake in bad.value.mistakes]


def block(*inputs: str) -> str:
    """Inputs of one step, each in lines of 1,000 characters."""
    lines = ["{dispatch: a.yml, inputs: {"]
    for number, text in enumerate(inputs):
        parts = [text[start : start + 1_000] for start in range(0, len(text), 1_000)]
        folded = "\\\n          ".join(parts)
        lines.append(f'        i{number}: "{folded}",')
    return "\n".join([*lines, "        }}"])


# -- tags of YAML ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("!!str 5", "5"),
        ("!!str yes", "yes"),
        ("!!str ~", "~"),
        ("!!str", ""),
        ("! 1.10", "1.10"),
        ("!<tag:yaml.org,2002:str> 1.10", "1.10"),
        ("!!int 007", "007"),
        ("!!int 0x1F", "0x1F"),
        ("!!float 1.10", "1.10"),
        ("!!float 1e3", "1e3"),
        ("!!bool true", "true"),
        ("!!null ~", "~"),
        ("!!str '{{ version }}'", "1.0.3"),
        ("!!str &x 5", "5"),
    ],
)
def test_standard_tags_change_nothing_of_a_text(written: str, sent: str) -> None:
    assert inputs_of(file(f"{{dispatch: a.yml, inputs: {{k: {written} }}}}")) == {"k": sent}


def test_standard_tags_are_possible_on_keys_and_on_what_holds_others() -> None:
    step = planned(
        "!!map\npipelines:\n  !!str release:\n    steps: !!map\n      ? !!str build\n"
        "      : !!map {!!str dispatch: !!str a.yml, never-rerun: !!seq [a, !!str b]}\n"
    )

    assert (step.workflow, step.never_rerun) == ("a.yml", ("a", "b"))


# -- refs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ref", ["refs/heads/main", "refs/tags/v1", "refs/heads/release/1.0"])
@pytest.mark.parametrize("kind", ["dispatch", "watch"])
def test_a_ref_may_be_written_in_full(kind: str, ref: str) -> None:
    assert planned(file(f"{{{kind}: a.yml, ref: {ref}}}")).ref == ref


def test_a_tag_may_be_written_in_full() -> None:
    step = planned(file("{dispatch: a.yml, unless-tag: 'refs/tags/v{{ version }}'}"))

    assert isinstance(step, DispatchStep)
    assert step.unless_tag == "v1.0.3"


@pytest.mark.parametrize(
    ("keys", "tag"),
    [
        ("ref: 'refs/tags/v{{ version }}'", ("v", "")),
        ("ref: 'refs/heads/v{{ version }}'", None),
        ("unless-tag: 'refs/tags/w{{ version }}'", ("w", "")),
    ],
)
def test_the_tags_of_versions_are_known_from_full_refs_too(keys: str, tag: tuple[str, str] | None) -> None:
    step = planned(file(f"{{dispatch: a.yml, {keys}}}"))

    assert isinstance(step, DispatchStep)
    assert step.version_tag == tag


# -- no time, no words -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["dispatch", "watch"])
def test_no_time_at_all_is_a_time(kind: str) -> None:
    step = planned(file(f"{{{kind}: a.yml, ref: main, timeout: 0s, appears-within: 0s}}"))

    assert (step.timeout, step.appears_within) == (0.0, 0.0)


@pytest.mark.parametrize("written", ['""', "'  '", "!!str"])
def test_a_pipeline_may_say_nothing_of_itself(written: str) -> None:
    (pipeline,) = load(file("{dispatch: a.yml}", f"    about: {written}\n"), "f.yml")

    assert pipeline.about == ""


# -- long texts ------------------------------------------------------------------------------------


def test_inputs_may_be_as_long_as_github_takes_them() -> None:
    assert inputs_of(file(block("x" * MOST))) == {"i0": "x" * MOST}
    assert inputs_of(file(block("x" * 30_000, "y" * 35_535))) == {"i0": "x" * 30_000, "i1": "y" * 35_535}


@pytest.mark.parametrize(
    "inputs",
    [
        ("x" * (MOST + 1),),
        ("x" * 30_000, "y" * 35_536),
        ("x" * MOST, "{{ major }}"),
        ("x" * 65_530 + "{{ version }}", "!"),
        *(
            ("x" * 65_530, text)
            for text in ("{{ version }}!", "{% if major %}{{ version }}{{ version }}{% endif %}")
        ),
    ],
)
def test_longer_inputs_are_one_mistake(inputs: tuple[str, ...]) -> None:
    (line,) = mistakes_of(file(block(*inputs)))

    assert line.startswith("f.yml:4:32: the inputs of this step have ")
    assert line.endswith("; GitHub takes at most 65,535")


def test_inputs_that_are_too_long_for_one_version_only_refuse_that_version() -> None:
    text = file(block("x" * (MOST - 6), "{{ version }}"))

    assert inputs_of(text)["i1"] == "1.0.3"
    with pytest.raises(
        BadTemplate, match="step `build`, `inputs`: the inputs of this step have 65,536 characters"
    ):
        planned(text, "1.0.100")


def test_late_inputs_count_with_the_longest_that_may_come_of_them() -> None:
    keys = "one-at-a-time: x, moves: latest"
    long = block("x" * (MOST - 3), "{{ 'yes!' if moves_latest == 'true' else 'no' }}")
    with pytest.raises(BadTemplate, match="the inputs of this step have 65,536 characters"):
        planned(file(long.replace("a.yml,", f"a.yml, {keys},")))


def test_a_late_input_may_choose_with_a_statement() -> None:
    text = file(
        "{dispatch: a.yml, one-at-a-time: x, moves: latest, inputs: {tags: "
        "\"{{ version.split('-')[0] }}{% if moves_latest == 'true' %},latest{% endif %}\"}}"
    )
    plan = make_plan(next(iter(load(text, "f.yml"))), Version.parse("1.0.3"), home="a/b", file_repo=None)
    step = plan.step("build")
    assert isinstance(step, DispatchStep)

    assert step.inputs == ()
    assert late_inputs(step, plan, {"latest": True}) == (("tags", "1.0.3,latest"),)
    assert late_inputs(step, plan, {"latest": False}) == (("tags", "1.0.3"),)


@pytest.mark.parametrize(
    "template",
    [
        "{% if moves_latest %}a{% endif %}",
        "{{ 'a' if (moves_latest if major == '1' else '') else 'b' }}",
        "{% if not moves_latest|upper %}a{% endif %}",
        "{% if moves_latest.lower() %}a{% endif %}",
        "{% if major == '2' %}{% elif moves_latest|trim %}a{% endif %}",
        "{{ 'a' if ('b' and moves_latest) else 'b' }}",
    ],
)
def test_what_always_counts_as_true_is_no_condition_however_it_is_written(template: str) -> None:
    step = f'{{dispatch: a.yml, one-at-a-time: x, moves: latest, inputs: {{a: "{template}"}}}}'
    (line,) = mistakes_of(file(step))

    assert "is text, and any text counts as true" in line


def test_what_is_never_true_is_no_condition() -> None:
    step = "{dispatch: a.yml, one-at-a-time: x, moves: latest, inputs: {a: '{{ moves_latest == true }}'}}"
    (line,) = mistakes_of(file(step))

    assert "`moves_latest` is text, which is never equal to a value without quotes" in line


@pytest.mark.parametrize("name", ["ref", "unless-tag", "one-at-a-time", "moves"])
@pytest.mark.parametrize(
    "form",
    [
        "{{% if moves_latest == 'true' %}}a{{% endif %}}",
        "{{% if major == '2' %}}{{{{ moves_latest }}}}{{% endif %}}a",
    ],
)
def test_names_that_move_are_known_in_inputs_only_in_statements_too(name: str, form: str) -> None:
    keys = {"one-at-a-time": "x", "moves": "[latest]", name: f'"{form.format()}"'}
    text = file("{dispatch: a.yml, " + ", ".join(f"{key}: {value}" for key, value in keys.items()) + "}")

    assert any("the template uses `moves_latest`, which is not defined" in line for line in mistakes_of(text))


def test_a_template_that_only_some_versions_can_work_out_is_refused_for_the_others() -> None:
    text = file("{dispatch: a.yml, ref: \"{{ version.split('-')[1] }}\"}")

    assert planned(text, "1.0.3-rc1").ref == "rc1"
    with pytest.raises(BadTemplate, match=r"step `build`, `ref`: .* list object has no element 1"):
        planned(text)


def test_a_late_input_is_tried_for_both_ways_before_anything_starts() -> None:
    for word, other in product(("true", "false"), repeat=2):
        form = f"{{{{ 'x'|int if moves_latest == '{word}' else '{other}' }}}}"
        step = f'{{dispatch: a.yml, one-at-a-time: x, moves: latest, inputs: {{a: "{form}"}}}}'
        (line,) = mistakes_of(file(step))
        assert "`int` works on digits" in line
