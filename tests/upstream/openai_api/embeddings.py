"""POST /v1/embeddings: vectors of length 1 that depend on nothing but the text and their size."""

import base64
import hashlib
import math
import struct
from typing import Any

from tests.upstream.messages import Answer
from tests.upstream.openai_api import checks, text
from tests.upstream.openai_api.completions import as_texts

DIMENSIONS = 16


def answer(body: dict[str, Any], _: str) -> Answer:
    """One vector an input. OpenAI's own client asks for base64 unless told otherwise."""
    texts = as_texts(checks.require(body, "input"))
    size = body.get("dimensions") or DIMENSIONS
    packed = body.get("encoding_format") == "base64"
    vectors = [_packed(vector(one, size)) if packed else vector(one, size) for one in texts]
    data = [{"object": "embedding", "index": index, "embedding": found} for index, found in enumerate(vectors)]
    count = sum(len(text.tokens(one)) for one in texts)
    usage = {"prompt_tokens": count, "total_tokens": count}
    return Answer.json({"object": "list", "data": data, "model": body["model"], "usage": usage})


def vector(of: str, size: int) -> list[float]:
    """Numbers from the text's hash, scaled to length 1."""
    raw = hashlib.shake_256(of.encode()).digest(2 * size)
    numbers = [value / 32768 for value in struct.unpack(f"<{size}h", raw)]
    length = math.hypot(*numbers) or 1.0
    return [number / length for number in numbers]


def _packed(numbers: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()
