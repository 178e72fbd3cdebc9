"""The loop that runs tools, and what it makes of a history, without a provider."""

from collections.abc import Iterator
from typing import Any

import pytest

from gateway import context
from gateway.attempts import Route
from gateway.candidates import LeftOut, Plan, Step, preferring
from gateway.deadline import Deadline
from gateway.errors import InvalidRequest, UpstreamTimeout
from gateway.providers.base import Answer
from gateway.schemas import ChatCompletionRequest
from gateway.tools import running
from gateway.tools.definitions import Tool
from gateway.tools.loop import Loop
from gateway.tools.requested import Asked, Offer
from gateway.tools.running import Runner
from gateway.tools.transcript import expanded
from gateway.usage import Usage
from tests.unit.builders import request

Json = dict[str, Any]

CLOCK = Deadline(100.0, lambda: 0.0)
ITEM: Json = {
    "type": "mcp_call", "id": "a", "round": 1, "place": 0, "server_label": "catalogue", "name": "look", "arguments": "{}", "output": "seen",
}  # fmt: skip
SAID = {"message": {"content": "Hm.", "thinking_blocks": [{"signature": "s"}]}}


@pytest.fixture(autouse=True)
def served() -> Iterator[None]:
    token = context._current.set(context.RequestContext("0" * 26, 0.0, CLOCK, "/"))
    yield
    context._current.reset(token)


def look(answer: Any = None) -> Tool:
    return Tool("look", "Look", "Looks.", {"type": "object"}, {"type": "object"}, lambda _: answer or {"seen": True})


def call(identity: str, name: str = "look", arguments: str = "{}", **besides: Any) -> Json:
    return {"id": identity, "type": "function", "function": {"name": name, "arguments": arguments}} | besides


def says(
    content: str | None = None, *calls: Json, finish: str = "stop", usage: Usage | None = None, **fields: Any
) -> Answer:
    message: Json = {"role": "assistant", "content": content, "refusal": None} | fields
    if calls:
        message["tool_calls"] = list(calls)
        finish = "tool_calls" if finish == "stop" else finish
    used = usage or Usage(input_tokens=3, output_tokens=2)
    body = {
        "id": "x",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": used.to_openai(),
    }
    return Answer(body, used, "m")


def loop(
    *answers: Answer, rounds: int = 5, calls: int = 10, own: frozenset[str] = frozenset(), **body: Any
) -> tuple[Answer, list[Any]]:
    """What a loop ends in whose model answers so, and what the model was asked."""
    asked: list[Any] = []
    coming = iter(answers)

    def ask(question: ChatCompletionRequest, is_last: bool) -> Answer:
        asked.append((question.wire()["messages"], question.wire().get("tool_choice"), is_last))
        return next(coming)

    offer = Offer({"look": look()}, {"look"}, own)
    tools = [{"type": "function", "function": {"name": "look"}}]
    wanted = Asked(request(tools=tools, **body), offer)
    return Loop(wanted, offer, Runner(offer.tools, calls, CLOCK), rounds, ask).run(), asked


def message_of(answer: Answer) -> Json:
    message: Json = answer.body["choices"][0]["message"]
    return message


def test_what_the_model_said_beside_its_calls_goes_back_without_nulls() -> None:
    _, asked = loop(says("Hm.", call("a", extra_content={"k": 1}), thinking_blocks=[1], annotations=[]), says("Done."))
    said, result = asked[1][0][1:]
    assert said == {
        "role": "assistant", "content": "Hm.", "thinking_blocks": [1], "tool_calls": [call("a", extra_content={"k": 1})],
    }  # fmt: skip
    assert result == {"role": "tool", "tool_call_id": "a", "content": '{"seen":true}'}


def test_what_the_model_said_beside_its_calls_is_told_once_a_round_and_not_where_the_answer_has_it() -> None:
    answer, _ = loop(
        says("Hm.", call("a"), call("b")), says("So.", call("c"), call("m", "mine")), own=frozenset({"mine"})
    )
    told = [(one["id"], one["round"], one["place"], one.get("message")) for one in message_of(answer)["mcp_calls"]]
    assert told == [("a", 1, 0, {"content": "Hm."}), ("b", 1, 1, None), ("c", 2, 0, None)]


def test_ids_that_a_provider_counts_anew_are_told_apart() -> None:
    answer, asked = loop(says(None, call("c0"), call("c0")), says(None, call("c0")), says("Done."))
    ids = [one["id"] for one in message_of(answer)["mcp_calls"]]
    assert len(set(ids)) == 3
    assert [one["tool_call_id"] for one in asked[2][0] if one["role"] == "tool"] == ids


