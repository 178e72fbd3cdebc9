"""Who may serve a request, in which order, and why: the deployments of its model and of that one's fallbacks.

Nothing is asked here. What is left out is told with its reason, so that the same plan that routes a request can explain it.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from gateway import pricing
from gateway.errors import GatewayError, ModelNotAllowed, ProviderNotConfigured
from gateway.health import Health
from gateway.keys import ApiKey
from gateway.questions import Question
from gateway.registry import FALLBACKS, Deployment, Endpoint, Model, Registry
from gateway.strategies import STRATEGIES, Candidate, Placed, Turns


@dataclass(frozen=True)
class Step:
    """A candidate at its place in the plan.

    Attributes:
        endpoint: where it is asked.
        why: it is at this place.
    """

    candidate: Candidate
    endpoint: Endpoint
    why: str


@dataclass(frozen=True)
class LeftOut:
    """A deployment that cannot serve the request.

    Attributes:
        error: why, and what the request ends in if it is left out with all others.
        configured, capable: whether there are credentials for it, and it can do what is asked; None if nobody looked.
    """

    candidate: Candidate
    error: GatewayError
    configured: bool | None = None
    capable: bool | None = None


@dataclass(frozen=True)
class Plan:
    """Who is asked, in which order, and who is not."""

    steps: list[Step] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


class Planner:
    """Plans one request.

    Args:
        question: what is asked.
        key: who asks.
        strategy: what the request asks for itself; None leaves it to each model.
        secrets: the providers' keys by name.
        turns: the instance's numbers of chance.
        now: seconds since the epoch.
    """

    def __init__(
        self,
        registry: Registry,
        question: Question,
        key: ApiKey,
        strategy: str | None,
        secrets: Mapping[str, str],
        health: Health,
        turns: Turns,
        now: float,
    ) -> None:
        self._registry = registry
        self._question = question
        self._key = key
        self._strategy = strategy
        self._secrets = secrets
        self._health = health
        self._turns = turns
        self._now = now

    def plans(self, ids: Sequence[str], without: Collection[str] = ()) -> Iterator[Plan]:
        """A plan for each of these models, and for each of their fallbacks; made when it is asked for.

        Args:
            without: names of deployments that have been asked. What an earlier plan has is not in a later one.
        """
        seen = set(without)
        for model in self._registry.with_fallbacks(*ids):
            yield self._plan(model, seen)

    def _plan(self, model: Model, seen: set[str]) -> Plan:
        plan, ready, candidates = Plan(), dict[str, Endpoint](), list[Candidate]()
        for deployment in model.deployments:
            if deployment.name in seen:
                continue
            candidate = self._candidate(deployment, model)
            found = self._examined(candidate)
            if isinstance(found, LeftOut):
                plan.left_out.append(found)
            else:
                ready[candidate.name] = found
                candidates.append(candidate)
            if not isinstance(found, LeftOut) or not isinstance(found.error, ModelNotAllowed):
                seen.add(deployment.name)  # else another model may have it that the key may use
        placed = self._placed(model, candidates) if candidates else []
        plan.steps.extend(Step(candidate, ready[candidate.name], why) for candidate, why in placed)
        return plan

    def _placed(self, model: Model, candidates: list[Candidate]) -> list[Placed]:
        return STRATEGIES[self._strategy or model.strategy](candidates, self._turns.next(model.id))

    def _candidate(self, deployment: Deployment, model: Model) -> Candidate:
        cost = pricing.cost(self._question.expected(deployment), deployment.price, self._now)
        return Candidate(deployment, model, cost, self._health.seconds(deployment.name))

    def _examined(self, candidate: Candidate) -> Endpoint | LeftOut:
        """Where it is asked, or why it is not."""
        deployment = candidate.deployment
        if refusal := refused(self._question, self._key, candidate.model, deployment, self._now):
            return LeftOut(candidate, refusal)
        endpoint = deployment.provider.endpoint(self._secrets)
        if endpoint is None:
            error = ProviderNotConfigured(f"There are no credentials for {deployment.provider.name}.")
            return LeftOut(candidate, error, configured=False)
        if lacking := self._question.lacking(deployment):
            return LeftOut(candidate, lacking, configured=True, capable=False)
        return endpoint


def refused(
    question: Question, key: ApiKey, model: Model, deployment: Deployment, now: float
) -> ModelNotAllowed | None:
    """Why a key may not use a deployment for a model; None if it may.

    With a budget, only what has a known price: one that is in force, with a rate for all that is asked.
    """
    if not key.may_use(model.id):
        return _not_allowed(model)
    if key.may_spend_unpriced or (deployment.price and deployment.price.covers(now, *question.buckets)):
        return None
    return ModelNotAllowed(
        f"The price of '{question.model[:200]}' is not known, and this API key has a budget; its policy has to allow it.",
        param="model",
    )


def admissible(registry: Registry, question: Question, key: ApiKey, now: float) -> list[Deployment]:
    """All deployments that a request may come to, by whatever fallbacks, and that its key may use.

    Raises:
        ModelNotFound: there is no such model.
        ModelNotAllowed: the key may not use it, or none of its deployments.
    """
    asked = registry.model(question.model)
    if not key.may_use(asked.id):
        raise _not_allowed(asked)
    nearest = {model.id: model for model in registry.with_fallbacks(asked.id)}
    models = nearest | {model.id: model for model in _reachable(registry, asked.id)}
    allowed, refusals = list[tuple[str, Deployment]](), list[ModelNotAllowed]()
    for model in models.values():
        for deployment in model.deployments:
            if refusal := refused(question, key, model, deployment, now):
                refusals.append(refusal)
            else:
                allowed.append((model.id, deployment))
    if not any(model_id in nearest for model_id, _ in allowed):
        raise refusals[0]
    return [deployment for _, deployment in allowed]


def _not_allowed(model: Model) -> ModelNotAllowed:
    return ModelNotAllowed(f"This API key may not use the model '{model.id[:200]}'.", param="model")


def _reachable(registry: Registry, model_id: str) -> Iterator[Model]:
    """The model, and all that any of its lists of fallbacks, and theirs, lead to; each once."""
    seen, ahead = set[str](), [model_id]
    while ahead:
        found = ahead.pop()
        if found not in seen:
            seen.add(found)
            yield (model := registry.models[found])
            ahead += (fallback for kind in FALLBACKS for fallback in getattr(model, kind))


def nobody(question: Question, left_out: Sequence[LeftOut]) -> GatewayError:
    """What a request ends in that nobody can be asked: what its configured deployments cannot do, else what is missing."""
    unable = [one.error for one in left_out if one.capable is False]
    missing = dict.fromkeys(one.candidate.deployment.provider.name for one in left_out if one.configured is False)
    if unable or not missing:
        return unable[0] if unable else left_out[0].error
    return ProviderNotConfigured(
        f"The model '{question.model[:200]}' needs credentials for {', '.join(missing)}, which this gateway does not have."
    )


Plans = Callable[[Sequence[str], Collection[str]], Iterator[Plan]]
"""As Planner.plans."""


def preferring(plans: Plans, name: str) -> Plans:
    """The same plans, but first the deployment of a name, if it is in one: who has answered before has its own thoughts, and
    perhaps the conversation, at hand.
    """

    def reordered(ids: Sequence[str], without: Collection[str]) -> Iterator[Plan]:
        ahead, before = plans(ids, without), list[Plan]()
        for plan in ahead:
            others = Plan([step for step in plan.steps if step.candidate.name != name], plan.left_out)
            before.append(others)
            if len(others.steps) < len(plan.steps):
                yield Plan([step for step in plan.steps if step.candidate.name == name])
                break
        yield from before
        yield from ahead

    return reordered
