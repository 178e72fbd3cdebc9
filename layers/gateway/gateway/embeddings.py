"""POST /embeddings in OpenAI's format: what a client may send, how large the answer gets, and how it is written.

Source: https://platform.openai.com/docs/api-reference/embeddings/create and the types of the `openai` package.
"""

import base64
import math
import struct
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from gateway.errors import Inexpressible
from gateway.messages import Body, NonEmpty
from gateway.registry import Deployment
from gateway.usage import Usage

MAX_INPUTS = 2048
MAX_DIMENSIONS = 65_536
ASSUMED_DIMENSIONS = 4096
"""Of a model that does not say: more than most have, so that no answer is paid for and then too large."""

NUMBER_BYTES = 24
"""A float64 in JSON at its longest, with its comma: -1.2345678901234567e-05,"""
FRAME_BYTES = 100
"""What stands around one vector."""
ENVELOPE_BYTES = 1000
"""What stands around all: the model's name, the usage."""

Vector = list[float]


def _input_kind(value: Any) -> str | None:
    if isinstance(value, str):
        return "<string>"
    if not isinstance(value, list):
        return None
    first = value[0] if value else ""
    if isinstance(first, list):
        return "<arrays>"
    return "<tokens>" if isinstance(first, int) else "<strings>"


Token = Annotated[int, Field(ge=0)]
Inputs = Annotated[
    Annotated[NonEmpty, Tag("<string>")]
    | Annotated[list[NonEmpty], Field(min_length=1, max_length=MAX_INPUTS), Tag("<strings>")]
    | Annotated[list[Token], Field(max_length=MAX_INPUTS), Tag("<tokens>")]
    | Annotated[
        list[Annotated[list[Token], Field(min_length=1, max_length=MAX_INPUTS)]],
        Field(max_length=MAX_INPUTS),
        Tag("<arrays>"),
    ],
    Discriminator(
        _input_kind,
        custom_error_type="inputs",
        custom_error_message="must be a string, or an array of strings or of tokens",
    ),
]

InputType = Literal["search_document", "search_query", "classification", "clustering"]


class EmbeddingRequest(Body):
    """The body of POST /embeddings.

    `input_type` is not OpenAI's: Cohere and Gemini make better vectors when they know what they are for.
    """

    model: NonEmpty
    input: Inputs
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Field(ge=1, le=MAX_DIMENSIONS)] | None = None
    input_type: InputType | None = None
    user: str | None = None

    @property
    def count(self) -> int:
        """How many vectors are asked for."""
        return 1 if isinstance(self.input, str) or _input_kind(self.input) == "<tokens>" else len(self.input)

    def texts(self, deployment: Deployment) -> list[str]:
        """The texts.

        Raises:
            Inexpressible: they are token numbers, which mean something else to every model.
        """
        inputs = [self.input] if isinstance(self.input, str) else self.input
        if not all(isinstance(text, str) for text in inputs):
            raise Inexpressible(f"input: {deployment.name} takes texts, not tokens.", param="input")
        return [text for text in inputs if isinstance(text, str)]

    def refuse_unknown(self, deployment: Deployment, *known: str) -> None:
        """For protocols of their own, which pass nothing on that we do not know.

        Args:
            known: the optional fields that the protocol can express.
        Raises:
            Inexpressible: the request has other fields.
        """
        allowed = {"model", "input", "encoding_format", *known}
        for name, value in self.wire().items():
            if name not in allowed and value is not None:
                raise Inexpressible(f"{name[:256]}: {deployment.name} cannot do this.", param=name[:256])


def refuse_too_large(request: EmbeddingRequest, deployment: Deployment, limit: int) -> None:
    """Refuse, before the provider is paid, what Lambda could not return.

    Args:
        limit: bytes that an answer may have.
    Raises:
        Inexpressible: the answer could be larger; the message names the batch size that fits.
    """
    dimensions = request.dimensions or deployment.dimensions or ASSUMED_DIMENSIONS
    encoding = request.encoding_format or "float"
    fits = _batch(dimensions, encoding, limit)
    if request.count <= fits:
        return
    advice = f"send at most {fits} inputs a request"
    if encoding == "float":
        advice += f", or {_batch(dimensions, 'base64', limit)} with encoding_format 'base64'"
    told = f"{request.count:,} vectors of {dimensions:,} numbers are more than the gateway can return"
    raise Inexpressible(f"input: {told}; {advice}.", param="input")


def _batch(dimensions: int, encoding: str, limit: int) -> int:
    """How many vectors an answer holds."""
    vector = dimensions * NUMBER_BYTES if encoding == "float" else math.ceil(dimensions * 4 / 3) * 4
    return (limit - ENVELOPE_BYTES) // (vector + FRAME_BYTES)


def answer_body(vectors: Sequence[Vector], request: EmbeddingRequest, model: str, usage: Usage) -> dict[str, Any]:
    """The answer in OpenAI's format, its vectors encoded as the client asked."""
    data = [
        {"object": "embedding", "index": index, "embedding": encoded(vector, request)}
        for index, vector in enumerate(vectors)
    ]
    tokens = usage.prompt_tokens
    counts = None if tokens is None else {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": data, "model": model, "usage": counts}


def encoded(vector: Vector | str, request: EmbeddingRequest) -> Vector | str:
    """A vector, by whatever encoding it came, as the client asked for it: numbers, or Base64 of little-endian float32."""
    if request.encoding_format == "base64":
        return (
            vector if isinstance(vector, str) else base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
        )
    return list(decoded(vector)) if isinstance(vector, str) else vector


def decoded(text: str) -> tuple[float, ...]:
    """The numbers of a vector in Base64.

    Raises:
        ValueError: it is none.
    """
    try:
        return tuple(number for (number,) in struct.iter_unpack("<f", base64.b64decode(text, validate=True)))
    except (struct.error, ValueError) as error:
        raise ValueError("not a vector") from error


def unit(vector: Sequence[float]) -> Vector:
    """The vector at length 1, as OpenAI's are."""
    length = math.sqrt(sum(number * number for number in vector))
    return [number / length for number in vector] if length else list(vector)
