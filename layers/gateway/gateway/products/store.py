"""The Products table as requests read it: by keys and indexes only."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gateway import dynamodb
from gateway.errors import NotFound
from gateway.products.listing import Listing
from gateway.products.parts import INDEXES, OFFER, PRICE, PRODUCT, Item
from gateway.settings import settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MOST_EXAMINED = 2000
"""Items that are looked at for one page; then it ends, filled or not."""
READ_AT_ONCE, LEAST_AT_ONCE = 250, 25


@dataclass(frozen=True)
class Page:
    """Some products, as an index has them; those after them are behind the cursor, None if there are none."""

    items: list[Item]
    next_cursor: str | None


class Products:
    """The table.

    Args:
        db: DynamoDB's client.
        table: its name.
    """

    def __init__(self, db: "DynamoDBClient", table: str) -> None:
        self._db = db
        self._table = table

    def product(self, product_id: str) -> tuple[Item, list[Item]]:
        """A product's own item, and the points of its price by day.

        Raises:
            NotFound: there is no such product.
            ServiceUnavailable: the table does not answer.
        """
        item, *others = self._between(product_id, PRICE)
        return item, others

    def offers(self, product_id: str) -> tuple[Item, list[Item]]:
        """A product's own item, and those of its offers.

        Raises:
            NotFound: there is no such product.
            ServiceUnavailable: the table does not answer.
        """
        item, offers, _ = self.whole(product_id)
        return item, offers

    def whole(self, product_id: str) -> tuple[Item, list[Item], list[Item]]:
        """A product's own item, those of its offers, and the points of its price by day.

        Raises:
            NotFound: there is no such product.
            ServiceUnavailable: the table does not answer.
        """
        item, *others = self._between(product_id, OFFER)
        kinds = {kind: [other for other in others if other["part"].startswith(kind)] for kind in (OFFER, PRICE)}
        return item, kinds[OFFER], kinds[PRICE]

    def page(self, asked: Listing) -> Page:
        """The next products of a list, each once, in the index's order. There may be fewer than the limit, and still more behind.

        Raises:
            InvalidRequest: the cursor is not one of this list's.
            ServiceUnavailable: the table does not answer.
        """
        found: list[Item] = []
        last: tuple[int, Item] | None = None
        for examined, (place, item) in enumerate(self._behind(asked)):
            if last and (len(found) == asked.limit or examined == MOST_EXAMINED):
                return Page(found, asked.cursor_behind(*last))
            if asked.takes(item):
                found.append(item)
            last = place, item
        return Page(found, None)

    def _between(self, product_id: str, kind: str) -> list[Item]:
        """The product's own item, then those from a kind on up to it in the order of their sort keys."""
        names = {"#id": "id", "#part": "part"}
        values = dynamodb.to_item({":id": product_id, ":first": kind, ":last": PRODUCT})
        asked = {
            "KeyConditionExpression": "#id = :id AND #part BETWEEN :first AND :last",
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
        }
        items = list(self._query(asked, None))
        if not items or items[-1]["part"] != PRODUCT:
            raise NotFound(f"There is no product '{product_id[:128]}'.", param="id")
        return [items[-1], *items[:-1]]

    def _behind(self, asked: Listing) -> Iterator[tuple[int, Item]]:
        """All items that a list looks at, from its cursor on, with the place of the key that they are of."""
        index, keys = asked.index()
        first, start = asked.start()
        at_once = max(LEAST_AT_ONCE, min(READ_AT_ONCE, asked.limit + 1))
        for place, key in enumerate(keys[first:], first):
            query = {"IndexName": index, "Limit": at_once, **_condition(index, key)}
            for item in self._query(query, start if place == first else None):
                yield place, item

    def _query(self, asked: dict[str, Any], start: Item | None) -> Iterator[Item]:
        position = dynamodb.to_item(start) if start else None
        while True:
            onward: dict[str, Any] = {"ExclusiveStartKey": position} if position else {}
            with dynamodb.available(self._table):
                answer = self._db.query(TableName=self._table, **asked, **onward)
            yield from map(dynamodb.from_item, answer["Items"])
            position = answer.get("LastEvaluatedKey")
            if not position:
                return


def products() -> Products:
    """The stack's table."""
    return Products(dynamodb.client(), settings().products_table)


def _condition(index: str, key: Item) -> dict[str, Any]:
    """What a query of an index asks for: the first key as it is, of a category's path the beginning."""
    first, second = INDEXES[index]
    begins = second in key
    values = {":first": key[first]} | ({":second": key[second]} if begins else {})
    return {
        "KeyConditionExpression": "#first = :first" + (" AND begins_with(#second, :second)" if begins else ""),
        "ExpressionAttributeNames": {"#first": first} | ({"#second": second} if begins else {}),
        "ExpressionAttributeValues": dynamodb.to_item(values),
    }
