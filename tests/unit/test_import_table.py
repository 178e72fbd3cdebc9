"""The table's writes: what DynamoDB leaves undone is done again, later and later, and nothing is under way afterwards."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from catalogue.merge import Change
from catalogue.table import MAX_TRIES, Table
from local.console import Failure


class Db:
    """A client whose answers are scripted: how many requests of each call are left undone, or an error's code."""

    def __init__(self, *answers: int | str) -> None:
        self.answers = list(answers)
        self.calls: list[list[Any]] = []

    def batch_write_item(self, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803 - boto3's
        (requests,) = RequestItems.values()
        self.calls.append(requests)
        return {"UnprocessedItems": {"products": left} if (left := self._left(requests)) else {}}

    def batch_get_item(self, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803 - boto3's
        (wanted,) = RequestItems.values()
        self.calls.append(wanted["Keys"])
        left = self._left(wanted["Keys"])
        found = [key | {"described_by": {"S": "shop"}} for key in wanted["Keys"] if key not in left]
        return {
            "Responses": {"products": found},
            "UnprocessedKeys": {"products": wanted | {"Keys": left}} if left else {},
        }

    def _left(self, requests: list[Any]) -> list[Any]:
        answer = self.answers.pop(0) if self.answers else 0
        if isinstance(answer, str):
            raise ClientError({"Error": {"Code": answer}}, "BatchWriteItem")
        return requests[len(requests) - answer :]


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as found:
        yield found


def table(db: Any, pool: ThreadPoolExecutor, sleeps: list[float] | None = None) -> Table:
    return Table(db, "products", pool, ([] if sleeps is None else sleeps).append, chance=lambda: 1.0)


def change(parts: int, product: str = "p") -> Change:
    items = [{"id": product, "part": f"OFFER#{number}"} for number in range(parts)]
    return Change(product, True, items, ["OFFER#old"], {"id": product, "part": "PRODUCT"})


def test_products_own_items_are_written_when_all_others_are(pool: ThreadPoolExecutor) -> None:
    db = Db()
    written = table(db, pool)
    written.write([change(20, "a"), change(20, "b")])
    assert [len(call) for call in db.calls] == [25, 17, 2]
    assert [request["PutRequest"]["Item"]["part"]["S"] for request in db.calls[-1]] == ["PRODUCT", "PRODUCT"]
    assert written.written == 44


def test_what_is_left_undone_is_done_again_later_and_later(pool: ThreadPoolExecutor) -> None:
    db, sleeps = Db(8, 3, "ThrottlingException", 0), list[float]()
    table(db, pool, sleeps).write([change(9)])
    assert [len(call) for call in db.calls] == [10, 8, 3, 3, 1]
    assert sleeps == [0.05, 0.1, 0.2]


def test_a_table_that_takes_no_more_is_told(pool: ThreadPoolExecutor) -> None:
    db, sleeps = Db(*["ProvisionedThroughputExceededException"] * 100), list[float]()
    with pytest.raises(Failure, match="goes on where it stopped"):
        table(db, pool, sleeps).write([change(1)])
    assert len(db.calls) == MAX_TRIES
    assert max(sleeps) == 5.0


def test_any_other_error_is_not_tried_again_and_products_are_not_written(pool: ThreadPoolExecutor) -> None:
    db = Db("AccessDeniedException")
    with pytest.raises(ClientError):
        table(db, pool).write([change(3)])
    assert len(db.calls) == 1


def test_keys_that_are_left_unread_are_read_again(pool: ThreadPoolExecutor) -> None:
    db = Db(60, "ThrottlingException", 20)
    found = table(db, pool).known([f"p-{number}" for number in range(130)])
    assert [len(call) for call in db.calls] == [100, 60, 60, 20, 30]
    assert len(found) == 130
    assert found["p-7"].described_by == "shop"
