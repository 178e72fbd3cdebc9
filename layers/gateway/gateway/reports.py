"""What the routes of usage and requests do: a key sees what is its own, an admin all."""

import re
from collections.abc import Sequence
from typing import Any

from gateway import csv_text, dynamodb, request_queries, usage_report
from gateway.context import current
from gateway.errors import NotFound
from gateway.http import Event, Response, as_page, json_response, respond
from gateway.keys import ApiKey
from gateway.query import Parameters
from gateway.request_log import milliseconds
from gateway.request_rows import Tables
from gateway.settings import settings

FORMATS = ("json", "csv")
IDS = {"key": re.compile(r"[0-9A-Za-z]{12}", re.ASCII), "team": re.compile(r"team_[0-9A-Za-z]{12}", re.ASCII)}


def tables() -> Tables:
    """The tables of the running function."""
    config = settings()
    return Tables(dynamodb.client(), config.keys_table, config.requests_table, config.usage_table)


def show_usage(event: Event, key: ApiKey) -> Response:
    """The usage that the query asks for.

    Raises:
        InvalidRequest: a parameter is wrong.
        NotFound: another's key or team is asked for.
    """
    given = Parameters(event.get("queryStringParameters"), usage_report.PARAMETERS)
    now = milliseconds()
    form = given.choice("format", FORMATS)
    asked = usage_report.question(given, _whose(given, key), now)
    deadline = current().deadline
    with dynamodb.available(settings().usage_table):
        found = usage_report.report(
            tables(), asked, now, settings().request_retention_days, lambda: deadline.now() < deadline.at
        )
    return _csv(usage_report.columns(asked), found["data"]) if form == "csv" else json_response(200, found)


def list_requests(event: Event, key: ApiKey) -> Response:
    """The requests that the query asks for.

    Raises:
        InvalidRequest: a parameter is wrong.
        NotFound: another's key is asked for.
    """
    given = Parameters(event.get("queryStringParameters"), request_queries.PARAMETERS)
    now = milliseconds()
    form = given.choice("format", FORMATS)
    asked = request_queries.listing(given, _whose(given, key), now)
    with dynamodb.available(settings().requests_table):
        found = request_queries.page(tables(), asked, now)
    if form == "csv":
        after = {"x-gateway-next-cursor": found.next_cursor} if found.next_cursor else {}
        return _csv(request_queries.COLUMNS, found.rows, after)
    return json_response(200, as_page(found.rows, found.next_cursor))


def show_request(event: Event, key: ApiKey) -> Response:
    """The request that the path names.

    Raises:
        NotFound: there is none, or it is another key's.
    """
    Parameters(event.get("queryStringParameters"), ())
    own = None if _is_admin(key) else key.id
    return json_response(200, request_queries.find(tables(), str(event["pathParameters"]["id"]), own, milliseconds()))


def _whose(given: Parameters, key: ApiKey) -> str | None:
    """The key whose rows may be read; None for all. What is another's is not there."""
    own = {"key": key.id, "team": key.team}
    for kind, pattern in IDS.items():
        asked = given.text(kind)
        if asked is not None and not (pattern.fullmatch(asked) if _is_admin(key) else asked == own[kind]):
            raise NotFound(f"There is no {kind} '{asked[:100]}'.", param=kind)
    return given.text("key") if _is_admin(key) else key.id


def _is_admin(key: ApiKey) -> bool:
    return "admin" in key.scopes


def _csv(columns: Sequence[str], rows: Sequence[dict[str, Any]], headers: dict[str, str] | None = None) -> Response:
    return respond(200, csv_text.table(columns, rows), csv_text.HEADERS | (headers or {}))
