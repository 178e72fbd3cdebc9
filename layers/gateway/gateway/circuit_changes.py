"""What instances write about a circuit: each change with the condition under which it holds, so that of many one is made.

Every change may be repeated, but for counts, which then count double: of that, nobody's money depends.
"""

from typing import Any

from gateway.circuits import (
    AHEAD_SECONDS,
    QUIET_SECONDS,
    REFUSED_SECONDS,
    SLICE_SECONDS,
    SUSPICION_SECONDS,
    Circuit,
    reset_seconds,
    slice_of,
)
from gateway.state import Change

KEEP = "#expires_at = :expires_at"
COUNTS = ("calls", "failed", "reports")


def counted(circuit: Circuit, calls: int, failed: int, now: float, *, alive: bool) -> Change:
    """Add to the counts, in the present slice or a new one.

    Args:
        alive: whether the last call was answered: then no probe is due.
    """
    here = max(slice_of(now), circuit.slice)
    values: dict[str, Any] = {"calls": calls, "failed": failed, "reports": 1, "slice": here, "seen": circuit.slice}
    sets, removes, adds = [KEEP], "", ""
    if failed:
        sets.append("#failed_at = :now")
        sets += ["#since = :now"] if now - circuit.failed_at >= SUSPICION_SECONDS else []
    if alive:
        removes = " REMOVE #due"
    elif failed:
        sets.append("#due = if_not_exists(#due, :due)")
        values["due"] = now + QUIET_SECONDS
    if here == circuit.slice:
        adds = " ADD " + ", ".join(f"#{name} :{name}" for name in COUNTS)
        same = "#slice = :slice"
    else:
        follows = here == circuit.slice + 1
        values |= {
            f"{name}_before": getattr(circuit, name) if follows else 0 for name in ("calls", "failed", "reports")
        }
        sets += [f"#{name} = :{name}" for name in ("slice", *COUNTS, *(f"{name}_before" for name in COUNTS))]
        same = "#slice = :seen" if circuit.slice else "attribute_not_exists(#slice)"
    expression = f"SET {', '.join(sets)}{removes}{adds}"
    return Change(expression, f"attribute_not_exists(#openings) AND {same}", values)


def opened(circuit: Circuit, now: float, *, probed: bool) -> Change:
    """Open the circuit, or open it again for longer. Of several who would, one does.

    Args:
        probed: whether a probe has shown it, which is then over; one of somebody else's goes on.
    """
    openings = circuit.openings + 1
    values = {
        "before": circuit.openings,
        "openings": openings,
        "due": now + reset_seconds(openings),
        "reason": "failures",
    }
    expression = f"SET #openings = :openings, #due = :due, #reason = :reason, {KEEP}"
    return Change(expression + (" REMOVE #probe_until" if probed else ""), _same_openings(circuit), values)


def closed(circuit: Circuit, now: float) -> Change:
    """The deployment works: forget what was wrong, but for that something was, so that the fleet goes on counting.

    Who has seen it work knows of this opening, not of one since.
    """
    zeros = ", ".join(f"#{name} = :zero" for name in ("failed", "calls_before", "failed_before"))
    return Change(
        f"SET #slice = :slice, #calls = :one, {zeros}, #since = :since, {KEEP} REMOVE #openings, #due, #reason, #probe_until",
        _same_openings(circuit),
        {"slice": slice_of(now), "one": 1, "zero": 0, "since": now - SLICE_SECONDS, "before": circuit.openings},
    )


def refused(now: float) -> Change:
    """Its credentials fail: they fail for all, so it is left at once. What is open longer stays so."""
    return Change(
        f"SET #openings = :openings, #due = :due, #reason = :reason, {KEEP} REMOVE #probe_until",
        "attribute_not_exists(#openings) OR #due <= :now",
        {"openings": 1, "due": now + REFUSED_SECONDS, "reason": "credentials refused"},
    )


def limited(until: float) -> Change:
    """It takes no requests until then; never less long than it has said before."""
    return Change(
        f"SET #limited_until = :until, {KEEP}",
        "attribute_not_exists(#limited_until) OR #limited_until < :until",
        {"until": until},
    )


def elected(now: float, until: float, *, ahead: bool) -> Change:
    """Become the one who probes it, until then at the latest.

    Args:
        ahead: before it is due, unless somebody has just done so.
    """
    when = "(attribute_not_exists(#probed_at) OR #probed_at <= :recently)" if ahead else "#due <= :now"
    return Change(
        f"SET #probe_until = :until, #probed_at = :now, {KEEP}",
        f"(attribute_not_exists(#probe_until) OR #probe_until <= :now) AND {when}",
        {"until": until, "recently": now - AHEAD_SECONDS},
    )


def released() -> Change:
    """The probe is over and has shown nothing."""
    return Change("REMOVE #probe_until", "attribute_exists(#probe_until)", {})


def timed(seconds: float, seen: float | None) -> Change:
    """Its latency, for the fleet.

    Args:
        seen: when the figure was written that this one replaces; None if there was none. The others take the new one over.
    """
    same = "attribute_not_exists(#latency_at)" if seen is None else "#latency_at = :seen"
    return Change(f"SET #latency = :seconds, #latency_at = :now, {KEEP}", same, {"seconds": seconds, "seen": seen})


def _same_openings(circuit: Circuit) -> str:
    return "#openings = :before" if circuit.openings else "attribute_not_exists(#openings)"
