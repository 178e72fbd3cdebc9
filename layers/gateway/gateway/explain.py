"""POST /route: how a completion would be routed right now, without asking anyone."""

from typing import Any

from gateway.admission import prepare
from gateway.candidates import LeftOut, Plan, Step
from gateway.context import current
from gateway.errors import Inexpressible
from gateway.health import Health, fleet
from gateway.keys import ApiKey
from gateway.pipeline import turns
from gateway.pricing import dollars
from gateway.questions import Chat, Question
from gateway.registry import MAX_DEPLOYMENTS
from gateway.registry_source import registry
from gateway.strategies import Candidate
from gateway.tools.requested import asked

Told = dict[str, Any]
"""What is told of one candidate."""


def explain(key: ApiKey, question: Question, strategy: str | None) -> dict[str, Any]:
    """The deployments of a request in the order in which they would be asked, and those that would not be.

    Args:
        strategy: by which it is to be routed; None leaves it to the model.
    Raises:
        ModelNotFound: there is no such model.
        ModelNotAllowed: the key may not use it.
        InvalidRequest, InsufficientScope: its tools cannot be run so, or not for the key.
        ServiceUnavailable: the providers' keys cannot be read.
    """
    known, now = registry(), current().deadline.now()
    if isinstance(question, Chat):
        question = Chat(asked(question.request, key).request)
    plans = list(prepare(known, key, question).planner(known, strategy, turns).plans([question.model]))
    plan = Plan([step for one in plans for step in one.steps], [left for one in plans for left in one.left_out])
    return {
        "object": "route",
        "model": question.model,
        "strategy": strategy or known.model(question.model).strategy,
        "candidates": _explained(plan, question, fleet(), now),
    }


def _explained(plan: Plan, question: Question, health: Health, now: float) -> list[Told]:
    """First those that would be asked, in their order; then those that a circuit keeps back; then those that cannot serve."""
    able, unable = list[Told](), list[Told]()
    for step in plan.steps:
        told = _told(step.candidate, health, now) | {"configured": True, "position": None}
        if refusal := _refusal(question, step):
            unable.append(told | {"capable": False, "why": refusal.message})
        else:
            able.append(told | {"capable": True, "why": step.why})
    asked, kept_back = _asked(able, health, now)
    for index, told in enumerate(asked):
        within = index < MAX_DEPLOYMENTS
        told |= (
            {"position": index + 1} if within else {"why": f"{told['why']}; but {MAX_DEPLOYMENTS} are asked at most"}
        )
    return [*asked, *kept_back, *unable, *map(_left_out, plan.left_out)]


def _asked(able: list[Told], health: Health, now: float) -> tuple[list[Told], list[Told]]:
    """Those that would be asked, and those that their circuits keep back."""
    if len(able) == 1 and (reason := able[0]["circuit"]["reason"]):
        why = f"{able[0]['why']}; in spite of its circuit ({reason}), since there is no other"
        return [able[0] | {"why": why}], []
    asked, kept_back = list[Told](), list[Told]()
    for told in able:
        circuit = health.circuit(told["deployment"])
        if circuit.blocked_until(now) is not None:
            kept_back.append(told | {"why": f"{told['why']}; kept back by its circuit: {circuit.why_blocked(now)}"})
        elif circuit.is_half_open(now):
            asked.append(told | {"why": f"{told['why']}; by one request, to see whether it works again"})
        else:
            asked.append(told)
    ahead = [told for told in kept_back if health.circuit(told["deployment"]).may_be_probed_ahead(now)]
    if not asked and ahead:
        first = min(ahead, key=lambda told: float(told["circuit"]["retry_after_seconds"]))
        kept_back.remove(first)
        asked = [first | {"why": f"{first['why']}; by one request all the same, since nobody else can be asked"}]
    return asked, kept_back


def _refusal(question: Question, step: Step) -> Inexpressible | None:
    try:
        question.fitted(step.candidate.deployment)
    except Inexpressible as refusal:
        return refusal
    return None


def _left_out(found: LeftOut) -> Told:
    """Of what the request could not come to, nobody has looked how it does."""
    told = _named(found.candidate) | {"expected_cost_usd": None, "expected_latency_ms": None, "circuit": None}
    return told | {
        "configured": found.configured,
        "position": None,
        "capable": found.capable,
        "why": found.error.message,
    }


def _named(candidate: Candidate) -> Told:
    return {
        "deployment": candidate.name,
        "provider": candidate.deployment.provider.name,
        "model": candidate.model.id,
        "priority": candidate.deployment.priority,
        "weight": str(candidate.deployment.weight),
    }


def _told(candidate: Candidate, health: Health, now: float) -> Told:
    circuit = health.circuit(candidate.name)
    until = circuit.blocked_until(now)
    return _named(candidate) | {
        "expected_cost_usd": None if candidate.cost is None else dollars(candidate.cost),
        "expected_latency_ms": None if candidate.seconds is None else round(candidate.seconds * 1000),
        "circuit": {
            "state": circuit.state(now),
            "reason": circuit.why_blocked(now),
            "retry_after_seconds": None if until is None else round(until - now, 1),
        },
    }
