"""What a deployment can express of OpenAI's request, and what becomes of the rest: refused, or dropped and told.

A vocabulary is a table of paths through the request, such as "messages.content.image_url.url"; arrays are transparent,
and what lies below "tools.function.parameters.*" is the client's own. Beside a path there may be a check of its value.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from gateway.errors import Inexpressible
from gateway.registry import Deployment
from gateway.schemas import ChatCompletionRequest

Check = Callable[[Any], bool]
Vocabulary = Mapping[str, Check | None]
Place = tuple[str | int, ...]
Cuts = dict[str | int, Any]

SAYS_NOTHING: Mapping[str, tuple[Any, ...]] = {
    "n": (1,),
    "store": (False,),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "presence_penalty": (0, 0.0),
    "frequency_penalty": (0, 0.0),
    "parallel_tool_calls": (True,),
    "tool_choice": ("auto",),
    "service_tier": ("auto", "default"),
    "response_format": ({"type": "text"},),
    "messages.content.image_url.detail": ("auto",),
    "tools.function.strict": (False,),
    "response_format.json_schema.strict": (False, True),
}
"""Values that ask for what happens anyway. So do null, and empty objects and arrays."""

ECHOES = (
    *("messages.annotations", "messages.audio", "messages.reasoning_content", "messages.reasoning"),
    *("messages.reasoning_details", "messages.thinking_blocks", "messages.provider_specific_fields", "messages.parsed"),
    *("messages.tool_calls.index", "messages.tool_calls.extra_content", "messages.tool_calls.provider_specific_fields"),
    *("messages.tool_calls.function.provider_specific_fields", "messages.tool_calls.function.parsed_arguments"),
)
"""What answers carry beside the message itself: those of providers, of other gateways, and of OpenAI's own client once it
has read them. Clients send it back as it came: dropped and told, never refused."""

OWNERS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "messages": (
        "role",
        {
            **dict.fromkeys(("tool_calls", "function_call", "refusal", "thinking_blocks"), "assistant"),
            "tool_call_id": "tool",
        },
    ),
    "messages.content": ("type", {"text": "text", "image_url": "image_url", "refusal": "refusal"}),
}
"""Fields that say something in one kind of message or part alone; elsewhere nobody has looked at their types."""

MEANING = ("messages", "tools")
"""What is never dropped, whatever a model's `drop_params` says: the words themselves."""

HINTS = (
    *("messages.name", "messages.content.image_url.detail", "tools.function.strict"),
    *("messages.cache_control", "messages.content.cache_control", "tools.cache_control"),
)
"""Of those, what may be."""

ALWAYS = ("model", "stream", "stream_options")
"""What the gateway does itself."""


def fitted(
    request: ChatCompletionRequest, vocabulary: Vocabulary | None, deployment: Deployment
) -> tuple[ChatCompletionRequest, list[str]]:
    """The request as a deployment can express it, and the places of what was left out.

    Args:
        vocabulary: what the protocol can express; None for everything.
    Raises:
        Inexpressible: there is something else, which the deployment does not say may be dropped; `param` names it.
    """
    speech = _Speech(vocabulary, unspoken(deployment))
    if vocabulary is None and not speech.unsupported:
        return request, []
    found = list(_inexpressible(request.wire(), speech, "", ()))
    for path, place in found:
        if not (path in ECHOES or _may_drop(path, deployment)):
            raise _refusal(place, deployment)
    if not found:
        return request, []
    try:
        kept = ChatCompletionRequest.model_validate(_without(request.wire(), _tree(place for _, place in found)))
    except ValidationError:  # what would be left out was all that a message said, or a field that has to be there
        raise _refusal(found[0][1], deployment) from None
    return kept, [_shown(place) for _, place in found]


def _refusal(place: Place, deployment: Deployment) -> Inexpressible:
    return Inexpressible(f"{_shown(place)}: {deployment.name} cannot do this.", param=_shown(place))


def unspoken(deployment: Deployment) -> frozenset[str]:
    """Paths of what a deployment does not know, though its protocol does."""
    taken = deployment.provider.echoes
    return deployment.unsupported if taken is None else deployment.unsupported.union(set(ECHOES) - taken)


@dataclass(frozen=True)
class _Speech:
    """A protocol's vocabulary, without what one deployment of it lacks."""

    vocabulary: Vocabulary | None
    unsupported: frozenset[str]

    def has(self, path: str, value: Any, beside: Mapping[str, Any]) -> bool:
        """Whether it can be said.

        Args:
            beside: the object that the value is in.
        """
        if path in self.unsupported:
            return False
        if self.vocabulary is None:
            return True
        check = self.vocabulary.get(path)
        return path in self.vocabulary and _is_in_place(path, beside) and (check is None or check(value))

    def is_open_below(self, path: str) -> bool:
        return self.vocabulary is not None and f"{path}.*" in self.vocabulary


def _inexpressible(value: Any, speech: _Speech, path: str, place: Place) -> Iterator[tuple[str, Place]]:
    """What cannot be said, in the order of the request."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _inexpressible(item, speech, path, (*place, index))
    if not isinstance(value, dict) or speech.is_open_below(path):
        return
    for key, inner in value.items():
        step = key.replace(".", "%2E")  # a field may be called "messages.name", and is not the field of that path
        known, where = f"{path}.{step}" if path else step, (*place, key)
        if known in ALWAYS or _says_nothing(known, inner, value):
            continue
        if speech.has(known, inner, value):
            yield from _inexpressible(inner, speech, known, where)
        else:
            yield known, where


def _is_in_place(path: str, beside: Mapping[str, Any]) -> bool:
    """Whether a field is in a message or part of the kind that it belongs to."""
    above, _, field = path.rpartition(".")
    kind, owners = OWNERS.get(above, ("", {}))
    return field not in owners or beside.get(kind) == owners[field]


def _says_nothing(path: str, value: Any, beside: Mapping[str, Any]) -> bool:
    if value is None or value in ([], {}):
        return True
    if path == "messages.name" and beside.get("role") == "tool":
        return True  # a tool's name, which the call's id tells as well
    return any(value == nothing and type(value) is type(nothing) for nothing in SAYS_NOTHING.get(path, ()))


def _may_drop(path: str, deployment: Deployment) -> bool:
    if isinstance(deployment.drop_params, tuple):
        return path in deployment.drop_params
    return deployment.drop_params and (path.split(".")[0] not in MEANING or path in HINTS)


def _tree(places: Iterable[Place]) -> Cuts:
    """The places as a tree; None marks what is cut."""
    root: Cuts = {}
    for *above, last in places:
        branch = root
        for key in above:
            branch = branch.setdefault(key, {})
        branch[last] = None
    return root


def _without(value: Any, cuts: Cuts) -> Any:
    """A copy of the value without what is cut; the rest is shared."""
    if isinstance(value, list):
        return [_without(item, cuts[index]) if index in cuts else item for index, item in enumerate(value)]
    kept = {key: item for key, item in value.items() if cuts.get(key, {}) is not None}
    return {key: _without(item, cuts[key]) if key in cuts else item for key, item in kept.items()}


def _shown(place: Place) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).removeprefix(".")[:256]
