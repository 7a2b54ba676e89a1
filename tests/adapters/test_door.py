"""Section 2 of the contract, and what an attacker tries at the door."""

import asyncio
import gzip
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime

import anyio
import anyio.lowlevel
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.metrics import Metrics
from bot.web import face
from bot.web.door import MIB, Arrival, Limits, StorageUnavailable, door
from bot.web.health import health_pages

SECRET = b"open sesame"
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
BODY = json.dumps({"action": "created", "comment": {"id": 7}}).encode()


class KeptInbox:
    """Keeps deliveries in a list; broken, it keeps none."""

    def __init__(self) -> None:
        self.kept: list[Arrival] = []
        self.is_broken = False

    async def accept(self, arrival: Arrival) -> bool:
        if self.is_broken:
            raise StorageUnavailable("disk full at /var/lib/secret-place")
        if arrival.delivery_id in {one.delivery_id for one in self.kept}:
            return False
        self.kept.append(arrival)
        return True


class Bench:
    """The bot's face with an inbox one can look into."""

    def __init__(self, *, secrets: tuple[bytes, ...] = (SECRET,), limits: Limits | None = None) -> None:
        self.inbox, self.metrics, self.problems = KeptInbox(), Metrics(), list[str]()
        entrance = door(
            self.inbox,
            secrets=secrets,
            metrics=self.metrics,
            second_key=lambda event, payload: f"{event}:{payload.get('action')}",
            now=lambda: NOON,
            limits=limits,
        )
        pages = health_pages(self._problems, registry=self.metrics.registry, check_seconds=0.05)
        self.app = face([entrance, *pages, Route("/broken", self._broken)])
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app, raise_app_exceptions=False), base_url="http://bot"
        )

    async def _problems(self) -> tuple[str, ...]:
        if "hangs" in self.problems:
            await anyio.sleep_forever()
        if "breaks" in self.problems:
            raise RuntimeError("secret-place")
        return tuple(self.problems)

    async def _broken(self, _request: Request) -> Response:
        raise RuntimeError("secret-place")

    async def deliver(
        self, body: bytes = BODY, *, secret: bytes = SECRET, without: str = "", **headers: str
    ) -> httpx.Response:
        """One delivery as GitHub sends it, with changes."""
        sent = {
            "content-type": "application/json",
            "x-github-event": "issue_comment",
            "x-github-delivery": "d-1",
            "x-hub-signature-256": signed(body, secret),
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        sent.pop(without, None)
        return await self.client.post("/webhook", content=body, headers=sent)

    def counted(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(f"release_bot_{name}", labels) or 0


def signed(body: bytes, secret: bytes = SECRET) -> str:
    return "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_a_signed_delivery_is_kept_before_it_is_accepted(bench: Bench) -> None:
    answer = await bench.deliver()

    assert answer.status_code == 202
    assert bench.inbox.kept == [
        Arrival(
            delivery_id="d-1",
            event="issue_comment",
            second_key="issue_comment:created",
            body=BODY,
            payload={"action": "created", "comment": {"id": 7}},
            received_at=NOON,
        )
    ]
    assert bench.counted("deliveries_total", event="issue_comment", outcome="accepted") == 1


async def test_the_same_delivery_again_is_accepted_without_effect(bench: Bench) -> None:
    answers = [await bench.deliver(), await bench.deliver()]

    assert [answer.status_code for answer in answers] == [202, 202]
    assert len(bench.inbox.kept) == 1
    assert bench.counted("deliveries_total", event="issue_comment", outcome="seen") == 1


GOOD = signed(BODY)


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "sha256=",
        "sha256=" + "0" * 64,
        GOOD.upper(),
        "sha256=" + GOOD.removeprefix("sha256=").upper(),
        GOOD[:-1],
        GOOD + "0",
        GOOD.replace("sha256=", "sha1="),
        GOOD.removeprefix("sha256="),
        GOOD.replace("=", ":"),
        f"{GOOD}, {GOOD}",
        f"x{GOOD}",
        "sha256=" + "é" * 64,
        "sha256=" + "٣" * 64,
    ],
)
async def test_a_malformed_or_wrong_signature_is_refused(bench: Bench, signature: str) -> None:
    request = httpx.Request(
        "POST",
        "http://bot/webhook",
        content=BODY,
        headers=[
            (b"content-type", b"application/json"),
            (b"x-github-event", b"issue_comment"),
            (b"x-github-delivery", b"d-1"),
            (b"x-hub-signature-256", signature.encode()),
        ],
    )

    answer = await bench.client.send(request)

    assert answer.status_code == 401
    assert bench.inbox.kept == []


