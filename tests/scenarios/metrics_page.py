"""The metrics page, read as Prometheus reads it."""

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.scenarios.stage import Stage


async def metrics(stage: Stage) -> dict[str, float]:
    """Every sample that is shown now; labels stand in braces behind the name."""
    assert stage.bot is not None
    app = httpx.ASGITransport(app=stage.bot.web)
    async with httpx.AsyncClient(transport=app, base_url="http://bot") as http:
        page = (await http.get("/metrics")).text
    return {
        _name(sample.name, sample.labels): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def _name(name: str, labels: dict[str, str]) -> str:
    inside = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
    return f"{name}{{{inside}}}" if inside else name
