"""What the routes do that search the products."""

from gateway.conditional import kept
from gateway.http import Event, Response, as_page
from gateway.keys import ApiKey
from gateway.products import requests
from gateway.products.parts import SCOPE
from gateway.query import Parameters
from gateway.search import pages
from gateway.search.index import Index
from gateway.search.live import live
from gateway.serving import serve


def search(event: Event, key: ApiKey) -> Response:
    """The products that fit the query, the best first.

    Raises:
        InvalidRequest: a parameter is wrong.
    """
    query = requests.search(event.get("queryStringParameters"))
    pages.position(query)  # a wrong cursor is refused before the request counts

    def answer() -> Response:
        found = live().ask(lambda index: index.search(query))
        told = {
            "query": query.text,
            "corrected_query": found.corrected,
            "corrections": found.corrections,
            "matched": found.matched,
            "total": found.total,
            "facets": found.facets,
        }
        return kept(event, as_page(found.products, found.next_cursor) | told)

    return serve(key, SCOPE, answer)


def list_categories(event: Event, key: ApiKey) -> Response:
    """All categories that products are in, with the number of their products.

    Raises:
        InvalidRequest: a parameter is wrong.
    """
    Parameters(event.get("queryStringParameters"), ())

    def answer() -> Response:
        categories = [{"object": "category", **category} for category in live().ask(Index.categories)]
        return kept(event, as_page(categories, None))

    return serve(key, SCOPE, answer)
