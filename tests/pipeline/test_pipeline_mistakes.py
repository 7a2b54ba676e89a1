"""Every mistake a pipeline file can have, told once and at its exact place.

In the table `«` marks where the mistake must be reported; it is taken out before the file is read.
"""

import pytest

from bot.pipeline.load import BadPipelineFile, load

STEPS = "pipelines:\n  release:\n    steps:\n"


def step(text: str) -> str:
    """A file with one step written on one line."""
    return f"{STEPS}      build: {text}\n"


def pipeline(text: str) -> str:
    """A file with one pipeline that has a good step and one more line."""
    return f"pipelines:\n  release:\n    {text}\n    steps: {{build: {{dispatch: build.yml}}}}\n"


def name(text: str) -> str:
    return f"{STEPS}      {text}: {{dispatch: build.yml}}\n"


def mistakes_of(text: str) -> list[str]:
    with pytest.raises(BadPipelineFile) as bad:
        load(text, "f.yml")
    return [str(mistake) for mistake in bad.value.mistakes]


def place_of(marked: str) -> str:
    before = marked[: marked.index("«")]
    return f"f.yml:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


def told_at_its_place(marked: str) -> str:
    """The one mistake of the file, which stands at the mark."""
    (line,) = mistakes_of(marked.replace("«", ""))
    assert line.startswith(f"{place_of(marked)}: ")
    return line


KEYS = [
    (pipeline("«abuot: x"), "`abuot` is not a key of a pipeline; did you mean `about`?"),
    (pipeline("«description: x"), "`description` is not a key of a pipeline; did you mean `about`?"),
    (
        pipeline("«colour: red"),
        "is not a key of a pipeline; there are `about`, `permission`, `concurrency`, `steps`, `failures`, `observe`",
    ),
    (pipeline("«abuot:"), "`abuot` is not a key of a pipeline; did you mean `about`?"),
    ("«version: 2\n" + pipeline("about: x"), "`version` is not a key of the file; there is only `pipelines`"),
    ("«pipeline:\n  release: {}\n", "`pipeline` is not a key of the file; did you mean `pipelines`?"),
    ("pipelines:\n  release:\n    «step: {}\n", "`step` is not a key of a pipeline; did you mean `steps`?"),
    ("pipelines:\n  «release: {about: x}\n", "`steps` is missing"),
    ("«[a]\n", "this must be keys with values, not a list"),
    ("«hello\n", "this must be keys with values, not the text `hello`"),
    (step("{dispatch: a.yml, «time-out: 6h}"), "`time-out` is not a key of a step; did you mean `timeout`?"),
    (step("{«dispach: a.yml}"), "`dispach` is not a key of a step; did you mean `dispatch`?"),
    (
        step("{«workflow_dispatch: a.yml, approval: a?}"),
        "`workflow_dispatch` is not a key of a step; there are",
    ),
    (step("{dispatch: a.yml, «branch: main}"), "`branch` is not a key of a step; did you mean `ref`?"),
    (step("{dispatch: a.yml, «permission: admin}"), "`permission` belongs to a pipeline, not to a step"),
    (pipeline("«timeout: 6h"), "`timeout` belongs to a step, not to a pipeline"),
    (step("{dispatch: a.yml, «wait: 6h}"), "`wait` belongs to `retry`, not to a step"),
    (step("{dispatch: a.yml, «<<: {ref: main}}"), "merge keys (`<<`) are not supported: write the keys out"),
    (
        step("{dispatch: a.yml, ref: a, «ref: b}"),
        "the key `ref` is here a second time; the first is in line 4",
    ),
    (step("{dispatch: a.yml, «? [x] : y}").replace("{dispatch: a.yml, «", "«{"), "a key must be plain text"),
    (step("{dispatch: a.yml}") + "      «build: {}\n", "the key `build` is here a second time"),
]

NAMES = [
    ("pipelines: «{}\n", "there must be at least one pipeline"),
    ("pipelines: {release: {steps: «{}}}\n", "there must be at least one step"),
    ("pipelines: {«1st: {steps: {a: {dispatch: a.yml}}}}\n", "`1st` cannot be the name of a pipeline"),
    ("pipelines: {«Status: {steps: {a: {dispatch: a.yml}}}}\n", "`Status` is a command, so a pipeline needs"),
    (
        name("«a.b"),
        "`a.b` cannot be the name of a step: a letter, then letters, digits, `-` and `_`, at most 40",
    ),
    (name("«" + "a" * 41), "cannot be the name of a step"),
    (name("«ünit"), "`ünit` cannot be the name of a step"),
    (name("«retry"), "`retry` is a command, so a step needs another name"),
    (
        step("{dispatch: a.yml}") + "      «Build: {dispatch: a.yml}\n",
        "`Build` and `build` differ in letter case",
    ),
]

