"""What boto3 makes of calls to Bedrock, and what it finds fault with, before anything is sent."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from gateway.deadline import Deadline
from gateway.errors import Inexpressible, InvalidRequest, UpstreamError
from gateway.providers import bedrock_client
from gateway.providers.base import HttpRequest, HttpResponse
from gateway.registry import Endpoint

KEY = "bedrock-api-key-canary-7f3d"
REGION = "eu-central-1"
SIGNED = Endpoint("", None, REGION)
DEADLINE = Deadline(2.0, clock=lambda: 1.0)
UNKNOWN = f"Bedrock cannot be asked this by boto3 {boto3.__version__}: "


@pytest.fixture(autouse=True)
def sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[HttpRequest]]:
    """What would go out."""
    requests: list[HttpRequest] = []

    def send(request: HttpRequest, deadline: Deadline) -> HttpResponse:
        requests.append(request)
        return HttpResponse(200, {}, b'{"output": {"message": {"content": [{"text": "Hi"}]}}}')

    monkeypatch.setattr(bedrock_client, "send", send)
    bedrock_client.client.cache_clear()
    yield requests
    bedrock_client.client.cache_clear()


def call(endpoint: Endpoint = SIGNED, **parameters: Any) -> dict[str, Any]:
    return bedrock_client.call("converse", {"modelId": "m", "messages": []} | parameters, endpoint, DEADLINE)


def without(*lacking: str) -> None:
    """Make boto3 older than these parameters."""
    operation: Any = bedrock_client.client(REGION, "", False).meta.service_model.operation_model("Converse")
    for name in lacking:
        del operation.input_shape.members[name]


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME"])
def test_who_has_a_key_means_aws_s_own_bedrock_wherever_aws_is_said_to_be(
    variable: str, sent: list[HttpRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "http://emulator.example:4566")
    for endpoint in (Endpoint("", KEY, REGION), Endpoint("https://proxy.example", KEY, REGION), SIGNED):
        call(endpoint)
    assert [request.url.removesuffix("/model/m/converse") for request in sent] == [
        f"https://bedrock-runtime.{REGION}.amazonaws.com",
        "https://proxy.example",
        "http://emulator.example:4566",
    ]
    assert [request.headers["Authorization"].split()[0] for request in sent] == ["Bearer", "Bearer", "AWS4-HMAC-SHA256"]


def test_what_an_older_boto3_does_not_know_is_for_another_deployment(sent: list[HttpRequest]) -> None:
    without("serviceTier", "outputConfig")
    with pytest.raises(Inexpressible) as caught:
        call(serviceTier={"type": "flex"})
    assert caught.value.message == f'{UNKNOWN}Unknown parameter in input: "serviceTier".'
    with pytest.raises(Inexpressible, match="outputConfig"):
        call(outputConfig={"effort": "low"})
    assert sent == []
    assert call()["output"]["message"]["content"] == [{"text": "Hi"}]


def test_what_boto3_finds_fault_with_is_told_without_the_customers_words() -> None:
    with pytest.raises(Inexpressible) as caught:
        call(messages=[{"role": "user", "content": "my secret"}])
    assert caught.value.message == f"{UNKNOWN}Invalid type for parameter messages[0].content."
    assert caught.value.__suppress_context__


def test_a_request_nested_too_deeply_is_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(5000):
        deep = {"a": deep}
    with pytest.raises(InvalidRequest, match="nested too deeply"):
        call(additionalModelRequestFields=deep)


@pytest.mark.parametrize("endpoint", [Endpoint("", None, "no such region"), Endpoint("nonsense", None, REGION), Endpoint("http://[", KEY, REGION)], ids=str)  # fmt: skip
def test_a_region_or_an_address_that_is_none_is_an_error(endpoint: Endpoint) -> None:
    with pytest.raises(UpstreamError, match="region or address"):
        call(endpoint)
