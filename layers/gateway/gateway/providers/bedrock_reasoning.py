"""How much a model on Bedrock is told to think: each family of models has its own words for it.

Source: botocore's service model for Converse's own `effort`, and the families' pages of the Bedrock and Nova user guides.
"""

from collections.abc import Callable
from typing import Any

from gateway.errors import Inexpressible
from gateway.registry import Deployment
from gateway.schemas import ChatCompletionRequest

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""OpenAI's words, and "max", which Claude knows besides. "minimal" is "low" where nothing is lower."""

BUDGETS = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16_384, "xhigh": 32_768, "max": 32_768}
MIN_BUDGET = 1024
"""Claude takes no smaller one, and none that leaves nothing for the answer."""

Fields = dict[str, Any]


def reasoning(request: ChatCompletionRequest, deployment: Deployment) -> Fields:
    """The parameters of Converse that a request's `reasoning_effort` becomes; none if it has none.

    Raises:
        Inexpressible: the model does not know the word, or not beside what else is asked.
    """
    effort = request.reasoning_effort
    if effort is None:
        return {}
    if deployment.reasoning == "budget":
        return _thinking({"type": "disabled"}) if effort == "none" else _budget(request, deployment, effort)
    words, fields = _family(deployment.model)
    if effort not in words:
        raise _refusal("reasoning_effort", f"{deployment.name} knows {', '.join(words)}.")
    if "amazon.nova" in deployment.model and effort == "high":
        _refuse_limits(request, deployment)
    return fields("low" if effort == "minimal" else effort)


def _family(model: str) -> tuple[tuple[str, ...], Callable[[str], Fields]]:
    """The words that a model knows, and how it is told; models of other families by Converse's own parameter."""
    for name, family in FAMILIES.items():
        if name in model:
            return family
    return EFFORTS[1:], _effort


def _claude(effort: str) -> Fields:
    """Newer models leave the text of their thoughts out unless asked for it; the tokens are paid for either way."""
    if effort == "none":
        return _thinking({"type": "disabled"})
    return _effort(effort) | _thinking({"type": "adaptive", "display": "summarized"})


def _nova(effort: str) -> Fields:
    told = {"type": "disabled"} if effort == "none" else {"type": "enabled", "maxReasoningEffort": effort}
    return {"additionalModelRequestFields": {"reasoningConfig": told}}


def _gpt_oss(effort: str) -> Fields:
    return {"additionalModelRequestFields": {"reasoning_effort": effort}}


def _effort(effort: str) -> Fields:
    return {"outputConfig": {"effort": effort}}


def _thinking(thinking: Fields) -> Fields:
    return {"additionalModelRequestFields": {"thinking": thinking}}


FAMILIES: dict[str, tuple[tuple[str, ...], Callable[[str], Fields]]] = {
    "anthropic.claude": (EFFORTS, _claude),
    "amazon.nova": (EFFORTS[:5], _nova),
    "openai.gpt-oss": (EFFORTS[1:5], _gpt_oss),
}


def _budget(request: ChatCompletionRequest, deployment: Deployment, effort: str) -> Fields:
    """A number of tokens by the word, and at most half of those that the answer may have."""
    if request.tool_choice not in (None, "auto", "none"):
        raise _refusal("tool_choice", f"{deployment.name} cannot be made to call a tool beside reasoning_effort.")
    budget, cap = BUDGETS[effort], request.output_cap or deployment.max_output_tokens
    if cap is not None and cap <= MIN_BUDGET:
        needs = f"{deployment.name} needs an output cap of more than {MIN_BUDGET:,} tokens for it."
        raise _refusal("reasoning_effort", needs)
    budget = budget if cap is None else min(budget, max(MIN_BUDGET, cap // 2))
    return _thinking({"type": "enabled", "budget_tokens": budget})


def _refuse_limits(request: ChatCompletionRequest, deployment: Deployment) -> None:
    """Nova thinks hard only without them."""
    for name in ("max_tokens", "max_completion_tokens", "temperature", "top_p"):
        if getattr(request, name) is not None:
            raise _refusal(name, f"{deployment.name} cannot do this beside reasoning_effort 'high'.")


def _refusal(param: str, reason: str) -> Inexpressible:
    return Inexpressible(f"{param}: {reason}", param=param)
