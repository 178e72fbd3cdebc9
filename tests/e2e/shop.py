"""What the tests of products and of search share: calls to the deployed stack, and what scripts/start has loaded into it."""

import functools
from collections.abc import Iterator
from typing import Any

import requests

from catalogue import synthetic
from tests.e2e.conftest import Gateway

Json = dict[str, Any]

HEADPHONES = "Electronics > Audio > Headphones"


@functools.cache
def catalogue() -> dict[str, Json]:
    """The products, by their ids."""
    return {product["id"]: product for product in synthetic.products(synthetic.DEFAULT_COUNT, synthetic.DEFAULT_SEED)}


def get(gateway: Gateway, path: str, query: Json | None = None, key: str = "", **headers: str) -> requests.Response:
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    headers |= {"Authorization": f"Bearer {key or gateway.access.api_key}"}
    return requests.get(f"{gateway.base_url}{path}", params=query, headers=headers, timeout=60)


def search(gateway: Gateway, **query: str) -> Json:
    """The answer to a search; `attr_x` stands for attr.x."""
    named = {name.replace("attr_", "attr."): value for name, value in query.items()}
    answer = get(gateway, "/products/search", named)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def pages(gateway: Gateway, path: str, query: Json) -> Iterator[Json]:
    """Every page of a list."""
    more: Json = {}
    while True:
        page = get(gateway, path, query | more).json()
        assert page["has_more"] == (page["next_cursor"] is not None)
        yield page
        if not page["has_more"]:
            return
        more = {"cursor": page["next_cursor"]}


def cheapest(product: Json) -> int:
    return int(product["price_range"]["min"]["amount"])
