"""A completion that runs the catalogue's tools, with every provider's model: over real HTTP, by the providers' own checks."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from gateway import pipeline
from gateway.registry import Registry
from gateway.settings import settings
from gateway.tools import catalogue
from tests.conftest import LambdaContext
from tests.integration.harness import Gateway, Json, attempts_of, event_with
from tests.integration.speakers import READ, SAID, SPEAKERS, UNCACHED, WRITTEN, calling
from tests.integration.test_contract import PRICE, PROTOCOLS
from tests.integration.tool_loops import ENTRY, TOOLS, WEATHER, Model, finish_of, message_of, results, tool
from tests.upstream import Reply, Upstream

pytestmark = pytest.mark.usefixtures("single_try")

SEARCH = ("search_catalog", {"query": "headphones"})
PRODUCT = ("get_product", {"query": "hp-1"})
FOUND, SHOWN = '{"found":{"query":"headphones"}}', '{"product":{"query":"hp-1"}}'
CITY = ("get_weather", {"city": "Paris"})


def models_of(provider: str, **fields: Any) -> Registry:
    deployment = {"provider": "p", "model": "some-model", "price": PRICE, "max_output_tokens": 64_000}
    deployment |= SPEAKERS[provider].deployment | fields
    return Registry(
        {
            "updated": "2026-01-01",
            "providers": {"p": SPEAKERS[provider].provider},
            "models": {"m": {"deployments": [deployment]}},
        }
    )


@pytest.fixture
def make(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Model]]:
    """Makes a provider's model; the key may see products."""
    monkeypatch.setattr(catalogue, "TOOLS", TOOLS)
    gateway.change_key(scopes=["inference", "products"])
    opened: list[Upstream] = []

    def made(provider: str, **fields: Any) -> Model:
        speaker = SPEAKERS[provider]
        models = models_of(provider, **fields)
        monkeypatch.setattr(pipeline, "registry", lambda: models)
        upstream = Upstream(protocol=PROTOCOLS[provider](speaker.secrets("").get("KEY"))).__enter__()
        opened.append(upstream)
        gateway.set_secret(**speaker.secrets(upstream.url))
        return Model(provider, gateway, upstream)

    yield made
    for upstream in opened:
        upstream.__exit__(None, None, None)


@pytest.fixture(params=SPEAKERS)
def model(request: pytest.FixtureRequest, make: Callable[..., Model]) -> Model:
    return make(request.param)


@pytest.fixture
def openai(make: Callable[..., Model]) -> Model:
    return make("openai_compatible")


# What every provider's model sees, and every client gets.


def test_calls_are_run_and_fed_back_until_the_model_answers(model: Model) -> None:
    model.plans([SEARCH, PRODUCT], PRODUCT, model.text)
    answer = model.ask()
    assert results(answer) == [
        (1, "search_catalog", FOUND, None), (1, "get_product", SHOWN, None), (2, "get_product", SHOWN, None),
    ]  # fmt: skip
    message = ChatCompletion.model_validate(answer.json, strict=True).choices[0].message
    assert (message.content, message.tool_calls, finish_of(answer)) == ("Four.", None, "stop")
    assert len(model.upstream.requests) == 3
    assert "found" in model.sent(1)
    assert len({call["id"] for call in message_of(answer)["mcp_calls"]}) == 3


