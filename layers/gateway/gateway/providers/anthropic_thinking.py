"""How much Claude may think, and say: `reasoning_effort` and the output cap in Anthropic's words.

Newer models are told by a word (`output_config.effort`) and decide themselves when to think; older ones by a number of
tokens (`thinking.budget_tokens`), which is a part of the output cap.
"""

from typing import Any

from gateway.errors import Inexpressible
from gateway.providers.conversation import Conversation, Result, Thought
from gateway.registry import Deployment
from gateway.schemas import ChatCompletionRequest

DEFAULT_OUTPUT = 4096
"""Anthropic's max_tokens has no default; this is sent if neither the client nor the deployment has a cap."""
MIN_BUDGET = 1024
MIN_TOP_P = 0.95
EFFORTS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh", "max": "max"}
"""The least that Anthropic knows is low; its most, max, is a word that OpenAI lacks."""
BUDGETS: dict[str, int] = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16384, "xhigh": 32768}


def thinking(request: ChatCompletionRequest, conversation: Conversation, deployment: Deployment) -> dict[str, Any]:
    """`max_tokens`, and `thinking` and `output_config` if the client says how much.

    Raises:
        Inexpressible: the model does not think, or not so, or not beside something else that the request asks for.
    """
    word, cap = request.reasoning_effort, request.output_cap or deployment.max_output_tokens or DEFAULT_OUTPUT
    if word is None:
        return {"max_tokens": cap}
    if word == "none":
        return {"max_tokens": cap, "thinking": {"type": "disabled"}}
    words = {"effort": tuple(EFFORTS), "budget": tuple(BUDGETS)}.get(deployment.reasoning or "", ())
    if word not in words:
        known = f"knows {', '.join(['none', *words])}" if words else "cannot do this"
        raise _refusal("reasoning_effort", f"{deployment.name} {known}.")
    _check_sampling(request, deployment)
    if deployment.reasoning == "budget":
        _check_tools(request, conversation, deployment)
        return _with_budget(request, deployment, BUDGETS[word])
    # Newer models leave the text of their thoughts out unless asked for it; the tokens are paid for either way.
    adaptive = {"type": "adaptive", "display": "summarized"}
    return {"max_tokens": cap, "thinking": adaptive, "output_config": {"effort": EFFORTS[word]}}


def is_off(request: ChatCompletionRequest, deployment: Deployment) -> bool:
    """Whether the model is not to think: it then takes none of its earlier thoughts back, at best."""
    return request.reasoning_effort == "none" or (request.reasoning_effort is None and deployment.reasoning == "budget")


def _with_budget(request: ChatCompletionRequest, deployment: Deployment, wanted: int) -> dict[str, Any]:
    """The cap is for thoughts and answer: of a narrow one half is kept for the answer, if the least budget allows."""
    cap = request.output_cap or deployment.max_output_tokens or wanted + DEFAULT_OUTPUT
    if cap <= MIN_BUDGET:
        needs = f"{deployment.name} needs an output cap of more than {MIN_BUDGET:,} tokens for it."
        raise _refusal("reasoning_effort", needs)
    budget = min(wanted, max(MIN_BUDGET, cap // 2, cap - DEFAULT_OUTPUT))
    return {"max_tokens": cap, "thinking": {"type": "enabled", "budget_tokens": budget}}


def _check_sampling(request: ChatCompletionRequest, deployment: Deployment) -> None:
    changed = {
        "temperature": request.temperature not in (None, 1),
        "top_p": request.top_p is not None and request.top_p < MIN_TOP_P,
        "top_k": request.wire().get("top_k") is not None,
    }
    for name, is_changed in changed.items():
        if is_changed:
            raise _refusal(name, f"{deployment.name} cannot do this beside reasoning_effort.")


def _check_tools(request: ChatCompletionRequest, conversation: Conversation, deployment: Deployment) -> None:
    """With a budget, no tool can be forced, and calls' results need the thoughts that led to the calls.

    Claude thinks once before a row of calls: not again after a result, until the user speaks.
    """
    if request.tool_choice not in (None, "auto", "none"):
        raise _refusal("tool_choice", f"{deployment.name} cannot be made to call a tool beside reasoning_effort.")
    turns, called = conversation.turns, len(conversation.turns)
    while called > 1 and any(isinstance(block, Result) for block in turns[called - 1].blocks):
        called -= 2
    if called < len(turns) and not isinstance(turns[called].blocks[0], Thought):
        needs = f"{deployment.name} needs the thinking_blocks of its message with tool_calls back."
        raise _refusal("reasoning_effort", needs)


def _refusal(param: str, reason: str) -> Inexpressible:
    return Inexpressible(f"{param}: {reason}", param=param)
