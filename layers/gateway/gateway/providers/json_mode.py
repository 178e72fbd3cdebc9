"""OpenAI's JSON mode where a provider has none: a tool that takes any object and has to be called; its input is the answer.

The providers' own schemas have to name every property, so they cannot stand for it.
"""

from typing import Any

from gateway.errors import Inexpressible
from gateway.registry import Deployment
from gateway.schemas import ChatCompletionRequest

JSON_TOOL = "answer_in_json"
DESCRIPTION = "Answer with a JSON object: the properties are yours to choose."


def check(request: ChatCompletionRequest, deployment: Deployment, *, has_tools: bool) -> None:
    """A tool that has to be called leaves no room for others, nor for thoughts, and some models cannot be made to call one.

    Raises:
        Inexpressible: the request has what leaves no room for it.
    """
    thinks = request.reasoning_effort not in (None, "none")
    beside = [name for name, is_there in (("tools", has_tools), ("reasoning_effort", thinks)) if is_there]
    if beside or "tool_choice" in deployment.unsupported:
        told = f" beside {' and '.join(beside)}" if beside else ""
        message = f"response_format: {deployment.name} answers with JSON only by a json_schema{told}."
        raise Inexpressible(message, param="response_format")


def closed(schema: Any) -> Any:
    """A schema whose objects have no properties but their own, unless it says otherwise.

    OpenAI takes schemas that leave it open; Anthropic wants it said, and its own client adds it just so.
    """
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: closed(value) for name, value in schema.items()}
    is_object = schema.get("type") == "object" or (isinstance(schema.get("properties"), dict) and "type" not in schema)
    return {"additionalProperties": False} | found if is_object else found