def test_all_rounds_are_one_request_and_its_sums_are_exact(model: Model) -> None:
    model.plans([SEARCH, PRODUCT], PRODUCT, model.text)
    answer = model.ask()
    row, written = model.gateway.row(), WRITTEN if SPEAKERS[model.provider].writes else 0
    cost = (
        3
        * (Decimal(UNCACHED + WRITTEN - written) + READ * Decimal("0.1") + written * Decimal("1.25") + SAID * 10)
        / 10**6
    )
    assert row["cost_usd"] == cost
    assert Decimal(answer.headers["x-gateway-cost-usd"]) == cost
    assert [attempt["round"] for attempt in row["attempts"]] == [1, 2, 3]
    assert answer.headers["x-gateway-rounds"] == "3"
    assert [name for name, _ in attempts_of(answer)] == [attempt["deployment"] for attempt in row["attempts"]]
    assert [(one["tool"], one["outcome"]) for one in row["tools"]] == [
        ("search_catalog", "ok"), ("get_product", "ok"), ("get_product", "ok"),
    ]  # fmt: skip
    assert (row["output_tokens"], row["cache_read_tokens"]) == (3 * SAID, 3 * READ)
    usage = answer.json["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (3 * (UNCACHED + READ + WRITTEN), 3 * SAID)
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


def test_a_model_that_never_stops_calling_is_stopped_and_no_call_of_ours_looks_like_the_clients(model: Model) -> None:
    model.plans(*[SEARCH] * 6)
    answer = model.ask()
    assert len(model.upstream.requests) == 5
    assert [error is None for *_, error in results(answer)] == [True] * 4 + [False]
    message = message_of(answer)
    assert ("tool_calls" in message, message["content"], finish_of(answer)) == (False, "", "length")
    assert len(model.gateway.row()["tools"]) == 4


def test_calls_beyond_the_cap_are_told_so(model: Model) -> None:
    model.plans([SEARCH] * 12, model.text)
    answer = model.ask()
    assert [error for *_, error in results(answer)] == [None] * 10 + [
        "Not run: at most 10 calls are run in a request. Answer by what you know."
    ] * 2
    assert (finish_of(answer), len(model.upstream.requests), len(model.gateway.row()["tools"])) == ("stop", 2, 10)


def test_what_was_not_allowed_is_not_run_whoever_asks_for_it(model: Model) -> None:
    model.plans([PRODUCT, ("rm_rf", {})], model.text)
    answer = model.ask(ENTRY | {"allowed_tools": ["search_catalog"]})
    assert [error for *_, error in results(answer)] == [
        f"There is no tool '{name}' that may be called; there are search_catalog." for name in ("get_product", "rm_rf")
    ]
    assert "may be called" in model.sent()
    assert "get_product" not in model.sent(0)
    assert model.gateway.row().get("tools") is None


def test_a_tool_that_fails_tells_the_model_why_and_nobody_the_gateways_secrets(model: Model) -> None:
    model.plans([("fails", {}), ("bursts", {"query": "canary-words"})], model.text)
    answer = model.ask()
    errors = [error for *_, error in results(answer)]
    assert errors[0] == "query: must not be empty."
    assert errors[1] == "The tool failed. The gateway's log names the cause under this request's id."
    assert "canary-words" not in json.dumps(answer.logs)
    assert [one["outcome"] for one in model.gateway.row()["tools"]] == ["invalid_request_error", "internal_error"]
    assert "must not be empty" in model.sent()


def test_a_tools_answer_of_two_megabytes_is_cut_and_says_so(model: Model) -> None:
    model.plans(("talks", {}), model.text)
    ((*_, output, _),) = results(model.ask())
    assert output is not None
    assert 63_000 < len(output) <= 64_000
    assert "2,000,011 characters" in output
    assert "Ask for less" in output
    assert len(model.sent()) < 70_000


def test_the_clients_own_calls_go_back_to_it_and_all_is_told_once_when_it_answers(model: Model) -> None:
    model.plans([SEARCH], calling(model.provider, PRODUCT, CITY, text="Let me see."))
    first = model.ask(ENTRY, WEATHER)
    message = message_of(first)
    assert (finish_of(first), len(message["tool_calls"])) == ("tool_calls", 1)
    assert message["tool_calls"][0]["function"]["name"] == "get_weather"
    assert [name for _, name, *_ in results(first)] == ["search_catalog", "get_product"]
    model.plans(model.text)
    sunny = {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "canary-sunny"}
    second = model.ask(ENTRY, WEATHER, messages=[*model.said, message, sunny])
    assert message_of(second)["content"] == "Four."
    sent = model.sent()
    assert [sent.count(word) for word in ("canary-sunny", '\\"found\\"', '\\"product\\"', "Let me see.")] in (
        [1, 1, 1, 1],
        [1, 0, 0, 1],
    )  # fmt: skip - Gemini has results as objects
    assert "mcp_calls" not in sent


def test_a_finished_answer_can_be_followed_up(model: Model) -> None:
    model.plans([SEARCH, PRODUCT], SEARCH, model.text)
    message = ChatCompletion.model_validate(model.ask().json).choices[0].message.model_dump()  # with all its nulls
    model.plans(model.text)
    answer = model.ask(messages=[*model.said, message, {"role": "user", "content": "And cheaper?"}])
    assert message_of(answer)["content"] == "Four."
    assert "mcp_calls" not in message_of(answer)
    assert model.sent().count("Four.") == 1
    assert "mcp_calls" not in model.sent()


def test_a_call_that_needs_approval_goes_back_and_is_run_once_it_is_approved(model: Model) -> None:
    model.plans([SEARCH])
    message = message_of(model.ask(ENTRY | {"require_approval": "always"}))
    (request,) = message["mcp_approval_requests"]
    assert (request["name"], json.loads(request["arguments"])) == SEARCH
    assert [call["id"] for call in message["tool_calls"]] == [request["id"]]
    assert "mcp_calls" not in message
    model.plans(model.text)
    approval = {
        "role": "tool",
        "tool_call_id": request["id"],
        "content": "",
        "mcp_approval_response": {"approve": True},
    }
    chat = [*model.said, message, approval]
    answer = model.ask(ENTRY | {"require_approval": "always"}, messages=chat)
    assert results(answer) == [(0, "search_catalog", FOUND, None)]
    assert "found" in model.sent()
    model.plans(model.text)
    later = [*chat, message_of(answer), {"role": "user", "content": "And?"}]
    again = model.ask(ENTRY | {"require_approval": "always"}, messages=later)
    assert results(again) == []
    assert "found" in model.sent()
    assert [row.get("tools") is not None for row in model.gateway.rows()] == [False, True, False]


def test_what_always_needs_approval_needs_it_whatever_never_does(openai: Model) -> None:
    approval = {
        "never": {"tool_names": ["search_catalog", "get_product"]},
        "always": {"tool_names": ["get_product", "talks"]},
    }
    openai.plans([SEARCH, PRODUCT])
    answer = openai.ask(ENTRY | {"require_approval": approval})
    assert [one["name"] for one in message_of(answer)["mcp_approval_requests"]] == ["get_product"]
    assert [name for _, name, *_ in results(answer)] == ["search_catalog"]


def test_a_call_that_is_not_approved_is_not_run_and_the_model_learns_why(model: Model) -> None:
    model.plans([SEARCH])
    message = message_of(model.ask({"type": "mcp", "server_label": "catalogue"}))
    model.plans(model.text)
    denial = {"approve": False, "reason": "Too dear."}
    denied = {
        "role": "tool",
        "tool_call_id": message["tool_calls"][0]["id"],
        "content": "",
        "mcp_approval_response": denial,
    }
    answer = model.ask(messages=[*model.said, message, denied])
    assert message_of(answer)["content"] == "Four."
    assert "The user did not approve this call. Too dear." in model.sent()
    assert all(row.get("tools") is None for row in model.gateway.rows())


def test_a_stream_carries_the_calls_the_sums_and_the_number_of_rounds(model: Model) -> None:
    model.plans([SEARCH], model.text)
    events = model.ask(stream=True, stream_options={"include_usage": True}).events
    deltas = [choice["delta"] for event in events for choice in event["choices"]]
    assert [call["output"] for delta in deltas for call in delta.get("mcp_calls", [])] == [FOUND]
    assert "".join(delta.get("content") or "" for delta in deltas) == "Four."
    assert events[-1]["usage"]["completion_tokens"] == 2 * SAID
    assert [event["gateway"]["rounds"] for event in events if "gateway" in event] == [2]


def test_calls_are_forbidden_in_the_last_round_and_in_no_other(openai: Model) -> None:
    openai.plans(*[SEARCH] * 4, openai.text)
    assert message_of(openai.ask())["content"] == "Four."
    assert [one.json.get("tool_choice") for one in openai.upstream.requests] == [None] * 4 + ["none"]


def test_openais_client_puts_a_stream_together_and_its_message_can_be_sent_back(openai: Model) -> None:
    openai.plans([SEARCH, PRODUCT], [PRODUCT, CITY])
    state: Any = ChatCompletionStreamState()
    for event in openai.ask(ENTRY, WEATHER, stream=True, stream_options={"include_usage": True}).events:
        state.handle_chunk(ChatCompletionChunk.model_validate(event))
    message = state.get_final_completion().choices[0].message.model_dump()
    assert [(call["round"], call["output"]) for call in message["mcp_calls"]] == [(1, FOUND), (1, SHOWN), (2, SHOWN)]
    (call,) = message["tool_calls"]
    openai.plans(openai.text)
    result = {"role": "tool", "tool_call_id": call["id"], "content": "Sunny."}
    assert openai.ask(ENTRY, WEATHER, messages=[*openai.said, message, result]).status == 200
    told = openai.upstream.requests[-1].json["messages"]
    assert [one["role"] for one in told] == ["user", "assistant", "tool", "tool", "assistant", "tool", "tool"]


def test_a_call_that_was_forced_is_forced_once(model: Model) -> None:
    if model.provider in ("bedrock",):
        pytest.skip("its deployment here thinks by a budget, which goes with no forced call")
    model.plans([SEARCH], model.text)
    choice = {"type": "mcp", "server_label": "catalogue", "name": "search_catalog"}
    assert message_of(model.ask(tool_choice=choice))["content"] == "Four."


# What providers want back with their calls.


def test_claudes_thoughts_go_back_with_the_calls_that_they_led_to(make: Callable[..., Model]) -> None:
    model = make("anthropic")
    thought = {"type": "thinking", "thinking": "Hmm.", "signature": "canary-signature"}
    model.plans(calling("anthropic", SEARCH, thoughts=[thought]), calling("anthropic", CITY, thoughts=[thought]))
    message = message_of(model.ask(ENTRY, WEATHER, reasoning_effort="low"))
    assert model.sent().count("canary-signature") == 1
    model.plans(model.text)
    result = {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "Sunny."}
    assert model.ask(ENTRY, WEATHER, reasoning_effort="low", messages=[*model.said, message, result]).status == 200
    assert model.sent().count("canary-signature") == 2


@pytest.mark.parametrize("provider", ["anthropic", "bedrock"])
def test_claude_thinks_once_before_a_row_of_calls(make: Callable[..., Model], provider: str) -> None:
    model = make(provider, reasoning="budget")
    thought: Json = {"type": "thinking", "thinking": "Hmm.", "signature": "s"}
    if provider == "bedrock":
        thought = {"reasoningContent": {"reasoningText": {"text": "Hmm.", "signature": "s"}}}
    model.plans(calling(provider, SEARCH, thoughts=[thought]), SEARCH, SEARCH, model.text)
    answer = model.ask(reasoning_effort="low")
    assert [number for number, *_ in results(answer)] == [1, 2, 3]
    model.plans(SEARCH, SEARCH)
    answer = model.ask(reasoning_effort="low")  # which it does not answer without a thought
    assert (answer.status, answer.error["param"]) == (400, "reasoning_effort")


def test_geminis_signatures_go_back_with_their_calls(make: Callable[..., Model]) -> None:
    model = make("gemini")
    signed = [{"thoughtSignature": "Y2FuYXJ5"}]
    model.plans(calling("gemini", SEARCH, PRODUCT, thoughts=signed), calling("gemini", PRODUCT, CITY, thoughts=signed))
    message = message_of(model.ask(ENTRY, WEATHER))
    assert model.sent().count("Y2FuYXJ5") == 1
    model.plans(model.text)
    result = {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "Sunny."}
    assert model.ask(ENTRY, WEATHER, messages=[*model.said, message, result]).status == 200
    assert model.sent().count("Y2FuYXJ5") == 2


def test_bedrock_is_told_in_words_at_last_since_it_has_none_for_no_more_calls(make: Callable[..., Model]) -> None:
    model = make("bedrock")
    model.plans(*[SEARCH] * 4, model.text)
    assert message_of(model.ask())["content"] == "Four."
    assert "No more tools can be called" in model.sent()
    assert "No more tools can be called" not in model.sent(-2)


def test_bedrock_is_told_in_words_whatever_came_last(
    make: Callable[..., Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.rounds.settings", lambda: replace(settings(), tool_rounds=1))
    model = make("bedrock")
    model.plans([SEARCH], model.text, model.text)
    message = message_of(model.ask())
    assert "toolConfig" not in model.upstream.requests[-1].json
    assert model.ask(messages=[*model.said, message, *model.said]).status == 200
    assert "No more tools can be called" in model.sent()
    called = {
        "role": "assistant",
        "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
    }
    parts = {"role": "tool", "tool_call_id": "a", "content": [{"type": "text", "text": "Sunny."}]}
    assert model.ask(messages=[*model.said, called, parts]).status == 200
    assert "No more tools can be called" in model.sent()


def test_arguments_that_are_no_json_are_told_so_and_never_sent_back(openai: Model) -> None:
    openai.plans(("search_catalog", '{"query": "canary'), openai.text)
    answer = openai.ask()
    ((*_, error),) = results(answer)
    assert error == 'Not run: the arguments are not a JSON object, but: {"query": "canary'
    assert message_of(answer)["mcp_calls"][0]["arguments"] == '{"query": "canary'
    assert openai.upstream.requests[-1].json["messages"][1]["tool_calls"][0]["function"]["arguments"] == "{}"


# Bounds.


def test_no_round_begins_after_the_deadline(openai: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    def dawdle(_: Json) -> Json:
        time.sleep(0.6)
        return {}

    slow = tool("search_catalog", dawdle)
    monkeypatch.setattr(catalogue, "TOOLS", {"search_catalog": slow})
    openai.plans([SEARCH] * 5, openai.text)
    answer = openai.ask(context=LambdaContext(2_000))
    assert (answer.status, answer.error["code"], answer.headers["x-should-retry"]) == (504, "upstream_timeout", "false")
    row = openai.gateway.row()
    assert (row["status"], row["output_tokens"], len(row["attempts"])) == (504, SAID, 1)
    assert len(row["tools"]) == 2


def test_a_provider_that_fails_in_a_later_round_ends_the_request_with_all_that_was_paid(model: Model) -> None:
    model.plans([SEARCH], SPEAKERS[model.provider].errors["failed"])
    answer = model.ask()
    assert (answer.status, answer.error["code"]) == (502, "upstream_error")
    row = model.gateway.row()
    assert (row["output_tokens"], [one["outcome"] for one in row["attempts"]]) == (SAID, ["ok", "upstream_error"])
    assert Decimal(answer.headers["x-gateway-cost-usd"]) == row["cost_usd"] > 0
    assert answer.headers["x-gateway-model"] == row["provider_model"]  # of who answered before


# Refusals before anybody is asked.

REFUSED: dict[str, tuple[Json, str]] = {
    "another server": ({"tools": [ENTRY | {"server_label": "x"}]}, "tools[0].server_label"),
    "no server": ({"tools": [{"type": "mcp"}]}, "tools[0].server_label"),
    "an address": ({"tools": [ENTRY | {"server_url": "https://x.example"}]}, "tools[0].server_url"),
    "credentials": ({"tools": [ENTRY | {"authorization": "x"}]}, "tools[0].authorization"),
    "a connector": ({"tools": [ENTRY | {"connector_id": "x"}]}, "tools[0].connector_id"),
    "headers": ({"tools": [ENTRY | {"headers": {}}]}, "tools[0].headers"),
    "an unknown field": ({"tools": [ENTRY | {"colour": "x"}]}, "tools[0].colour"),
    "an unknown tool": ({"tools": [ENTRY | {"allowed_tools": ["x"]}]}, "tools[0].allowed_tools"),
    "an unknown tool in a filter": (
        {"tools": [ENTRY | {"allowed_tools": {"tool_names": ["x"]}}]}, "tools[0].allowed_tools.tool_names",
    ),
    "a wrong approval": ({"tools": [ENTRY | {"require_approval": "sometimes"}]}, "tools[0].require_approval"),
    "an approval of an unknown tool": (
        {"tools": [ENTRY | {"require_approval": {"never": {"tool_names": ["x"]}}}]},
        "tools[0].require_approval.never.tool_names",
    ),
    "the same twice": ({"tools": [ENTRY, ENTRY]}, "tools[1].server_label"),
    "a function of the same name": (
        {"tools": [ENTRY, {"type": "function", "function": {"name": "search_catalog"}}]}, "tools[1].function.name",
    ),
    "several answers": ({"n": 2}, "n"),
    "functions in the form before tools": ({"functions": [{"name": "get_weather"}]}, "functions"),
    "too many tools": (
        {"tools": [ENTRY, *({"type": "function", "function": {"name": f"f{i}"}} for i in range(126))]}, "tools",
    ),
    "a choice of another server": ({"tool_choice": {"type": "mcp", "server_label": "x"}}, "tool_choice.server_label"),
    "a choice of a server that is not there": (
        {"tools": [WEATHER], "tool_choice": {"type": "mcp", "server_label": "catalogue"}}, "tool_choice.server_label",
    ),
    "a choice of an unknown tool": (
        {"tool_choice": {"type": "mcp", "server_label": "catalogue", "name": "x"}}, "tool_choice.name",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_run_so_is_refused_by_its_field_and_leaves_no_row(openai: Model, case: str) -> None:
    body, param = REFUSED[case]
    for route in ("chat_completions", "route"):
        answer = openai.gateway.send(
            route, event_with(route, {"model": "m", "messages": openai.said, "tools": [ENTRY]} | body)
        )
        assert (answer.status, answer.error["param"]) == (400, param), (route, answer.text)
        assert answer.error["message"].startswith(f"{param}: ")
    assert (openai.gateway.rows(), openai.upstream.requests) == ([], [])


def test_a_key_that_may_not_see_products_may_not_have_them_looked_up(openai: Model) -> None:
    openai.gateway.change_key(scopes=["inference"])
    answer = openai.ask(WEATHER, ENTRY)
    assert (answer.status, answer.error["code"], answer.error["param"]) == (403, "insufficient_scope", "tools[1]")
    assert openai.gateway.rows() == []


def test_a_prompt_of_old_has_no_room_for_tools(openai: Model) -> None:
    body = {"model": "m", "prompt": "Headphones?", "tools": [ENTRY]}
    answer = openai.gateway.send("completions", event_with("completions_chat", body))
    assert (answer.status, answer.error["param"]) == (400, "tools")


def test_completions_with_messages_run_tools_as_well(openai: Model) -> None:
    openai.plans([SEARCH], openai.text)
    body = {"model": "m", "messages": openai.said, "tools": [ENTRY]}
    answer = openai.gateway.send("completions", event_with("completions_chat", body))
    assert results(answer) == [(1, "search_catalog", FOUND, None)]


ITEM = {
    "type": "mcp_call", "id": "a", "round": 1, "place": 0, "server_label": "catalogue", "name": "search_catalog", "arguments": "{}",
    "output": "{}", "error": None, "message": {"content": None},
}  # fmt: skip
FORGED: dict[str, tuple[Json, str]] = {
    "no output": (ITEM | {"output": None}, "output"),
    "output and error": (ITEM | {"error": "x"}, "output"),
    "a round below": (ITEM | {"round": -1}, "round"),
    "a place beyond all": (ITEM | {"place": 10**30, "message": None}, "place"),
    "another server": (ITEM | {"server_label": "x"}, "server_label"),
    "an approval of nothing": (ITEM | {"round": 0}, "id"),
    "no arguments": ({name: value for name, value in ITEM.items() if name != "arguments"}, "arguments"),
    "a message of numbers": (ITEM | {"message": {"content": 7}}, "message.content"),
}


def test_what_a_provider_cannot_do_is_named_by_the_message_that_the_client_sent(make: Callable[..., Model]) -> None:
    model = make("openai_compatible", capabilities=["chat", "tools"])
    model.plans([SEARCH], PRODUCT, model.text)
    before = [*model.said, message_of(model.ask())]
    image = {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}
    for tools in ([ENTRY], [WEATHER]):
        answer = model.ask(*tools, messages=[*before, {"role": "user", "content": [image]}])
        assert (answer.status, answer.error["param"]) == (400, "messages[2].content[0]")
        assert answer.error["message"].startswith("messages[2].content[0]: ")


@pytest.mark.parametrize("case", FORGED)
def test_calls_that_cannot_have_been_are_refused_by_their_field(openai: Model, case: str) -> None:
    item, field = FORGED[case]
    forged = {"role": "assistant", "content": "x", "mcp_calls": [item]}
    answer = openai.ask(messages=[*openai.said, forged, *openai.said])
    assert (answer.status, answer.error["param"]) == (400, f"messages[1].mcp_calls[0].{field}")


def test_an_approval_of_what_was_never_asked_is_refused(openai: Model) -> None:
    called = {"id": "a", "type": "function", "function": {"name": "search_catalog", "arguments": "{}"}}
    approval = {"role": "tool", "tool_call_id": "a", "content": "", "mcp_approval_response": {"approve": True}}
    chat = [*openai.said, {"role": "assistant", "content": None, "tool_calls": [called]}, approval]
    answer = openai.ask(messages=chat)
    assert (answer.status, answer.error["param"]) == (400, "messages[2].mcp_approval_response")


def test_an_approval_is_answered_once(openai: Model) -> None:
    openai.plans([SEARCH])
    message = message_of(openai.ask(ENTRY | {"require_approval": "always"}))
    yes, no = (
        {"role": "tool", "tool_call_id": "call_0", "content": "", "mcp_approval_response": {"approve": approve}}
        for approve in (True, False)
    )
    answer = openai.ask(messages=[*openai.said, message, yes, no])
    assert (answer.status, answer.error["param"]) == (400, "messages[3].mcp_approval_response")
    answer = openai.ask(WEATHER, messages=[*openai.said, message, yes])  # and what may not be run any more is not
    assert (answer.status, answer.error["param"]) == (400, "messages[2].mcp_approval_response")


def test_fields_of_nothing_say_nothing(openai: Model) -> None:
    nothing = dict.fromkeys(("server_url", "headers", "allowed_tools", "colour"))
    openai.plans([SEARCH], openai.text)
    assert results(openai.ask(ENTRY | nothing)) == [(1, "search_catalog", FOUND, None)]


def test_no_tools_and_no_choice_are_sent_if_none_are_allowed(openai: Model) -> None:
    openai.plans(SEARCH, SEARCH, SEARCH, SEARCH, openai.text)
    answer = openai.ask(ENTRY | {"allowed_tools": []}, tool_choice="auto")
    assert len(results(answer)) == 4
    assert [(one.json.get("tools"), one.json.get("tool_choice")) for one in openai.upstream.requests] == [
        (None, None)
    ] * 5


def test_prompts_and_tools_words_are_logged_only_if_that_is_asked_for(openai: Model) -> None:
    openai.plans(("search_catalog", {"query": "canary-words"}), openai.text)
    answer = openai.ask()
    assert "canary-words" in answer.text
    assert "canary-words" not in json.dumps(answer.logs) + json.dumps(openai.gateway.row(), default=str)


def test_a_default_reply_serves(openai: Model) -> None:
    openai.upstream.default = Reply.default()
    answer = openai.ask()
    assert answer.status == 200
    assert "mcp_calls" not in message_of(answer)
