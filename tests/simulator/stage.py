"""The stage the simulator's own tests play on: two editions, one issue, and a client with narrowed tokens.

Rule: every answer that is asked for here is held against GitHub's description.
"""

from collections.abc import Mapping
from datetime import timedelta

import httpx
import jwt

from bot.simulator.clock import VirtualClock
from bot.simulator.ledger import JsonObject
from bot.simulator.repositories import Repository
from bot.simulator.runs import Run
from bot.simulator.transport import SimulatorTransport
from bot.simulator.webhooks import Courier
from bot.simulator.world import NEW_VERSION, Urls, World

from .oracle import check_answer

ALL: JsonObject = {"actions": "write", "checks": "write", "contents": "read", "issues": "write"}


class Stage:
    def __init__(self, urls: Urls | None = None, seed: int = 0) -> None:
        self.clock = VirtualClock()
        self.world = World(self.clock, urls=urls, seed=seed)
        self.oss = self.world.add_repository("acme/widget")
        self.ee = self.world.add_repository("acme/widget-ee", visibility="private")
        self.start = self.world.add_workflow(self.oss, "start.yml", inputs=["releaseVersion"])
        self.start.on_run().pushes_tag("v{releaseVersion}")
        self.pre = self.world.add_workflow(self.oss, "pre-release.yml", on_tag=True)
        self.issue = self.world.add_issue(self.oss, 7)
        self.world.give_role("maya", "maintain")
        self.maya = self.world.hand("maya")
        self.version: str | None = NEW_VERSION
        self.heard: list[tuple[str, str | None]] = []
        self.guids: list[str] = []
        self.door_status = 202
        self.courier = Courier(self.world, self._hear)
        self.client = httpx.AsyncClient(
            transport=SimulatorTransport(self.world, self._sleep), base_url=self.world.urls.api
        )

    async def _sleep(self, seconds: float) -> None:
        self.clock.advance(seconds=seconds)

    async def _hear(self, body: bytes, headers: dict[str, str]) -> int:
        payload = httpx.Response(200, content=body).json()
        self.heard.append((headers["X-GitHub-Event"], payload.get("action")))
        self.guids.append(headers["X-GitHub-Delivery"])
        return self.door_status

    async def pass_time(self, *, seconds: float = 0, hours: float = 0) -> None:
        """Lets that much happen, every delivery carried at its time."""
        until = self.clock.now() + timedelta(seconds=seconds, hours=hours)
        while (due := self.world.next_due()) is not None and due <= until:
            self.clock.move_to(max(due, self.clock.now()))
            self.world.turn()
            await self.courier.deliver_due()
        self.clock.move_to(until)

    def jwt(self, *, age: int = 60, life: int = 540, issuer: str | None = None) -> str:
        now = int(self.clock.now().timestamp())
        claims = {"iat": now - age, "exp": now + life, "iss": issuer or str(self.world.app.id)}
        return jwt.encode(claims, self.world.private_key, "RS256")

    async def token(self, *places: Repository, **permissions: str) -> str:
        body: JsonObject = {"repositories": [place.name for place in places]} if places else {}
        if permissions:
            body["permissions"] = permissions
        installation = self.world.installation("acme").id
        path = f"/app/installations/{installation}/access_tokens"
        answer = await self.ask("POST", path, body, token=self.jwt())
        assert answer.status_code == 201, answer.text
        return str(answer.json()["token"])

    async def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """`token` None: one for everything in all repositories."""
        credential = token if token is not None else await self.token()
        given = {"Authorization": f"Bearer {credential}", "User-Agent": "test", **(headers or {})}
        if self.version is not None:
            given["X-GitHub-Api-Version"] = self.version
        answer = await self.client.request(method, self.world.urls.api + path, json=body, headers=given)
        template = self.world.ledger[-1].template
        if template is not None and answer.status_code < 500 and "raw" not in given.get("Accept", ""):
            check_answer(method, template, answer.status_code, answer.json() if answer.content else None)
        return answer

    async def get(self, path: str, *, token: str | None = None, **headers: str) -> httpx.Response:
        return await self.ask("GET", path, token=token, headers=headers)

    async def dispatch(self, version: str = "1.0.3") -> httpx.Response:
        body = {"ref": "develop", "inputs": {"releaseVersion": version}}
        return await self.ask("POST", "/repos/acme/widget/actions/workflows/start.yml/dispatches", body)

    async def failed_run(self) -> Run:
        """The run that the pushed tag started, whose build failed once."""
        self.pre.on_run(attempts=1).job("build").fails(log="503 from the registry")
        self.maya.pushes_tag(self.oss, "v1.0.3")
        await self.pass_time(hours=1)
        return self.pre.run
