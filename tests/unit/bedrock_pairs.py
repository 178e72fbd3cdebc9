"""Golden pairs of Amazon Bedrock: tests/data/bedrock/<name>.json.

Bytes are {"base64": …}, or {"json": …} where they are the body of InvokeModel. `billed` is what a failure costs.
"""

import base64
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import strategies as st

from gateway.errors import GatewayError
from tests.unit import golden
from tests.unit.golden import Json

PROVIDER = {
    "adapter": "bedrock",
    "region": "BEDROCK_REGION",
    "api_key": "BEDROCK_API_KEY",
    "base_url_override": "BEDROCK_BASE_URL",
    "keyless": True,
}
USUAL = {"model": "us.anthropic.claude-sonnet-4-6"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def with_bytes(value: Any) -> Any:
    """A value of a pair, its bytes as bytes."""
    match value:
        case {"base64": str(text), **rest} if not rest:
            return base64.b64decode(text)
        case dict():
            return {name: with_bytes(item) for name, item in value.items()}
        case list():
            return [with_bytes(item) for item in value]
    return value


def outcome(read: Callable[[], Any], pair: Json) -> None:
    """What an answer becomes, as the pair says."""
    if "error" not in pair:
        assert golden.answered(read(), pair["answer"]) == pair["answer"]
        return
    with pytest.raises(GatewayError) as caught:
        read()
    assert golden.told(caught.value) == pair["error"]
    billed = asdict(caught.value.billed) if caught.value.billed else {}
    assert {name: count for name, count in billed.items() if count is not None} == pair.get("billed", {})
