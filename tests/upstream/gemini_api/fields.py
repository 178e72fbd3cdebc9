"""The fields that Google knows, by camelCase or snake_case. It refuses all others, wherever they are."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.upstream.gemini_api.errors import TYPE, ApiError

Shape = Mapping[str, Any]
"""Field -> the shape of what is in it, of each item if that is a list; None for anything."""


def _fields(*names: str, **inner: Shape) -> Shape:
    return {**dict.fromkeys(names), **inner}


BLOB = _fields("mimeType", "data", "displayName")
MEDIA = _fields(inlineData=BLOB, fileData=_fields("mimeType", "fileUri"), mediaResolution=_fields("level"))
PART = _fields(
    *("text", "thought", "thoughtSignature", "videoMetadata", "executableCode", "codeExecutionResult"),
    **MEDIA,
    functionCall=_fields("id", "name", "args"),
    functionResponse=_fields("id", "name", "response", "willContinue", "scheduling", parts=MEDIA),
)
CONTENT = _fields("role", parts=PART)
DECLARATION = _fields("name", "description", "parameters", "parametersJsonSchema", "response", "responseJsonSchema")
CONFIG = _fields(
    *("stopSequences", "responseMimeType", "responseSchema", "responseJsonSchema", "responseModalities"),
    *("candidateCount", "maxOutputTokens", "temperature", "topP", "topK", "seed", "presencePenalty"),
    *("frequencyPenalty", "responseLogprobs", "logprobs", "mediaResolution", "speechConfig", "imageConfig"),
    thinkingConfig=_fields("includeThoughts", "thinkingBudget", "thinkingLevel"),
)
GENERATE = _fields(
    *("model", "safetySettings", "cachedContent", "serviceTier", "store"),
    contents=CONTENT,
    systemInstruction=CONTENT,
    tools=_fields("googleSearch", "codeExecution", "urlContext", functionDeclarations=DECLARATION),
    toolConfig=_fields(functionCallingConfig=_fields("mode", "allowedFunctionNames")),
    generationConfig=CONFIG,
)
EMBED = _fields(requests=_fields("model", "taskType", "title", "outputDimensionality", content=CONTENT))


def read(body: Any, shape: Shape) -> Any:
    """The body in camelCase. What is not known is refused, all of it in one error."""
    found = list(_unknown(body, shape, ""))
    if not found:
        return _camel_case(body, shape)
    lines, violations = [], []
    for name, place in found:
        where = f" at '{place}'" if place else ""
        lines.append(f'Invalid JSON payload received. Unknown name "{name}"{where}: Cannot find field.')
        violations.append({"field": place, "description": lines[-1]})
    raise ApiError("\n".join(lines), details=[{"@type": f"{TYPE}BadRequest", "fieldViolations": violations}])


def _unknown(value: Any, shape: Shape, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unknown(item, shape, f"{place}[{index}]")
    if not isinstance(value, dict):
        return
    for name, inner in value.items():
        if camel(name) not in shape:
            yield name, place
        elif shape[camel(name)] is not None:
            yield from _unknown(inner, shape[camel(name)], f"{place}.{snake(name)}".removeprefix("."))


def _camel_case(value: Any, shape: Shape | None) -> Any:
    if shape is None:
        return value
    if isinstance(value, list):
        return [_camel_case(item, shape) for item in value]
    if not isinstance(value, dict):
        return value
    return {camel(name): _camel_case(inner, shape[camel(name)]) for name, inner in value.items()}


def camel(name: str) -> str:
    """A field as Google's documents call it."""
    return re.sub("_([a-z])", lambda found: found[1].upper(), name)


def snake(name: str) -> str:
    """A field as Google's errors call it."""
    return re.sub("[A-Z]", lambda capital: f"_{capital[0].lower()}", name)
