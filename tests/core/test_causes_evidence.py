"""Evidence is stored and read back unchanged."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.evidence import Evidence, FailedJob

EVIDENCE = st.builds(
    Evidence,
    jobs=st.lists(
        st.builds(
            FailedJob,
            name=st.text(),
            conclusion=st.text(),
            step=st.none() | st.text(),
            annotations=st.lists(st.text(), max_size=3).map(tuple),
            log_tail=st.none() | st.text(),
            job_id=st.integers(),
            url=st.none() | st.text(),
        ),
        max_size=3,
    ).map(tuple),
    total_jobs=st.integers(min_value=0),
    startup_failure=st.booleans(),
)


@given(EVIDENCE)
def test_evidence_comes_back_from_json_as_it_was(evidence: Evidence) -> None:
    assert Evidence.from_json(json.loads(json.dumps(evidence.to_json()))) == evidence


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({}, "'jobs' must be a list"),
        ({"jobs": ["build"]}, "each of 'jobs' must be an object"),
        ({"jobs": [], "total_jobs": "1"}, "'total_jobs' must be a whole number"),
        ({"jobs": [], "total_jobs": True}, "'total_jobs' must be a whole number"),
        ({"jobs": [{"annotations": [], "name": 1}], "total_jobs": 1}, "'name' must be a text"),
        ({"jobs": [{"annotations": [1]}], "total_jobs": 1}, "'annotations' must be a list of texts"),
    ],
)
def test_damaged_evidence_is_refused_by_the_name_of_the_field(data: dict[str, object], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Evidence.from_json(data)
