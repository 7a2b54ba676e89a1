"""The event loop of the tests, which asks the system less often.

Rule: nothing else differs. Tests let a loop turn thousands of times to see that it has come to rest, and each turn
would ask the system whether a socket has become ready: where system calls are dear, that is a tenth of a test's time.
"""

import asyncio
import selectors

_MOST_UNASKED = 16


class _Lazy(selectors.DefaultSelector):
    """Asks when the loop is ready to wait, and otherwise now and then."""

    _unasked = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout == 0 and self._unasked < _MOST_UNASKED:
            self._unasked += 1
            return []
        self._unasked = 0
        return super().select(timeout)


def lazy_loop() -> asyncio.AbstractEventLoop:
    return asyncio.SelectorEventLoop(_Lazy())
