"""Alembic's scripts, run by `bot.store.schema` at start-up; there is no ini file.

Rule: a file in `versions` is never changed once it was released. Expand first, contract in a later release.
"""
