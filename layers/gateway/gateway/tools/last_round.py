"""The last question of a request to its model: it is to answer, and may call nothing more."""

from gateway.body import validate
from gateway.providers.vocabulary import unspoken
from gateway.registry import Deployment
from gateway.schemas import ChatCompletionRequest

WITHOUT_NONE = ("bedrock",)
"""Adapters whose protocol cannot forbid calls as long as it is told tools, which it has to be if some have been called."""
NO_MORE = "\n\n[No more tools can be called for this request. Answer now, by what is known.]"


def last(request: ChatCompletionRequest, deployment: Deployment) -> ChatCompletionRequest:
    """The request as a deployment is asked it at last: calls are forbidden, by its protocol or else in words."""
    messages = request.wire()["messages"]
    speaks = deployment.provider.adapter not in WITHOUT_NONE and "tool_choice" not in unspoken(deployment)
    if speaks or messages[-1]["role"] != "tool":
        return validate(request.wire() | {"tool_choice": "none"}, ChatCompletionRequest)
    told = {name: value for name, value in request.wire().items() if name != "tool_choice"}
    result = messages[-1] | {"content": messages[-1]["content"] + NO_MORE}
    return validate(told | {"messages": [*messages[:-1], result]}, ChatCompletionRequest)
