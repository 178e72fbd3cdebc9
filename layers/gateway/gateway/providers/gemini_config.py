"""How Gemini is to answer: `generationConfig`, out of OpenAI's parameters.

Source: https://ai.google.dev/api/generate-content#generationconfig.
"""

from typing import Any

from gateway.errors import Inexpressible
from gateway.providers.conversation import Conversation, Image
from gateway.providers.vocabulary import SAYS_NOTHING
from gateway.registry import Deployment
from gateway.schemas import ChatCompletionRequest

CONFIG = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "n": "candidateCount",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
    "logprobs": "responseLogprobs",
    "top_logprobs": "logprobs",
}
"""OpenAI's parameters that go into `generationConfig` as they are."""

BUDGETS = {"none": 0, "minimal": 1024, "low": 1024, "medium": 8192, "high": 24576}
"""Tokens for thoughts, as Google's own OpenAI-compatible API has them."""

RESOLUTIONS = {"low": "MEDIA_RESOLUTION_LOW", "high": "MEDIA_RESOLUTION_HIGH"}


def generation_config(request: ChatCompletionRequest, chat: Conversation, deployment: Deployment) -> dict[str, Any]:
    """Google's `generationConfig` for a chat that has been read into turns.

    Raises:
        Inexpressible: the deployment does not think in that way, or looks at all images alike.
    """
    body = request.wire()
    config = {
        theirs: body[ours]
        for ours, theirs in CONFIG.items()
        if body.get(ours) is not None and body[ours] not in SAYS_NOTHING.get(ours, ())
    }
    if request.stop:
        config["stopSequences"] = [request.stop] if isinstance(request.stop, str) else request.stop
    if request.output_cap:
        config["maxOutputTokens"] = request.output_cap
    if request.reasoning_effort:
        config["thinkingConfig"] = _thinking(request.reasoning_effort, request.output_cap, deployment)
    return config | _format(request) | _resolution(chat, deployment)


def _format(request: ChatCompletionRequest) -> dict[str, Any]:
    wanted = request.response_format
    if wanted is None or wanted.type == "text":
        return {}
    config: dict[str, Any] = {"responseMimeType": "application/json"}
    if wanted.json_schema and wanted.json_schema.schema_ is not None:
        schema = wanted.json_schema.schema_
        about = [wanted.json_schema.description, schema.get("description")]
        told = "\n".join(text for text in about if isinstance(text, str) and text)
        config["responseJsonSchema"] = schema | ({"description": told} if told else {})
    return config


def _thinking(effort: str, output_cap: int | None, deployment: Deployment) -> dict[str, Any]:
    """How much to think, and to tell the thoughts. A budget leaves room in the output cap, which counts thoughts too."""
    if deployment.reasoning == "effort" and effort != "none":
        return {"thinkingLevel": effort.upper(), "includeThoughts": True}
    if deployment.reasoning == "budget" and effort in BUDGETS:
        budget = min(BUDGETS[effort], (output_cap or BUDGETS["high"] + 1) - 1)
        return {"thinkingBudget": budget} | ({"includeThoughts": True} if budget else {})
    why = "always thinks; the least is 'minimal'" if deployment.reasoning == "effort" else f"has no effort '{effort}'"
    raise Inexpressible(f"reasoning_effort: {deployment.name} {why}.", param="reasoning_effort")


def _resolution(chat: Conversation, deployment: Deployment) -> dict[str, Any]:
    """How closely to look at images, for models that can be told it of all images only."""
    if deployment.reasoning == "effort":
        return {}
    images = [block for turn in chat.turns for block in turn.blocks if isinstance(block, Image)]
    details = {RESOLUTIONS.get(image.detail or "") for image in images}
    if len(details) > 1:
        place = next(image.place for image in images if image.detail in RESOLUTIONS).replace(".url", ".detail")
        raise Inexpressible(f"{place}: {deployment.name} looks at all images alike.", param=place)
    resolution = next(iter(details), None)
    return {"mediaResolution": resolution} if resolution else {}
