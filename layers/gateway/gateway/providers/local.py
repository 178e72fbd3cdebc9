"""`local`: answers without a network or a bill, always the same to the same request, for development and tests.

It serves only models of its own and never stands in for a real one. It says the user's words back, calls tools, follows
JSON schemas, caps and stops as a model would, with token counts of the right size. With the catalogue's tools it shops.
"""

import hashlib
import itertools
import json
import re
from typing import Any

from gateway.deadline import Deadline
from gateway.embeddings import EmbeddingRequest, answer_body
from gateway.errors import InvalidRequest
from gateway.providers import local_shopping
from gateway.providers.base import Answer
from gateway.providers.samples import sample
from gateway.providers.vectors import vector
from gateway.providers.vocabulary import Vocabulary
from gateway.registry import Deployment, Endpoint
from gateway.schemas import ChatCompletionRequest, FunctionDefinition
from gateway.usage import Usage

VOCABULARY: Vocabulary = dict.fromkeys(
    [
        *("messages", "messages.role", "messages.name", "messages.content", "messages.content.*"),
        *("messages.tool_call_id", "messages.tool_calls", "messages.tool_calls.*", "messages.refusal"),
        *("messages.function_call", "messages.function_call.*", "functions", "functions.*", "function_call"),
        *("tools", "tools.*", "tool_choice", "tool_choice.*", "parallel_tool_calls"),
        *(
            "response_format",
            "response_format.*",
            "reasoning_effort",
            "n",
            "seed",
            "stop",
            "user",
            "metadata",
            "metadata.*",
        ),
        *("max_tokens", "max_completion_tokens", "temperature", "top_p", "presence_penalty", "frequency_penalty"),
        *("logit_bias", "logit_bias.*", "logprobs", "top_logprobs", "store"),
    ]
)
"""All that OpenAI's chat has: it takes part in tests of everything."""

TOKEN = re.compile(r"\s*\w{1,5}|\s*[^\w\s]|\s+")
WORD = re.compile(r"[^\W_]{3,}")
MAX_CHARACTERS = 50_000
"""Of all choices together: models have a limit too, and many copies of a large request would not fit into memory."""
VECTOR_SIZE = 256
COMMON_WORDS = set(
    re.findall(r"\w+", "the and for with that this from you your are can get has have please what when where which who")
)


def complete(request: ChatCompletionRequest, deployment: Deployment, endpoint: Endpoint, deadline: Deadline) -> Answer:
    """Answer the request.

    Raises:
        InvalidRequest: `tool_choice` asks for a tool that is not there, or a schema cannot be followed, or the
            request has `functions`, the form before tools.
        UpstreamTimeout: the deadline has passed.
    """
    deadline.remaining()
    if request.functions:
        raise InvalidRequest(f"functions: {deployment.name} takes tools, which replaced them.", param="functions")
    digest = hashlib.sha256(json.dumps(request.wire(), sort_keys=True).encode()).hexdigest()
    choice = _choice(request, digest)
    choices = [choice | {"index": index} for index in range(request.n or 1)]
    input_tokens = sum(4 + len(TOKEN.findall(text)) for text in _texts(request)) + 3
    output_tokens = _tokens_in(choice["message"]) * len(choices)
    body = {
        "id": f"chatcmpl-{digest[:24]}",
        "object": "chat.completion",
        "created": int(deadline.now()),
        "model": deployment.name,
        "choices": choices,
        "usage": {
            "prompt_tokens": input_tokens,
            "completion_tokens": output_tokens,
            "total_tokens": input_tokens + output_tokens,
        },
        "system_fingerprint": "fp_local",
    }
    return Answer(body, Usage(input_tokens=input_tokens, output_tokens=output_tokens), deployment.name)


def embed(request: EmbeddingRequest, deployment: Deployment, endpoint: Endpoint, deadline: Deadline) -> Answer:
    """Vectors of the texts: the same for the same text, of length 1, near each other where the texts are alike.

    Raises:
        Inexpressible: the texts are token numbers, or there is a field that it does not know.
        UpstreamTimeout: the deadline has passed.
    """
    request.refuse_unknown(deployment, "dimensions", "input_type", "user")
    size = request.dimensions or deployment.dimensions or VECTOR_SIZE
    texts = request.texts(deployment)
    found = []
    for text in texts:
        deadline.remaining()
        found.append(vector(text, size))
    usage = Usage(input_tokens=sum(len(TOKEN.findall(text)) for text in texts), output_tokens=0)
    return Answer(answer_body(found, request, deployment.name, usage), usage, deployment.name)


def _choice(request: ChatCompletionRequest, digest: str) -> dict[str, Any]:
    """What all choices are: to the same request the same answer."""
    message: dict[str, Any] = {"role": "assistant", "content": None, "refusal": None}
    functions = _functions_to_call(request)
    logprobs = None
    if functions:
        message["tool_calls"] = [_call(function, request, digest) for function in functions]
        finish = "tool_calls"
    else:
        message["content"], finish = _cut(_text(request), request)
        logprobs = _logprobs(message["content"], request.top_logprobs or 0) if request.logprobs else None
    return {"index": 0, "message": message, "logprobs": logprobs, "finish_reason": finish}


def _text(request: ChatCompletionRequest) -> str:
    wanted = request.response_format
    if wanted and wanted.type not in ("text", "json_object", "json_schema"):
        message = "response_format.type: must be 'text', 'json_object' or 'json_schema'."
        raise InvalidRequest(message, param="response_format.type")
    if wanted and wanted.type == "json_schema" and wanted.json_schema:
        place = "response_format.json_schema.schema"
        return json.dumps(sample(wanted.json_schema.schema_ or {}, _user_text(request), place), ensure_ascii=False)
    if wanted and wanted.type == "json_object":
        return json.dumps({"answer": _user_text(request)}, ensure_ascii=False)
    last = request.messages[-1]
    if last.role in ("tool", "function"):
        return local_shopping.told(_results(request)) or f"The tool answered: {text_of(last.content)}"
    return f"You said: {_user_text(request)}"


