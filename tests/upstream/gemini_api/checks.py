"""What Google refuses of generateContent, in its words. The essentials only."""

import hmac
import re
from typing import Any

from tests.upstream.gemini_api import fields
from tests.upstream.gemini_api.errors import ApiError, error_info
from tests.upstream.messages import Recorded

Body = dict[str, Any]
DATA = ("text", "inlineData", "fileData", "functionCall", "functionResponse", "executableCode", "codeExecutionResult")
IMAGES = ("image/png", "image/jpeg", "image/webp", "image/heic", "image/heif")
RANGES = {"temperature": (0, 2), "topP": (0, 1), "presencePenalty": (-2, 2), "frequencyPenalty": (-2, 2)}
WHOLE = {
    "candidateCount": (1, 8),
    "maxOutputTokens": (1, 2**31 - 1),
    "logprobs": (0, 20),
    "seed": (-(2**31), 2**31 - 1),
}
LEVELS = ("MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH")
MODES = ("MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED")
NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}")
MAX_STOPS = 5


def check_key(request: Recorded, api_key: str | None) -> None:
    """The key has to be in its header: a query ends up in logs."""
    if "key=" in request.query:
        raise ApiError("tests/upstream: keys belong into the header, not into the query")
    given = request.headers.get("x-goog-api-key", "")
    if api_key is None:
        return
    if not given:
        raise ApiError("Method doesn't allow unregistered callers (callers without established identity).", 403)
    if not hmac.compare_digest(given.encode(), api_key.encode()):
        message = "API key not valid. Please pass a valid API key."
        raise ApiError(message, details=[error_info("API_KEY_INVALID")])


def parse(request: Recorded, shape: fields.Shape) -> Body:
    """The body as an object of known fields."""
    if not isinstance(request.json, dict):
        raise ApiError("Invalid JSON payload received. Unexpected token.")
    body: Body = fields.read(request.json, shape)
    return body


def thinks_by_level(model: str) -> bool:
    """Whether it is of the third generation, or later."""
    generation = re.match(r"gemini-(\d+)", model)
    return generation is not None and int(generation[1]) >= 3


def check_generate(body: Body, model: str) -> None:
    """The rules of generateContent but those of turns."""
    if not body.get("contents"):
        raise ApiError("* GenerateContentRequest.contents: contents is not specified\n")
    system = body.get("systemInstruction")
    contents = body["contents"] + ([system] if system else [])
    for place, content in enumerate(contents):
        _check_parts(content.get("parts"), f"GenerateContentRequest.contents[{place}]", model)
    _check_config(body.get("generationConfig") or {}, model)
    _check_tools(body)
    is_json = (body.get("generationConfig") or {}).get("responseMimeType") == "application/json"
    if is_json and body.get("tools") and not thinks_by_level(model):
        raise ApiError("Function calling with a response mime type: 'application/json' is unsupported")


def _check_parts(parts: Any, place: str, model: str) -> None:
    if not parts:
        raise ApiError(f"* {place}.parts: contents.parts must not be empty.\n")
    for index, part in enumerate(parts):
        if sum(name in part for name in DATA) != 1 or part.get("text") == "":
            text = "required oneof field 'data' must have one initialized field"
            raise ApiError(f"* {place}.parts[{index}].data: {text}\n")
        if "inlineData" in part and part["inlineData"].get("mimeType") not in IMAGES:
            raise ApiError(f"Unsupported MIME type: {part['inlineData'].get('mimeType')}")
        inside = part.get("functionResponse", {}).get("parts")
        if (inside or "mediaResolution" in part) and not thinks_by_level(model):
            raise ApiError(
                f"{'Multimodal function responses' if inside else 'Media resolution per part'} is not enabled."
            )


def _check_config(config: Body, model: str) -> None:
    for name, (low, high) in RANGES.items():
        value = config.get(name)
        if value is not None and not low <= value <= high:
            text = f"{fields.snake(name)} must be in the range [{low:.1f}, {high:.1f}]."
            raise ApiError(f"* GenerateContentRequest.generation_config.{fields.snake(name)}: {text}\n")
    for name, (low, high) in WHOLE.items():
        value = config.get(name, low)
        if type(value) is not int or not low <= value <= high:
            raise ApiError(f"Invalid value at 'generation_config.{fields.snake(name)}' (TYPE_INT32), {value}")
    if len(config.get("stopSequences", [])) > MAX_STOPS:
        raise ApiError(
            f"* GenerateContentRequest.generation_config.stop_sequences: at most {MAX_STOPS} are supported.\n"
        )
    if "responseJsonSchema" in config and config.get("responseMimeType") != "application/json":
        raise ApiError("A response schema needs response_mime_type 'application/json'.")
    if "logprobs" in config and not config.get("responseLogprobs"):
        raise ApiError("* GenerateContentRequest.generation_config.logprobs: needs response_logprobs.\n")
    _check_thinking(config.get("thinkingConfig") or {}, config.get("maxOutputTokens"), model)


def _check_thinking(thinking: Body, output_cap: int | None, model: str) -> None:
    level, budget = thinking.get("thinkingLevel"), thinking.get("thinkingBudget")
    if level is not None and budget is not None:
        raise ApiError("You can only set only one of thinking budget and thinking level.")
    if level is not None and not thinks_by_level(model):
        raise ApiError("Thinking level is not supported for this model.")
    if level is not None and level not in LEVELS:
        raise ApiError(f"Invalid value at 'generation_config.thinking_config.thinking_level', \"{level}\"")
    if budget == 0 and (thinks_by_level(model) or "pro" in model):
        raise ApiError("Budget 0 is invalid. This model only works in thinking mode.")
    if budget and budget < (least := 512 if "lite" in model else 128 if "pro" in model else 1):
        raise ApiError(f"The thinking budget {budget} is invalid. Please choose a value between {least} and 24576.")
    if output_cap is not None and (budget or 0) >= output_cap:
        raise ApiError("max_output_tokens must be greater than the thinking budget")


def _check_tools(body: Body) -> None:
    declared = declarations(body)
    for place, declaration in enumerate(declared):
        if not NAME.fullmatch(declaration.get("name", "")):
            where = f"GenerateContentRequest.tools[0].function_declarations[{place}].name"
            raise ApiError(f"* {where}: [Invalid function name. Must start with a letter or an underscore.]\n")
    calling = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
    mode, allowed = calling.get("mode", "AUTO"), calling.get("allowedFunctionNames") or []
    if mode not in MODES:
        raise ApiError(f"Invalid value at 'tool_config.function_calling_config.mode', \"{mode}\"")
    if allowed and mode not in ("ANY", "VALIDATED"):
        raise ApiError("Function calling config: allowed_function_names is only allowed in mode ANY.")
    unknown = set(allowed) - {declaration["name"] for declaration in declared}
    if unknown or (mode == "ANY" and not declared):
        raise ApiError("Function calling config: allowed_function_names should be among the function declarations.")


def declarations(body: Body) -> list[Body]:
    """The functions that the request declares."""
    return [declared for tool in body.get("tools") or [] for declared in tool.get("functionDeclarations") or []]
