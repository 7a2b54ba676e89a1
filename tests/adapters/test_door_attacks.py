"""What an attacker sends to the door, by the numbers of the list of attacks: forged and poisonous requests."""

import ast
import gzip
import hashlib
import hmac
import json
import re
import subprocess
import sys
import time
import types
from pathlib import Path

import httpx
import pytest

import bot
from bot.metrics import Metrics
from bot.web import door as real_door
from bot.web import face
from tests.adapters.test_door import BODY, NOT_ACCEPTABLE, SECRET, Bench, signed

pytestmark = pytest.mark.anyio

SOURCES = Path(bot.__file__).parent
RIGHT = signed(BODY).removeprefix("sha256=")
SHA1 = "sha1=" + hmac.new(SECRET, BODY, hashlib.sha1).hexdigest()

Headers = list[tuple[bytes, bytes]]


def headers_with(*signatures: bytes, name: bytes = b"X-Hub-Signature-256") -> Headers:
    return [
        (b"content-type", b"application/json"),
        (b"x-github-event", b"issue_comment"),
        (b"x-github-delivery", b"d-1"),
        *((name, signature) for signature in signatures),
    ]


async def sent(bench: Bench, headers: Headers, body: bytes = BODY) -> httpx.Response:
    return await bench.client.send(httpx.Request("POST", "http://bot/webhook", headers=headers, content=body))


FORGED: dict[str, Headers] = {
    "none": headers_with(),
    "empty": headers_with(b""),
    "a blank": headers_with(b" "),
    "SHA-1 only": headers_with(SHA1.encode(), name=b"X-Hub-Signature"),
    "SHA-1 in the new header": headers_with(SHA1.encode()),
    "SHA-256 in the old header": headers_with(b"sha256=" + RIGHT.encode(), name=b"X-Hub-Signature"),
    "no prefix": headers_with(RIGHT.encode()),
    "wrong prefix": headers_with(b"sha512=" + RIGHT.encode()),
    "prefix in capitals": headers_with(b"SHA256=" + RIGHT.encode()),
    "hex in capitals": headers_with(b"sha256=" + RIGHT.upper().encode()),
    "63 digits": headers_with(b"sha256=" + RIGHT[:-1].encode()),
    "65 digits": headers_with(b"sha256=" + RIGHT.encode() + b"0"),
    "the right one and more": headers_with(b"sha256=" + RIGHT.encode() + b",sha256=" + b"0" * 64),
    "not ASCII": headers_with(b"sha256=" + "é".encode("latin-1") * 64),
    "digits of another script": headers_with(b"sha256=" + "٠".encode() * 64),
    "two, the right one first": headers_with(b"sha256=" + RIGHT.encode(), b"sha256=" + b"0" * 64),
    "two, the right one last": headers_with(b"sha256=" + b"0" * 64, b"sha256=" + RIGHT.encode()),
    "all zeros": headers_with(b"sha256=" + b"0" * 64),
    "without a secret": headers_with(signed(BODY, b"").encode()),
    "with a guessed secret": headers_with(signed(BODY, b"secret").encode()),
    "the plain digest": headers_with(b"sha256=" + hashlib.sha256(BODY).hexdigest().encode()),
    "digest of secret and body": headers_with(
        b"sha256=" + hashlib.sha256(SECRET + BODY).hexdigest().encode()
    ),
    "over another body": headers_with(signed(BODY + b" ").encode()),
}


@pytest.mark.parametrize("headers", FORGED.values(), ids=FORGED.keys())
async def test_attack_01_a_forged_signature_in_whatever_form_is_refused(headers: Headers) -> None:
    bench = Bench()

    answer = await sent(bench, headers)

    assert answer.status_code == 401
    assert bench.inbox.kept == []


async def test_attack_01_the_same_request_with_the_right_signature_is_taken() -> None:
    bench = Bench()

    answer = await sent(bench, headers_with(b"sha256=" + RIGHT.encode()))

    assert answer.status_code == 202


