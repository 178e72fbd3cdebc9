"""What a runner runs and tells, and what becomes of calls that no provider would take back as they are."""

from collections.abc import Iterator
from typing import Any

import pytest

from gateway import context
from gateway.deadline import Deadline
from gateway.errors import InvalidRequest
from gateway.tools import running
from gateway.tools.definitions import Tool
from gateway.tools.running import Runner
from gateway.tools.transcript import Called, expanded

Json = dict[str, Any]

CLOCK = Deadline(100.0, lambda: 0.0)


@pytest.fixture(autouse=True)
def served() -> Iterator[None]:
    token = context._current.set(context.RequestContext("0" * 26, 0.0, CLOCK, "/"))
    yield
    context._current.reset(token)


def says(text: str) -> Tool:
    return Tool("say", "Say", "Says.", {"type": "object"}, {"type": "object"}, lambda _: {"text": text})


def refuses(_: Json) -> Json:
    raise InvalidRequest("x" * 5000)


def outcome(runner: Runner, name: str = "say", arguments: str = "{}") -> tuple[str | None, str | None]:
    """What a call is told to have brought, which is what the model is told as well."""
    result = runner.answer(Called("a", name, arguments))
    item = runner.told[-1]
    assert result["content"] == (item["error"] if item["output"] is None else item["output"])
    return item["output"], item["error"]


def test_short_answers_use_up_what_all_may_have_together_too(monkeypatch: pytest.MonkeyPatch) -> None:
    runner = Runner({"say": says("x" * 400)}, 10, CLOCK, _characters=1000)
    lengths = [len(outcome(runner)[0] or "") for _ in range(4)]
    assert lengths[:2] == [411, 411]
    assert max(lengths[2:]) < 300  # no more than the words that say so


def test_arguments_of_nothing_are_none() -> None:
    assert outcome(Runner({"say": says("Hi.")}, 1, CLOCK), arguments="") == ('{"text":"Hi."}', None)


@pytest.mark.parametrize("arguments", ["null", "[]", '"x"', "7", "{", "{" * 100_000, '{"a": NaN}'])
def test_arguments_that_are_no_object_are_quoted_in_part_and_count_as_no_call(arguments: str) -> None:
    runner = Runner({"say": says("Hi.")}, 1, CLOCK)
    output, error = outcome(runner, arguments=arguments)
    assert (output, error) == (None, f"Not run: the arguments are not a JSON object, but: {arguments[:200]}")
    assert not runner.is_spent


def test_no_error_is_longer_than_a_model_should_read() -> None:
    runner = Runner({"fail": Tool("fail", "", "", {}, {}, refuses)}, 10, CLOCK)
    assert outcome(runner, "fail") == (None, "x" * running.MAX_ERROR)
    _, error = outcome(runner, "y" * 5000)
    assert error == f"There is no tool '{'y' * 100}' that may be called; there are fail."


def item(identity: str, place: int, **fields: Any) -> Json:
    return {
        "type": "mcp_call", "id": identity, "round": 1, "place": place, "server_label": "catalogue", "name": "say", "arguments": "{}",
        "output": "", "error": None,
    } | fields  # fmt: skip


def test_calls_find_their_places_among_the_clients_whatever_their_order() -> None:
    mine = {"id": "m", "type": "function", "function": {"name": "mine", "arguments": "{}"}}
    told = [item("b", 1), item("a", 0)]
    said, *results = expanded([{"role": "assistant", "content": None, "tool_calls": [mine], "mcp_calls": told}])[0]
    assert [call["id"] for call in said["tool_calls"]] == ["a", "b", "m"]
    assert [result["content"] for result in results] == ["", ""]


def test_a_name_that_is_too_long_for_providers_goes_back_shorter() -> None:
    told = [item("a", 0, name="n" * 200)]
    said = expanded([{"role": "assistant", "content": "", "mcp_calls": told}])[0][0]
    assert said["tool_calls"][0]["function"]["name"] == "n" * 64
