"""How much a model on Bedrock is told to think: each family of models has its own words for it.

Source: botocore's service model for Converse's own `effort`, and the families' pages of the Bedrock and Nova user guides.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from gateway.errors import Inexpressible
from gateway.providers.anthropic_thinking import thinking
from gateway.providers.conversation import Conversation
from gateway.registry import Deployment
from gateway.schemas import ChatCompletionRequest

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""OpenAI's words, and "max", which Claude knows besides. "minimal" is "low" where nothing is lower."""

Fields = dict[str, Any]


def reasoning(request: ChatCompletionRequest, chat: Conversation, deployment: Deployment) -> Fields:
    """The parameters of Converse that a request's `reasoning_effort` becomes; none if it has none.

    Raises:
        Inexpressible: the model does not know the word, or not beside what else is asked.
    """
    effort, model = request.reasoning_effort, deployment.model
    if effort is None:
        return {}
    if "anthropic.claude" in model or deployment.reasoning == "budget":
        return _claude(request, chat, deployment)
    words, fields = _family(model)
    if effort not in words:
        raise _refusal("reasoning_effort", f"{deployment.name} knows {', '.join(words)}.")
    if "amazon.nova" in model and effort == "high":
        _refuse_limits(request, deployment)
    return fields("low" if effort == "minimal" else effort)


def _claude(request: ChatCompletionRequest, chat: Conversation, deployment: Deployment) -> Fields:
    """As Anthropic itself is told; a cap only beside a budget, which has to be smaller."""
    told = thinking(request, chat, replace(deployment, reasoning=deployment.reasoning or "effort"))
    has_budget = "budget_tokens" in told["thinking"]
    return {
        "additionalModelRequestFields": {"thinking": told["thinking"]},
        **({"inferenceConfig": {"maxTokens": told["max_tokens"]}} if has_budget else {}),
        **({"outputConfig": told["output_config"]} if "output_config" in told else {}),
    }


def _family(model: str) -> tuple[tuple[str, ...], Callable[[str], Fields]]:
    """The words that a model knows, and how it is told; models of other families by Converse's own parameter."""
    for name, family in FAMILIES.items():
        if name in model:
            return family
    return EFFORTS[1:], _effort


def _nova(effort: str) -> Fields:
    told = {"type": "disabled"} if effort == "none" else {"type": "enabled", "maxReasoningEffort": effort}
    return {"additionalModelRequestFields": {"reasoningConfig": told}}


def _gpt_oss(effort: str) -> Fields:
    return {"additionalModelRequestFields": {"reasoning_effort": effort}}


def _effort(effort: str) -> Fields:
    return {"outputConfig": {"effort": effort}}


FAMILIES: dict[str, tuple[tuple[str, ...], Callable[[str], Fields]]] = {
    "amazon.nova": (EFFORTS[:5], _nova),
    "openai.gpt-oss": (EFFORTS[1:5], _gpt_oss),
}


def _refuse_limits(request: ChatCompletionRequest, deployment: Deployment) -> None:
    """Nova thinks hard only without them."""
    for name in ("max_tokens", "max_completion_tokens", "temperature", "top_p"):
        if getattr(request, name) is not None:
            raise _refusal(name, f"{deployment.name} cannot do this beside reasoning_effort 'high'.")


def _refusal(param: str, reason: str) -> Inexpressible:
    return Inexpressible(f"{param}: {reason}", param=param)
