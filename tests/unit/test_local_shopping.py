"""The local model shops as far as its table says: wishes become searches, and the catalogue's answers become sentences."""

import json
from typing import Any

import pytest

from gateway.deadline import Deadline
from gateway.providers import local
from gateway.registry import Endpoint
from gateway.tools import arguments
from gateway.tools.catalogue import TOOLS
from tests.unit.builders import request
from tests.unit.test_local import DEPLOYMENT, WEATHER

Json = dict[str, Any]


def offered(*names: str) -> list[Json]:
    """Tools of the catalogue, as functions."""
    tools = [TOOLS[name] for name in names or TOOLS]
    return [
        {"type": "function", "function": {"name": one.name, "description": one.description, "parameters": one.input_schema}}
        for one in tools
    ]  # fmt: skip


def message(text: str, *results: tuple[str, Any], tools: list[Json] | None = None, **fields: Any) -> Json:
    """What the model says to a text, and to what tools have answered since."""
    turns: list[Json] = [{"role": "user", "content": text}]
    if results:
        calls = [
            {"id": f"c{place}", "type": "function", "function": {"name": name, "arguments": "{}"}}
            for place, (name, _) in enumerate(results)
        ]
        turns.append({"role": "assistant", "tool_calls": calls})
    for place, (_, content) in enumerate(results):
        told = content if isinstance(content, str) else json.dumps(content)
        turns.append({"role": "tool", "tool_call_id": f"c{place}", "content": told})
    asked = request(messages=turns, tools=offered() if tools is None else tools, **fields)
    answer = local.complete(asked, DEPLOYMENT, Endpoint("", None), Deadline(2000.0, clock=lambda: 1000.0))
    found: Json = answer.body["choices"][0]["message"]
    return found


def calls(text: str, *results: tuple[str, Any], **fields: Any) -> list[tuple[str, Json]]:
    """The calls that the model makes: names and arguments."""
    made = message(text, *results, **fields).get("tool_calls", [])
    return [(call["function"]["name"], json.loads(call["function"]["arguments"])) for call in made]


def search(text: str) -> Json | None:
    """The search that a text becomes, without its page; None if there is none."""
    made = calls(text)
    if not made:
        return None
    ((name, given),) = made
    assert name == "search_catalog"
    arguments.read(given, arguments.SearchArguments).catalog.as_query()
    assert given["catalog"].pop("pagination") == {"limit": 3}
    catalog: Json = given["catalog"]
    return catalog


def priced(query: str, currency: str | None = None, **price: int) -> Json:
    return {"query": query, "filters": {"price": price} | ({"currency": currency} if currency else {})}


@pytest.mark.parametrize(
    ("text", "catalog"),
    [
        ("headphones under 100 euros", priced("headphones", "EUR", max=10000)),
        ("Which headphones under 100 euros do you have?", priced("headphones", "EUR", max=10000)),
        ("I need a quiet vacuum cleaner below $150", priced("quiet vacuum cleaner", "USD", max=15000)),
        ("Find me noise cancelling earbuds between 50 and 120 EUR", priced("noise cancelling earbuds", "EUR", min=5000, max=12000)),
        ("a laptop from €900 to €500", priced("laptop", "EUR", min=50000, max=90000)),
        ("headphones below 80", priced("headphones", max=8000)),
        ("headphones up to 99.99€, black", priced("headphones black", "EUR", max=9999)),
        ("laptops under £1,299.50 please", priced("laptops", "GBP", max=129950)),
        ("headphones over $50 and under $100", priced("headphones", "USD", min=5000, max=10000)),
        ("headphones under 100 euros but above 50", priced("headphones", "EUR", min=5000, max=10000)),
        ("I need a tent for 4 people, max 300 EUR", priced("tent 4 people", "EUR", max=30000)),
        ("find a gift, budget of 50 EUR", priced("gift", "EUR", max=5000)),
        ("headphones under 1.000,50 EUR", None),
        ("a camera for 20000 yen", priced("camera", "JPY", max=20000)),
        ("Hello! I'm looking for a tent for 4 people, at least €30. Thanks!", priced("tent 4 people", "EUR", min=3000)),
        ("cheapest usb-c hub", {"query": "usb-c hub", "sort": "price_asc"}),
        ("Show me the best rated kettles", {"query": "kettles", "sort": "rating"}),
        ("What are the newest smartwatches?", {"query": "smartwatches", "sort": "newest"}),
        ("the most expensive tents", {"query": "tents", "sort": "price_desc"}),
        ("do you sell tents in stock?", {"query": "tents", "filters": {"availability": ["in_stock"]}}),
        ("Who sells the Sonvane WX-500? List its offers.", {"query": "Sonvane WX-500"}),
        ("I need shoes with at least 20 hours of comfort", {"query": "shoes at least 20 hours comfort"}),
    ],
)  # fmt: skip
def test_a_wish_becomes_a_search(text: str, catalog: Json | None) -> None:
    assert search(text) == catalog


@pytest.mark.parametrize(
    "text",
    ["", "Hello!", "Hi, how are you?", "What is the weather in Paris?", "Say hello.", "Tell me a joke", "Thank you", "products", "I need",
     "I would like to know what time it is", "I want to cancel my order", "I need help with my taxes"],
)  # fmt: skip
def test_small_talk_becomes_none(text: str) -> None:
    assert message(text)["content"] == f"You said: {text}"


def test_a_text_of_any_length_and_numbers_without_end_are_borne() -> None:
    assert search("find tents " + "9" * 1_000_000)
    assert search("tents under " + "9" * 500 + " euros")