def test_what_only_one_provider_says_beside_its_words_is_not_sent_to_another() -> None:
    _, asked = loop(says("Hm.", call("a", index=0, mood=1), citations=["x"], reasoning="r"), says("Done."))
    assert asked[1][0][1] == {"role": "assistant", "content": "Hm.", "reasoning": "r", "tool_calls": [call("a")]}


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "look"}}])
def test_a_forced_call_is_forced_in_the_first_round_only(choice: Any) -> None:
    _, asked = loop(says(None, call("a")), says("Done."), tool_choice=choice)
    assert [one for _, one, _ in asked] == [choice, None]


def test_a_choice_among_some_tools_stays_one_among_these() -> None:
    def among(mode: str) -> Json:
        tools = [{"type": "function", "function": {"name": "look"}}]
        return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}}

    _, asked = loop(says(None, call("a")), says("Done."), tool_choice=among("required"))
    assert [one for _, one, _ in asked] == [among("required"), among("auto")]


def test_the_last_round_is_the_one_after_which_nothing_may_be_run() -> None:
    _, asked = loop(says(None, call("a")), says("Done."), rounds=2)
    assert [is_last for *_, is_last in asked] == [False, True]
    _, asked = loop(says(None, call("a")), says("Done."), calls=1)
    assert [is_last for *_, is_last in asked] == [False, True]


def test_with_calls_used_up_the_clients_functions_may_still_be_called() -> None:
    answer, asked = loop(says(None, call("a")), says(None, call("b", "mine")), calls=1, own=frozenset({"mine"}))
    assert [is_last for *_, is_last in asked] == [False, False]
    assert message_of(answer)["tool_calls"] == [call("b", "mine")]


def test_ids_are_told_apart_however_often_they_come_back() -> None:
    before = [call(identity) for identity in ("a", "a_3", "a_4")]
    said = [{"role": "assistant", "content": None, "tool_calls": before}, {"role": "user", "content": "And?"}]
    answer, _ = loop(says(None, call("a")), says("Done."), messages=said)
    assert message_of(answer)["mcp_calls"][0]["id"] == "a_5"


def test_ids_stay_as_short_as_openai_wants_them() -> None:
    said: list[Json] = [{"role": "assistant", "content": None, "tool_calls": [call("i" * 40)]}]
    for _ in range(60):
        answer, _ = loop(says(None, call("i" * 40)), says("Done."), messages=said)
        said.append(
            {"role": "assistant", "content": None, "tool_calls": [call(message_of(answer)["mcp_calls"][0]["id"])]}
        )
    ids = [one["tool_calls"][0]["id"] for one in said]
    assert (len(set(ids)), max(map(len, ids))) == (61, 40)


def test_why_an_answer_ended_stays_true_beside_the_clients_calls_and_words() -> None:
    answer, _ = loop(says(None, call("m", "mine"), finish="length"), own=frozenset({"mine"}))
    assert answer.body["choices"][0]["finish_reason"] == "length"
    answer, _ = loop(says(None, call("a"), finish="stop", refusal="I will not."), rounds=1)
    assert message_of(answer)["content"] is None


def test_a_withheld_answer_runs_nothing() -> None:
    answer, _ = loop(says("No", call("a"), finish="content_filter"))
    (item,) = message_of(answer)["mcp_calls"]
    assert (item["output"], item["error"]) == (None, "Not run: the provider withheld the answer, or the rest of it.")
    assert answer.body["choices"][0]["finish_reason"] == "content_filter"


def test_usage_is_of_all_rounds_and_unknown_if_one_is() -> None:
    answer, _ = loop(says(None, call("a")), says("Done."))
    assert answer.body["usage"] == {"prompt_tokens": 6, "completion_tokens": 4, "total_tokens": 10}
    answer, _ = loop(says(None, call("a"), usage=Usage()), says("Done."))
    assert answer.body["usage"] is None


def test_an_answer_without_calls_stays_as_it_is() -> None:
    said = says("Done.")
    assert loop(said)[0].body == said.body


def test_a_call_of_a_kind_without_a_function_is_the_clients() -> None:
    answer, _ = loop(says(None, {"id": "a", "type": "custom", "custom": {}}))
    assert message_of(answer)["tool_calls"] == [{"id": "a", "type": "custom", "custom": {}}]


