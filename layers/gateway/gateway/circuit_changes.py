"""What instances write about a circuit: each change with the condition under which it holds, so that of many one is made.

Every change may be repeated, as after a lost answer: counts then count double, on which nobody's money depends; a prober
knows itself again; and who has opened or closed a circuit may not be told that it was he.
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
MICROSECOND = 1e-6
"""As exactly the table keeps moments."""


def counted(circuit: Circuit, calls: int, failed: int, now: float, *, alive: bool) -> Change:
    """Add to the counts, in the present slice or a new one.

    Args:
        alive: whether a call has just been answered that began after the trouble did: then no probe is due.
    """
    here = max(slice_of(now), circuit.slice)
    values: dict[str, Any] = {"calls": calls, "failed": failed, "reports": 1, "slice": here, "seen": circuit.slice}
    sets, removes, adds = [KEEP], "", ""
    if failed:
        sets.append("#failed_at = :now")
        sets += ["#since = :now"] if now - circuit.failed_at >= SUSPICION_SECONDS else []
    if alive:
        sets.append("#answered_at = :now")
        removes = " REMOVE #due"
    elif failed and not circuit.is_acquitted(now):
        sets.append("#due = if_not_exists(#due, :due)")
        values["due"] = now + QUIET_SECONDS
    if here == circuit.slice:
        adds = " ADD " + ", ".join(f"#{name} :{name}" for name in COUNTS)
        same = "#slice = :slice"
    else:
        values["zero"] = 0
        sets += [f"#{name} = :{name}" for name in ("slice", *COUNTS)]
        sets += [f"#{name}_before = {f'#{name}' if here == circuit.slice + 1 else ':zero'}" for name in COUNTS]
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

    Who has seen it work knows of this opening and this limit, not of later ones.
    """
    zeros = ", ".join(f"#{name} = :zero" for name in ("failed", "reports", *(f"{name}_before" for name in COUNTS)))
    return Change(
        f"SET #slice = :slice, #calls = :one, {zeros}, #since = :since, {KEEP}"
        " REMOVE #openings, #due, #reason, #probe_until, #limited_until",
        f"{_same_openings(circuit)} AND (attribute_not_exists(#limited_until) OR #limited_until <= :limit)",
        {"slice": slice_of(now), "one": 1, "zero": 0, "since": now - SLICE_SECONDS, "before": circuit.openings}
        | {"limit": max(circuit.limited_until, now) + MICROSECOND},
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


def elected(now: float, until: float, prober: str, *, ahead: bool) -> Change:
    """Become the one who probes it, until then at the latest.

    Args:
        ahead: before it is due, unless somebody has just done so.
    """
    when = "(attribute_not_exists(#probed_at) OR #probed_at <= :recently)" if ahead else "#due <= :now"
    return Change(
        f"SET #probe_until = :until, #prober = :prober, #probed_at = :now, {KEEP}",
        f"(attribute_not_exists(#probe_until) OR #probe_until <= :now) AND {when}",
        {"until": until, "prober": prober, "recently": now - AHEAD_SECONDS},
    )


def released(prober: str) -> Change:
    """The probe is over and has shown nothing; one that somebody else has begun meanwhile goes on."""
    return Change("REMOVE #probe_until", "#prober = :prober", {"prober": prober})


def timed(seconds: float, seen: float | None) -> Change:
    """Its latency, for the fleet.

    Args:
        seen: when the figure was written that this one replaces; None if there was none. The others take the new one over.
    """
    same = "attribute_not_exists(#latency_at)" if seen is None else "#latency_at = :seen"
    return Change(f"SET #latency = :seconds, #latency_at = :now, {KEEP}", same, {"seconds": seconds, "seen": seen})


def _same_openings(circuit: Circuit) -> str:
    return "#openings = :before" if circuit.openings else "attribute_not_exists(#openings)"