def test_the_tool_choice_is_obeyed() -> None:
    assert calls("headphones under 100 euros", tool_choice="none") == []
    ((name, given),) = calls("Hello!", tool_choice={"type": "function", "function": {"name": "search_catalog"}})
    assert (name, given) == ("search_catalog", {"catalog": {"query": "Hello!"}})
    assert calls("Hello!", tool_choice="required")[0][0] == "search_catalog"


def test_without_the_search_nothing_is_called() -> None:
    assert calls("find headphones", tools=offered("get_product", "list_categories")) == []


def test_a_client_s_own_function_is_called_as_before_and_both_if_parallel_calls_are_wanted() -> None:
    tools = [*offered(), WEATHER]
    asked = "What is the weather in Paris? I need an umbrella."
    assert [name for name, _ in calls(asked, tools=tools)] == ["get_weather"]
    both = calls(asked, tools=tools, parallel_tool_calls=True)
    assert [name for name, _ in both] == ["get_weather", "search_catalog"]
    assert both[1][1]["catalog"]["query"] == "umbrella"


def test_a_client_s_own_function_of_the_same_name_is_not_the_catalogue_s() -> None:
    own = {"name": "search_catalog", "parameters": {"type": "object", "properties": {"q": {"type": "string"}}}}
    assert calls("find headphones", tools=[{"type": "function", "function": own}]) == []
    ((_, given),) = calls("search headphones", tools=[{"type": "function", "function": own}])
    assert "catalog" not in given


FOUND = {
    "products": [
        {"id": "p-1", "title": "Sonvane WX", "price_range": {"min": {"amount": 7999, "currency": "EUR"}},
         "availability": {"available": True, "status": "in_stock"}},
        {"id": "p-2", "title": "Tokio", "price_range": {"min": {"amount": 9000, "currency": "JPY"}}},
        {"id": "p-3", "title": "Unpriced"},
    ],
    "pagination": {"total_count": 12},
}  # fmt: skip
OFFERS = {
    "product": {"id": "p-1", "title": "Sonvane WX"},
    "offers": [
        {"merchant": "Larkmarket", "price": {"amount": 7999, "currency": "EUR"}, "shipping": {"amount": 500, "currency": "EUR"},
         "total": {"amount": 8499, "currency": "EUR"}, "availability": "in_stock", "cheapest": True},
        {"merchant": "Kramladen", "price": {"amount": 9000, "currency": "EUR"}, "total": {"amount": 9000, "currency": "EUR"},
         "availability": "out_of_stock", "cheapest": False},
    ],
    "total_count": 2,
}  # fmt: skip


def said(text: str, *results: tuple[str, Any], **fields: Any) -> str:
    content: str = message(text, *results, **fields)["content"]
    return content


def test_it_answers_from_what_was_found() -> None:
    assert said("headphones under 100 euros", ("search_catalog", FOUND)) == (
        "I found 3 of 12 products:\n"
        "1. Sonvane WX — 79.99 EUR, in stock (id p-1)\n"
        "2. Tokio — 9000 JPY (id p-2)\n"
        "3. Unpriced — no price (id p-3)"
    )
    cheap: Json = FOUND["products"][0]  # type: ignore[index]
    dear = cheap | {"price_range": cheap["price_range"] | {"max": {"amount": 9999, "currency": "EUR"}}}
    some = said("find it", ("search_catalog", FOUND | {"products": [dear], "matched": "any"}))
    assert some.endswith("1. Sonvane WX — from 79.99 EUR, in stock (id p-1)\nNot all of them have all of the words.")
    one = FOUND | {"products": FOUND["products"][:1], "pagination": {"total_count": 1}}  # type: ignore[index]
    assert said("find it", ("search_catalog", one)).startswith("I found one product:\n1. Sonvane WX")
    corrected = said("find it", ("search_catalog", FOUND | {"corrected_query": "headphones"}))
    assert corrected.startswith("I found 3 of 12 products for 'headphones':")


def test_it_says_that_nothing_was_found_and_what_went_wrong() -> None:
    none = {"products": [], "pagination": {"total_count": 0}}
    assert said("find it", ("search_catalog", none)).startswith("I found no product that fits.")
    assert calls("offers of it", ("search_catalog", none)) == []
    error = "There is no search index yet."
    told = "The catalogue could not answer: There is no search index yet."
    assert said("find it", ("search_catalog", error)) == told


@pytest.mark.parametrize("content", ["", "[]", '{"products": 5}', '{"products": [5]}', '{"products": [{}]}'])
def test_a_result_that_it_does_not_understand_is_said_back(content: str) -> None:
    assert said("offers of it", ("search_catalog", content)) == f"The tool answered: {content}"


def test_asked_for_offers_it_looks_them_up_and_answers_from_them() -> None:
    asked = "Which offers are there for the cheapest headphones?"
    assert calls(asked, ("search_catalog", FOUND)) == [("get_product_offers", {"catalog": {"id": "p-1", "limit": 3}})]
    assert said(asked, ("get_product_offers", OFFERS)) == (
        "Sonvane WX has 2 offers:\n"
        "1. Larkmarket — 84.99 EUR with shipping, in stock, the cheapest\n"
        "2. Kramladen — 90.00 EUR, shipping unknown, out of stock"
    )
    assert said(asked, ("get_product_offers", OFFERS | {"offers": []})) == "Nobody offers Sonvane WX."
    assert said(asked, ("search_catalog", FOUND), tools=offered("search_catalog")).startswith("I found 3 of 12")


def test_results_of_other_functions_are_said_beside_the_catalogue_s() -> None:
    answer = said("find it", ("get_weather", "Sunny."), ("search_catalog", FOUND))
    assert answer.startswith("The tool answered: Sunny.\nI found 3 of 12 products:")
