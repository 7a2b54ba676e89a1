"""release-bot: a GitHub App that runs a company's release day. `docs/` narrates one release through this code."""

from importlib.metadata import version

__version__ = version("release-bot")
