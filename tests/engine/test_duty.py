"""Who is at work: nothing is written to GitHub by whoever only may still hold the lease."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from bot.engine.duty import LEASE_SECONDS, Duty
from bot.store import Store
from tests.scenarios.stage import TestClock


class Idle:
    """A term in which nothing has to be done."""

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    def means_nothing(self, event: str, payload: Mapping[str, object]) -> str | None: ...

    def put(self, delivery_id: str, event: str, payload: Mapping[str, object]) -> None: ...

    def problems(self) -> tuple[str, ...]:
        return ()


@pytest.mark.parametrize(("slept", "may"), [(0.0, True), (LEASE_SECONDS / 2, True), (LEASE_SECONDS, False)])
async def test_a_process_that_slept_past_its_lease_writes_nothing_until_it_is_renewed(
    postgres_url: str, slept: float, may: bool
) -> None:
    seconds = [100.0]
    store = await Store.open(postgres_url, now=lambda: datetime.now(UTC))
    duty = Duty(store, TestClock(), holder="this one", begin=Idle, monotonic=lambda: seconds[0])
    before = duty.may_write()

    await duty.start()
    try:
        seconds[0] += slept
        assert (before, duty.at_work, duty.may_write()) == (False, True, may)
    finally:
        await duty.close()
        await store.close()
