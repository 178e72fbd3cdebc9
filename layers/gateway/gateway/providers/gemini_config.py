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

MIN_BUDGET = 512
"""The least that all models take which can be told one."""
ROOM = 4096
"""Tokens of the output cap that are enough for the answer itself."""

RESOLUTIONS = {"low": "MEDIA_RESOLUTION_LOW", "high": "MEDIA_RESOLUTION_HIGH"}


def generation_config(request: ChatCompletionRequest, chat: Conversation, deployment: Deployment) -> dict[str, Any]:
    """Google's `generationConfig` for a chat that has been read into turns.

    Raises:
        Inexpressible: the deployment does not think in that way, or within that cap, looks at all images alike, or takes no
            tools beside JSON.
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
    return config | _format(request, deployment) | _resolution(chat, deployment)


def _format(request: ChatCompletionRequest, deployment: Deployment) -> dict[str, Any]:
    wanted = request.response_format
    if wanted is None or wanted.type == "text":
        return {}
    if request.tools and deployment.reasoning != "effort":
        raise Inexpressible(f"response_format: {deployment.name} takes no tools beside JSON.", param="response_format")
    config: dict[str, Any] = {"responseMimeType": "application/json"}
    if wanted.json_schema and wanted.json_schema.schema_ is not None:
        schema = wanted.json_schema.schema_
        about = [wanted.json_schema.description, schema.get("description")]
        told = "\n".join(text for text in about if isinstance(text, str) and text)
        config["responseJsonSchema"] = schema | ({"description": told} if told else {})
    return config


def _thinking(effort: str, output_cap: int | None, deployment: Deployment) -> dict[str, Any]:
    """How much to think, and to tell the thoughts."""
    if deployment.reasoning == "effort" and effort != "none":
        return {"thinkingLevel": effort.upper(), "includeThoughts": True}
    if deployment.reasoning == "budget" and effort in BUDGETS:
        if not BUDGETS[effort]:
            return {"thinkingBudget": 0}
        return {"thinkingBudget": _within(output_cap, BUDGETS[effort], deployment), "includeThoughts": True}
    why = "always thinks; the least is 'minimal'" if deployment.reasoning == "effort" else f"has no effort '{effort}'"
    raise Inexpressible(f"reasoning_effort: {deployment.name} {why}.", param="reasoning_effort")


def _within(output_cap: int | None, budget: int, deployment: Deployment) -> int:
    """The budget, or less: the output cap is for thoughts and answer, and half of a narrow one is kept for the answer."""
    if output_cap is None:
        return budget
    if output_cap <= MIN_BUDGET:
        needs = f"{deployment.name} needs an output cap of more than {MIN_BUDGET} tokens for it"
        raise Inexpressible(f"reasoning_effort: {needs}.", param="reasoning_effort")
    return min(budget, max(MIN_BUDGET, output_cap // 2, output_cap - ROOM))


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
