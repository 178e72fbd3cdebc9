"""How long to wait before asking again, and how long for an answer. All of it fits into the request's one deadline."""

from collections.abc import Callable, Sequence

MAX_RETRIES = 2
"""Of a request, beside the first call to each deployment."""
BASE_SECONDS = 0.5
CAP_SECONDS = 8.0
SPREAD = 0.1
"""Those who were told to wait for the same time do not all come back in the same moment."""
ASSUMED_SECONDS = 5.0
"""What a deployment takes that has never been measured."""
ROOM = 1.5
"""Times the usual, an answer may well take."""
LEAST_ROOM = 2.0
"""Seconds, so much it may well take however quick it usually is."""
PATIENCE = 3.0
"""Times its usual, a deployment is waited for whoever else might answer."""


def wait(retry: int, retry_after: float | None, chance: Callable[[], float]) -> float:
    """Seconds to wait before asking a deployment again: what it asks for, else exponential backoff with full jitter.

    Source: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/

    Args:
        retry: 0 before the first one.
        retry_after: what the deployment said, in seconds.
        chance: gives numbers from 0 to below 1.
    """
    if retry_after:
        return retry_after * (1 + SPREAD * chance())
    return chance() * min(CAP_SECONDS, BASE_SECONDS * 2.0**retry)


def patience(remaining: float, usual: float | None, others: Sequence[float | None], *, is_probe: bool) -> float:
    """Seconds that a deployment gets for its answer while others could answer, too.

    The others keep the time that they need one after the other, so that a silent deployment does not use up the request's;
    but what is only slow is not cut off: it keeps half of the time, and a multiple of what it usually takes.

    Args:
        remaining: until the request's deadline.
        usual: what the deployment usually takes; None if that is not known.
        others: what each of the others does.
        is_probe: whether the deployment failed lately, and nobody knows whether it works again.
    """
    if is_probe:
        return remaining / 2
    reserve = sum(max(LEAST_ROOM, ROOM * (ASSUMED_SECONDS if other is None else other)) for other in others)
    return min(remaining, max(remaining / 2, remaining - reserve, PATIENCE * (usual or 0.0)))