async def test_without_a_signature_nothing_is_kept(bench: Bench) -> None:
    answer = await bench.deliver(without="x-hub-signature-256")

    assert answer.status_code == 401
    assert bench.inbox.kept == []
    assert bench.counted("deliveries_total", event="issue_comment", outcome="unsigned") == 1


async def test_sha1_alone_is_not_enough(bench: Bench) -> None:
    sha1 = "sha1=" + hmac.new(SECRET, BODY, hashlib.sha1).hexdigest()

    answer = await bench.deliver(without="x-hub-signature-256", x_hub_signature=sha1)

    assert answer.status_code == 401


async def test_two_signature_headers_are_refused_even_if_both_are_right(bench: Bench) -> None:
    headers = [
        ("content-type", "application/json"),
        ("x-github-event", "push"),
        ("x-github-delivery", "d-1"),
        ("x-hub-signature-256", GOOD),
        ("x-hub-signature-256", GOOD),
    ]

    answer = await bench.client.post("/webhook", content=BODY, headers=headers)

    assert answer.status_code == 401


async def test_the_signature_is_over_the_raw_bytes(bench: Bench) -> None:
    respaced = json.dumps(json.loads(BODY), indent=1).encode()

    answer = await bench.deliver(respaced, x_hub_signature_256=GOOD)

    assert answer.status_code == 401


async def test_every_secret_is_valid_and_the_metric_says_which() -> None:
    bench = Bench(secrets=(b"new", b"old"))

    answers = [
        await bench.deliver(secret=secret, x_github_delivery=secret.decode())
        for secret in (b"new", b"old", b"older")
    ]

    assert [answer.status_code for answer in answers] == [202, 202, 401]
    assert bench.counted("deliveries_verified_total", secret="1") == 1
    assert bench.counted("deliveries_verified_total", secret="2") == 1


@pytest.mark.parametrize("secrets", [(), (b"",), (b"good", b"")])
def test_a_door_without_a_secret_cannot_be_built(secrets: tuple[bytes, ...]) -> None:
    with pytest.raises(ValueError, match="secret"):
        Bench(secrets=secrets)


@pytest.mark.parametrize("name", ["x-github-event", "x-github-delivery"])
async def test_a_missing_header_is_refused(bench: Bench, name: str) -> None:
    answer = await bench.deliver(without=name)

    assert answer.status_code == 400
    assert bench.inbox.kept == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x-github-event", ""),
        ("x-github-event", "a" * 101),
        ("x-github-event", "two words"),
        ("x-github-event", "nul\x00"),
        ("x-github-delivery", ""),
        ("x-github-delivery", "d" * 256),
        ("x-github-delivery", "two words"),
        ("x-github-delivery", "tab\there"),
    ],
)
async def test_a_malformed_header_is_refused(bench: Bench, name: str, value: str) -> None:
    assert (await send(bench, BODY, {name: value})).status_code == 400
    assert bench.inbox.kept == []


@pytest.mark.parametrize("event", ["made-up-event", "Issue_Comment", "made.up", "a" * 60])
async def test_an_event_that_nobody_knows_is_accepted_whatever_its_name(bench: Bench, event: str) -> None:
    assert (await bench.deliver(x_github_event=event)).status_code == 202


async def test_a_captured_body_without_its_delivery_id_has_no_effect(bench: Bench) -> None:
    await bench.deliver()

    answer = await bench.deliver(without="x-github-delivery")

    assert answer.status_code == 400
    assert len(bench.inbox.kept) == 1


