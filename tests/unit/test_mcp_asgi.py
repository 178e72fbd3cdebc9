"""The adapter between a plain handler and the MCP SDK's transport, with a server of the test's own behind it."""

import asyncio
import json
import threading
from contextvars import ContextVar
from typing import Any

import mcp_types as types
import pytest
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError

from gateway.errors import IndexUnavailable, InvalidRequest, ResponseTooLarge
from gateway.http import Event
from gateway.mcp.asgi import Asgi
from gateway.mcp.messages import Message
from gateway.mcp.rpc import answered
from tests.mcp_messages import ERAS, NEW, OLD, Era, headers, posted, request

WHO: ContextVar[str] = ContextVar("who", default="nobody")
WORD = "canary-4f7a"
FAULTS: dict[str, Exception] = {
    "its own": MCPError(-32050, "Not today.", {"day": "today"}),
    "the gateway's": IndexUnavailable("There is no index.", retry_after=5),
    "a field's": InvalidRequest("params.arguments.a: must be b.", param="params.arguments.a"),
    "unforeseen": RuntimeError(WORD),
}


async def call(_: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
    if params.name in FAULTS:
        raise FAULTS[params.name]
    if params.name == "wait":
        await asyncio.sleep(0.001)
    text = "x" * 6_000_000 if params.name == "long" else WHO.get()
    return types.CallToolResult(content=[types.TextContent(text=text)])


def server() -> Server[Any]:
    return Server("test", on_call_tool=call)


def ask(adapter: Asgi, era: Era, name: str) -> dict[str, Any]:
    message = request(era, "tools/call", {"name": name})
    response = answered(posted(message, {**headers(era, message)}), adapter.answer)
    return {"status": response["statusCode"], **json.loads(response["body"])}


@pytest.mark.parametrize("era", ERAS)
def test_a_handler_runs_in_the_context_of_its_request(era: Era) -> None:
    adapter = Asgi(server())
    for who in ("first", "second"):
        WHO.set(who)
        assert ask(adapter, era, "wait")["result"]["content"][0]["text"] == who


@pytest.mark.parametrize("era", ERAS)
def test_requests_of_several_threads_do_not_meet(era: Era) -> None:
    adapter, told = Asgi(server()), {}

    def client(who: str) -> None:
        WHO.set(who)
        told[who] = [ask(adapter, era, "wait")["result"]["content"][0]["text"] for _ in range(10)]

    threads = [threading.Thread(target=client, args=(str(number),)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told == {str(number): [str(number)] * 10 for number in range(4)}


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(
    ("fault", "code", "data"),
    [
        ("its own", -32050, {"type": "invalid_request_error", "code": "mcp_error", "day": "today"}),
        ("the gateway's", -32603, {"type": "api_error", "code": "index_unavailable", "retry_after": 5}),
        ("a field's", -32602, {"type": "invalid_request_error", "code": "invalid_params", "param": "params.arguments.a"}),
        ("unforeseen", -32603, {"type": "api_error", "code": "internal_error"}),
    ],
)  # fmt: skip
def test_what_a_handler_raises_is_told_in_the_gateways_words(
    era: Era, fault: str, code: int, data: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    error = ask(Asgi(server()), era, fault)["error"]
    assert (error["code"], error["data"]) == (code, data)
    assert WORD not in json.dumps(error) + "".join(capsys.readouterr())


@pytest.mark.parametrize("era", ERAS)
def test_an_answer_that_is_too_long_is_an_error_of_the_gateways(era: Era) -> None:
    message = request(era, "tools/call", {"name": "long"})
    with pytest.raises(ResponseTooLarge):
        Asgi(server()).answer(posted(message, {**headers(era, message)}))


def test_each_message_that_was_understood_is_told_of_and_no_other() -> None:
    heard: list[Message] = []
    adapter = Asgi(server(), heard.append)
    bodies = [
        request(OLD, "ping"),
        request(OLD, "nothing"),
        {"jsonrpc": "2.0", "method": "notifications/x"},
        [],
        {"id": 1},
    ]
    for body in bodies:
        answered(posted(body, {"MCP-Protocol-Version": OLD}), adapter.answer)
    assert [(message.method, message.is_request) for message in heard] == [
        ("ping", True), ("nothing", True), ("notifications/x", False),
    ]  # fmt: skip


def test_the_sdk_is_given_neither_the_key_nor_any_header_but_the_protocols() -> None:
    seen: dict[str, str] = {}

    async def listed(context: Any, _: Any) -> types.ListToolsResult:
        seen.update(context.request.headers)
        return types.ListToolsResult(tools=[])

    message = request(NEW, "tools/list")
    event: Event = posted(message, {**headers(NEW, message), "Authorization": "Bearer secret", "Cookie": "a=b"})
    assert Asgi(Server("test", on_list_tools=listed)).answer(event)["statusCode"] == 200
    assert set(seen) == {"mcp-protocol-version", "mcp-method", "content-type", "accept", "content-length"}


def test_a_method_that_would_stream_is_refused_though_the_server_has_it() -> None:
    async def listen(*_: Any) -> types.SubscriptionsListenResult:
        raise AssertionError("it would never end")

    message = request(NEW, "subscriptions/listen", {"notifications": {}})
    adapter = Asgi(Server("test", on_subscriptions_listen=listen))
    response = answered(posted(message, {**headers(NEW, message)}), adapter.answer)
    assert response["statusCode"] == 404
    assert json.loads(response["body"])["error"]["code"] == -32601
