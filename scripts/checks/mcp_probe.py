"""Has the MCP server answer requests of both eras. Run as probe.py is, in a fresh interpreter that finds only the layers and boto3:
what the SDK imports as late as that has to be there, too, although packages that it depends on were left out.

Arguments: the layers' python folders, the folder with boto3.
Prints JSON in its last line: {"answers": how many were right, "wrong": {request: its answer}, "late": [the modules that a request
was the first to import, not the cold start]}.
"""

import importlib
import json
import os
import sys
from types import SimpleNamespace
from typing import Any

OLD, NEW = "2025-11-25", "2026-07-28"
CLIENT = {"name": "probe", "version": "1"}
META = "io.modelcontextprotocol/"

OLD_REQUESTS: dict[str, dict[str, Any]] = {
    "initialize": {"protocolVersion": OLD, "capabilities": {}, "clientInfo": CLIENT},
    "ping": {},
}
NEW_REQUESTS: dict[str, dict[str, Any]] = {"server/discover": {}}
REQUESTS: dict[str, dict[str, Any]] = {
    "tools/list": {},
    "tools/call": {"name": "get_product", "arguments": {}},
    "prompts/list": {},
    "resources/templates/list": {},
}
FAULTS: dict[str, dict[str, Any]] = {
    "no/such_method": {},
    "tools/call": {"name": "no_such_tool", "arguments": {}},
    "resources/read": {"uri": "no-such:thing"},
    "prompts/get": {"name": "no_such_prompt"},
}


def probe() -> None:
    """Send every message, and tell how it went."""
    sent = [(f"{OLD} {method}", _old(method, params), "result") for method, params in (OLD_REQUESTS | REQUESTS).items()]
    sent += [
        (f"{NEW} {method}", _new(method, params), "result") for method, params in (NEW_REQUESTS | REQUESTS).items()
    ]
    for make, version in ((_old, OLD), (_new, NEW)):
        sent += [(f"{version} wrong {method}", make(method, params), "error") for method, params in FAULTS.items()]
    importlib.import_module("gateway.mcp.endpoint").adapter()  # found only once the layers are on the path
    loaded = set(sys.modules)
    answers = [(name, _answer(event), member) for name, event, member in sent]
    wrong = {name: answer for name, answer, member in answers if not _fits(answer, member)}
    late = sorted(sys.modules.keys() - loaded)
    print(json.dumps({"answers": len(answers) - len(wrong), "wrong": wrong, "late": late}))


def _old(method: str, params: dict[str, Any]) -> dict[str, Any]:
    return _event(method, params, {"mcp-protocol-version": OLD})


def _new(method: str, params: dict[str, Any]) -> dict[str, Any]:
    meta = {"protocolVersion": NEW, "clientInfo": CLIENT, "clientCapabilities": {}}
    headers = {"mcp-protocol-version": NEW, "mcp-method": method}
    if name := params.get("name") or params.get("uri"):
        headers["mcp-name"] = name
    return _event(method, params | {"_meta": {META + key: value for key, value in meta.items()}}, headers)


def _event(method: str, params: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
    """API Gateway's, as far as the adapter reads it."""
    return {
        "httpMethod": "POST",
        "path": "/api/v1/mcp",
        "headers": {"content-type": "application/json", "accept": "application/json, text/event-stream"} | headers,
        "multiValueHeaders": None,
        "isBase64Encoded": False,
        "body": json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}),
    }


def _answer(event: dict[str, Any]) -> Any:
    # Found only once the layers are on the path.
    from gateway import context
    from gateway.mcp import endpoint, rpc

    context.begin(event, SimpleNamespace(get_remaining_time_in_millis=lambda: 30_000), event["headers"], 28)
    return json.loads(rpc.answered(event, endpoint.adapter().answer)["body"])


def _fits(answer: dict[str, Any], member: str) -> bool:
    """An internal error is how a package that is missing would show."""
    return member in answer and (member == "result" or answer["error"]["code"] != -32603)


if __name__ == "__main__":
    sys.path[:0] = sys.argv[1:]
    os.environ.update(json.loads(sys.stdin.read()))
    probe()