def test_all_outputs_together_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "MAX_OUTPUTS", 100_000)
    runner = Runner({"look": look({"text": "x" * 90_000})}, 10, CLOCK, _characters=100_000)
    said = says(None, *(call(f"{i}") for i in range(4)))
    offer = Offer({"look": look()}, {"look"}, frozenset())
    coming = iter([said, says("Done.")])
    answer = Loop(Asked(request(), offer), offer, runner, 5, lambda _request, _is_last: next(coming)).run()
    outputs = [one["output"] for one in message_of(answer)["mcp_calls"]]
    assert all("Cut off here" in output for output in outputs)
    assert sum(map(len, outputs)) < 101_000


def test_no_tool_is_run_after_the_deadline() -> None:
    runner = Runner({"look": look()}, 10, Deadline(1.0, lambda: 2.0))
    offer = Offer({"look": look()}, {"look"}, frozenset())
    with pytest.raises(UpstreamTimeout):
        Loop(Asked(request(), offer), offer, runner, 5, lambda *_: says(None, call("a"))).run()
    assert runner.told == []


# A history that comes back.


def history(*items: Json, **message: Any) -> list[Json]:
    return expanded([{"role": "assistant", "content": "Done.", "mcp_calls": list(items)} | message])[0]


def test_a_round_becomes_a_message_and_its_results_and_the_answer_comes_last() -> None:
    call_a, call_b = ITEM | SAID, ITEM | {"id": "b", "place": 1, "output": None, "error": "No."}
    assert history(call_a, call_b) == [
        {"role": "assistant", **SAID["message"], "tool_calls": [call("a"), call("b")]},
        {"role": "tool", "tool_call_id": "a", "content": "seen"},
        {"role": "tool", "tool_call_id": "b", "content": "No."},
        {"role": "assistant", "content": "Done."},
    ]


def test_a_round_that_ended_with_the_clients_calls_is_one_message_in_the_models_order() -> None:
    ours = [ITEM | {"round": 2, "place": 1}, ITEM | {"id": "c", "round": 2, "place": 3, "call": {"extra_content": 1}}]
    first = ITEM | {"id": "z"} | SAID
    found = history(first, *ours, tool_calls=[call("mine"), call("mine2")])
    assert [one["role"] for one in found] == ["assistant", "tool", "assistant", "tool", "tool"]
    assert found[2]["tool_calls"] == [call("mine"), call("a"), call("mine2"), call("c", extra_content=1)]
    assert found[2]["content"] == "Done."


def test_calls_that_were_not_run_at_last_belong_to_the_last_message() -> None:
    found = history(ITEM | {"output": None, "error": "Not run."}, content="")
    assert found == [
        {"role": "assistant", "content": "", "tool_calls": [call("a")]},
        {"role": "tool", "tool_call_id": "a", "content": "Not run."},
    ]


def test_arguments_and_names_that_no_provider_takes_go_back_mended() -> None:
    (said, *_) = history(ITEM | SAID | {"name": "fun.look", "arguments": '{"a'})
    assert said["tool_calls"] == [call("a", "fun_look")]


@pytest.mark.parametrize(
    ("items", "param"),
    [
        ([ITEM, ITEM | {"round": 2}], "messages[0].mcp_calls[0].message"),
        ([ITEM | SAID | {"round": 2}, ITEM], "messages[0].mcp_calls"),
        ([ITEM | {"server_label": "x"}], "messages[0].mcp_calls[0].server_label"),
        ([ITEM | {"round": 0}], "messages[0].mcp_calls[0].id"),
    ],
)
def test_a_history_that_cannot_have_been_is_refused(items: list[Json], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        history(*items)
    assert caught.value.param == param


# Who is asked in the next round.


def step(name: str) -> Any:
    class Named:
        candidate = type("Candidate", (), {"name": name})

    return Named()


def order(name: str, *plans: list[str]) -> list[list[str]]:
    made = [Plan(list[Step](map(step, names)), list[LeftOut]()) for names in plans]
    return [[one.candidate.name for one in plan.steps] for plan in preferring(lambda *_: iter(made), name)(["m"], ())]


def test_who_answered_last_is_asked_first_and_all_others_in_their_order() -> None:
    assert order("b", ["a", "b"], ["c"]) == [["b"], ["a"], ["c"]]
    assert order("c", ["a", "b"], ["c", "d"], ["e"]) == [["c"], ["a", "b"], ["d"], ["e"]]
    assert order("x", ["a", "b"], ["c"]) == [["a", "b"], ["c"]]


def test_what_is_left_out_of_the_gateways_own_messages_is_not_told_and_all_else_once() -> None:
    taken = Route()
    taken.add(Route(dropped=["seed", "messages[0].name"]))
    taken.add(Route(dropped=["seed", "messages[1].reasoning", "top_k"]))
    assert taken.dropped == ["seed", "messages[0].name", "top_k"]
