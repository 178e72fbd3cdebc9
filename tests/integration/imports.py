"""What tests of the import have at hand: moto's table with a client that may be killed, and the script's own target."""

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from catalogue.feeds import Reading
from catalogue.report import Report
from gateway.dynamodb import from_item, to_item
from gateway.products.items import product_of
from gateway.products.parts import STATE_KEY
from gateway.products.schemas import Product
from operate import import_products
from operate.import_products import Options
from operate.target import Target
from tests.conftest import ENVIRONMENT
from tests.integration.harness import Gateway

NOW = datetime(2026, 11, 15, 12, tzinfo=UTC)
FEEDS = Path(__file__).parents[1] / "data" / "feeds"
PRODUCTS = ENVIRONMENT["PRODUCTS_TABLE"]
HEADER = "id,title,price,merchant,gtin\n"
FEED = HEADER + "".join(
    f"p-{number},Radio {number},{number + 5}.{merchant}0 EUR,Shop {merchant},4006381333931\n"
    for number in range(7)
    for merchant in range(3)
)
ANSWER = {"products": 7, "revision": 2, "bytes": 123_456, "seconds": 1.25, "outcome": "built"}


class Killed(BaseException):
    """As SIGKILL does: nothing runs afterwards."""


class Db:
    """DynamoDB's client, whose writes are counted, and which may be killed at one of them, half-way through."""

    def __init__(self, db: Any) -> None:
        self._db = db
        self.writes = 0
        self.kill_at: int | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    def batch_write_item(self, RequestItems: dict[str, Any]) -> Any:  # noqa: N803 - boto3's
        (requests,) = RequestItems.values()
        if self._count():
            self._db.batch_write_item(RequestItems={PRODUCTS: requests[::2]})
            raise Killed
        return self._db.batch_write_item(RequestItems=RequestItems)

    def update_item(self, **update: Any) -> Any:
        if self._count():
            raise Killed
        return self._db.update_item(**update)

    def _count(self) -> bool:
        self.writes += 1
        if self.kill_at is not None and self.writes > self.kill_at:
            raise Killed
        return self.writes == self.kill_at


class Functions:
    """Lambda's client."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.answer: dict[str, Any] = {"Payload": io.BytesIO(json.dumps(ANSWER).encode())}

    def invoke(self, **call: Any) -> dict[str, Any]:
        self.calls.append(call)
        return self.answer


class Deployed(Target):
    """The gateway on moto."""

    clients: ClassVar[dict[str, Any]] = {}

    def client(self, service: str) -> Any:
        return self.clients[service]

    def client_with(self, service: str, config: Any) -> Any:
        return self.clients[service]


class Catalogue:
    """What an operator has at hand."""

    def __init__(self, gateway: Gateway, folder: Path) -> None:
        self.db = Db(gateway.db)
        self.functions = Functions()
        self.folder = folder
        outputs = {"ProductsTable": PRODUCTS, "BuildIndexFunction": "build"}
        self.target = Deployed(None, None, "gateway", outputs)
        Deployed.clients = {"dynamodb": self.db, "lambda": self.functions}

    def file(self, content: str | bytes, name: str = "feed.csv") -> str:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    def load(self, content: str | bytes, name: str = "feed.csv", **options: Any) -> Report:
        return import_products.load(self.target, Options(self.file(content, name), Reading(NOW), **options))

    def items(self) -> dict[tuple[str, str], Any]:
        found = map(from_item, self.db.scan(TableName=PRODUCTS, ConsistentRead=True)["Items"])
        return {(item["id"], item["part"]): item for item in found if item["part"] != "STATE"}

    def state(self) -> dict[str, Any]:
        return from_item(self.db.get_item(TableName=PRODUCTS, Key=to_item(STATE_KEY)).get("Item", {}))

    def age(self, seconds: int) -> None:
        """Let time pass since the last sign of an import."""
        changed_at = {"N": str(int(self.state()["changed_at"]) - seconds)}
        self.db.update_item(
            TableName=PRODUCTS,
            Key=to_item(STATE_KEY),
            UpdateExpression="SET changed_at = :then",
            ExpressionAttributeValues={":then": changed_at},
        )

    def product(self, number: str) -> Product:
        return product_of([item for (product, _), item in self.items().items() if product == number])