@pytest.mark.parametrize("secret", [None, "", "good,,better"])
def test_attack_02_the_process_does_not_start_without_a_secret(secret: str | None, tmp_path: Path) -> None:
    environment = {"APP_ID": "1", "PRIVATE_KEY": "unused", "PYTHONPATH": str(SOURCES.parent)}
    if secret is not None:
        environment["WEBHOOK_SECRET"] = secret

    done = subprocess.run(
        [sys.executable, "-m", "bot", "serve"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode == 2
    assert "WEBHOOK_SECRET" in done.stderr


class _WithoutRefusal(ast.NodeTransformer):
    """Takes the branch away that looks at what the verifier found."""

    def __init__(self) -> None:
        self.removed = 0

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        if node.name == "_verify":
            kept = [statement for statement in node.body if not isinstance(statement, ast.If)]
            self.removed += len(node.body) - len(kept)
            node.body = kept
        return node


async def test_attack_03_a_door_that_does_not_look_at_the_verdict_would_be_found_out() -> None:
    """Every request of the first attack gets in once the branch is gone, so those tests hold it."""
    path = SOURCES / "web" / "door.py"
    surgeon = _WithoutRefusal()
    tree = ast.fix_missing_locations(surgeon.visit(ast.parse(path.read_text("utf-8"))))
    assert surgeon.removed == 1
    source = ast.unparse(tree).replace("right.index(True) + 1", "0")
    broken = types.ModuleType("broken_door")
    sys.modules["broken_door"] = broken  # dataclasses look their module up
    try:
        exec(compile(source, "broken_door", "exec"), broken.__dict__)  # noqa: S102 - our own source, one branch shorter
    finally:
        del sys.modules["broken_door"]
    bench = Bench()
    entrance = broken.door(
        bench.inbox, secrets=(SECRET,), metrics=Metrics(), second_key=lambda _event, _payload: None
    )
    transport = httpx.ASGITransport(face([entrance]))

    async with httpx.AsyncClient(transport=transport, base_url="http://bot") as client:
        answer = await client.post("/webhook", content=BODY, headers=headers_with(b"sha256=" + b"0" * 64))

    assert answer.status_code == 202


@pytest.mark.parametrize(
    "equal",
    [
        json.dumps(json.loads(BODY), separators=(",", ":")).encode(),
        json.dumps(json.loads(BODY), indent=2).encode(),
        BODY + b"\n",
        b"\n" + BODY,
        BODY.replace(b"created", b"cr\\u0065ated"),
        json.dumps(dict(reversed(json.loads(BODY).items()))).encode(),
    ],
)
async def test_attack_04_equal_json_in_other_bytes_is_another_body(equal: bytes) -> None:
    bench = Bench()
    assert json.loads(equal) == json.loads(BODY)
    assert equal != BODY

    over_the_original = await sent(bench, headers_with(signed(BODY).encode()), equal)
    over_itself = await sent(bench, headers_with(signed(equal).encode()), equal)

    assert (over_the_original.status_code, over_itself.status_code) == (401, 202)
    assert [one.body for one in bench.inbox.kept] == [equal]


_SENSITIVE = re.compile(r"signature|digest|hmac|\bmacs?\b|secret|possible", re.IGNORECASE)


def _compared(tree: ast.AST) -> list[str]:
    """Comparisons that stop at the first difference, of what must not be measured."""
    compares = (node for node in ast.walk(tree) if isinstance(node, ast.Compare))
    return [text for node in compares if _SENSITIVE.search(text := ast.unparse(node))]


@pytest.mark.parametrize("path", sorted((SOURCES / "web").glob("*.py")), ids=lambda path: path.stem)
def test_attack_05_the_door_compares_no_signature_with_an_ordinary_operator(path: Path) -> None:
    assert _compared(ast.parse(path.read_text("utf-8"))) == []


def test_attack_05_signatures_are_compared_as_bytes_by_compare_digest_alone() -> None:
    tree = ast.parse((SOURCES / "web" / "door.py").read_text("utf-8"))
    (verify,) = (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == "_verify")
    types_of = [ast.unparse(one.annotation) for one in verify.args.args if one.annotation]
    calls = [ast.unparse(n.func) for n in ast.walk(verify) if isinstance(n, ast.Call)]

    assert types_of == ["bytes", "Sequence[bytes]"]
    assert "hmac.compare_digest" in calls


def test_attack_05_the_rule_would_see_a_plain_comparison() -> None:
    assert _compared(ast.parse("ok = signature == expected")) == ["signature == expected"]
    assert _compared(ast.parse("ok = given in self._signatures")) != []


@pytest.mark.parametrize("secrets", [(SECRET, b"old"), (b"new", SECRET), (b"new", b"old", SECRET)])
async def test_attack_05_every_secret_is_tried_whichever_is_right(secrets: tuple[bytes, ...]) -> None:
    bench = Bench(secrets=secrets)

    answer = await sent(bench, headers_with(signed(BODY).encode()))

    assert answer.status_code == 202
    number = str(secrets.index(SECRET) + 1)
    assert bench.counted("deliveries_verified_total", secret=number) == 1


BOMBS = {
    **NOT_ACCEPTABLE,
    "a million names": b"{" + b",".join(b'"%d":0' % number for number in range(300_000)) + b',"0":1}',
    "a list of a million lists": b'{"a":[' + b"[[[[[[" * 1 + b"],[" * 300_000,
    "an exponent of ten megabytes": b'{"a": 1e' + b"9" * 10_000_000 + b"}",
    "a fraction of ten megabytes": b'{"a": 0.' + b"9" * 10_000_000 + b"e999}",
    "a minus of ten megabytes": b'{"a": -' + b"9" * 10_000_000 + b"}",
    "ten megabytes of backslashes": b'{"a": "' + b"\\" * 10_000_001 + b'"}',
    "ten megabytes of blanks": b" " * 10_000_000,
    "surrogates a million times": b'{"a": "' + b"\\ud800" * 1_000_000 + b'"}',
    "gzip": gzip.compress(b'{"a": "' + b"x" * 50_000_000 + b'"}'),
    "action twice, the good one last": b'{"action": "edited", "action": "created"}',
    "action twice by an escape": b'{"action": "created", "\\u0061ction": "edited"}',
}


@pytest.mark.parametrize("body", BOMBS.values(), ids=BOMBS.keys())
async def test_attack_10_a_signed_bomb_is_refused_in_bounded_time(body: bytes) -> None:
    bench = Bench()
    began = time.process_time()

    answer = await bench.deliver(body, content_encoding="gzip")

    assert answer.status_code == 400
    assert bench.inbox.kept == []
    assert time.process_time() - began < 5, "seconds of the processor"


async def test_attack_10_an_unsigned_bomb_is_not_even_parsed() -> None:
    bench = Bench()

    answers = [await bench.deliver(body, secret=b"guessed") for body in NOT_ACCEPTABLE.values()]

    assert {answer.status_code for answer in answers} == {401}


def test_the_door_under_test_is_the_one_that_is_served() -> None:
    assert Path(real_door.__file__) == SOURCES / "web" / "door.py"
