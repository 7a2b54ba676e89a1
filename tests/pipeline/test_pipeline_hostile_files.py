"""Odd and hostile files: the answer is always pipelines or mistakes with places, and it comes soon."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.pipeline.load import BadPipelineFile, load
from bot.pipeline.plans import Pipelines

CONTRACT = (Path(__file__).parent / "files" / "contract.yml").read_text(encoding="utf-8")
STEPS = "pipelines:\n  release:\n    steps:\n"
PIPELINE = "pipelines:\n  release:\n    steps: {a: {approval: a?}}\n"
OFTEN = settings(max_examples=200)

LETTERS = st.sampled_from(
    [*"ab:{}[],&*!?|>'\"\\%@`#- \t\n\r~<=", ": ", "- ", "\n  ", "---\n", "...\n", "{{", "}}"]
)
WORDS = st.sampled_from(
    [
        "pipelines",
        "steps",
        "needs",
        "version",
        "watch",
        "ref",
        "<<",
        "!!str ",
        "!!null ",
        "!!map ",
        "!x ",
        "! ",
        "&x ",
        "*x",
        "\\U",
    ]
)
YAML_LIKE = st.lists(LETTERS | WORDS | st.characters(), max_size=60).map("".join)


def outcome(text: str) -> Pipelines | None:
    """None when there are mistakes; every one of them lies within the file."""
    try:
        return load(text, "f.yml")
    except BadPipelineFile as bad:
        mistakes = bad.mistakes
    lines = re.split(r"\r\n|\r|\n", text)
    assert mistakes
    assert mistakes == tuple(sorted(set(mistakes)))
    assert all(1 <= mistake.line <= len(lines) for mistake in mistakes)
    assert all(1 <= mistake.column <= len(lines[mistake.line - 1]) + 1 for mistake in mistakes)
    assert all(mistake.message.isprintable() for mistake in mistakes)
    return None


@OFTEN
@given(YAML_LIKE | st.text())
def test_any_text_is_pipelines_or_mistakes(text: str) -> None:
    outcome(text)


@OFTEN
@given(st.data())
def test_a_damaged_file_is_pipelines_or_mistakes(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(CONTRACT)))
    end = data.draw(st.integers(start, min(len(CONTRACT), start + 40)))

    outcome(CONTRACT[:start] + data.draw(YAML_LIKE) + CONTRACT[end:])


def test_the_name_that_may_be_meant_is_shown_without_letters_that_show_nothing() -> None:
    assert outcome(CONTRACT.replace("      oss:", "      \ue000oss:", 1)) is None


VALUES = st.recursive(
    st.sampled_from(["a", "b", "x.yml", "acme/widget", "'{{ version }}'", "15m", "2", "~", "'a?'"]),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
        | st.dictionaries(st.sampled_from(["any", "wait", "a", "flaky"]), inner, max_size=3).map(
            lambda items: "{" + ", ".join(f"{key}: {value}" for key, value in items.items()) + "}"
        )
    ),
    max_leaves=6,
)
KEYS = st.sampled_from(
    [
        "needs",
        "repo",
        "dispatch",
        "watch",
        "approval",
        "ref",
        "inputs",
        "unless-tag",
        "nonce",
        "event",
        "retry",
        "appears-within",
        "timeout",
        "never-rerun",
        "one-at-a-time",
        "moves",
        "reff",
    ]
)


@OFTEN
@given(st.dictionaries(st.sampled_from("abcA"), st.dictionaries(KEYS, VALUES, max_size=5), max_size=4))
def test_any_steps_are_pipelines_or_mistakes(steps: dict[str, dict[str, str]]) -> None:
    lines = (
        f"      {name}: {{{', '.join(f'{key}: {value}' for key, value in keys.items())}}}\n"
        for name, keys in steps.items()
    )

    outcome(STEPS + "".join(lines))


PARAMETERS = st.dictionaries(st.sampled_from(["a", "A", "if", "version", "b-c"]), VALUES, max_size=3).map(
    lambda items: "{" + ", ".join(f"{name}: {value}" for name, value in items.items()) + "}"
)
MOVERS = st.sampled_from(
    ["latest", "'{{ series }}'", "'{{ a }}'", "1.0", "'{{ moves_latest }}'", "[]", "[x, x]"]
)


@OFTEN
@given(PARAMETERS | VALUES, PARAMETERS | VALUES, VALUES, MOVERS | VALUES, MOVERS | VALUES)
def test_any_parameters_names_and_people_are_pipelines_or_mistakes(
    parameters: str, names: str, notify: str, moves: str, line: str
) -> None:
    keys = f"    parameters: {parameters}\n    names: {names}\n    notify: {notify}\n"

    outcome(
        f"{PIPELINE}{keys}".replace(
            "{approval: a?}", f"{{dispatch: a.yml, one-at-a-time: {line}, moves: {moves}}}"
        )
    )


def numbered(count: int, line: str) -> str:
    return "".join(line.replace("#", str(number)) for number in range(count))


ALL = " ~ ".join(f"p{n}" for n in range(20))
MANY_VALUES = "    parameters:\n" + numbered(
    20, "      p#: [" + ", ".join(f"v{n}" for n in range(50)) + "]\n"
)

BOMBS = {
    "aliases of aliases": "a: &a0 [x,x,x,x,x]\n"
    + "".join(f"b{n}: &a{n + 1} [*a{n},*a{n},*a{n}]\n" for n in range(15)),
    "an anchor that holds itself": "pipelines: &a [*a]\n",
    "aliases that nest": "a: &a0 x\n" + "".join(f"b{n}: &a{n + 1} [*a{n}]\n" for n in range(2000)),
    "brackets": "[" * 9000,
    "tags": "!" * 9000,
    "questions": "? " * 5000,
    "many values": "- 1\n" * 200_000,
    "unknown keys": numbered(4900, "pipelin#: 1\n"),
    "unknown step keys": f"{STEPS}      a:\n" + numbered(4900, "        appears-withi#: 1\n"),
    "unknown needs": STEPS + numbered(2400, "      step#: {needs: step#x}\n"),
    "a long circle": STEPS + numbered(1000, "      s#: {needs: s1, approval: a?}\n"),
    "many rules": PIPELINE
    + "    failures:\n"
    + numbered(2400, "      - {name: n#, cause: flaky, pattern: '(a|a)*b'}\n"),
    "many expressions": PIPELINE
    + "    failures:\n"
    + numbered(
        100,
        "      - {name: n#, cause: flaky, pattern: ["
        + ", ".join("'" + f"(?:a{n}x#|b.?c{{1,9}}d*)+e" * 9 + "'" for n in range(20))
        + "]}\n",
    ),
    "slow expressions": PIPELINE
    + "    failures:\n"
    + numbered(58, f"      - {{name: n#, cause: flaky, pattern: '{'(?:a.x#|b.?c{1,9}d*)+e' * 20}'}}\n"),
    "many workflows": PIPELINE
    + "    observe: {branches: a, workflows: ["
    + numbered(4900, "a#.yml, ")
    + "]}\n",
    "many job names": f"{STEPS}      a: {{dispatch: a.yml, never-rerun: [" + numbered(4900, "a#, ") + "]}\n",
    "many parameters": PIPELINE + "    parameters:\n" + numbered(2400, "      p#: [a]\n"),
    "many values of a parameter": PIPELINE + "    parameters: {a: [" + numbered(4900, "v#,\n     ") + "]}\n",
    "many rules for names": PIPELINE + "    names:\n" + numbered(4800, "      n#: highest released\n"),
    "many people": PIPELINE + "    notify: [" + numbered(4900, "u#,\n     ") + "]\n",
    "many moved names": STEPS
    + numbered(1200, "      s#: {dispatch: a.yml, one-at-a-time: x, moves: [a#, '{{ version }}-#']}\n"),
    "names that depend on everything": PIPELINE.replace("{a: {approval: a?}}", "")
    + numbered(
        10,
        f"      s#: {{dispatch: a.yml, one-at-a-time: '#{''.join(f'{{{{ p{n} }}}}' for n in range(20))}', moves: ["
        + ", ".join(f"'{n}-#{''.join(f'{{{{ p{p} }}}}' for p in range(19))}'" for n in range(10))
        + "]}\n",
    )
    + "    parameters:\n"
    + numbered(20, "      p#: [" + ", ".join(f"v{n}" for n in range(50)) + "]\n"),
    "many templates": STEPS
    + numbered(
        100,
        "      t#: {dispatch: a.yml, inputs: {"
        + ", ".join(f"i{n}: '{{{{ version }}}}#'" for n in range(21))
        + "}}\n",
    ),
    "long templates": STEPS
    + numbered(
        40, "      t#:\n        dispatch: a.yml\n        inputs: {a: '" + "{{ version }}" * 200 + "'}\n"
    ),
    "many templates that need every try": PIPELINE.replace("{a: {approval: a?}}", "")
    + numbered(
        99,
        "      t#: {dispatch: a.yml, inputs: {"
        + ", ".join(f"i{n}: '{{{{ ({ALL})|int }}}}#-{n}'" for n in range(8))
        + "}}\n",
    )
    + MANY_VALUES,
    "templates that work as much as they can": PIPELINE.replace("{a: {approval: a?}}", "")
    + numbered(
        12,
        f"      t#:\n        approval: >-\n          {{{{ ({ALL})|int }}}}#\n"
        + f"          {{{{ p1|replace('', '{'é' * 330}'){'|upper' * 24} }}}}\n" * 14,
    )
    + MANY_VALUES,
    "surrogates": "a: \ud800",
    "a surrogate by escape": 'a: "\\ud800"',
    "a version of YAML": "%YAML " + "9" * 5000 + ".1\n---\n",
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS.keys())
def test_attack_47_a_bomb_is_only_a_bad_file(text: str) -> None:
    assert outcome(text) is None