KINDS = [
    (
        step("{}").replace("build", "«build"),
        "the step waits for nothing: it needs `dispatch`, `watch` or `appr",
    ),
    (step("{ref: main}").replace("build", "«build"), "the step waits for nothing"),
    (step("{dispatch: a.yml, «approval: a?}"), "`dispatch` and `approval` in one step"),
    (step("{watch: a.yml, ref: v1, «dispatch: b.yml}"), "`watch` and `dispatch` in one step"),
    (
        step("{watch: a.yml, ref: v1, «inputs: {a: b}}"),
        "`inputs` belongs to `dispatch` steps, and this is a step of",
    ),
    (step("{watch: a.yml, ref: v1, «unless-tag: v1}"), "`unless-tag` belongs to `dispatch` steps"),
    (step("{watch: a.yml, ref: v1, «nonce: id}"), "`nonce` belongs to `dispatch` steps"),
    (step("{dispatch: a.yml, «event: push}"), "`event` belongs to `watch` steps"),
    (step("{approval: a?, «ref: v1}"), "`ref` belongs to `dispatch` and `watch` steps"),
    (step("{approval: a?, «repo: a/b}"), "`repo` belongs to `dispatch` and `watch` steps"),
    (step("{approval: a?, «timeout: 6h}"), "`timeout` belongs to `dispatch` and `watch` steps"),
    (step("{«watch: a.yml}"), "a watch step needs `ref`: the branch or tag whose run it waits for"),
    (step("{watch: a.yml, «reff: v1}"), "`reff` is not a key of a step; did you mean `ref`?"),
]

MANY_INPUTS = ", ".join(f"i{n}: '{{{{ major }}}}'" for n in range(25))

VALUES = [
    (pipeline("permission: «mantain"), "`mantain` is not a permission: did you mean `maintain`?"),
    (pipeline("permission: «owner"), "`owner` is not a permission: write `write`, `maintain` or `admin`"),
    (pipeline("permission: «[write]"), "this must be text, not a list"),
    (pipeline("«about:"), "`about` has no value: write one or leave it out"),
    (pipeline("about: «~"), "`about` has no value: write one or leave it out"),
    (pipeline("about: «" + "a" * 501), "the text has 501 characters; at most 500"),
    (pipeline("concurrency: «''"), "the concurrency group is empty"),
    (step("{dispatch: a.yml, repo: «widget}"), "`widget` is not a repository: write `OWNER/NAME`"),
    (step("{dispatch: a.yml, repo: «https://github.com/acme/widget}"), "did you mean `acme/widget`?"),
    (step("{dispatch: a.yml, repo: «acme/..}"), "`acme/..` is not a repository"),
    (step("{dispatch: «build}"), "`build` is not the file name of a workflow: did you mean `build.yml`?"),
    (
        step("{dispatch: «ci/build.yml}"),
        "`ci/build.yml` is not the file name of a workflow, such as `build.yml`",
    ),
    (step("{dispatch: «'{{ version }}.yml'}"), "is a template, which is not possible here"),
    (step("{dispatch: «[a.yml]}"), "this must be text, not a list"),
    (step("{approval: «''}"), "the text is empty: write one or leave the key out"),
    (step("{watch: a.yml, ref: v1, event: «Pull-Request}"), "`Pull-Request` is not the name of an event"),
    (step("{dispatch: a.yml, nonce: «'a b'}"), "`a b` is not the name of a workflow input"),
    (step("{dispatch: a.yml, inputs: {id: 1}, nonce: «ID}"), "the input `ID` is also in `inputs`"),
    (step("{dispatch: a.yml, inputs: {«a b: 1}}"), "`a b` is not the name of a workflow input"),
    (step("{dispatch: a.yml, inputs: {a: «[1]}}"), "this must be text, not a list"),
    (step("{dispatch: a.yml, inputs: {a: «{b: 1}}}"), "this must be text, not keys with values"),
    (step("{dispatch: a.yml, inputs: «[a]}"), "this must be keys with values, not a list"),
    (step("{dispatch: a.yml, «inputs: }"), "`inputs` has no value: write one or leave it out"),
    (
        step("{dispatch: a.yml, «inputs: {" + ", ".join(f"i{n}: x" for n in range(26)) + "}}"),
        "a dispatch takes at most 25 inputs, and these are 26",
    ),
    (
        step("{dispatch: a.yml, nonce: n, «inputs: {" + ", ".join(f"i{n}: x" for n in range(25)) + "}}"),
        "a dispatch takes at most 25 inputs, and these are 26",
    ),
    (step("«[dispatch]"), "this must be keys with values, not a list"),
    (step("{dispatch: a.yml, ref: «!branch main}"), "the tag `!branch` is not supported: leave it out"),
    (step("{dispatch: a.yml, «!a ref: main}"), "the tag `!a` is not supported: leave it out"),
    (step("{dispatch: a.yml, inputs: «!!seq {a: b}}"), "`!!seq` does not fit keys with values"),
    (step("{dispatch: a.yml, inputs: «!!set {a: b}}"), "the tag `!!set` is not supported: leave it out"),
    (step("{dispatch: a.yml, needs: «!!map []}"), "`!!map` does not fit a list"),
    (step("{dispatch: a.yml, inputs: {a: «!!int five}}"), "`!!int` does not fit the text `five`"),
    (step("{dispatch: a.yml, inputs: {a: «!!bool 1}}"), "`!!bool` does not fit the text `1`"),
    (step("{dispatch: a.yml, ref: «!!null x}"), "`!!null` does not fit the text `x`"),
    (step("{dispatch: a.yml, ref: «!!str ''}"), "the name of the branch or tag is empty"),
    (step("{dispatch: a.yml, ref: «!!null ~}"), "`ref` has no value: write one or leave it out"),
    (step('{approval: «"a\\x07?"}'), "this text holds a control character"),
]

