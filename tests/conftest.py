"""What every kind of test needs."""

import gc
import os
import signal
from collections.abc import Generator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import settings

from tests.loop import lazy_loop

pytest_plugins = ["tests.postgres"]
_MEMORY = Path("/dev/shm")  # noqa: S108 - pytest makes a private folder in it
_FOR_EVER = 120.0
"""Seconds of CPU. What hostile input must not set off takes hours or years; a busy machine only takes longer."""

# How long an example takes says more about the machine than about us.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")


@pytest.hookimpl(tryfirst=True)
def pytest_configure() -> None:
    """Thousands of databases that last for moments are kept in memory where there is a file system for that.

    https://docs.pytest.org/en/stable/reference/reference.html#envvar-PYTEST_DEBUG_TEMPROOT
    """
    if _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK):
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: some tests wait for processes that they started.

    https://pytest-xdist.readthedocs.io/en/stable/distribution.html
    """
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return usable + 1


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Modules and collected tests outlive every test: each full collection of garbage went through all of them."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    """A test that computes for ever fails where it is, instead of holding up the others."""
    if not hasattr(signal, "setitimer"):
        return (yield)

    def give_up(_signal: int, _frame: object) -> None:
        raise TimeoutError(f"the test computes for {_FOR_EVER:.0f} seconds")

    before = signal.signal(signal.SIGVTALRM, give_up)
    signal.setitimer(signal.ITIMER_VIRTUAL, _FOR_EVER)
    try:
        return (yield)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, object]]:
    """https://anyio.readthedocs.io/en/stable/testing.html#specifying-the-backends-to-run-on"""
    return "asyncio", {"loop_factory": lazy_loop}


@pytest.fixture(scope="session")
def private_key_pem() -> str:
    """A GitHub App's private key as GitHub hands it out, made for this run."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
