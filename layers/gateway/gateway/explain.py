"""POST /route: how a completion would be routed right now, without asking anyone."""

from typing import Any

from gateway.candidates import LeftOut, Plan, Step, admissible
from gateway.context import current
from gateway.errors import Inexpressible
from gateway.health import Health, fleet
from gateway.keys import ApiKey
from gateway.pipeline import planned
from gateway.pricing import dollars
from gateway.questions import Question
from gateway.registry import MAX_DEPLOYMENTS
from gateway.registry_source import registry
from gateway.strategies import Candidate

Told = dict[str, Any]
"""What is told of one candidate."""


def explain(key: ApiKey, question: Question, strategy: str | None) -> dict[str, Any]:
    """The deployments of a request in the order in which they would be asked, and those that would not be.

    Args:
        strategy: by which it is to be routed; None leaves it to the model.
    Raises:
        ModelNotFound: there is no such model.
        ModelNotAllowed: the key may not use it.
        ServiceUnavailable: the providers' keys cannot be read.
    """
    known, now = registry(), current().deadline.now()
    deployments = admissible(known, question, key, now)
    plan = planned(known, question, key, strategy, deployments).plan([question.model])
    return {
        "object": "route",
        "model": question.model,
        "strategy": strategy or known.model(question.model).strategy,
        "candidates": _explained(plan, question, fleet(), now),
    }


def _explained(plan: Plan, question: Question, health: Health, now: float) -> list[Told]:
    """First those that would be asked, in their order; then those that a circuit keeps back; then those that cannot serve."""
    asked, kept_back, unable = list[Told](), list[Told](), list[Told]()
    for step in plan.steps:
        told = _told(step.candidate, health, now) | {"configured": True, "position": None}
        circuit = health.circuit(step.candidate.name)
        if refusal := _refusal(question, step):
            unable.append(told | {"capable": False, "why": refusal.message})
        elif circuit.blocked_until(now) is not None:
            kept_back.append(told | {"capable": True, "why": f"{step.why}, but {circuit.why_blocked(now)}"})
        else:
            why = (
                f"{step.why}; by one request, to see whether it works again" if circuit.is_half_open(now) else step.why
            )
            asked.append(told | {"capable": True, "why": why})
    if not asked and kept_back:
        first = min(kept_back, key=lambda told: told["circuit"]["retry_after_seconds"])
        kept_back.remove(first)
        asked = [first | {"why": f"{first['why']}; asked all the same, since nobody else can be"}]
    for index, told in enumerate(asked):
        within = index < MAX_DEPLOYMENTS
        told |= (
            {"position": index + 1} if within else {"why": f"{told['why']}, but {MAX_DEPLOYMENTS} are asked at most"}
        )
    return [*asked, *kept_back, *unable, *(_left_out(found, health, now) for found in plan.left_out)]


def _refusal(question: Question, step: Step) -> Inexpressible | None:
    try:
        question.fitted(step.candidate.deployment)
    except Inexpressible as refusal:
        return refusal
    return None


def _left_out(found: LeftOut, health: Health, now: float) -> Told:
    told = {"configured": found.configured, "position": None, "capable": found.capable, "why": found.why}
    return _told(found.candidate, health, now) | told


def _told(candidate: Candidate, health: Health, now: float) -> Told:
    circuit = health.circuit(candidate.name)
    until = circuit.blocked_until(now)
    return {
        "deployment": candidate.name,
        "provider": candidate.deployment.provider.name,
        "model": candidate.model.id,
        "priority": candidate.deployment.priority,
        "weight": str(candidate.deployment.weight),
        "expected_cost_usd": None if candidate.cost is None else dollars(candidate.cost),
        "expected_latency_ms": None if candidate.seconds is None else round(candidate.seconds * 1000),
        "circuit": {
            "state": circuit.state(now),
            "reason": circuit.why_blocked(now),
            "retry_after_seconds": None if until is None else round(until - now, 1),
        },
    }
