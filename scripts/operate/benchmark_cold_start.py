"""Measures how long a call takes that finds no instance of its function, and how long further ones take, over HTTP. Of the functions
that search, the first call fetches the index; that of one product is the same but for that. The MCP server's first
call loads the SDK: listing its tools does no more, and calling one of them searches, too.

An instance is lost by a changed variable of its function, COLD_START, which is taken out again at the end.
"""

import argparse
import functools
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests

from local import access, console
from local.console import Failure
from local.stack import Stack
from operate import target
from operate.target import Target

BASE, SEARCH, MCP = "GetProductFunction", "SearchProductsFunction", "McpFunction"
PATHS = {BASE: "/products/{id}", SEARCH: "/products/search?q=headphones", "ListCategoriesFunction": "/categories"}
MESSAGES: dict[str, dict[str, Any]] = {
    "tools/list": {},
    "tools/call": {"name": "search_catalog", "arguments": {"catalog": {"query": "headphones"}}},
}
"""What is posted to the MCP server, by method; all other functions' paths are got."""
VARIABLE = "COLD_START"
WARM_CALLS = 10
MOST_SECONDS = 1.0
"""That a search may take longer at its first call than a look-up of one product."""
TIMEOUT = 60


@dataclass(frozen=True)
class Times:
    """Seconds of the first call of each instance, and of further ones."""

    cold: list[float]
    warm: list[float]


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser("scripts/benchmark-cold-start", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="instances of each function (default: 7)")
    parser.add_argument("--json", action="store_true", help="print the seconds of each call as JSON")
    target.add_arguments(parser)
    arguments = parser.parse_args()
    if not 1 <= arguments.rounds <= 100:
        parser.error("--rounds must be from 1 to 100")
    console.main(lambda: run(arguments, target.find(arguments)))


def run(arguments: argparse.Namespace, gateway: Target) -> None:
    """Measure, and compare.

    Raises:
        Failure: the gateway does not answer as it should, or the search takes too long to start.
    """
    base_url, key = _address(arguments, gateway)
    call = _caller(base_url, key)
    product = _some_product(call)
    calls = {(name, ""): functools.partial(call, path.format(id=product)) for name, path in PATHS.items()}
    calls |= {(MCP, method): functools.partial(call, "/mcp", _message(method)) for method in MESSAGES}
    times = {
        f"{name} {method}".rstrip(): _measured(gateway, name, one, arguments.rounds)
        for (name, method), one in calls.items()
    }
    if arguments.json:
        print(json.dumps({name: {"cold": one.cold, "warm": one.warm} for name, one in times.items()}, indent=2))
    else:
        print("\n".join(_line(name, one) for name, one in times.items()))
    more = statistics.median(times[SEARCH].cold) - statistics.median(times[BASE].cold)
    if not arguments.json:
        print(
            f"A cold search takes {more * 1000:+.0f} ms beside one product; {MOST_SECONDS * 1000:.0f} ms more at most."
        )
    if more > MOST_SECONDS:
        raise Failure("The search takes too long to start.")


def _address(arguments: argparse.Namespace, gateway: Target) -> tuple[str, str]:
    if arguments.stack:
        key = os.environ.get("GATEWAY_API_KEY", "")
        if not key:
            raise Failure("Set GATEWAY_API_KEY to a key of the stack with the scope products.")
        return gateway.output("BaseUrl"), key
    base_url = Stack(str(gateway.endpoint)).base_url()
    found = access.load(arguments.home / "gateway.json", base_url)
    if not found:
        raise Failure("There is no key to call the gateway on this machine: scripts/start makes one.")
    return base_url, found.api_key


def _caller(base_url: str, key: str) -> Callable[..., Any]:
    def call(path: str, message: dict[str, Any] | None = None) -> Any:
        method, headers = "POST" if message else "GET", {"Authorization": f"Bearer {key}"}
        answer = requests.request(method, base_url + path, json=message, headers=headers, timeout=TIMEOUT)
        if answer.status_code != 200 or (message and _failed(answer.json())):
            raise Failure(f"{method} {path} was answered by {answer.status_code}: {answer.text[:200]}")
        return answer.json()

    return call


def _message(method: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": MESSAGES[method]}


def _failed(answer: dict[str, Any]) -> bool:
    """MCP tells some failures of a message with the status of a success."""
    return "result" not in answer or bool(answer["result"].get("isError"))


def _some_product(call: Callable[..., Any]) -> str:
    products = call("/products/search?q=headphones&limit=1")["data"] or call("/products?limit=1")["data"]
    if not products:
        raise Failure("There are no products: import some by scripts/import-products.")
    return str(products[0]["id"])


def _measured(gateway: Target, name: str, call: Callable[[], Any], rounds: int) -> Times:
    cold, warm = [], []
    with _functions(gateway, name) as lose_instances:
        for number in range(rounds):
            lose_instances(str(number))
            cold.append(_seconds(call))
            warm += [_seconds(call) for _ in range(WARM_CALLS)]
    return Times(cold, warm)


@contextmanager
def _functions(gateway: Target, name: str) -> Iterator[Callable[[str], None]]:
    """What gives a function new instances; its variables are afterwards as they were."""
    stack, functions = gateway.client("cloudformation"), gateway.client("lambda")
    resource = stack.describe_stack_resource(StackName=gateway.stack, LogicalResourceId=name)["StackResourceDetail"]
    function = resource["PhysicalResourceId"]
    variables = functions.get_function_configuration(FunctionName=function)["Environment"]["Variables"]

    def configure(**more: str) -> None:
        functions.update_function_configuration(FunctionName=function, Environment={"Variables": variables | more})
        functions.get_waiter("function_updated_v2").wait(FunctionName=function)

    try:
        yield lambda value: configure(**{VARIABLE: value})
    finally:
        variables.pop(VARIABLE, None)
        configure()


def _seconds(call: Callable[[], Any]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _line(name: str, times: Times) -> str:
    cold, warm = (statistics.median(seconds) * 1000 for seconds in (times.cold, times.warm))
    return f"{name:<24} cold {cold:6.0f} ms ({min(times.cold) * 1000:.0f} to {max(times.cold) * 1000:.0f})   warm {warm:5.0f} ms"


if __name__ == "__main__":
    main()