NUMBERS = [
    (step("{dispatch: a.yml, timeout: «31d}"), "`31d` is too long: at most 30d"),
    (step("{dispatch: a.yml, timeout: «90}"), "`90` has no unit: `90s` or `90m`?"),
    (step("{dispatch: a.yml, timeout: «[6h]}"), "this must be a duration such as `15m`, not a list"),
    (step("{dispatch: a.yml, appears-within: «15min}"), "`15min` is not a duration; did you mean `15m`?"),
    (
        step("{dispatch: a.yml, appears-within: «soon}"),
        "`soon` is not a duration: write it like `90s`, `15m`",
    ),
    (step("{dispatch: a.yml, retry: «11}"), "`11` is not a number of re-runs: 0 to 10"),
    (step("{dispatch: a.yml, retry: «-1}"), "`-1` is not a number of re-runs: 0 to 10"),
    (step("{dispatch: a.yml, retry: «yes}"), "`yes` is not a number of re-runs: 0 to 10"),
    (step("{dispatch: a.yml, retry: «[1]}"), "this must be keys with values, not a list"),
    (step("{dispatch: a.yml, retry: {flaky: «0x2}}"), "`0x2` is not a number of re-runs: 0 to 10"),
    (step("{dispatch: a.yml, retry: {any: «{}}}"), "this must be a number, not keys with values"),
    (
        step("{dispatch: a.yml, retry: {«flakey: 2}}"),
        "`flakey` is not a key of `retry`; did you mean `flaky`?",
    ),
    (step("{dispatch: a.yml, retry: {wait: «30}}"), "`30` has no unit"),
]

REFS = [
    (step("{dispatch: a.yml, ref: «''}"), "the name of the branch or tag is empty"),
    (step("{dispatch: a.yml, ref: «a b}"), "`a b` cannot be the name of a branch or tag"),
    (step("{dispatch: a.yml, ref: «a..b}"), "`a..b` cannot be the name of a branch or tag"),
    (step("{dispatch: a.yml, ref: «-a}"), "`-a` cannot be the name of a branch or tag"),
    (
        step("{dispatch: a.yml, ref: «refs/pull/1/head}"),
        "`refs/pull/1/head` is neither a branch nor a tag: write it alone, or behind `refs/heads/` or `refs/tags/`",
    ),
    (step("{dispatch: a.yml, ref: «refs/heads/}"), "the name of the branch or tag is empty"),
    (step("{dispatch: a.yml, ref: «refs/tags/a b}"), "`refs/tags/a b` cannot be the name of a branch or tag"),
    (step("{dispatch: a.yml, unless-tag: «refs/heads/v1}"), "`refs/heads/v1` is a branch: write a tag"),
    (
        step("{dispatch: a.yml, unless-tag: «'v {{ version }}'}"),
        "`v 1.0.3` cannot be the name of a branch or tag",
    ),
]

