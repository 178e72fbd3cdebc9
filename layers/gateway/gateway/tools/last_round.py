"""The last question of a request to its model: it is to answer, and may call nothing more."""

from typing import Any

from gateway.body import validate
from gateway.messages import AssistantMessage
from gateway.providers.vocabulary import unspoken
from gateway.registry import Deployment
from gateway.schemas import ChatCompletionRequest

WITHOUT_NONE = ("bedrock",)
"""Adapters whose protocol cannot forbid calls as long as it is told tools, which it has to be if some have been called."""
NO_MORE = "\n\n[No more tools can be called for this request. Answer now, by what is known.]"


def last(request: ChatCompletionRequest, deployment: Deployment) -> ChatCompletionRequest:
    """The request as a deployment is asked it at last: calls are forbidden, by its protocol or else in words."""
    if not request.tools:
        return request
    if deployment.provider.adapter not in WITHOUT_NONE and "tool_choice" not in unspoken(deployment):
        return validate(request.wire() | {"tool_choice": "none"}, ChatCompletionRequest)
    told = {name: value for name, value in request.wire().items() if name != "tool_choice"}
    *before, newest = told["messages"]
    if not any(message.tool_calls for message in request.messages if isinstance(message, AssistantMessage)):
        return validate(told | {"tools": None}, ChatCompletionRequest)
    return validate(told | {"messages": [*before, _ended(newest)]}, ChatCompletionRequest)


def _ended(message: dict[str, Any]) -> dict[str, Any]:
    """The last message, and that there are no more calls; of the model's own words that it is to continue nothing is changed."""
    if message["role"] == "assistant":
        return message
    content = message["content"]
    more = content + NO_MORE if isinstance(content, str) else [*content, {"type": "text", "text": NO_MORE}]
    return message | {"content": more}