async def test_a_captured_body_under_a_new_id_keeps_its_second_key(bench: Bench) -> None:
    await bench.deliver()
    await bench.deliver(x_github_delivery="d-2")

    assert {one.second_key for one in bench.inbox.kept} == {"issue_comment:created"}


NOT_ACCEPTABLE = {
    "empty": b"",
    "no JSON": b"payload=%7B%7D",
    "a list": b"[]",
    "a text": b'"x"',
    "null": b"null",
    "cut": b'{"action": ',
    "two objects": b"{}{}",
    "bad UTF-8": b'{"a": "\xff"}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf{}",
    "NUL": b'{"a": "\0"}',
    "NaN": b'{"a": NaN}',
    "infinity": b'{"a": -Infinity}',
    "a float over all bounds": b'{"a": 1e999}',
    "ten megabytes of digits": b'{"a": ' + b"9" * (10 * MIB) + b"}",
    "an integer over 64 bits": b'{"id": 9223372036854775808}',
    "a lone surrogate": b'{"a": "\\ud800"}',
    "half a pair": b'{"a": "\\uDC00x"}',
    "a lone surrogate as a name": b'{"\\ud800": 1}',
    "raw surrogate bytes": b'{"a": "\xed\xa0\x80"}',
    "the action twice": b'{"action": "created", "action": "edited"}',
    "twice deeper in": b'{"a": {"id": 1, "id": 2}}',
    "depth bomb of lists": b'{"a": ' + b"[" * 1_000_000,
    "depth bomb of objects": b'{"a":' * 1_000_000,
    "deeper than anything GitHub sends": b'{"a": ' + b"[" * 100 + b"]" * 100 + b"}",
}


@pytest.mark.parametrize("body", NOT_ACCEPTABLE.values(), ids=NOT_ACCEPTABLE.keys())
async def test_a_signed_body_that_is_no_sane_object_is_refused(bench: Bench, body: bytes) -> None:
    answer = await bench.deliver(body)

    assert answer.status_code == 400
    assert bench.inbox.kept == []


@pytest.mark.parametrize(
    "body",
    [
        '{"a": "🟡 é"}'.encode(),
        b'{"a": "\\ud83d\\udfe1"}',
        b'{"id": 9223372036854775807}',
        b' {"a": [1.5, null]}\n',
    ],
)
async def test_unusual_but_sane_json_is_accepted(bench: Bench, body: bytes) -> None:
    assert (await bench.deliver(body)).status_code == 202


@pytest.mark.parametrize(
    "content_type",
    [
        "application/x-www-form-urlencoded",
        "text/plain",
        "",
        "application/jsonx",
        "application/json, text/plain",
    ],
)
async def test_another_content_type_is_refused(bench: Bench, content_type: str) -> None:
    answer = await bench.deliver(content_type=content_type)

    assert answer.status_code == 415
    assert bench.inbox.kept == []


async def test_no_content_type_is_refused(bench: Bench) -> None:
    assert (await bench.deliver(without="content-type")).status_code == 415


async def test_parameters_and_letter_case_of_the_content_type_do_not_matter(bench: Bench) -> None:
    assert (await bench.deliver(content_type="Application/JSON; charset=utf-8")).status_code == 202


class Pieces:
    """A body in pieces of one MiB that remembers how many were taken."""

    def __init__(self, pieces: int) -> None:
        self.pieces, self.taken = pieces, 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(self.pieces):
            self.taken += 1
            yield b"x" * MIB


async def send(
    bench: Bench, body: AsyncIterator[bytes] | Pieces | bytes, headers: Mapping[str, str]
) -> httpx.Response:
    good = {
        "content-type": "application/json",
        "x-github-event": "push",
        "x-github-delivery": "d-1",
        "x-hub-signature-256": GOOD,
    }
    return await bench.client.post("/webhook", content=body, headers={**good, **headers})


