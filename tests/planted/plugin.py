"""Plants one bug before pytest imports a test: `pytest -p tests.planted.plugin --planted NAME`."""

import pytest
from hypothesis import Phase, settings

from tests.planted.catalogue import BUGS


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--planted", choices=sorted(BUGS), help="the bug to plant")


def pytest_configure(config: pytest.Config) -> None:
    name = config.getoption("--planted")
    if name is not None:
        # That it fails is enough; nobody needs the smallest history that does.
        settings.register_profile("planted", phases=(Phase.explicit, Phase.generate), deadline=None)
        settings.load_profile("planted")
        BUGS[name].plant()
