"""What Google refuses of the order of turns, in its words."""

from typing import Any

from tests.upstream.gemini_api.checks import thinks_by_level
from tests.upstream.gemini_api.errors import ApiError

Content = dict[str, Any]
ORDER = "Please ensure that function {} turn comes immediately after {}."
COUNT = (
    "Please ensure that the number of function response parts is equal to the number of function call parts of the "
    "function call turn."
)
UNSIGNED = (
    "Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly, "
    "and missing thought_signature may lead to degraded model performance. Additional data, function call "
    "`default_api:{}` , position {}."
)


def check(contents: list[Content], model: str) -> None:
    """Turns are the user's or the model's; results answer calls, all of them and at once."""
    before: Content = {"role": "user", "parts": []}
    for place, content in enumerate(contents):
        if content.get("role") not in ("user", "model"):
            raise ApiError("Please use a valid role: user, model.")
        _check_results(content, before)
        if parts(content, "functionCall") and (place == 0 or before["role"] != "user"):
            raise ApiError(ORDER.format("call", "a user turn or after a function response turn"))
        if thinks_by_level(model):
            _check_signature(content, place)
        before = content


def _check_results(content: Content, before: Content) -> None:
    results, calls = parts(content, "functionResponse"), parts(before, "functionCall")
    if results and not calls:
        raise ApiError(ORDER.format("response", "a function call turn"))
    mixed = bool(results) and len(results) != len(content["parts"])
    if len(results) != len(calls) or mixed:
        raise ApiError(COUNT)
    for part in results:
        if not part["functionResponse"].get("name") or not isinstance(part["functionResponse"].get("response"), dict):
            raise ApiError("* GenerateContentRequest.contents: function_response.name and response are required.\n")


def _check_signature(content: Content, place: int) -> None:
    """Of parallel calls the first one carries it."""
    calls = parts(content, "functionCall")
    if calls and not calls[0].get("thoughtSignature"):
        raise ApiError(UNSIGNED.format(calls[0]["functionCall"].get("name"), place + 1))


def parts(content: Content, kind: str) -> list[dict[str, Any]]:
    """A turn's parts of one kind."""
    return [part for part in content.get("parts") or [] if kind in part]