async def test_a_body_without_end_is_read_no_further_than_the_limit(bench: Bench) -> None:
    body = Pieces(1000)

    answer = await send(bench, body, {})

    assert answer.status_code == 413
    assert body.taken <= 26


@pytest.mark.parametrize("length", [str(25 * MIB + 1), "9" * 5000])
async def test_a_body_that_announces_its_size_is_refused_unread(bench: Bench, length: str) -> None:
    body = Pieces(1000)

    answer = await send(bench, body, {"content-length": length})

    assert answer.status_code == 413
    assert body.taken == 0


async def test_a_body_that_lies_about_its_size_is_counted(bench: Bench) -> None:
    assert (await send(bench, Pieces(26), {"content-length": "10"})).status_code == 413


async def test_a_large_body_without_a_signature_is_refused_unread(bench: Bench) -> None:
    body = Pieces(20)

    answer = await send(bench, body, {"x-hub-signature-256": ""})

    assert answer.status_code == 401
    assert body.taken == 0


async def test_exactly_25_mib_are_accepted(bench: Bench) -> None:
    body = b'{"a": "' + b"x" * (25 * MIB - 9) + b'"}'

    assert len(body) == 25 * MIB
    assert (await bench.deliver(body)).status_code == 202
    assert (await bench.deliver(body + b" ")).status_code == 413


async def test_a_gzip_bomb_is_just_bytes(bench: Bench) -> None:
    body = gzip.compress(b'{"a": "' + b"x" * (30 * MIB) + b'"}')

    assert (await bench.deliver(body, content_encoding="gzip")).status_code == 400


async def slow() -> AsyncIterator[bytes]:
    yield b"{"
    await anyio.sleep_forever()


async def test_a_body_that_stops_arriving_is_cut_off() -> None:
    bench = Bench(limits=Limits(read_time=0.05))

    assert (await send(bench, slow(), {})).status_code == 408


async def test_large_bodies_wait_for_their_turn_and_small_ones_pass_by() -> None:
    bench = Bench(limits=Limits(large_from=100, large_at_once=1, permit_wait=0.05))
    stuck = anyio.Event()

    async def large_and_stuck() -> AsyncIterator[bytes]:
        yield b"x" * 200
        stuck.set()
        await anyio.sleep_forever()

    async with anyio.create_task_group() as others:
        others.start_soon(send, bench, large_and_stuck(), {})
        await stuck.wait()
        large = await bench.deliver(b'{"a": "' + b"x" * 200 + b'"}')
        small = await bench.deliver()
        others.cancel_scope.cancel()
    after = await bench.deliver(b'{"a": "' + b"x" * 200 + b'"}', x_github_delivery="d-2")

    assert (large.status_code, small.status_code, after.status_code) == (429, 202, 202)


async def test_large_bodies_that_come_together_are_all_taken(bench: Bench) -> None:
    body = b'{"a": "' + b"x" * 200_000 + b'"}'

    answers = await asyncio.gather(
        *(bench.deliver(body, x_github_delivery=f"d-{number}") for number in range(40))
    )

    assert {answer.status_code for answer in answers} == {202}


async def test_when_the_database_cannot_be_written_github_is_told(bench: Bench) -> None:
    bench.inbox.is_broken = True

    answer = await bench.deliver()

    assert answer.status_code == 503
    assert "secret-place" not in answer.text


async def test_a_made_up_event_name_adds_no_time_series(bench: Bench) -> None:
    await bench.deliver(x_github_event="made_up", without="x-hub-signature-256")
    await bench.deliver(x_github_event="another_one")

    assert bench.counted("deliveries_total", event="other", outcome="unsigned") == 1
    assert bench.counted("deliveries_total", event="other", outcome="accepted") == 1


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_the_door_opens_to_post_only(bench: Bench, method: str) -> None:
    override = {"x-http-method-override": "POST"}

    answer = await bench.client.request(method, "/webhook", headers=override)

    assert answer.status_code == 405


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/webhook/",
        "//webhook",
        "/webhook/x",
        "/x/../webhook/",
        "/webhook%2f",
        "/WEBHOOK",
        "/healthz/",
        "/.env",
    ],
)
async def test_only_the_known_routes_answer(bench: Bench, path: str) -> None:
    answer = await bench.client.send(
        httpx.Request("POST", f"http://bot{path}", headers={"host": "evil.example"}, content=BODY)
    )

    assert answer.status_code == 404
    assert "evil" not in str(answer.headers) + answer.text


