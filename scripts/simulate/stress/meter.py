"""Counts the calls that a client makes of DynamoDB, and the units that they consume."""

import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from simulate.endpoints import STATE

KILOBYTE = 1024


@dataclass
class Meter:
    """Hooks on a client that count calls and units by table."""

    calls: Counter[str] = field(default_factory=Counter)
    writes: float = 0.0
    reads: float = 0.0

    def attach(self, db: Any) -> None:
        """Count from now on."""
        for operation in ("UpdateItem", "PutItem", "GetItem", "BatchGetItem"):
            db.meta.events.register(f"provide-client-params.dynamodb.{operation}", self._ask)
            db.meta.events.register(f"before-call.dynamodb.{operation}", self._call)
            db.meta.events.register(f"after-call.dynamodb.{operation}", self._answer)

    def reset(self) -> None:
        """Begin anew."""
        self.calls.clear()
        self.writes = self.reads = 0.0

    def _ask(self, params: dict[str, Any], **_: Any) -> dict[str, Any]:
        return params | {"ReturnConsumedCapacity": "TOTAL"}

    def _call(self, params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        body = json.loads(params["body"])
        context["table"] = body.get("TableName") or next(iter(body["RequestItems"]))
        self.calls[context["table"]] += 1

    def _answer(self, parsed: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
        if context["table"] == STATE:
            return
        if "Error" in parsed:
            self.writes += math.ceil(size_of(parsed.get("Item", {})) / KILOBYTE) or 1
        elif model.name == "GetItem":
            self.reads += parsed["ConsumedCapacity"]["CapacityUnits"]
        else:
            self.writes += parsed["ConsumedCapacity"]["CapacityUnits"]


def size_of(item: Mapping[str, Any]) -> int:
    """Bytes of an item in DynamoDB's typed form, as it counts them: names, values, and what maps and lists take besides."""
    return sum(len(name.encode()) + _size(value) for name, value in item.items())


def _size(typed: Mapping[str, Any]) -> int:
    ((kind, value),) = typed.items()
    if kind == "N":
        return math.ceil(len(value.strip("-").replace(".", "").strip("0")) / 2) + 1
    if kind == "M":
        return 3 + sum(1 + len(name.encode()) + _size(one) for name, one in value.items())
    if kind == "L":
        return 3 + sum(1 + _size(one) for one in value)
    return len(value.encode()) if kind == "S" else 1
