"""What the routes of keys and teams do: on the Keys table, with objects as admins see them."""

import time
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from gateway import dynamodb, key_store
from gateway.http import Event, as_page
from gateway.key_objects import describe
from gateway.key_pages import DEFAULT_LIMIT, MAX_LIMIT, page
from gateway.query import whole
from gateway.settings import settings

if TYPE_CHECKING:
    from gateway.policies import Change, NewKey, NewTeam

Json = dict[str, Any]

NO_STORE = {"cache-control": "no-store"}
"""For answers with a secret."""


def create_key(policy: "NewKey") -> Json:
    """A new key, with its secret."""
    now = time.time()
    with _table():
        issued = key_store.issue_key(dynamodb.client(), settings().keys_table, now, policy.fields(now))
    return describe(issued.item, now) | {"key": issued.key}


def create_team(policy: "NewTeam") -> Json:
    """A new team."""
    now = time.time()
    with _table():
        return describe(key_store.create_team(dynamodb.client(), settings().keys_table, now, policy.fields(now)), now)


def show(kind: str, event: Event) -> Json:
    """The key or team that the path names."""
    with _table():
        return describe(key_store.get(dynamodb.client(), settings().keys_table, kind, id_of(event)), time.time())


def show_page(kind: str, event: Event) -> Json:
    """The keys or teams that the query asks for.

    Raises:
        InvalidRequest: the limit or the cursor is wrong.
    """
    query = event.get("queryStringParameters") or {}
    team = query.get("team") if kind == "key" else None
    limit = whole("limit", query.get("limit", str(DEFAULT_LIMIT)), 1, MAX_LIMIT)
    with _table():
        found = page(dynamodb.client(), settings().keys_table, kind, limit=limit, cursor=query.get("cursor"), team=team)
    now = time.time()
    data = [describe(item, now) for item in found.items]
    return as_page(data, found.next_cursor)


def change(kind: str, event: Event, policy: "Change") -> Json:
    """The key or team that the path names, after the change."""
    now = time.time()
    with _table():
        changed = key_store.change(dynamodb.client(), settings().keys_table, kind, id_of(event), policy.fields(now))
    return describe(changed, now)


def rotate_key(event: Event, grace_seconds: int) -> Json:
    """The key that the path names, with its new secret."""
    now = time.time()
    with _table():
        issued = key_store.rotate(dynamodb.client(), settings().keys_table, now, id_of(event), grace_seconds)
    return describe(issued.item, now) | {"key": issued.key}


def delete(kind: str, event: Event) -> Json:
    """Delete the key or team that the path names."""
    with _table():
        key_store.delete(dynamodb.client(), settings().keys_table, time.time(), kind, id_of(event))
    return {"id": id_of(event), "object": kind, "deleted": True}


def id_of(event: Event) -> str:
    """The id in the path."""
    return str(event["pathParameters"]["id"])


def _table() -> AbstractContextManager[None]:
    return dynamodb.available(settings().keys_table)
