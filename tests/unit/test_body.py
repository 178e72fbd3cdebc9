"""A body that is no JSON object is refused in a sentence, whatever it is instead."""

import base64
import json
from typing import Any

import pytest

from gateway.body import json_body
from gateway.errors import RequestTooLarge
from gateway.http import MAX_BODY_BYTES
from tests.unit.builders import chat, refusal, refusal_of_event


def raw(body: Any) -> dict[str, Any]:
    return {"body": body, "isBase64Encoded": False}


def encoded(body: bytes) -> dict[str, Any]:
    return {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}


@pytest.mark.parametrize("sent", [{}, raw(None), raw(""), raw(" \r\n"), encoded(b""), encoded(b"  ")])
def test_refuses_an_absent_body(sent: dict[str, Any]) -> None:
    error = refusal_of_event(sent)
    assert (error.status, error.param, error.message) == (400, None, "The request has no body; send a JSON object.")


@pytest.mark.parametrize("body", ["[]", '[{"model": "m"}]', "1", '"text"', "null", "true"])
def test_refuses_json_that_is_no_object(body: str) -> None:
    assert refusal_of_event(raw(body)).message == "The request body must be a JSON object."


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "hello",
        "{'model': 'm'}",
        '{"model": "m",}',
        '{"model": 01}',
        '{"model": "m"} {}',
        '{"model": "\n"}',
        '{"temperature": NaN}',
        '{"temperature": Infinity}',
        '{"temperature": -Infinity}',
        '{"seed": ' + "1" * 5000 + "}",
    ],
)
def test_refuses_what_is_not_json(body: str) -> None:
    error = refusal_of_event(raw(body))
    assert error.param is None
    assert error.message.startswith("The request body is not valid JSON: ")


@pytest.mark.parametrize("body", ["[" * 10_000 + "]" * 10_000, '{"a":' * 10_000 + "1" + "}" * 10_000, "[" * 10_000])
def test_refuses_json_of_depth_ten_thousand(body: str) -> None:
    assert "recursion limit exceeded" in refusal_of_event(raw(body)).message


@pytest.mark.parametrize("body", [b'{"model": "\xff"}', b"\xff\xfe", b'{"model": "\xed\xa0\x80"}', b"\x00"])
def test_refuses_invalid_utf8_that_came_base64_encoded(body: bytes) -> None:
    assert refusal_of_event(encoded(body)).message.startswith("The request body is not valid JSON: ")


@pytest.mark.parametrize("body", ['{"model": "\ud800"}', '{"model": "\\ud800"}', '{"\\udfff": 1}'])
def test_refuses_half_of_a_surrogate_pair(body: str) -> None:
    assert refusal_of_event(raw(body)).message.startswith("The request body is not valid JSON: ")


@pytest.mark.parametrize("body", ["%%%", "eyI=x", "{}", "é"])
def test_refuses_broken_base64(body: str) -> None:
    error = refusal_of_event({"body": body, "isBase64Encoded": True})
    assert error.message == "The request body is not valid Base64."


@pytest.mark.parametrize("number", ["1e999", "-1e999", "1" + "0" * 400 + ".0"])
def test_refuses_a_number_that_would_become_infinite(number: str) -> None:
    body = json.dumps(chat(unknown=[{"deep": "NUMBER"}])).replace('"NUMBER"', number)
    assert refusal_of_event(raw(body)).message == "The request body has a number that is too large."


def test_refuses_a_body_over_five_mebibytes() -> None:
    frame = len(json.dumps({"model": ""}))
    too_large = json.dumps({"model": "x" * (MAX_BODY_BYTES - frame + 1)})
    for sent in (raw(too_large), encoded(too_large.encode())):
        error = refusal_of_event(sent)
        assert type(error) is RequestTooLarge
        assert (error.status, error.code) == (413, "request_too_large")
        assert error.message == "The request body is 5,242,881 bytes; the gateway takes 5,242,880."
    assert len(json_body(raw(too_large[:-3] + '"}'))["model"]) == MAX_BODY_BYTES - frame


def test_the_size_is_counted_in_bytes_not_in_characters() -> None:
    assert refusal_of_event(raw("é" * (MAX_BODY_BYTES // 2 + 1))).status == 413


def test_reads_a_body_that_came_base64_encoded() -> None:
    assert json_body(encoded('{"model": "é😀"}'.encode())) == {"model": "é😀"}


def test_the_last_of_two_equal_names_counts_as_in_javascript() -> None:
    assert json_body(raw('{"model": "a", "model": "b"}')) == {"model": "b"}


def test_an_error_never_repeats_a_name_of_megabytes() -> None:
    error = refusal(chat(metadata={"k" * 4_000_000: 1}))
    assert error.param is not None
    assert error.param.startswith("metadata.kkk")
    assert len(error.message) < 1000
