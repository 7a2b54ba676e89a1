"""Repositories by the name that a plan has for them, which may be an old one."""

from bot.simulator.repositories import Repository
from bot.simulator.world import World


def place(world: World, name: str) -> Repository:
    """KeyError when there never was one of that name."""
    here = world.repositories.get(name.lower())
    return here if here is not None else world.old_names[name.lower()]