@pytest.mark.parametrize("path", ["/webhook", "/canary-path", "/healthz"])
async def test_a_refusal_is_small_json_that_repeats_nothing(bench: Bench, path: str) -> None:
    headers = {"x-github-event": "canary", "content-type": "canary/canary", "x-hub-signature-256": "canary"}

    answer = await bench.client.post(f"{path}?canary", content=b"canary", headers=headers)

    assert list(answer.json()) == ["message"]
    assert len(answer.content) < 200
    assert "canary" not in answer.text


async def test_a_mistake_of_ours_shows_no_stack_trace(bench: Bench) -> None:
    answer = await bench.client.get("/broken")

    assert answer.status_code == 500
    assert "secret-place" not in answer.text
    assert "Traceback" not in answer.text


async def test_alive_and_ready_when_all_is_fine(bench: Bench) -> None:
    alive, ready = await bench.client.get("/healthz"), await bench.client.get("/readyz")

    assert (alive.status_code, alive.json()) == (200, {"status": "alive"})
    assert (ready.status_code, ready.json()) == (200, {"status": "ready"})


async def test_not_ready_says_why_while_still_alive(bench: Bench) -> None:
    bench.problems.append("the database cannot be written (token ghs_abc)")

    alive, ready = await bench.client.get("/healthz"), await bench.client.get("/readyz")

    assert (alive.status_code, ready.status_code) == (200, 503)
    assert ready.json()["problems"] == ["the database cannot be written (token [redacted])"]


@pytest.mark.parametrize("mishap", ["hangs", "breaks"])
async def test_a_readiness_check_that_fails_itself_means_not_ready(bench: Bench, mishap: str) -> None:
    bench.problems.append(mishap)

    answer = await bench.client.get("/readyz")

    assert answer.status_code == 503
    assert "secret-place" not in answer.text


async def test_the_metrics_page_is_prometheus_text(bench: Bench) -> None:
    await bench.deliver()

    answer = await bench.client.get("/metrics")

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert 'release_bot_deliveries_total{event="issue_comment",outcome="accepted"} 1.0' in answer.text
    assert "release_bot_inbox_pending 0.0" in answer.text


header_bytes = st.binary(max_size=80).filter(lambda value: not set(value) & set(b"\r\n\0"))


@given(signature=header_bytes, event=header_bytes, delivery=header_bytes, kind=header_bytes)
async def test_no_headers_whatever_break_the_door(
    signature: bytes, event: bytes, delivery: bytes, kind: bytes
) -> None:
    bench = Bench()
    headers = [
        (b"x-hub-signature-256", signature),
        (b"x-github-event", event),
        (b"x-github-delivery", delivery),
        (b"content-type", kind),
    ]

    answer = await bench.client.send(
        httpx.Request("POST", "http://bot/webhook", headers=headers, content=BODY)
    )

    assert answer.status_code in {400, 401, 415}
    assert bench.inbox.kept == []


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(body=st.binary(max_size=300) | json_values.map(lambda value: json.dumps(value).encode()))
async def test_no_signed_body_whatever_breaks_the_door(body: bytes) -> None:
    bench = Bench()

    answer = await bench.deliver(body)

    assert answer.status_code in {202, 400}
    assert len(bench.inbox.kept) == (answer.status_code == 202)


@given(signature=st.text("0123456789abcdefABCDEF=sha156 ", max_size=80))
async def test_no_guessed_signature_opens_the_door(signature: str) -> None:
    bench = Bench()

    answer = await bench.deliver(x_hub_signature_256=signature)

    assert answer.status_code == 401


class Counted:
    """A bench that got one request, and what was answered."""

    def __init__(self, bench: Bench, answer: httpx.Response) -> None:
        self.bench, self.answer = bench, answer


