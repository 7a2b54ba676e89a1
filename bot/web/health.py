"""Pages for those who run the bot: is it alive, is it ready, how is it doing.

The rule here: GitHub being away is no problem of ours, and nothing private or secret is shown; the pages
have no authentication.
"""

from collections.abc import Awaitable, Callable

import anyio
import structlog
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.log import scrub

log = structlog.stdlib.get_logger(__name__)

Problems = Callable[[], Awaitable[tuple[str, ...]]]

_FRESH = {"Cache-Control": "no-store"}


def health_pages(
    problems: Problems, *, registry: CollectorRegistry, check_seconds: float = 5
) -> tuple[Route, ...]:
    """`problems()` says what is wrong with database, key and engine, in words fit for all; none: ready."""

    async def alive(_request: Request) -> Response:
        return JSONResponse({"status": "alive"}, headers=_FRESH)

    async def ready(_request: Request) -> Response:
        found = tuple(scrub(problem) for problem in await _found(problems, check_seconds))
        if found:
            return JSONResponse({"status": "not ready", "problems": found}, 503, headers=_FRESH)
        return JSONResponse({"status": "ready"}, headers=_FRESH)

    async def metrics(_request: Request) -> Response:
        return Response(generate_latest(registry), headers={**_FRESH, "Content-Type": CONTENT_TYPE_LATEST})

    return (
        Route("/healthz", alive, name="healthz"),
        Route("/readyz", ready, name="readyz"),
        Route("/metrics", metrics, name="metrics"),
    )


async def _found(problems: Problems, seconds: float) -> tuple[str, ...]:
    """A check that breaks or hangs is a problem too; its text stays in the log, it may hold private names."""
    try:
        with anyio.fail_after(seconds):
            return await problems()
    except TimeoutError:
        return (f"the readiness check took longer than {seconds:g} s",)
    except Exception:
        log.exception("the readiness check broke")
        return ("the readiness check itself failed; the log says why",)
