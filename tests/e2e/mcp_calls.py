"""A call of every tool of the catalogue, on what scripts/start has loaded."""

from tests.e2e.shop import Json

PRODUCT = "syn-000007"
CALLS: dict[str, Json] = {
    "search_catalog": {"catalog": {"query": "wireles hedphones", "filters": {"price": {"max": 10000}}}},
    "lookup_catalog": {"catalog": {"ids": [PRODUCT, "syn-nothing"]}},
    "get_product": {"catalog": {"id": PRODUCT}},
    "get_product_offers": {"catalog": {"id": PRODUCT}},
    "list_categories": {},
}