async def wrong_type() -> Counted:
    bench = Bench()
    return Counted(bench, await bench.deliver(content_type="text/plain"))


async def unsigned() -> Counted:
    bench = Bench()
    return Counted(bench, await bench.deliver(without="x-hub-signature-256"))


async def signed_by_another() -> Counted:
    bench = Bench()
    return Counted(bench, await bench.deliver(secret=b"another"))


async def nameless() -> Counted:
    bench = Bench()
    return Counted(bench, await bench.deliver(without="x-github-delivery"))


async def of_no_kind() -> Counted:
    bench = Bench()
    return Counted(bench, await bench.deliver(x_github_event="issue comment"))


async def not_json() -> Counted:
    bench = Bench()
    return Counted(bench, await bench.deliver(b"[]"))


async def too_large() -> Counted:
    bench = Bench(limits=Limits(body=20))
    return Counted(bench, await bench.deliver())


async def announced_too_large() -> Counted:
    bench = Bench(limits=Limits(body=20))
    return Counted(bench, await bench.deliver(content_length="21"))


async def cut_off() -> Counted:
    bench = Bench(limits=Limits(read_time=0.05))
    return Counted(bench, await send(bench, slow(), {"x-github-event": "issue_comment"}))


async def one_too_many() -> Counted:
    bench = Bench(limits=Limits(large_from=10, large_at_once=0, permit_wait=0.05))
    return Counted(bench, await bench.deliver())


async def unstored() -> Counted:
    bench = Bench()
    bench.inbox.is_broken = True
    return Counted(bench, await bench.deliver())


@pytest.mark.parametrize(
    ("refuse", "status", "outcome", "words"),
    [
        (wrong_type, 415, "wrong_type", "content type to application/json"),
        (unsigned, 401, "unsigned", "X-Hub-Signature-256"),
        (signed_by_another, 401, "unsigned", "not right for any secret"),
        (nameless, 400, "malformed", "X-GitHub-Delivery is missing or malformed"),
        (of_no_kind, 400, "malformed", "X-GitHub-Event is missing or malformed"),
        (not_json, 400, "malformed", "acceptable JSON object"),
        (too_large, 413, "too_large", "over 25 MiB"),
        (announced_too_large, 413, "too_large", "over 25 MiB"),
        (cut_off, 408, "too_slow", "did not arrive in time"),
        (one_too_many, 429, "busy", "redeliver it later"),
        (unstored, 503, "unstored", "redeliver it later"),
    ],
)
async def test_every_refusal_says_what_is_wrong_and_is_counted_by_its_kind(
    refuse: Callable[[], Awaitable[Counted]], status: int, outcome: str, words: str
) -> None:
    refused = await refuse()

    assert refused.answer.status_code == status
    assert words in refused.answer.json()["message"]
    assert refused.answer.headers["connection"] == "close"
    event = "other" if refuse is of_no_kind else "issue_comment"
    assert refused.bench.counted("deliveries_total", event=event, outcome=outcome) == 1


@pytest.mark.parametrize(("answers", "message"), [(1, "accepted"), (2, "seen before")])
async def test_what_was_accepted_is_answered_in_json(bench: Bench, answers: int, message: str) -> None:
    for _ in range(answers):
        answer = await bench.deliver()

    assert answer.json() == {"message": message}
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("number", [-(2**63), 2**63 - 1])
async def test_every_integer_of_64_bits_is_accepted(bench: Bench, number: int) -> None:
    assert (await bench.deliver(b'{"id": %d}' % number)).status_code == 202
    assert bench.inbox.kept[0].payload == {"id": number}


@pytest.mark.parametrize("number", [-(2**63) - 1, 2**63])
async def test_no_integer_beyond_64_bits_is_accepted(bench: Bench, number: int) -> None:
    assert (await bench.deliver(b'{"id": %d}' % number)).status_code == 400


