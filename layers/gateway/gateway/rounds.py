"""A completion of several questions to the model: each is routed, paid for and covered by itself, and all are one request."""

from dataclasses import dataclass, replace

from gateway.admission import Admission
from gateway.attempts import Route
from gateway.candidates import Plans, preferring
from gateway.context import current
from gateway.errors import InternalError, UpstreamTimeout
from gateway.health import fleet
from gateway.providers.base import Answer
from gateway.questions import Chat
from gateway.registry import Registry
from gateway.router import LEAST_SECONDS, Router
from gateway.schemas import ChatCompletionRequest
from gateway.settings import settings
from gateway.strategies import Turns
from gateway.tools.requested import Asked, Offer


@dataclass(frozen=True)
class Rounds:
    """One request's rounds.

    Args:
        strategy: what the request asks for itself; None leaves it to each model.
        taken: all that became of the rounds so far, together.
    """

    admission: Admission
    known: Registry
    strategy: str | None
    turns: Turns
    taken: Route

    def answer(self, wanted: Asked, offer: Offer) -> Answer:
        """The answer that all rounds lead to.

        Raises:
            GatewayError: what a round ends in, or UpstreamTimeout: there is no time for another one.
        """
        from gateway.tools.loop import Loop  # here, since most requests need none of it
        from gateway.tools.running import Runner

        limits = settings()
        runner = Runner(offer.tools, limits.tool_calls, current().deadline)
        answer = Loop(wanted, offer, runner, limits.tool_rounds, self._ask).run()
        self.taken.answer = answer
        return answer

    def _ask(self, request: ChatCompletionRequest, is_last: bool) -> Answer:
        deadline = current().deadline
        if self.taken.attempts and deadline.remaining() < LEAST_SECONDS:
            raise UpstreamTimeout("The request's deadline passed before the model had finished.")
        if not isinstance(self.admission.question, Chat):
            raise InternalError("only chats have rounds")
        question = replace(self.admission.question, request=request, is_last=is_last)
        admission, taken = replace(self.admission, question=question), Route(self.taken.strategy)
        plans: Plans = admission.planner(self.known, self.strategy, self.turns).plans
        if self.taken.answer and self.taken.attempts:
            plans = preferring(plans, self.taken.attempts[-1].deployment.name)
        try:
            return Router(
                question, fleet(), deadline, plans, taken,
                cover=lambda deployment, route: admission.cover(deployment, route, self.taken),
            ).route(question.model)  # fmt: skip
        finally:
            self.taken.add(taken)
