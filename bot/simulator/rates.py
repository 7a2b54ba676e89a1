"""The primary rate limit: so many requests an hour for each installation, and one count for the rest.

https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
"""

from __future__ import annotations

from collections import Counter

from bot.simulator.clock import Clock

HOUR = 3_600


class Rates:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._used: Counter[tuple[int | None, int]] = Counter()
        self.limit = 5_000

    def _key(self, installation_id: int | None) -> tuple[int | None, int]:
        return installation_id, int(self._clock.now().timestamp()) // HOUR

    def take(self, installation_id: int | None) -> bool:
        """Counts a request; False when the hour's are used up."""
        key = self._key(installation_id)
        self._used[key] += 1
        return self._used[key] <= self.limit

    def give_back(self, installation_id: int | None) -> None:
        """A 304 does not count."""
        self._used[self._key(installation_id)] -= 1

    def core(self, installation_id: int | None) -> dict[str, int]:
        used = min(self.limit, self._used[self._key(installation_id)])
        reset = (int(self._clock.now().timestamp()) // HOUR + 1) * HOUR
        return {"limit": self.limit, "remaining": self.limit - used, "reset": reset, "used": used}

    def headers(self, installation_id: int | None) -> dict[str, str]:
        numbers = {f"x-ratelimit-{name}": str(number) for name, number in self.core(installation_id).items()}
        return {**numbers, "x-ratelimit-resource": "core"}
