"""The way in and out of a request: what it may use up is set aside before it is served, and settled afterwards."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from gateway import keys, pricing
from gateway.attempts import Route
from gateway.candidates import Planner, admissible
from gateway.context import RequestContext, current
from gateway.credentials import provider_secrets
from gateway.errors import ModelNotAllowed, ServiceUnavailable
from gateway.health import fleet
from gateway.keys import ApiKey
from gateway.ledger import MOST_CHANGES, Account, Estimate, PolicyChanged, ledger
from gateway.questions import Question
from gateway.registry import Deployment, Registry
from gateway.strategies import Turns


@dataclass
class Admission:
    """A request that is in.

    Attributes:
        key: who asks, as the ledger has it.
        question: what is asked; if the key has a budget, with a cap on the output.
        deployments: all that the request may come to.
        secrets: the providers' keys by name; None if they cannot be read.
        wait: waits for what is being read of the deployments' health.
        accounts: what is held for it, by the key and by its team; none if they have no limits.
    """

    key: ApiKey
    question: Question
    deployments: Sequence[Deployment]
    secrets: Mapping[str, str] | None
    wait: Callable[[], None]
    accounts: list[Account] = field(default_factory=list)

    def planner(self, known: Registry, strategy: str | None, turns: Turns) -> Planner:
        """What is known of the request's deployments, brought together.

        Args:
            strategy: what the request asks for itself; None leaves it to each model.
        Raises:
            ServiceUnavailable: the providers' keys cannot be read.
        """
        if self.secrets is None:
            raise ServiceUnavailable("The gateway cannot read its providers' keys.", retry_after=5)
        self.wait()
        return Planner(known, self.question, self.key, strategy, self.secrets, fleet(), turns, current().deadline.now())

    def cover(self, deployment: Deployment, taken: Route, before: Route | None = None) -> Decimal | None:
        """Have enough held for one more call; the first one is covered from the beginning.

        Args:
            before: the rounds before this one, of a request that has several; their tokens count as well.
        Returns:
            The most that the call can cost in US dollars; None if that does not matter, or is not known.
        Raises:
            GatewayError: as the ledger does.
        """
        most = _most(self.question, deployment) if self.key.has_budget else None
        spent, tokens, used = taken.charge, 0, 0
        if before is not None:
            spent, used = spent + before.charge, before.tokens
            tokens = used + _tokens(self.question, deployment)
        if self.key.has_budget or tokens:
            ledger().cover(self.accounts, spent + (most or 0) if self.key.has_budget else Decimal(0), tokens, used)
        return most

    def settle(self, row: Mapping[str, Any]) -> None:
        """Write the row, and release what was held."""
        ledger().settle(self.accounts, row)
        for account in self.accounts:
            keys.remember(account.item, current().deadline.now())


def enter(known: Registry, key: ApiKey, question: Question, scopes: Sequence[str] = ("inference",)) -> Admission:
    """Admit a request.

    Args:
        scopes: that the key has to have, if it has been changed meanwhile.
    Raises:
        ModelNotFound: there is no such model.
        ModelNotAllowed: the key may not use it.
        InvalidApiKey, InsufficientScope: the key is not good any more.
        RateLimitExceeded, InsufficientQuota, BudgetHeld: it, or its team, has not enough left.
        ServiceUnavailable: a table does not answer.
    """
    request = current()
    for _ in range(MOST_CHANGES):
        admission = prepare(known, key, question)
        try:
            return _admitted(admission, request)
        except PolicyChanged as change:
            for scope in scopes:
                key = keys.again(key, scope, request.deadline.now(), change.item)
    raise ServiceUnavailable("The key's policy is being changed; try again.", retry_after=1)


def prepare(known: Registry, key: ApiKey, question: Question) -> Admission:
    """All that is to be known before a request is admitted; the health of the deployments is still being read.

    Raises:
        ModelNotFound: there is no such model.
        ModelNotAllowed: the key may not use it.
    """
    now = current().deadline.now()
    try:
        question, deployments = _allowed(known, key, question)
    except ModelNotAllowed:  # by what may have been known for long
        key = keys.again(key, "inference", now)
        question, deployments = _allowed(known, key, question)
    wait = fleet().refreshing([deployment.name for deployment in deployments], now)
    return Admission(key, question, deployments, _secrets(deployments), wait)


def _allowed(known: Registry, key: ApiKey, question: Question) -> tuple[Question, Sequence[Deployment]]:
    deployments = admissible(known, question, key, current().deadline.now())
    return question.bounded(is_strict=not key.may_spend_unpriced) if key.has_budget else question, deployments


def _secrets(deployments: Sequence[Deployment]) -> Mapping[str, str] | None:
    try:
        return provider_secrets() if any(d.provider.needs_secrets for d in deployments) else {}
    except ServiceUnavailable:
        return None


def _admitted(admission: Admission, request: RequestContext) -> Admission:
    if not admission.key.accounts:
        return admission
    estimate = _estimate(admission)
    accounts = ledger().admit(admission.key.accounts, request.id, estimate, request.deadline.at)
    for account in accounts:
        keys.remember(account.item, request.deadline.now())
    return replace(admission, accounts=accounts)


def _estimate(admission: Admission) -> Estimate:
    """The most that any deployment which can be asked would take."""
    question, secrets = admission.question, admission.secrets
    able = [
        deployment
        for deployment in admission.deployments
        if (secrets is None or deployment.provider.endpoint(secrets)) and not question.lacking(deployment)
    ]
    costs = [_most(question, deployment) or Decimal(0) for deployment in able]
    tokens = [_tokens(question, deployment) for deployment in able]
    return Estimate(max(costs, default=Decimal(0)), max(tokens, default=0))


def _tokens(question: Question, deployment: Deployment) -> int:
    """By the usual estimate."""
    usage = question.expected(deployment)
    return (usage.input_tokens or 0) + (usage.output_tokens or 0)


def _most(question: Question, deployment: Deployment) -> Decimal | None:
    return pricing.most(question.most(deployment), deployment.price, current().deadline.now())
