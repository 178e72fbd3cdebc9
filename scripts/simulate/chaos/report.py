"""What a run comes to, as data and as tables."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from simulate.chaos.promises import broken
from simulate.chaos.providers import DYING, deployment
from simulate.chaos.records import PHASES, PROVIDERS, Run, Sent

MAX_CASES = 5
MAX_EVENTS = 30
SLOW_SECONDS = 5.0
LISTED = "circuit"
"""Log lines that begin so are listed, each with its time; others are counted."""

Summary = dict[str, Any]


def summary(run: Run) -> Summary:
    """All figures."""
    promises = broken(run)
    return {
        "seconds": round(run.ended - run.started, 1),
        "died_at": round(run.died - run.started, 1),
        "back_at": round(run.back - run.started, 1),
        "deployments": [_deployment(run, name) for name in PROVIDERS],
        "requests": [_requests(run, phase) for phase in (*PHASES, "all")],
        "attempts": {str(n): count for n, count in sorted(Counter(len(row["attempts"]) for row in run.rows).items())},
        "statuses": {str(n): count for n, count in sorted(Counter(sent.status for sent in run.sent).items())},
        "outcomes": _outcomes(run),
        "circuits": _circuits(run),
        "log": _log(run),
        "promises": promises,
        "held": not any(promises.values()),
    }


def _deployment(run: Run, name: str) -> Summary:
    attempts = run.of(name)
    failed = [a for a in attempts if a.failed]
    dead = run.while_dead() if name == DYING else []
    crowd = [a.at - run.died for a in dead if not a.probe]
    again = [a.at - run.back for a in attempts if name == DYING and a.at >= run.back and not (a.failed or a.probe)]
    return {
        "deployment": deployment(name),
        "calls": len(attempts),
        "failed": len(failed),
        "failed_share": len(failed) / len(attempts) if attempts else 0.0,
        "answers_share": (len(attempts) - len(failed)) / len(run.sent),
        "probes": sum(a.probe for a in attempts),
        "calls_while_dead": len(dead),
        "probes_while_dead": sum(a.probe for a in dead),
        "left_after": max(crowd, default=None),
        "used_again_after": min(again, default=None),
    }


def _requests(run: Run, phase: str) -> Summary:
    sent = [one for one in run.sent if phase in ("all", run.phase(one.at))]
    seconds = [one.seconds for one in sent]
    overheads = [float(one.headers["x-gateway-overhead-ms"]) for one in sent if "x-gateway-overhead-ms" in one.headers]
    return {
        "phase": phase,
        "requests": len(sent),
        "errors": sum(one.status != 200 for one in sent),
        "p50_ms": percentile(seconds, 0.5) * 1000,
        "p95_ms": percentile(seconds, 0.95) * 1000,
        "max_ms": max(seconds, default=0.0) * 1000,
        "overhead_p50_ms": percentile(overheads, 0.5),
        "overhead_p95_ms": percentile(overheads, 0.95),
        "slow": sum(second > SLOW_SECONDS for second in seconds),
        "a_second": _a_second(sent),
    }


def _a_second(sent: Sequence[Sent]) -> float:
    """Requests a second, from the first to the last."""
    if not sent:
        return 0.0
    return len(sent) / (max(one.at + one.seconds for one in sent) - min(one.at for one in sent))


def _outcomes(run: Run) -> dict[str, dict[str, int]]:
    """What came of the calls, as the gateway tells it."""
    found: dict[str, Counter[str]] = {}
    for attempt in run.attempts:
        word = f"{attempt.outcome}: {attempt.reason}" if attempt.failed else attempt.outcome
        found.setdefault(attempt.deployment, Counter())[word] += 1
    return {name: dict(counts.most_common()) for name, counts in sorted(found.items())}


def _circuits(run: Run) -> list[Summary]:
    found = (event for event in run.events if event.message.startswith(LISTED))
    return [
        {
            "at": round(event.at - run.started, 1),
            "what": event.message,
            "who": event.deployment,
            "details": event.details,
        }
        for event in found
    ]


def _log(run: Run) -> dict[str, int]:
    words = (f"{event.level} {event.message} {event.deployment or ''}".strip() for event in run.events)
    return dict(Counter(words).most_common())


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that so many are not beyond; 0 if there are none."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)] if values else 0.0


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """A summary to read."""
    yield f"In {found['seconds']} s; {deployment(DYING)} died at {found['died_at']} s and came back at {found['back_at']} s."
    yield ""
    yield from table([DEPLOYMENT_COLUMNS, *map(_deployment_cells, found["deployments"])])
    yield ""
    yield from table([REQUEST_COLUMNS, *map(_request_cells, found["requests"])])
    yield ""
    yield f"Attempts: {_counts(found['attempts'], ' of ')}. Statuses: {_counts(found['statuses'], ' × ')}."
    for name, counts in found["outcomes"].items():
        yield f"{name}: {_counts(counts, ' × ')}"
    yield ""
    yield from _circuit_lines(found["circuits"])
    yield f"In the log: {_counts(found['log'], ' × ')}"
    yield ""
    for promise, cases in found["promises"].items():
        yield f"{'BROKEN' if cases else 'held  '}  {promise}{f' ({len(cases)} times)' if cases else ''}"
        yield from (f"        {case}" for case in cases[:MAX_CASES])


DEPLOYMENT_COLUMNS = (
    "deployment", "calls", "failed", "", "answers", "probes",
    "calls while dead", "(probes)", "left after", "used again after",
)  # fmt: skip
REQUEST_COLUMNS = (
    "phase", "requests", "errors", f"over {SLOW_SECONDS:.0f} s", "a second",
    "p50 ms", "p95 ms", "max ms", "overhead p50", "overhead p95",
)  # fmt: skip


def _deployment_cells(row: Summary) -> tuple[str, ...]:
    return (
        row["deployment"], str(row["calls"]), str(row["failed"]), f"{row['failed_share']:.1%}", f"{row['answers_share']:.1%}",
        str(row["probes"]), str(row["calls_while_dead"]), str(row["probes_while_dead"]),
        *(("-" if row[name] is None else f"{row[name]:.1f} s") for name in ("left_after", "used_again_after")),
    )  # fmt: skip


def _request_cells(row: Summary) -> tuple[str, ...]:
    times = (f"{row[name]:,.0f}" for name in ("p50_ms", "p95_ms", "max_ms", "overhead_p50_ms", "overhead_p95_ms"))
    counts = (str(row[name]) for name in ("requests", "errors", "slow"))
    return (row["phase"], *counts, f"{row['a_second']:.1f}", *times)


def table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Columns flush right, but for the first."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = [f"{cell:>{width}}" for cell, width in zip(others, widths[1:], strict=True)]
        yield "  ".join([f"{first:<{widths[0]}}", *cells]).rstrip()


def _counts(counts: Mapping[str, int], between: str) -> str:
    return ", ".join(f"{count:,}{between}{name}" for name, count in counts.items()) or "none"


def _circuit_lines(circuits: Sequence[Summary]) -> Iterator[str]:
    for event in circuits[:MAX_EVENTS]:
        yield f"{event['at']:6.1f} s  {event['what']}  {event['who']}  {event['details']}".rstrip()
    if len(circuits) > MAX_EVENTS:
        yield f"and {len(circuits) - MAX_EVENTS} more of them"
