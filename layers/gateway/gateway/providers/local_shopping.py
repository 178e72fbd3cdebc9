"""How the local model shops, so that tools in completions can be seen without a network: what it takes for a wish, and what it makes
of the catalogue's answers.

| in the user's text | becomes |
|---|---|
| "find", "I need", "looking for", "do you sell" …, or a price, or one of the words below | a search, for the words that are left |
| "under 100 euros", "up to $99.99", "below 80", "max 50 EUR", "budget 50 EUR" | the highest price |
| "over 50 pounds", "at least €30" | the least price |
| "between 50 and 120 EUR", "from 50 to 120 euros", "over 50 but under 120" | both |
| "cheapest", "most expensive", "best rated", "newest" | the order |
| "in stock" | the availability |
| "offers", "sellers" | after the search, the offers of the first product |

Anything else is no wish: greetings, questions about the weather.
"""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from gateway.schemas import FunctionDefinition

Json = dict[str, Any]
Result = tuple[str, str]
"""A tool's name, and what it answered."""

SEARCH, OFFERS = "search_catalog", "get_product_offers"
OURS = (SEARCH, OFFERS, "lookup_catalog", "get_product", "list_categories")
LISTED = 3
MAX_QUERY, MAX_TEXT = 200, 2000
"""Characters of a query, and of a text that is looked at."""

CURRENCIES = {
    "EUR": r"€|eur|euros?",
    "USD": r"\$|usd|dollars?|bucks",
    "GBP": r"£|gbp|pounds?",
    "CHF": r"chf|francs?",
    "JPY": r"¥|jpy|yen",
}
WHOLE_UNITS = ("JPY",)
"""Currencies without minor units; all others here have a hundred."""
SORTS = {
    "price_asc": r"cheapest|lowest[- ]priced?|least expensive",
    "price_desc": r"most expensive|dearest",
    "rating": r"(?:best|top|highest)[- ]rated",
    "newest": r"newest|latest",
}
_NAMES = "|".join(CURRENCIES.values())
_NUMBER = r"\d[\d,]*(?:\.\d+)?"
_MONEY = rf"(?:(?:{_NAMES})\s?{_NUMBER}|{_NUMBER}\s?(?:{_NAMES})(?!\w))"
_AMOUNT = rf"(?:{_MONEY}|{_NUMBER}(?=\s*(?:$|[.,;!?)](?!\d)|(?:and|but|with|or|please|for|in|that|to)\b)))"
_LEAST, _MOST = "over|above|more than|at least", "under|below|less than|cheaper than|up to|at most|no more than"
BOUNDS = [
    rf"(?:between|from)\s+(?P<min>{_AMOUNT})\s+(?:and|to)\s+(?P<max>{_AMOUNT})",
    rf"(?:{_LEAST})\s+(?P<min>{_AMOUNT})\s+(?:and|but)\s+(?:{_MOST})\s+(?P<max>{_AMOUNT})",
    rf"(?:{_MOST})\s+(?P<max>{_AMOUNT})\s+(?:and|but)\s+(?:{_LEAST})\s+(?P<min>{_AMOUNT})",
    rf"(?:{_MOST})\s+(?P<max>{_AMOUNT})",
    rf"(?:for|within|max(?:imum)?|budget(?: of| is)?:?)\s+(?P<max>{_MONEY})",
    rf"(?:{_LEAST}|from)\s+(?P<min>{_AMOUNT})",
]
"""The first that fits counts. A number with another unit, such as hours, is no price."""
ASKING = re.compile(
    r"\b(?:find|search|look(?:ing)? for|shop(?:ping)? for|i(?:'d| would)? (?:need|want|like)(?! (?:to|help)\b)|show me|recommend|suggest|buy|do you (?:have|sell)"
    r"|who sells|offers?|sellers?)\b",
    re.IGNORECASE,
)
ASKS_FOR_OFFERS = re.compile(r"\b(?:offers?|sellers?|who sells)\b", re.IGNORECASE)
IN_STOCK = r"(?:that (?:is|are) )?(?:in stock|available now)"
FILLERS = set(
    re.findall(
        r"\w+",
        "a all an and any are buy can could d do find for get give good have hello hey hi i in is it its like list look looking m me my need "
        "of offer offers on please product products recommend s search sell seller sellers sells shop shopping show some suggest tell thanks "
        "the them there to want what which who with would you",
    )
)
WORD = re.compile(r"[^\s,;:!?()\"]+")


def wanted(functions: Iterable[FunctionDefinition], text: str, results: Sequence[Result]) -> list[FunctionDefinition]:
    """The tool of the catalogue that comes next, if one does.

    Args:
        functions: those that may be called.
        text: what the user said last.
        results: what the tools answered since.
    """
    name = _next(text, results)
    return [function for function in functions if function.name == name and is_ours(function)]


def is_ours(function: FunctionDefinition) -> bool:
    """Whether it is a tool of the catalogue: a client's own function may have the same name, but not the same arguments."""
    properties = (function.parameters or {}).get("properties")
    return function.name in OURS and isinstance(properties, dict) and "catalog" in properties


def arguments(function: FunctionDefinition, text: str, results: Sequence[Result]) -> Json | None:
    """What a tool of the catalogue is asked; None if that is nothing of this module's."""
    if not is_ours(function):
        return None
    if function.name == SEARCH:
        return _wish(text) or {"catalog": {"query": text[:MAX_QUERY]}}
    found = _first_product(results)
    return {"catalog": {"id": found, "limit": LISTED}} if function.name == OFFERS and found else None


def told(results: Sequence[Result]) -> str | None:
    """The answer from what tools said last; None if none of them is the catalogue's."""
    if not any(name in TELLING for name, _ in results):
        return None
    return "\n".join(_in_words(name, content) for name, content in results)


