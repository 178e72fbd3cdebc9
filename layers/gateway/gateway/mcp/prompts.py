"""Prompts that a shop assistant starts from. Each says which tools to use, and to tell only what they answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import mcp_types as types
from mcp.server.context import ServerRequestContext

from gateway.errors import InvalidRequest
from gateway.mcp.paging import refuse_cursor

Context = ServerRequestContext[Any, Any]
Given = Mapping[str, str]

LONGEST = 1000
ONLY_RESULTS = (
    "Name only products, prices and availability that the tools have told you, with the product's id and link; amounts are in minor "
    "units (7999 EUR is 79.99 EUR). If nothing fits, say so."
)


@dataclass(frozen=True)
class Prompt:
    """A prompt.

    Attributes:
        required, optional: its arguments, with what each is.
        text: says to a model what to do, from the arguments that were given.
        product_arguments: those that name a product.
    """

    title: str
    description: str
    required: Given
    optional: Given
    text: Callable[[Given], str]
    product_arguments: frozenset[str] = frozenset()

    def listed(self, name: str) -> types.Prompt:
        """As `prompts/list` tells it."""
        arguments = [(self.required, True), (self.optional, False)]
        return types.Prompt(
            name=name,
            title=self.title,
            description=self.description,
            arguments=[
                types.PromptArgument(name=argument, description=told, required=is_required)
                for described, is_required in arguments
                for argument, told in described.items()
            ],
        )


def _find_products(given: Given) -> str:
    return (
        f"Find products for this need: {given['need']}{_budget(given)}\n"
        "Search with search_catalog (the price as a filter), read the two or three best with get_product, and recommend one: "
        f"why it fits, what speaks against it, what it costs and where, and one alternative. {ONLY_RESULTS}"
    )


def _compare_products(given: Given) -> str:
    return (
        f"Compare these products: {given['ids']}\n"
        "Read each with get_product (what is no id, look up with search_catalog first). Give a table of price, availability, rating and "
        f"the attributes in which they differ, then say for whom each is the better choice. {ONLY_RESULTS}"
    )


def _best_offer(given: Given) -> str:
    return (
        f"Find the best offer for the product {given['product_id']}.\n"
        "Use get_product_offers, and get_product for how its price has changed. Say who sells it for the lowest total with shipping, what "
        f"the next two ask, when it would arrive, and whether the price is low compared with earlier ones. {ONLY_RESULTS}"
    )


def _gift_ideas(given: Given) -> str:
    return (
        f"Suggest gifts for this person: {given['person']}{_budget(given)}\n"
        "Look at list_categories, search with search_catalog in three different directions (the price as a filter), and suggest one product "
        f"in stock for each, with a sentence why it suits. {ONLY_RESULTS}"
    )


def _budget(given: Given) -> str:
    if not given.get("budget"):
        return ""
    return f"\nBudget: at most {given['budget']} {given.get('currency', '')}".rstrip()


_BUDGET = {
    "budget": "The most it may cost, such as 150.",
    "currency": "The budget's currency, such as EUR.",
}
PROMPTS: Mapping[str, Prompt] = {
    "find_products": Prompt(
        "Find a product", "Find and recommend a product for a need.",
        {"need": "What is looked for, in your own words."}, _BUDGET, _find_products,
    ),
    "compare_products": Prompt(
        "Compare products", "Compare products, and say for whom each is the better choice.",
        {"ids": "Ids of the products, separated by commas."}, {}, _compare_products, frozenset({"ids"}),
    ),
    "best_offer": Prompt(
        "Find the best offer", "Find out who sells a product at the best price, and whether that is a good one.",
        {"product_id": "The product's id."}, {}, _best_offer, frozenset({"product_id"}),
    ),
    "gift_ideas": Prompt(
        "Suggest gifts", "Suggest gifts for a person.",
        {"person": "Who it is for: age, interests, what they have already."}, _BUDGET, _gift_ideas,
    ),
}  # fmt: skip


async def listed(_: Context, params: types.PaginatedRequestParams | None) -> types.ListPromptsResult:
    """All prompts."""
    refuse_cursor(params)
    return types.ListPromptsResult(prompts=[prompt.listed(name) for name, prompt in PROMPTS.items()])


async def get(_: Context, params: types.GetPromptRequestParams) -> types.GetPromptResult:
    """A prompt's text, with the arguments in their places."""
    prompt = known(params.name)
    text = prompt.text(_checked(prompt, params.arguments or {}))
    message = types.PromptMessage(role="user", content=types.TextContent(text=text))
    return types.GetPromptResult(description=prompt.description, messages=[message])


def known(name: str) -> Prompt:
    """The prompt of a name.

    Raises:
        InvalidRequest: there is none.
    """
    if name not in PROMPTS:
        told = f"There is no prompt '{name[:100]}'; there are {', '.join(PROMPTS)}."
        raise InvalidRequest(told, param="params.name")
    return PROMPTS[name]


def _checked(prompt: Prompt, given: Given) -> Given:
    """The arguments that were given, without spaces around them; one that says nothing was not given."""
    said = {name: text.strip() for name, text in given.items() if text.strip()}
    for name, text in said.items():
        place = f"params.arguments.{name[:100]}"
        if name not in {**prompt.required, **prompt.optional}:
            raise InvalidRequest(f"{place}: there is no such argument.", param=place)
        if len(text) > LONGEST:
            raise InvalidRequest(f"{place}: must have at most {LONGEST} characters.", param=place)
    for name in prompt.required:
        if name not in said:
            place = f"params.arguments.{name}"
            raise InvalidRequest(f"{place}: this argument is required.", param=place)
    return said
