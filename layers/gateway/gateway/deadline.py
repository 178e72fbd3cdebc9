"""One deadline a request, from which every timeout is cut."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

from gateway.errors import UpstreamTimeout

Result = TypeVar("Result")


class Deadline:
    """A moment after which nobody waits for the answer any more.

    Args:
        at: seconds since the epoch.
        clock: tells the time, in seconds since the epoch.
        silence: seconds that nothing may come for, before the first byte or between two; None for as long as there is time.
    """

    def __init__(self, at: float, clock: Callable[[], float] = time.time, silence: float | None = None) -> None:
        self.at = at
        self._clock = clock
        self._silence = silence

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

    def silence(self) -> float:
        """Seconds to wait for the next byte.

        Raises:
            UpstreamTimeout: there is no time left.
        """
        left = self.remaining()
        return left if self._silence is None else min(left, self._silence)

    def within(self, seconds: float, silence: float | None = None) -> "Deadline":
        """The deadline of a part of the work: this one, or so many seconds from now if that is earlier."""
        return Deadline(min(self.at, self._clock() + seconds), self._clock, silence)

    def wait_for(self, call: Callable[[], Result]) -> Result:
        """Run a call, and stop waiting for it at the deadline.

        Args:
            call: takes nothing; what it returns or raises is returned or raised here.
        Raises:
            UpstreamTimeout: the call did not end in time.
        """
        try:
            return run_within(self.remaining(), call)
        except TimeIsUp:
            raise UpstreamTimeout("The provider did not answer in the time that it had.") from None


class TimeIsUp(Exception):
    """A call did not end in time."""


def run_within(seconds: float, call: Callable[[], Result]) -> Result:
    """Run a call in a thread of its own, which is left behind when the time is up.

    A socket's timeout bounds each read, not their sum, nor the look-up of a name: this bounds them all. The call has to
    have timeouts of its own, by which its thread ends.

    Raises:
        TimeIsUp: the call did not end in time; it may still do what it was to do.
    """
    future: Future[Result] = Future()
    threading.Thread(target=_run, args=(call, future), daemon=True).start()
    if wait([future], seconds).not_done:
        raise TimeIsUp
    return future.result()


def _run(call: Callable[[], Result], future: "Future[Result]") -> None:
    try:
        future.set_result(call())
    except BaseException as error:  # noqa: BLE001 - raised in the thread that waits for it
        future.set_exception(error)
