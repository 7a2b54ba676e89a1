"""What every kind of test needs."""

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

pytest_plugins = ["tests.postgres"]
_MEMORY = Path("/dev/shm")  # noqa: S108 - pytest makes a private folder in it


@pytest.hookimpl(tryfirst=True)
def pytest_configure() -> None:
    """Thousands of databases that last for moments are kept in memory where there is a file system for that.

    https://docs.pytest.org/en/stable/reference/reference.html#envvar-PYTEST_DEBUG_TEMPROOT
    """
    if _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK):
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def private_key_pem() -> str:
    """A GitHub App's private key as GitHub hands it out, made for this run."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