def _next(text: str, results: Sequence[Result]) -> str | None:
    if not results:
        return SEARCH if _wish(text) else None
    is_searched = results[-1][0] == SEARCH and _first_product(results)
    return OFFERS if is_searched and ASKS_FOR_OFFERS.search(text) else None


def _wish(text: str) -> Json | None:
    """The arguments of the search that the text asks for; None if it asks for none."""
    left, filters = _without_price(text[:MAX_TEXT])
    left, sort = _without_sort(left)
    left, is_in_stock = re.subn(rf"\b{IN_STOCK}\b", " ", left, flags=re.IGNORECASE)
    if not (filters or sort or is_in_stock or ASKING.search(left)):
        return None
    query = " ".join(word for word in _words(_asking_sentence(left)) if word.lower() not in FILLERS)
    if not query:
        return None
    if is_in_stock:
        filters["availability"] = ["in_stock"]
    asked: Json = {"query": query[:MAX_QUERY], "pagination": {"limit": LISTED}}
    return {"catalog": asked | ({"filters": filters} if filters else {}) | ({"sort": sort} if sort else {})}


def _without_price(text: str) -> tuple[str, Json]:
    for bound in BOUNDS:
        if match := re.search(rf"\b{bound}", text, re.IGNORECASE):
            code = _currency(match.group())
            amounts = sorted(_minor(amount, code) for amount in match.groupdict().values())
            ends = dict(zip(sorted(match.groupdict(), reverse=True), amounts, strict=True))
            left = f"{text[: match.start()]} {text[match.end() :]}"
            return left, {"price": ends} | ({"currency": code} if code else {})
    return text, {}


def _currency(text: str) -> str | None:
    for code, names in CURRENCIES.items():
        if re.search(rf"(?<![a-z])(?:{names})(?![a-z])", text, re.IGNORECASE):
            return code
    return None


def _minor(amount: str, currency: str | None) -> int:
    digits = "".join(char for char in amount if char in "0123456789.")
    units, _, rest = digits.partition(".")
    return int(units[:9]) if currency in WHOLE_UNITS else int(units[:9]) * 100 + int((rest + "00")[:2])


def _without_sort(text: str) -> tuple[str, str | None]:
    for sort, words in SORTS.items():
        left, count = re.subn(rf"\b(?:{words})\b", " ", text, flags=re.IGNORECASE)
        if count:
            return left, sort
    return text, None


def _asking_sentence(text: str) -> str:
    """The sentence that asks, of several; or the first that says anything."""
    sentences = [sentence for sentence in re.split(r"[.!?](?:\s|$)|\n", text) if _words(sentence)]
    asking = [sentence for sentence in sentences if ASKING.search(sentence)]
    return next(iter(asking or sentences), "")


def _words(text: str) -> list[str]:
    words = (word for part in WORD.findall(text) for word in re.split(r"['\u2019]", part))
    return [word for word in (one.strip(".-") for one in words) if word]


def _content(text: str) -> Json:
    try:
        content = json.loads(text)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _first_product(results: Sequence[Result]) -> str | None:
    for name, text in results:
        products = _content(text).get("products")
        if name == SEARCH and isinstance(products, list) and products and isinstance(products[0], dict):
            return products[0].get("id")
    return None


def _in_words(name: str, text: str) -> str:
    if name not in TELLING:
        return f"The tool answered: {text}"
    content = _content(text)
    try:
        return TELLING[name](content)
    except (KeyError, TypeError, AttributeError, ValueError):
        is_data = not text or text[0] in "{["
        return f"The tool answered: {text}" if is_data else f"The catalogue could not answer: {text}"


def _found(content: Json) -> str:
    products, total = content["products"], content["pagination"]["total_count"]
    if not products:
        return "I found no product that fits. Try other words, or a wider price range."
    partly = ["Not all of them have all of the words."] if content.get("matched") == "any" else []
    meant = f" for '{content['corrected_query']}'" if content.get("corrected_query") else ""
    lines = [f"{place}. {_product(product)}" for place, product in enumerate(products, 1)]
    return "\n".join(
        [
            f"I found {len(products)} of {total} products{meant}:" if total > 1 else "I found one product:",
            *lines,
            *partly,
        ]
    )


def _product(product: Json) -> str:
    price = product.get("price_range")
    status = (product.get("availability") or {}).get("status")
    since = "from " if price and price["min"] != price.get("max", price["min"]) else ""
    known = [f"{since}{_money(price['min'])}" if price else "no price", _spaced(status) if status else None]
    return f"{product['title']} — {', '.join(filter(None, known))} (id {product['id']})"


def _offered(content: Json) -> str:
    offers, title = content["offers"], content["product"]["title"]
    if not offers:
        return f"Nobody offers {title}."
    lines = [f"{place}. {_offer(offer)}" for place, offer in enumerate(offers, 1)]
    return "\n".join(
        [f"{title} has {content['total_count']} offers:" if len(offers) > 1 else f"{title} has one offer:", *lines]
    )


def _offer(offer: Json) -> str:
    shipping = (
        f"{_money(offer['total'])} with shipping"
        if offer.get("shipping")
        else f"{_money(offer['price'])}, shipping unknown"
    )
    return f"{offer['merchant']} — {shipping}, {_spaced(offer['availability'])}{', the cheapest' if offer['cheapest'] else ''}"


def _money(price: Json) -> str:
    amount, currency = int(price["amount"]), price["currency"]
    return f"{amount} {currency}" if currency in WHOLE_UNITS else f"{amount // 100}.{amount % 100:02} {currency}"


def _spaced(word: str) -> str:
    return word.replace("_", " ")


TELLING = {SEARCH: _found, OFFERS: _offered}