@pytest.mark.parametrize(("levels", "status"), [(3, 202), (4, 400)])
async def test_a_body_may_be_nested_as_deep_as_the_limit_says(levels: int, status: int) -> None:
    bench = Bench(limits=Limits(depth=3))

    body = b'{"a":' * (levels - 1) + b"{}" + b"}" * (levels - 1)

    assert (await bench.deliver(body)).status_code == status


@pytest.mark.parametrize(("size", "status"), [(25, 202), (26, 413)])
async def test_a_body_may_be_as_large_as_the_limit_says(size: int, status: int) -> None:
    bench = Bench(limits=Limits(body=25))

    body = b"{}" + b" " * (size - 2)
    announced = await bench.deliver(body)
    counted = await send(bench, in_pieces(body), {"x-hub-signature-256": signed(body)})

    assert (announced.status_code, counted.status_code) == (status, status)


async def in_pieces(body: bytes) -> AsyncIterator[bytes]:
    for one in body:
        yield bytes([one])


async def test_a_body_that_is_just_not_large_needs_no_permit() -> None:
    bench = Bench(limits=Limits(large_from=len(BODY), large_at_once=0, permit_wait=0.05))

    assert (await bench.deliver()).status_code == 202


async def test_a_body_that_comes_byte_by_byte_is_put_together_as_it_was_signed(bench: Bench) -> None:
    answer = await send(bench, in_pieces(BODY), {})

    assert answer.status_code == 202
    assert bench.inbox.kept[0].body == BODY


async def test_no_more_large_bodies_wait_for_a_permit_than_may() -> None:
    bench = Bench(limits=Limits(large_from=10, large_at_once=0, permit_wait=30, most_waiting=2))

    async with anyio.create_task_group() as others:
        for _ in range(2):
            others.start_soon(bench.deliver)
        await anyio.wait_all_tasks_blocked()
        with anyio.fail_after(5):
            third = await bench.deliver()
        others.cancel_scope.cancel()

    assert third.status_code == 429


async def test_who_gave_up_waiting_for_a_permit_counts_no_more() -> None:
    bench = Bench(limits=Limits(large_from=10, large_at_once=1, permit_wait=0.05, most_waiting=1))
    stuck = anyio.Event()

    async def large_and_stuck() -> AsyncIterator[bytes]:
        yield BODY
        stuck.set()
        await anyio.sleep_forever()

    async with anyio.create_task_group() as others:
        others.start_soon(send, bench, large_and_stuck(), {})
        await stuck.wait()
        refused = [(await bench.deliver()).status_code for _ in range(3)]
        others.cancel_scope.cancel()

    assert refused == [429, 429, 429]
    assert [(await bench.deliver(x_github_delivery=f"d-{n}")).status_code for n in range(3)] == [202] * 3


async def test_who_gave_up_waiting_makes_room_for_one_and_not_for_two() -> None:
    bench = Bench(limits=Limits(large_from=10, large_at_once=0, permit_wait=0.2, most_waiting=1))
    ended: list[str] = []

    async def deliver(name: str) -> None:
        assert (await bench.deliver(x_github_delivery=name)).status_code == 429
        ended.append(name)

    await deliver("gave up")
    async with anyio.create_task_group() as both:
        for name in ("waits", "is sent away at once"):
            both.start_soon(deliver, name)

    assert ended == ["gave up", "is sent away at once", "waits"]


async def test_while_a_large_body_is_read_into_json_others_have_their_turns(bench: Bench) -> None:
    body = b'{"a": [' + b",".join([b'{"b": [1.5]}'] * 40_000) + b"]}"
    turns, arrived = 0, 0

    async def others() -> None:
        nonlocal turns
        while True:
            await anyio.lowlevel.checkpoint()
            turns += 1

    async def arrives() -> AsyncIterator[bytes]:
        nonlocal arrived
        yield body
        arrived = turns

    async with anyio.create_task_group() as group:
        group.start_soon(others)
        answer = await send(bench, arrives(), {"x-hub-signature-256": signed(body)})
        group.cancel_scope.cancel()

    assert answer.status_code == 202
    assert turns - arrived > 50
