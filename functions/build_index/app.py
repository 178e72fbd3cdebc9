"""When products have changed, by the clock or after an import: builds the search index anew."""

from typing import Any

from gateway.search import publish
from gateway.search.index import require_fts5

require_fts5()


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return publish.run()
