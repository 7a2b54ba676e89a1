"""The documentation says what is so: names, defaults, messages and the sample are held against the program."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from bot.cli import app
from bot.core.present.troubles import headline
from bot.core.trouble import Trouble, TroubleKind
from bot.core.verbs import VERBS
from bot.metrics import Metrics
from bot.pipeline.load import BadPipelineFile, load
from bot.pipeline.schema import FailureShape, ObserveShape, PipelineShape, RetryShape, StepShape, keys_of
from bot.settings import Settings
from tests.scenarios.stage import Stage

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    [
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    ]
)
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def prose(name: str) -> str:
    """Without code blocks."""
    return re.sub(r"(?ms)^ *```.*?^ *```", "", text(name))


# -- what is named exists --------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_every_link_to_a_file_leads_somewhere(name: str) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)", prose(name))
    here = [target for target in targets if not target.startswith("http")]

    assert [target for target in here if not ((ROOT / name).parent / target).exists()] == []


@pytest.mark.parametrize("name", [*NAMES, ".env.example", "app.yml", "docs/pipeline.yml"])
def test_every_file_that_is_named_exists(name: str) -> None:
    named = re.findall(r"(?<![\w./-])((?:bot|tests|docs)/[\w./-]*\w)", text(name))

    assert sorted({path for path in named if not (ROOT / path).exists()}) == []


def test_every_name_in_the_walk_through_the_code_is_in_the_code() -> None:
    source = "\n".join(path.read_text("utf-8") for path in sorted((ROOT / "bot").rglob("*.py")))
    spans = re.findall(r"`([A-Za-z_][A-Za-z_.]*)`", text("docs/a-release-through-the-code.md"))
    names = {part for span in spans for part in span.split(".") if "_" in part or part != part.lower()}
    names -= {"LOOK_SECONDS", "issue_comment"}

    assert len(names) > 40
    assert (
        sorted(
            name
            for name in names
            if not re.search(rf"(?:class|def) {name}\b", source)
            and not re.search(rf"^    {name}: ", source, re.MULTILINE)
        )
        == []
    )


@pytest.mark.parametrize("name", NAMES)
def test_every_command_of_the_command_line_that_is_named_exists(name: str) -> None:
    known = {command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands}
    known |= {group.name for group in app.registered_groups if group.name}
    named = set(re.findall(r"release-bot ([a-z]+(?:-[a-z]+)*)\b", text(name)))

    assert named - known <= {"is", "that"}


@pytest.mark.parametrize("name", NAMES)
def test_no_page_names_a_place_of_somebodys_machine(name: str) -> None:
    home = re.escape(os.path.expanduser("~"))  # noqa: PTH111 - the text of it is wanted

    assert re.findall(rf"(?<![\w.])(?:{home}|/home/|/Users/|/tmp/)\S*", text(name)) == []


# -- what exists is documented ---------------------------------------------------------------------


def test_the_readme_is_short() -> None:
    assert len(text("README.md").splitlines()) <= 150


@pytest.mark.parametrize(
    "variable", [str(f.validation_alias) for f in Settings.model_fields.values() if f.validation_alias]
)
def test_every_setting_is_in_the_operators_table(variable: str) -> None:
    rows = [line for line in text("docs/operating.md").splitlines() if line.startswith("| `")]

    assert [row for row in rows if f"`{variable}`" in row.split("|")[1]]


@pytest.mark.parametrize(
    ("variable", "default"),
    [
        (str(field.validation_alias), str(field.default))
        for field in Settings.model_fields.values()
        if field.validation_alias and not field.is_required() and field.default is not None
    ],
)
def test_every_default_in_the_operators_table_is_the_programs(variable: str, default: str) -> None:
    row = next(line for line in text("docs/operating.md").splitlines() if f"`{variable}`" in line)

    assert f"`{default}`" in row.split("|")[2]


@pytest.mark.parametrize("kind", TroubleKind)
def test_every_reason_to_need_attention_is_explained_to_operators(kind: TroubleKind) -> None:
    assert f"| {headline(Trouble(kind))} |" in text("docs/operating.md")


@pytest.mark.parametrize(
    "metric", [m.name for m in Metrics().registry.collect() if m.name.startswith("release_bot_")]
)
def test_every_metric_is_explained_to_operators(metric: str) -> None:
    assert f"`{metric}" in text("docs/operating.md")


@pytest.mark.parametrize("verb", [verb.name for verb in VERBS if verb.name])
def test_every_command_is_in_the_readme(verb: str) -> None:
    assert f"`/release {verb}" in text("README.md")


@pytest.mark.parametrize("shape", [PipelineShape, StepShape, RetryShape, FailureShape, ObserveShape])
def test_every_key_of_the_pipeline_file_is_in_its_reference(shape: type[BaseModel]) -> None:
    page = text("docs/pipeline-file.md")

    assert [key for key in keys_of(shape) if not re.search(rf"`{key}[`:]|\b{key}: ", page)] == []


# -- the examples ----------------------------------------------------------------------------------


def test_the_example_is_a_good_pipeline_file() -> None:
    assert load(text("docs/pipeline.yml"), "pipeline.yml").names == ("release", "announce")


def _examples() -> Iterator[str]:
    for block in re.findall(r"(?ms)^```yaml\n(.*?)^```", text("docs/pipeline-file.md")):
        if block.startswith("pipelines:"):
            yield block


def test_the_examples_of_the_reference_are_good_pipeline_files() -> None:
    assert [load(example, "example").names for example in _examples()] == [("release",)] * 5


MISTAKES = [
    (
        "b: {dispatch: b.yml, appers-within: 3m}",
        "`appers-within` is not a key of a step; did you mean `appears-within`?",
    ),
    (
        "build: {dispatch: b.yml}, c: {dispatch: b.yml, needs: biuld}",
        "there is no step `biuld` in this pipeline; did you mean `build`?",
    ),
    (
        "a: {dispatch: b.yml, needs: b}, b: {dispatch: b.yml, needs: a}",
        "these steps wait for each other: `a -> b -> a`",
    ),
    ("a: {dispatch: b.yml, timeout: 15}", "`15` has no unit: `15s` or `15m`?"),
    ("a: {watch: b.yml}", "a watch step needs `ref`: the branch or tag whose run it waits for"),
    (
        "a: {dispatch: b.yml, watch: c.yml, ref: v1}",
        "`dispatch` and `watch` in one step: a step waits for one thing, so make two steps of it",
    ),
    ("a: {dispatch: build}", "`build` is not the file name of a workflow: did you mean `build.yml`?"),
    ("a: {dispatch: b.yml, ref: a,\n ref: b}", "the key `ref` is here a second time; the first is in line 4"),
    (
        "a: {dispatch: b.yml, ref: '{{ verison }}'}",
        "the template uses `verison`, which is not defined; did you mean `version`?",
    ),
]


@pytest.mark.parametrize(("steps", "message"), MISTAKES)
def test_the_mistakes_in_the_reference_are_told_in_these_words(steps: str, message: str) -> None:
    with pytest.raises(BadPipelineFile) as caught:
        load(f"pipelines:\n  release:\n    steps:\n      {{{steps}}}\n", "f.yml")

    assert message in [mistake.message for mistake in caught.value.mistakes]
    assert f"| `` {message} `` |" in text("docs/pipeline-file.md")


MAVEN_IS_AWAY = (
    "2026-11-20T09:00:01.0000000Z > Could not GET 'https://repo.example/widget.pom'. "
    "Received status code 503 from server: Service Unavailable\n"
    "2026-11-20T09:00:02.0000000Z ##[error]Process completed with exit code 1.\n"
)


async def test_the_readmes_status_comment_is_what_the_bot_writes(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    for repo in (stage.oss, stage.ee):
        repo.workflows["pre-release.yml"].on_run().takes(minutes=6)
    stage.oss.workflows["pre-release.yml"].on_run(attempts=1).job("publish").fails(log=MAVEN_IS_AWAY)
    await stage.opens(EDIT_SECONDS="0")
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.step("oss-docker") == stage.step("ee-docker") == "running")
    written = stage.status().body.rpartition("\n\n<!-- release-bot:")[0]
    await stage.closes()

    shown = re.search(r"(?s)<!-- sample:.*?-->\n(.*?)<!-- end of the sample", text("README.md"))
    assert shown is not None
    assert _without_ids(re.sub(r"(?m)^> ?", "", shown[1]).strip()) == _without_ids(written)


def _without_ids(body: str) -> str:
    """Which of two runs that start together comes first is chance."""
    return re.sub(r"\d{11}", "RUN", body)


# -- faults and attacks ----------------------------------------------------------------------------


def _numbered_tests() -> str:
    return "\n".join(
        name
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        for name in re.findall(r"def (test_(?:f|attack_)\d\d_\w+)", path.read_text("utf-8"))
    )


@pytest.mark.parametrize(("kind", "most"), [("F", 72), ("A", 53)])
def test_every_fault_and_attack_has_a_row_and_a_test_or_a_reason(kind: str, most: int) -> None:
    rows = dict(re.findall(rf"(?m)^\| ({kind}\d\d) \|(.*)$", text("docs/faults.md")))
    prefix = "test_f" if kind == "F" else "test_attack_"
    held = {
        number
        for name in _numbered_tests().splitlines()
        if name.startswith(prefix)
        for number in re.findall(r"\d\d", re.match(r"\D+((?:\d\d_|and_)+)", name)[1])  # type: ignore[index]
    }
    untold = [
        number
        for number in (f"{one:02}" for one in range(1, most + 1))
        if f"{kind}{number}" not in rows
        or (number not in held and "does not apply" not in rows[f"{kind}{number}"])
    ]

    assert untold == []


def test_every_test_that_the_table_of_faults_names_exists() -> None:
    named = re.findall(r"`(test_(?:f|attack_)\d\d_\w*)", text("docs/faults.md"))
    tests = _numbered_tests()

    assert [name for name in named if name.rstrip("_") not in tests] == []
