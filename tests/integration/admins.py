"""The routes of keys and teams as an admin calls them."""

import re
import time
from dataclasses import dataclass
from typing import Any

from gateway import accounts, dynamodb
from tests.conftest import ENVIRONMENT, load_event
from tests.integration.harness import KEY, KEY_ID, Answer, Gateway, Json, event_with, with_key

TABLE = ENVIRONMENT["KEYS_TABLE"]
FUNCTIONS = {
    ("POST", "/keys"): "create_key",
    ("GET", "/keys"): "list_keys",
    ("GET", "/keys/{id}"): "get_key",
    ("PATCH", "/keys/{id}"): "update_key",
    ("DELETE", "/keys/{id}"): "delete_key",
    ("POST", "/keys/{id}/rotate"): "rotate_key",
    ("POST", "/teams"): "create_team",
    ("GET", "/teams"): "list_teams",
    ("GET", "/teams/{id}"): "get_team",
    ("PATCH", "/teams/{id}"): "update_team",
    ("DELETE", "/teams/{id}"): "delete_team",
}

POLICY: dict[str, Any] = {
    "scopes": ["products", "inference"],
    "models": ["local/chat"],
    "allow_unpriced_models": True,
    "rpm_limit": 60,
    "tpm_limit": 100_000,
    "max_parallel": 4,
    "day_budget": "2.50",
    "month_budget": "25.00",
    "total_budget": 100,
}
"""Every limit there is."""
BAD: dict[str, tuple[Any, str | None]] = {
    "no name": ({"rpm_limit": 1}, "name"),
    "a blank name": ({"name": " "}, "name"),
    "an unknown field": ({"name": "n", "budget": 1}, "budget"),
    "a status": ({"name": "n", "status": "active"}, "status"),
    "a count as a text": ({"name": "n", "rpm_limit": "60"}, "rpm_limit"),
    "a fraction of a token": ({"name": "n", "tpm_limit": 0.5}, "tpm_limit"),
    "no requests at once": ({"name": "n", "max_parallel": 0}, "max_parallel"),
    "too many at once": ({"name": "n", "max_parallel": 1001}, "max_parallel"),
    "true as a count": ({"name": "n", "rpm_limit": True}, "rpm_limit"),
    "an exponent": ({"name": "n", "month_budget": "1e3"}, "month_budget"),
    "not a number": ({"name": "n", "month_budget": "NaN"}, "month_budget"),
    "a debt": ({"name": "n", "day_budget": -5}, "day_budget"),
    "nothing to spend": ({"name": "n", "total_budget": "0"}, "total_budget"),
    "true as money": ({"name": "n", "total_budget": True}, "total_budget"),
    "the past": ({"name": "n", "expires_at": 1}, "expires_at"),
    "a time somewhere": ({"name": "n", "expires_at": "2099-01-01T00:00:00"}, "expires_at"),
    "an unknown scope": ({"name": "n", "scopes": ["root"]}, "scopes[0]"),
    "no scope": ({"name": "n", "scopes": []}, "scopes"),
    "no models": ({"name": "n", "models": []}, "models"),
    "a model that is no text": ({"name": "n", "models": [None]}, "models[0]"),
    "an unknown team": ({"name": "n", "team": "team_NobodysTeam0"}, "team"),
    "a key as the team": ({"name": "n", "team": KEY_ID}, "team"),
    "an empty team": ({"name": "n", "team": ""}, "team"),
    "an endless team": ({"name": "n", "team": "x" * 10_000}, "team"),
    "a team that is no text": ({"name": "n", "team": 5}, "team"),
    "a list": ([], None),
    "no JSON": ("{", None),
    "an empty body": ("", None),
}
"""Bodies of a new key, and the field that is at fault."""


def function_of(event: Json) -> str | None:
    """The function of one of these routes; None if the event is for another one."""
    return FUNCTIONS.get((event["httpMethod"], event["resource"].removeprefix("/api/v1")))


def put_team(gateway: Gateway, team_id: str) -> None:
    """Put a team without limits into the table."""
    team = accounts.new_account(team_id, "team", "events", time.time())
    gateway.db.put_item(TableName=TABLE, Item=dynamodb.to_item(team))


@dataclass
class Admin:
    """Calls the routes with the key of events/, which may administer."""

    gateway: Gateway

    def __post_init__(self) -> None:
        self.gateway.change_key(scopes=["admin", "inference"])

    def send(self, method: str, path: str, body: Any = None, key: str = KEY, **query: str) -> Answer:
        """One request; a body of None is none, and a text goes as it is."""
        found = re.fullmatch(r"(/\w+)(?:/([^/]*)(/rotate)?)?", path)
        assert found, path
        collection, account_id, rotate = found.groups()
        resource = collection if account_id is None else f"{collection}/{{id}}{rotate or ''}"
        function = FUNCTIONS[method, resource]
        parts = {"id": account_id} if account_id is not None else None
        changes = {"path": f"/api/v1{path}", "pathParameters": parts, "queryStringParameters": query or None}
        event = event_with(function, body, **changes)
        if body is None:
            event["body"] = None
        return self.gateway.send(function, with_key(event, key))

    def create(self, what: str = "/keys", **fields: Any) -> Json:
        """A new key or team, as the answer tells it."""
        answer = self.send("POST", what, {"name": "new"} | fields)
        assert answer.status == 201, answer.text
        made: Json = answer.json
        return made

    def item(self, account_id: str) -> Json:
        """The item in the table."""
        found = self.gateway.db.get_item(TableName=TABLE, Key={"id": {"S": account_id}}).get("Item")
        assert found is not None
        return dynamodb.from_item(found)

    def set(self, account_id: str, **attributes: Any) -> None:
        """Write attributes of the item, as the ledger would."""
        item = self.item(account_id) | attributes
        self.gateway.db.put_item(TableName=TABLE, Item=dynamodb.to_item(item))

    def models(self, key: str) -> int:
        """What a client gets who lists the models by a key: whether it is good."""
        return self.gateway.send("list_models", with_key(load_event("list_models"), key)).status