TEMPLATES = [
    (
        step("{dispatch: a.yml, ref: «'{{ versoin }}'}"),
        "the template uses `versoin`, which is not defined; did you",
    ),
    (
        step("{dispatch: a.yml, inputs: {a: «'{{ github.ref }}'}}"),
        "the template uses `github`, which is not de",
    ),
    (step("{dispatch: a.yml, inputs: {a: «'{{ version'}}"), "the template `{{ version` has a mistake"),
    (
        step("{dispatch: a.yml, unless-tag: «'{% for i in version %}v{% endfor %}'}"),
        "`{% for %}` is not available in templates; there are `if` and `raw`",
    ),
    (
        step("{dispatch: a.yml, ref: «\"{% if major == '99' %}{{ vresion }}{% else %}main{% endif %}\"}"),
        "the template uses `vresion`, which is not defined",
    ),
    (step("{dispatch: a.yml, ref: «'{{ version.split(\"-\")[9] }}'}"), "list object has no element 9"),
    (
        step("{dispatch: a.yml, inputs: {a: «'{{ \"x\" * 10**9 }}'}}"),
        "`**` is not available in templates",
    ),
    (step("{approval: «'Publish {{ vresion }}?'}"), "the template uses `vresion`, which is not defined"),
    (pipeline("concurrency: «'{{ serie }}'"), "which is not defined; did you mean `series`?"),
    (step("{dispatch: a.yml, inputs: {a: «{{ version }}}}"), 'a template needs quotes: write "{{ … }}"'),
    (
        step("{dispatch: a.yml, ref: v«{{ version }}}"),
        'a template needs quotes: write "{{ … }}" around the whole',
    ),
]

NEEDS = [
    (step("{dispatch: a.yml, needs: «biuld}"), "there is no step `biuld` in this pipeline"),
    (
        step("{approval: a?}") + "      b: {approval: b?, needs: «biuld}\n",
        "no step `biuld` in this pipeline; did you mean `build`?",
    ),
    (step("{approval: a?}") + "      b: {approval: b?, needs: «Build}\n", "did you mean `build`?"),
    (
        step("{approval: a?}") + "      b: {approval: b?, needs: [build, «deploy]}\n",
        "there is no step `deploy`",
    ),
    (step("{approval: a?}") + "      b: {approval: b?, needs: [build, «build]}\n", "`build` is named twice"),
    (step("{approval: a?, needs: «build}"), "the step `build` needs itself"),
    (
        step("{approval: a?, needs: «{a: b}}"),
        "this must be a step's name or a list of names, not keys with values",
    ),
    (step("{approval: a?, needs: [«[build]]}"), "this must be text, not a list"),
    (step("{approval: a?, «needs: }"), "`needs` has no value: write one or leave it out"),
    (
        STEPS + "      a: {approval: a?}\n      b: {approval: b?}\n      c: {approval: c?, needs: «'a, b'}\n",
        "`a, b` is one text: write a list, `[a, b]`",
    ),
    (
        STEPS + "      a: {approval: a?, needs: «b}\n      b: {approval: b?, needs: a}\n",
        "these steps wait for each other: `a -> b -> a`",
    ),
    (
        STEPS
        + "      x: {approval: x?, needs: a}\n      a: {approval: a?, needs: [«c]}\n"
        + "      b: {approval: b?, needs: a}\n      c: {approval: c?, needs: b}\n",
        "these steps wait for each other: `a -> c -> b -> a`",
    ),
]

