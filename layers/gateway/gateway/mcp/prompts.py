"""What a shop's assistant is asked again and again, as prompts that lead to the tools."""

from collections.abc import Mapping
from dataclasses import dataclass

RULES = (
    "Use only products, prices and availability that the tools give you; never invent any. Amounts are in minor units (9999 is 99.99). "
    "Name the currency, and give each product's id. If nothing fits, say so and offer the nearest."
)


@dataclass(frozen=True)
class Prompt:
    """A prompt.

    Attributes:
        arguments: their descriptions by name; needed: those that have to be there.
        sentence: of the arguments that have to be there.
        options: a sentence for each other argument, if it is there.
        steps: what is to be done.
    """

    title: str
    description: str
    arguments: Mapping[str, str]
    needed: tuple[str, ...]
    sentence: str
    options: Mapping[str, str]
    steps: str

    def text(self, given: Mapping[str, str]) -> str:
        """The prompt, filled in."""
        asked = [self.sentence.format(**{name: given[name] for name in self.needed})]
        asked += [line.format(given[name]) for name, line in self.options.items() if given.get(name)]
        return f"{' '.join(asked)}\n\n{self.steps}\n\n{RULES}"


PROMPTS: Mapping[str, Prompt] = {
    "find_product": Prompt(
        "Find a product",
        "Finds the products that fit a need, and recommends one.",
        {"need": "What is looked for, in any words.", "budget": "The most that it may cost, such as '100 EUR'."},
        ("need",),
        "Find a product for this need: {need}.",
        {"budget": "It may cost {} at most."},
        "Search with search_catalog, with the budget as filters.price.max and its currency. If too much is found, narrow by category, brand or "
        "attributes. Look at the best three with get_product. Recommend one, name two others, and say in a sentence each what speaks for "
        "and against them.",
    ),
    "compare_products": Prompt(
        "Compare products",
        "Compares products side by side.",
        {"products": "Ids or names of products, separated by commas.", "purpose": "What they are to be used for."},
        ("products",),
        "Compare these products: {products}.",
        {"purpose": "They are to be used for this: {}."},
        "Find the ids of names with search_catalog, then get each with get_product. Make a table of what tells them apart: price, rating, "
        "availability and the attributes that matter. End with who should take which.",
    ),
    "best_offer": Prompt(
        "Find the best offer",
        "Finds out where a product is cheapest, shipping included.",
        {"product": "The id or the name of a product."},
        ("product",),
        "Where is this product cheapest: {product}?",
        {},
        "If it is a name, find the id with search_catalog. List its offers with get_product_offers. Give the lowest total with shipping that is in "
        "stock, who sells it and how soon it comes, then two others. Say if shipping is unknown. Look with get_product whether its price has "
        "been lower lately.",
    ),
    "gift_ideas": Prompt(
        "Gift ideas",
        "Finds gifts for somebody.",
        {"person": "Whom they are for, and what they like.", "budget": "The most that one may cost, such as '50 EUR'."},
        ("person",),
        "Find gifts for this person: {person}.",
        {"budget": "A gift may cost {} at most."},
        "See what there is with list_categories. Search in three categories that fit with search_catalog, sorted by rating, within the budget. Offer five "
        "different gifts, each with a sentence that says why.",
    ),
}  # fmt: skip
"""By name, in the order in which they are listed."""
