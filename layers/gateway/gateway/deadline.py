"""One deadline a request, from which every timeout is cut."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import TypeVar

from gateway.errors import UpstreamTimeout

Result = TypeVar("Result")


class Deadline:
    """A moment after which nobody waits for the answer any more.

    Args:
        at: seconds since the epoch.
        clock: tells the time, in seconds since the epoch.
    """

    def __init__(self, at: float, clock: Callable[[], float] = time.time) -> None:
        self.at = at
        self._clock = clock

    def now(self) -> float:
        """The time, in seconds since the epoch, by the deadline's clock."""
        return self._clock()

    def remaining(self) -> float:
        """Seconds left.

        Raises:
            UpstreamTimeout: there are none.
        """
        left = self.at - self._clock()
        if left <= 0:
            raise UpstreamTimeout("The request's deadline passed before a provider had answered.")
        return left

    def wait_for(self, call: Callable[[], Result]) -> Result:
        """Run a call, and stop waiting for it at the deadline.

        A socket's timeout bounds each read, not their sum: a provider that sends a byte a second is never cut off by
        it. So the call runs in a thread of its own, which is left behind when the time is up; its sockets' timeouts
        end it.

        Args:
            call: takes nothing; what it returns or raises is returned or raised here.
        Raises:
            UpstreamTimeout: the call did not end in time.
        """
        future: Future[Result] = Future()
        thread = threading.Thread(target=_run, args=(call, future), daemon=True)
        left = self.remaining()
        thread.start()
        try:
            return future.result(left)
        except FutureTimeout:
            raise UpstreamTimeout("The provider did not answer before the request's deadline.") from None


def _run(call: Callable[[], Result], future: "Future[Result]") -> None:
    try:
        future.set_result(call())
    except BaseException as error:  # noqa: BLE001 - raised in the thread that waits for it
        future.set_exception(error)
