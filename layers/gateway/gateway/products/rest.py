"""What the routes of products do, but for those that search."""

import re

from gateway.conditional import kept
from gateway.errors import NotFound
from gateway.http import Event, Response, as_page
from gateway.keys import ApiKey
from gateway.products import requests, views
from gateway.products.parts import ID, SCOPE
from gateway.products.store import products
from gateway.products.summaries import summary
from gateway.query import Parameters
from gateway.serving import serve


def list_products(event: Event, key: ApiKey) -> Response:
    """The products that the query asks for, in no order but always the same.

    Raises:
        InvalidRequest: a parameter is wrong.
    """
    asked = requests.listing(event.get("queryStringParameters"))
    asked.start()  # a wrong cursor is refused before the request counts

    def answer() -> Response:
        page = products().page(asked)
        return kept(event, as_page([summary(item) for item in page.items], page.next_cursor))

    return serve(key, SCOPE, answer)


def show_product(event: Event, key: ApiKey) -> Response:
    """The product that the path names, with its prices day by day."""
    Parameters(event.get("queryStringParameters"), ())

    def answer() -> Response:
        item, prices = products().product(_id(event))
        return kept(event, views.product(item, prices))

    return serve(key, SCOPE, answer)


def list_offers(event: Event, key: ApiKey) -> Response:
    """All offers of the product that the path names, the cheapest first."""
    Parameters(event.get("queryStringParameters"), ())

    def answer() -> Response:
        item, offers = products().offers(_id(event))
        return kept(event, as_page(views.offers(offers, item.get("currency")), None))

    return serve(key, SCOPE, answer)


def _id(event: Event) -> str:
    """The product's id in the path.

    Raises:
        NotFound: no product can have it.
    """
    text = str((event.get("pathParameters") or {}).get("id"))
    if not re.fullmatch(ID, text):
        raise NotFound(f"There is no product '{text[:128]}'.", param="id")
    return text
