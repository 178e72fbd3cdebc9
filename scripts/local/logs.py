"""The functions' log, followed: each line once, as soon as the emulator has it."""

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

_SECONDS_BETWEEN = 0.3
_OVERLAP_MS = 2_000  # lines of one millisecond may come in two answers
_PLATFORM = ("START RequestId", "END RequestId", "REPORT RequestId")

Line = tuple[str, int, str]


def follow(logs: Any, group: str, since_ms: int) -> Iterator[str]:
    """Every line from then on, without Lambda's own around each call; never ends by itself.

    The emulator's events have no id: the n-th equal line of a stream is the same line in every answer.
    """
    told: Counter[Line] = Counter()
    while True:
        found = Counter(_lines(logs, group, since_ms))
        for line, times in found.items():
            yield from [line[2]] * (times - told[line])
        told = found
        since_ms = max([since_ms, *(stamp - _OVERLAP_MS for _, stamp, _ in found)])
        time.sleep(_SECONDS_BETWEEN)


def _lines(logs: Any, group: str, since_ms: int) -> Iterator[Line]:
    for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group, startTime=since_ms):
        for event in page["events"]:
            if event["message"].strip() and not event["message"].startswith(_PLATFORM):
                yield event["logStreamName"], event["timestamp"], event["message"].rstrip("\n")