def _functions_to_call(request: ChatCompletionRequest) -> list[FunctionDefinition]:
    """The function that the request asks for, or, if it leaves the choice, one that shares a word with the user's text, or that of the
    catalogue that comes next in shopping.

    All of these, if `parallel_tool_calls` says true.
    """
    functions = [tool.function for tool in request.tools or [] if tool.function]
    choice = request.tool_choice
    if isinstance(choice, str) and choice not in ("none", "auto", "required"):
        raise InvalidRequest("tool_choice: must be 'none', 'auto', 'required' or a tool.", param="tool_choice")
    if choice is not None and not isinstance(choice, str):
        return [_named(functions, choice.function.name if choice.function else choice.type)]
    if choice == "required" and not functions:
        raise InvalidRequest("tool_choice: there is no function to call among the tools.", param="tool_choice")
    if choice == "none":
        return []
    matching = _matching(functions, request) if choice == "required" or request.messages[-1].role == "user" else []
    found = matching + _shopping(functions, request)
    if not found and choice == "required":
        return functions[:1]
    return found if request.parallel_tool_calls else found[:1]


def _matching(functions: list[FunctionDefinition], request: ChatCompletionRequest) -> list[FunctionDefinition]:
    """Those that share words with the user's text, most words first. The catalogue's are told by what they are for."""
    asked = _words(_user_text(request))
    best = sorted(functions, key=lambda function: -len(_about(function) & asked))
    return [function for function in best if _about(function) & asked and not local_shopping.is_ours(function)]


def _shopping(functions: list[FunctionDefinition], request: ChatCompletionRequest) -> list[FunctionDefinition]:
    if request.messages[-1].role not in ("user", "tool"):
        return []
    return local_shopping.wanted(functions, _user_text(request), _results(request))


def _results(request: ChatCompletionRequest) -> list[local_shopping.Result]:
    """What the tools answered that were called last."""
    last = itertools.takewhile(lambda message: message.role == "tool", reversed(request.messages))
    calls = [call for m in request.messages if m.role == "assistant" for call in m.tool_calls or () if call.function]
    names = {call.id: call.function.name for call in calls if call.function}
    return [(names.get(m.tool_call_id, ""), text_of(m.content)) for m in last if m.role == "tool"][::-1]


def _named(functions: list[FunctionDefinition], name: str) -> FunctionDefinition:
    for function in functions:
        if function.name == name:
            return function
    raise InvalidRequest(f"tool_choice: there is no function '{name[:100]}' among the tools.", param="tool_choice")


def _about(function: FunctionDefinition) -> set[str]:
    return _words(f"{function.name} {function.description or ''}")


def _words(text: str) -> set[str]:
    return set(WORD.findall(text.lower())) - COMMON_WORDS


def _call(function: FunctionDefinition, request: ChatCompletionRequest, digest: str) -> dict[str, Any]:
    index = next(i for i, tool in enumerate(request.tools or []) if tool.function is function)
    place = f"tools[{index}].function.parameters"
    arguments = local_shopping.arguments(function, _user_text(request), _results(request))
    if arguments is None:
        arguments = sample(function.parameters or {"type": "object"}, _user_text(request), place)
    called = {"name": function.name, "arguments": json.dumps(arguments, ensure_ascii=False)}
    return {"id": f"call_{digest[:20]}{index:04}", "type": "function", "function": called}


def _cut(text: str, request: ChatCompletionRequest) -> tuple[str, str]:
    """The text up to the first stop sequence or the cap, and why it ends there."""
    whole, text = text, text[: MAX_CHARACTERS // (request.n or 1)]
    stops = [request.stop] if isinstance(request.stop, str) else request.stop or []
    ends = [text.find(stop) for stop in stops if stop and stop in text]
    tokens = TOKEN.findall(text[: min(ends)] if ends else text)
    kept = "".join(tokens[: request.output_cap])
    ended = kept == whole or (ends and len(kept) == min(ends))
    return kept, "stop" if ended else "length"


def _logprobs(text: str, top: int) -> dict[str, Any]:
    """The shape of log probabilities: a model that is sure of every token."""

    def entry(token: str) -> dict[str, Any]:
        return {"token": token, "logprob": 0.0, "bytes": list(token.encode())}

    return {
        "content": [entry(token) | {"top_logprobs": [entry(token)][:top]} for token in TOKEN.findall(text)],
        "refusal": None,
    }


def _user_text(request: ChatCompletionRequest) -> str:
    """What the user said last."""
    return next((text_of(m.content) for m in reversed(request.messages) if m.role == "user"), "")


def text_of(content: Any) -> str:
    """A message's content as text: its text parts, joined."""
    if isinstance(content, list):
        return "\n".join(part.text for part in content if part.type == "text")
    return content or ""


def _texts(request: ChatCompletionRequest) -> list[str]:
    """All that counts as input: the messages and the tools' definitions."""
    tools = [json.dumps(tool.model_dump(exclude_unset=True)) for tool in request.tools or []]
    return [text_of(message.content) for message in request.messages] + tools


def _tokens_in(message: dict[str, Any]) -> int:
    calls = [call["function"]["name"] + call["function"]["arguments"] for call in message.get("tool_calls", [])]
    return sum(len(TOKEN.findall(text)) for text in [message["content"] or "", *calls])
