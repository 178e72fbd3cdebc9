"""A small catalogue in the table, and the routes of products as a client calls them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3

from gateway import dynamodb
from gateway.products.items import items_of
from gateway.products.parts import STATE_KEY
from gateway.products.schemas import Product
from gateway.search import files, live, publish
from tests.conftest import ENVIRONMENT, load_event
from tests.integration.harness import Answer, Gateway, Json, with_header

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

TABLE, BUCKET = ENVIRONMENT["PRODUCTS_TABLE"], ENVIRONMENT["SEARCH_BUCKET"]
ROUTES = {
    "list_products": "/products",
    "get_product": "/products/{id}",
    "list_offers": "/products/{id}/offers",
    "search_products": "/products/search",
    "list_categories": "/categories",
}
SEARCHES = ("search_products", "list_categories")
HEADPHONES, SPEAKERS, LAPTOPS = (
    "Electronics > Audio > Headphones",
    "Electronics > Audio > Speakers",
    "Electronics > Computers > Laptops",
)


def offer(merchant: str, price: int, **more: Any) -> Json:
    """An offer of a merchant's, in euros unless another currency is named."""
    return {"merchant": merchant, "price": price, "currency": "EUR", "link": f"https://{merchant}.example/1"} | more


def product(product_id: str, title: str, *, price: int | None = None, **more: Any) -> Product:
    """A product, with an offer at a price if there is one."""
    offers = {"offers": [offer("Kramladen", price)]} if price is not None else {}
    return Product.model_validate({"id": product_id, "title": title} | offers | more)


SAMPLE = [
    product("hp-1", "Sonnbach Wave 7 wireless headphones", price=8_999, brand="Sonnbach", categories=[HEADPHONES],
            gtins=["4006381333931"], rating={"value": 4.5, "count": 210}, released="2026-01-10", attributes={"colour": "black", "battery_hours": 30}),
    product("hp-2", "Sonnbach Wave 9 noise cancelling headphones", price=24_900, brand="Sonnbach", categories=[HEADPHONES],
            rating={"value": 4.8, "count": 77}, released="2026-06-01", attributes={"colour": "white", "battery_hours": 40}),
    product("hp-3", "Tonwerk Basic headphones", price=1_999, brand="Tonwerk", categories=[HEADPHONES], released="2024-03-01",
            rating={"value": 3.1, "count": 12}, attributes={"colour": "black"}),
    product("sp-1", "Tonwerk Cube speaker", price=5_900, brand="Tonwerk", categories=[SPEAKERS, "Home > Kitchen > Radios"],
            gtins=["036000291452", "73513537"], attributes={"colour": "red"}),
    product("lt-1", "Rechenau Book 14 laptop", price=89_900, brand="Rechenau", categories=[LAPTOPS], released="2026-02-01"),
    product("st-1", "Headphone stand of oak", brand="Holzmann", categories=["Electronics > Audio > Accessories", HEADPHONES]),
    product("un-1", "Unnamed thing", currency="EUR"),
]  # fmt: skip


@dataclass
class Shop:
    """A gateway whose key may see products."""

    gateway: Gateway
    s3: "S3Client" = field(default_factory=lambda: boto3.client("s3"))
    revision: int = 0

    def __post_init__(self) -> None:
        self.gateway.change_key(scopes=["products"])

    def put(self, products: Iterable[Product]) -> None:
        """Write products, as an import does."""
        for one in products:
            for item in items_of(one, {"digest": "as in the test"}):
                self.gateway.db.put_item(TableName=TABLE, Item=dynamodb.to_item(item))
        self.revision += 1
        state = STATE_KEY | {"revision": self.revision}
        self.gateway.db.put_item(TableName=TABLE, Item=dynamodb.to_item(state))

    def build(self) -> Json:
        """Build the index, as the scheduled function does."""
        return publish.run()

    def forget(self) -> None:
        """What a new instance knows: nothing."""
        live.live.cache_clear()

    def get(self, route: str, product_id: str | None = None, etag: str | None = None, **query: Any) -> Answer:
        """One request; a query parameter min_price_ is min_price, and attr__colour is attr.colour."""
        path = f"/api/v1{ROUTES[route]}".replace("{id}", product_id or "")
        given = {name.replace("__", "."): str(value) for name, value in query.items()}
        changes = {
            "path": path,
            "pathParameters": {"id": product_id} if product_id is not None else None,
            "queryStringParameters": given or None,
        }
        event = load_event(route) | changes
        return self.gateway.send(route, with_header(event, "If-None-Match", etag) if etag else event)

    def ids(self, route: str = "list_products", **query: Any) -> list[str]:
        """The ids on one page."""
        answer = self.get(route, **query)
        assert answer.status == 200, answer.text
        return [one["id"] for one in answer.json["data"]]

    def pages(self, route: str = "list_products", **query: Any) -> Iterator[list[str]]:
        """The ids of all pages."""
        cursor: Json = {}
        while True:
            page = self.get(route, **query, **cursor).json
            assert page["has_more"] == (page["next_cursor"] is not None)
            yield [one["id"] for one in page["data"]]
            if not page["has_more"]:
                return
            cursor = {"cursor": page["next_cursor"]}

    def index_file(self) -> bytes:
        """The index as S3 has it."""
        return self.s3.get_object(Bucket=BUCKET, Key=files.KEY)["Body"].read()

    def put_index(self, content: bytes) -> None:
        """Something else in its place."""
        self.s3.put_object(Bucket=BUCKET, Key=files.KEY, Body=content)
