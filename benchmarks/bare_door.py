"""A bare Starlette route that verifies the signature and stores nothing: what the door is compared with."""

import hashlib
import hmac
import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from benchmarks.processes import SECRET


async def webhook(request: Request) -> Response:
    body = await request.body()
    expected = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    good = hmac.compare_digest(expected, request.headers.get("x-hub-signature-256", ""))
    return JSONResponse({"message": "accepted"}, 202 if good else 401)


async def alive(_request: Request) -> Response:
    return JSONResponse({})


if __name__ == "__main__":
    routes = [Route("/webhook", webhook, methods=["POST"]), Route("/readyz", alive)]
    uvicorn.run(Starlette(routes=routes), port=int(sys.argv[1]), log_config=None, access_log=False)