YAML = [
    ("«", "the file is empty: it needs `pipelines:` with at least one pipeline"),
    ("«# nothing but a comment\n", "the file is empty"),
    ("«---\n...\n", "the file is empty"),
    ("«pipelines:\n", "`pipelines` has no value: write one or leave it out"),
    ("pipelines:\n«\trelease: {}\n", "a tab is here: YAML wants spaces"),
    ("pipelines: «'release\n", "what begins here is not closed before the file ends"),
    ("pipelines: «[a,\n", "what begins here is not closed before the file ends"),
    ("pipelines: a«: b\n", "a `:` cannot be here: check the indentation, or put the text in quotes"),
    ("pipelines: «@x\n", "this is not valid YAML: found character '@' that cannot start any token"),
    (
        step("{dispatch: a.yml}") + "«---\na: b\n",
        "a second document begins here: the file must hold only one",
    ),
    (step("{dispatch: «*file}"), "there is no anchor `&file` before this"),
    ("pipelines: «\x07\n", "the file has a control character here"),
    ('«pipelines: "\\UFFFFFFFF"\n', "YAML cannot read what begins here: check its escapes and directives"),
    ("pipelines:\n«" + "#" * 10_001 + "\n", "the line has 10,001 characters; at most 10,000"),
    (
        "«pipelines:\n  release:\n    steps:\n"
        + "".join(f"      s{n}: {{dispatch: a.yml, inputs: {{{MANY_INPUTS}}}}}\n" for n in range(81)),
        "the file has 2,025 templates with 22,275 characters; at most 2,000 with 100,000",
    ),
    ("«" + "# comment\n" * 110_000, "the file has 1,100,000 bytes; at most 1,048,576"),
    (
        pipeline('failures: [{name: x, cause: flaky, pattern: "\\«d"}]'),
        "in double quotes `\\` begins an escape: put the text in single quotes instead",
    ),
    ("[" * 20 + "«[" + "]" * 21, "the file is nested more than 20 deep here"),
]

CASES = [*KEYS, *NAMES, *KINDS, *VALUES, *NUMBERS, *REFS, *TEMPLATES, *NEEDS, *YAML]


@pytest.mark.parametrize(
    ("marked", "message"), CASES, ids=[f"{n}-{case[1][:50]}" for n, case in enumerate(CASES)]
)
def test_a_mistake_is_told_once_at_its_place(marked: str, message: str) -> None:
    assert message in told_at_its_place(marked)


def test_all_mistakes_are_told_in_one_pass_in_the_order_of_the_file() -> None:
    text = """\
pipelines:
  release:
    abuot: Both editions
    permission: owner
    steps:
      start: {dispatch: start, ref: "{{ versoin }}"}
      build: {needs: strat, watch: build.yml, timeout: 31d}
      go: {needs: [build, images], approval: "Go?", inputs: {a: b}}
      images: {needs: go, dispatch: images.yml, dispatch: other.yml}
  Release:
    steps: {a: {}}
"""
    assert mistakes_of(text) == [
        "f.yml:3:5: `abuot` is not a key of a pipeline; did you mean `about`?",
        "f.yml:4:17: `owner` is not a permission: write `write`, `maintain` or `admin`",
        "f.yml:6:25: `start` is not the file name of a workflow: did you mean `start.yml`?",
        "f.yml:6:37: the template uses `versoin`, which is not defined; did you mean `version`?",
        "f.yml:7:22: there is no step `strat` in this pipeline; did you mean `start`?",
        "f.yml:7:29: a watch step needs `ref`: the branch or tag whose run it waits for",
        "f.yml:7:56: `31d` is too long: at most 30d",
        "f.yml:8:27: these steps wait for each other: `go -> images -> go`",
        "f.yml:8:53: `inputs` belongs to `dispatch` steps, and this is a step of kind `approval`",
        "f.yml:9:49: the key `dispatch` is here a second time; the first is in line 9",
        "f.yml:10:3: `Release` and `release` differ in letter case only",
        "f.yml:11:13: the step waits for nothing: it needs `dispatch`, `watch` or `approval`",
    ]


def test_a_mistake_in_a_shared_value_is_told_once() -> None:
    text = (
        STEPS + "      a: {dispatch: a.yml, retry: &r {flaky: 99}}\n      b: {dispatch: b.yml, retry: *r}\n"
    )

    assert mistakes_of(text) == ["f.yml:4:46: `99` is not a number of re-runs: 0 to 10"]


def test_two_circles_of_steps_are_two_mistakes() -> None:
    text = STEPS + "".join(
        f"      {step_name}: {{approval: x?, needs: {need}}}\n"
        for step_name, need in ("ab", "ba", "cd", "dc")
    )

    assert [line.partition(": these")[2] for line in mistakes_of(text)] == [
        " steps wait for each other: `a -> b -> a`",
        " steps wait for each other: `c -> d -> c`",
    ]


def test_windows_line_ends_do_not_move_a_place() -> None:
    text = step("{dispatch: a.yml, timeout: 31d}").replace("\n", "\r\n")

    assert mistakes_of(text) == ["f.yml:4:41: `31d` is too long: at most 30d"]


def test_the_exception_itself_reads_as_its_lines() -> None:
    with pytest.raises(BadPipelineFile) as bad:
        load("a: 1\nb: 2\n", "here.yml")

    assert str(bad.value).splitlines() == [str(mistake) for mistake in bad.value.mistakes]
