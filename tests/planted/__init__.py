"""Bugs planted on purpose, to learn whether the tests would notice: `python -m tests.planted`."""
