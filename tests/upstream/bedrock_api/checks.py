"""What Bedrock refuses, in its words. The essentials only: what boto3 checks itself is left to it."""

import hmac
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.upstream.bedrock_api.errors import ApiError

Body = dict[str, Any]
SIGNED = re.compile(
    r"AWS4-HMAC-SHA256 Credential=[^/]+/\d{8}/[a-z0-9-]+/bedrock/aws4_request, "
    r"SignedHeaders=[a-z0-9;-]*host[a-z0-9;-]*, Signature=[0-9a-f]{64}"
)
MODEL = re.compile(r"(arn:aws[a-z-]*:bedrock:.+)|([a-z0-9-]+\.)+[a-zA-Z0-9-]+(:[a-z0-9]+)*")
TOOL_ID = re.compile(r"[a-zA-Z0-9_.:-]{1,64}")
INFERENCE = {"temperature": (0, 1), "topP": (0, 1), "maxTokens": (1, 2**31)}


def check_authorization(headers: Mapping[str, str], api_key: str | None) -> None:
    """A signature, or a Bedrock API key."""
    given = headers.get("authorization", "")
    if not given:
        raise ApiError("Missing Authentication Token", 403, "MissingAuthenticationTokenException")
    if given.startswith("Bearer "):
        _check_key(given.removeprefix("Bearer "), api_key)
    elif not SIGNED.fullmatch(given) or "x-amz-date" not in headers:
        message = "The request signature we calculated does not match the signature you provided."
        raise ApiError(message, 403, "InvalidSignatureException")


def _check_key(given: str, api_key: str | None) -> None:
    if api_key is None or not hmac.compare_digest(given.encode(), api_key.encode()):
        raise ApiError("Authentication failed: Please make sure your API Key is valid.", 403)


def check_model(model: str) -> None:
    """The form of an id or an ARN; every model of that form is there."""
    if not MODEL.fullmatch(model):
        raise ApiError("The provided model identifier is invalid.")


def check_converse(body: Body) -> None:
    """The rules of Converse."""
    messages = body.get("messages") or []
    if not messages or messages[0]["role"] != "user":
        raise ApiError("A conversation must start with a user message. Try again with a conversation that does so.")
    for index, message in enumerate(messages):
        if index and message["role"] == messages[index - 1]["role"]:
            raise ApiError("A conversation must alternate between user and assistant roles. Make sure that it does.")
        if not message["content"]:
            raise ApiError(f"The content field in the Message object at messages.{index} is empty.")
        _check_texts(message["content"], index)
    _check_tools(body, messages)
    for name, (low, high) in INFERENCE.items():
        value = body.get("inferenceConfig", {}).get(name)
        if value is not None and not low <= value <= high:
            raise ApiError(f"The value at inferenceConfig.{name} must be between {low} and {high}.")


def _check_texts(blocks: list[Body], index: int) -> None:
    for place, block in enumerate(blocks):
        if "text" in block and not block["text"].strip():
            where = f"messages.{index}.content.{place}"
            raise ApiError(f"The text field in the ContentBlock object at {where} is blank. Add text and try again.")


def _check_tools(body: Body, messages: list[Body]) -> None:
    """Each use of a tool has its result in the next message, and both need tools."""
    pending: list[str] = []
    for index, message in enumerate(messages):
        results = [block["toolUseId"] for block in _blocks(message, "toolResult")]
        if missing := [use for use in pending if use not in results]:
            told = ", ".join(missing)
            raise ApiError(f"Expected toolResult blocks at messages.{index}.content for the following Ids: {told}")
        if any(result not in pending for result in results):
            told = f"The number of toolResult blocks at messages.{index}.content exceeds the number of toolUse blocks"
            raise ApiError(f"{told} of previous turn.")
        pending = [block["toolUseId"] for block in _blocks(message, "toolUse")]
        if not all(map(TOOL_ID.fullmatch, pending)):
            raise ApiError(f"The value at messages.{index}.content.toolUse.toolUseId must match [a-zA-Z0-9_.:-]+")
        if (pending or results) and not body.get("toolConfig"):
            raise ApiError("The toolConfig field must be defined when using toolUse and toolResult content blocks.")


def _blocks(message: Body, kind: str) -> Iterator[Body]:
    for block in message["content"]:
        if kind in block:
            yield block[kind]
