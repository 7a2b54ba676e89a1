"""The bot's HTTP face: the webhook door and the pages. Only the listed routes answer, and tersely."""

from collections.abc import Sequence
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute
from starlette.types import Lifespan


def face(routes: Sequence[BaseRoute], *, lifespan: Lifespan[Starlette] | None = None) -> Starlette:
    """The application that serves just `routes`; refusals are small JSON, nothing of the request in them."""
    app = Starlette(
        routes=routes,
        lifespan=lifespan,
        exception_handlers={HTTPException: _refuse, Exception: _apologise},
    )
    # A redirect would carry the request's own Host header, which anybody can choose.
    app.router.redirect_slashes = False
    return app


async def _refuse(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    # Nobody shall go on sending a body that nobody reads.
    headers["Connection"] = "close"
    return JSONResponse({"message": HTTPStatus(status).phrase.lower()}, status, headers)


async def _apologise(_request: Request, _error: Exception) -> Response:
    """The server logs the exception; the outside learns nothing of it."""
    return JSONResponse({"message": "internal error; the log says more"}, 500)
