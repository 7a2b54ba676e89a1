"""What tools say in other versions, languages and places than the rules' own examples."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from bot.core.causes import Cause, judge
from bot.core.evidence import Evidence, FailedJob
from bot.pipeline.rules import shipped_rules

WORDS: dict[str, list[str]] = YAML(typ="safe", pure=True).load(
    (Path(__file__).parent / "failures" / "words.yml").read_text(encoding="utf-8")
)
SAID = [
    pytest.param(text, Cause(cause), id=f"{cause}-{text.splitlines()[0][:60]}")
    for cause, texts in WORDS.items()
    for text in texts
]


@pytest.mark.parametrize(("text", "cause"), SAID)
def test_a_tool_is_understood_whatever_its_words(text: str, cause: Cause) -> None:
    log = f"{text}\n##[error]Process completed with exit code 1."
    job = FailedJob("build", "failure", "publish", (), log, 1, None)

    verdict = judge(Evidence((job,), 1, startup_failure=False), shipped_rules())

    assert verdict.cause is cause, verdict.findings


def test_there_are_words_of_every_cause() -> None:
    assert {Cause(cause) for cause in WORDS} == set(Cause)
