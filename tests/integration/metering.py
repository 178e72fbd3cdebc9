"""Rows of requests at any time, and the routes that tell of them, as keys and admins call them."""

import functools
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from ulid import ULID

from gateway import dynamodb, rollups
from gateway.periods import HOUR_MS, Range, hour_of
from gateway.request_rows import Tables
from tests.conftest import ENVIRONMENT, LambdaContext
from tests.integration.admins import Admin
from tests.integration.harness import KEY, KEY_ID, Answer, Clock, Gateway, Json, event_with, with_key

DAYS = 90
"""How long rows are kept here."""
TOKENS = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "cache_write_1h_tokens", "reasoning_tokens")  # fmt: skip


def ms(text: str) -> int:
    """A moment in UTC, such as "2026-11-27 10:00"."""
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def total(rows: Iterable[Json]) -> Decimal:
    return sum((row["cost_usd"] for row in rows if row["cost_usd"] is not None), Decimal(0))


@dataclass
class Meter:
    """A gateway whose clock stands still, with two keys and an admin; the key of events/ is the admin."""

    gateway: Gateway
    clock: Clock
    admin: Admin = field(init=False)

    def __post_init__(self) -> None:
        self.clock.time = ms("2026-11-27 12:30") / 1000
        self.admin = Admin(self.gateway)

    @functools.cached_property
    def keys(self) -> dict[str, str]:
        """Two keys, by their ids."""
        made = [self.admin.create(scopes=scopes) for scopes in (["inference"], ["products"])]
        return {one["id"]: one["key"] for one in made}

    @property
    def tables(self) -> Tables:
        return Tables(self.gateway.db, *(ENVIRONMENT[f"{name}_TABLE"] for name in ("KEYS", "REQUESTS", "USAGE")))

    @property
    def now(self) -> int:
        return round(self.clock.time * 1000)

    def row(self, at: str | int, owner: str = KEY_ID, cost: str | None = "0.000123", **fields: Any) -> Json:
        """Put a request's row that came at a moment."""
        moment = ms(at) if isinstance(at, str) else at
        row: Json = {
            "owner": owner,
            "request_id": f"req_{owner}_{ULID.from_timestamp(moment)}",
            "created_at": moment,
            "expires_at": moment // 1000 + DAYS * 86_400,
            "endpoint": "/api/v1/chat/completions",
            "model": "local/chat",
            "provider": "local",
            "status": 200,
            "stream": False,
            "attempts": [{"deployment": "local/chat", "outcome": "ok", "ms": 5}],
            **{name: number for number, name in enumerate(TOKENS, 1)},
            "cost_usd": None if cost is None else Decimal(cost),
            **fields,
        }
        found = {name: value for name, value in row.items() if value is not None or name == "cost_usd"}
        self.gateway.db.put_item(TableName=ENVIRONMENT["REQUESTS_TABLE"], Item=dynamodb.to_item(found))
        return row

    def roll_up(self) -> None:
        """What the clock starts every hour."""
        handler: Any = self.gateway.handler("roll_up")
        assert handler({"source": "aws.events"}, LambdaContext(900_000)) is None

    def rebuild(self, start: str, end: str) -> None:
        span = Range(hour_of(ms(start)), hour_of(ms(end)))
        rollups.recompute(self.tables, span, self.owners, self.now, DAYS)

    @property
    def owners(self) -> list[str]:
        return [KEY_ID, *self.keys]

    def rolled(self) -> list[Json]:
        """All that the Usage table has, but for the marker."""
        items = map(dynamodb.from_item, self.gateway.db.scan(TableName=ENVIRONMENT["USAGE_TABLE"])["Items"])
        found = [item for item in items if item["slot"] != "rolled"]
        return sorted(found, key=lambda item: (item["owner"], item["slot"]))

    @property
    def marker(self) -> int | None:
        """Until when all is rolled up, in milliseconds."""
        hour = rollups.rolled_until(self.tables)
        return None if hour is None else hour * HOUR_MS

    def get(self, function: str, by: str = KEY, request_id: str | None = None, **query: str) -> Answer:
        """One request of a route; `from_` is `from`."""
        asked = {name.rstrip("_"): value for name, value in query.items()}
        changes: Json = {"queryStringParameters": asked or None}
        if request_id is not None:
            changes |= {"pathParameters": {"id": request_id}, "path": f"/api/v1/requests/{request_id}"}
        return self.gateway.send(function, with_key(event_with(function, **changes), by))

    def usage(self, by: str = KEY, **query: str) -> Json:
        answer = self.get("get_usage", by, **query)
        assert answer.status == 200, answer.text
        found: Json = answer.json
        return found

    def requests(self, by: str = KEY, **query: str) -> Json:
        answer = self.get("list_requests", by, **query)
        assert answer.status == 200, answer.text
        found: Json = answer.json
        return found
