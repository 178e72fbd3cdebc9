"""Embeddings on Bedrock, by InvokeModel in each maker's own format: Amazon Titan and Cohere.

Sources: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html and
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed.html
"""

import json
import re
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from gateway.embeddings import EmbeddingRequest, answer_body
from gateway.errors import GatewayError, Inexpressible, UpstreamError
from gateway.providers.base import Answer
from gateway.providers.reading import as_dict, as_text, count, is_vector
from gateway.registry import Deployment
from gateway.usage import Usage

AT_ONCE = 8
"""Calls for one request: Titan takes one text a call."""
COHERE_TEXTS = 96
NUMBER = re.compile(r"[0-9]{1,12}", re.ASCII)
COUNT_HEADER = "x-amzn-bedrock-input-token-count"
"""Where Bedrock counts for makers that do not."""

Fields = dict[str, Any]
Invoke = Callable[[Fields], Fields]


@dataclass(frozen=True)
class _Family:
    """Models that are asked alike.

    Attributes:
        dimensions: sizes of vectors that can be chosen among.
        texts: how many a call takes.
        body: what is asked, of a call's texts.
        known: the optional fields of a request that it can express.
    """

    dimensions: tuple[int, ...]
    texts: int
    body: Callable[[list[str], EmbeddingRequest], Fields]
    known: tuple[str, ...] = ()


def _titan(texts: list[str], request: EmbeddingRequest) -> Fields:  # noqa: ARG001 - it has no options
    return {"inputText": texts[0]}


def _titan_v2(texts: list[str], request: EmbeddingRequest) -> Fields:
    size = {"dimensions": request.dimensions} if request.dimensions else {}
    return {"inputText": texts[0], "normalize": True} | size


def _cohere(texts: list[str], request: EmbeddingRequest) -> Fields:
    """Nothing is cut off in silence, and what the vectors are for has to be said."""
    size = {"output_dimension": request.dimensions} if request.dimensions else {}
    purpose = request.input_type or "search_document"
    return {"texts": texts, "input_type": purpose, "embedding_types": ["float"], "truncate": "NONE"} | size


FAMILIES = {
    "amazon.titan-embed-text-v1": _Family((), 1, _titan),
    "amazon.titan-embed-g1-text": _Family((), 1, _titan),
    "amazon.titan-embed-text-v2": _Family((256, 512, 1024), 1, _titan_v2, ("dimensions",)),
    "cohere.embed-english-v3": _Family((), COHERE_TEXTS, _cohere, ("input_type",)),
    "cohere.embed-multilingual-v3": _Family((), COHERE_TEXTS, _cohere, ("input_type",)),
    "cohere.embed-v4": _Family((256, 512, 1024, 1536), COHERE_TEXTS, _cohere, ("input_type", "dimensions")),
}


@dataclass(frozen=True)
class Made:
    """What one call made.

    Attributes:
        body: the answer, in its maker's format.
        counted: how many tokens Bedrock itself says that went in.
    """

    body: Fields
    counted: str = ""

    @property
    def tokens(self) -> int | None:
        """How many tokens went in, by whoever counted them."""
        told = count(self.body.get("inputTextTokenCount"))
        return int(self.counted) if told is None and NUMBER.fullmatch(self.counted) else told

    @property
    def vectors(self) -> list[Any]:
        """What stands where the vectors should."""
        found = self.body.get("embeddings", [self.body.get("embedding")])
        found = found.get("float") if isinstance(found, dict) else found
        return found if isinstance(found, list) else []


def embedded(request: EmbeddingRequest, deployment: Deployment, invoke: Invoke) -> Answer:
    """Vectors of the request's texts, by as many calls as that takes, several at once.

    Args:
        invoke: makes one call of InvokeModel.
    Raises:
        GatewayError: that of a call that failed, after which no others are made; `billed` says what those before cost.
    """
    calls = to_requests(request, deployment)
    with ThreadPoolExecutor(min(AT_ONCE, len(calls)), "bedrock") as threads:
        tasks = [threads.submit(_made, invoke, parameters) for parameters in calls]
        wait(tasks, return_when=FIRST_EXCEPTION)
        threads.shutdown(cancel_futures=True)
    ended = [task for task in tasks if not task.cancelled()]
    made = [task.result() for task in ended if not task.exception()]
    for task in ended:
        if failure := task.exception():
            raise _with_bill(failure, made)
    return from_responses(made, request, deployment)


def to_requests(request: EmbeddingRequest, deployment: Deployment) -> list[Fields]:
    """The parameters of each call of InvokeModel.

    Raises:
        Inexpressible: the model is of another family, or cannot do what the request asks.
    """
    family = _family(deployment)
    request.refuse_unknown(deployment, *family.known)
    if request.dimensions and request.dimensions not in family.dimensions:
        known = ", ".join(map(str, family.dimensions))
        raise Inexpressible(f"dimensions: {deployment.name} makes vectors of {known} numbers.", param="dimensions")
    texts = request.texts(deployment)
    parts = [texts[start : start + family.texts] for start in range(0, len(texts), family.texts)]
    return [_invocation(deployment, family.body(part, request)) for part in parts]


def from_responses(made: Sequence[Made], request: EmbeddingRequest, deployment: Deployment) -> Answer:
    """The vectors of all calls, in the order of the texts.

    Raises:
        UpstreamError: they are not one vector for each text.
    """
    usage = _paid(made)
    vectors = [vector for one in made for vector in one.vectors]
    if len(vectors) != request.count or not all(map(is_vector, vectors)):
        raise UpstreamError("The model's answer is not one vector for each input.", billed=usage)
    return Answer(answer_body(vectors, request, deployment.model, usage), usage, deployment.model)


def _family(deployment: Deployment) -> _Family:
    for name, family in FAMILIES.items():
        if name in deployment.model:
            return family
    raise Inexpressible(f"model: {deployment.name} makes no embeddings that the gateway knows.", param="model")


def _invocation(deployment: Deployment, body: Fields) -> Fields:
    kinds = {"contentType": "application/json", "accept": "application/json"}
    return {"modelId": deployment.model, "body": json.dumps(body).encode(), **kinds}


def _made(invoke: Invoke, parameters: Fields) -> Made:
    answer = invoke(parameters)
    headers = as_dict(as_dict(answer.get("ResponseMetadata")).get("HTTPHeaders"))
    return Made(as_dict(json.loads(answer["body"].read())), as_text(headers.get(COUNT_HEADER)))


def _paid(made: Sequence[Made]) -> Usage:
    """All that went in; None if of any of it that is not known."""
    tokens = [one.tokens for one in made]
    known = [number for number in tokens if number is not None]
    return Usage(input_tokens=sum(known) if len(known) == len(tokens) else None, output_tokens=0)


def _with_bill(failure: BaseException, made: Sequence[Made]) -> BaseException:
    if isinstance(failure, GatewayError) and made:
        # Whose own bill is not known, of that neither is the sum.
        failure.billed = Usage(_paid(made).input_tokens) if failure.billed else _paid(made)
    return failure
