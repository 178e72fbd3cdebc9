"""Lists that have one page only."""

import mcp_types as types

from gateway.errors import InvalidRequest


def refuse_cursor(params: types.PaginatedRequestParams | None) -> None:
    """Such a list gives no cursor, so that one that is sent is wrong.

    Raises:
        InvalidRequest: there is one.
    """
    if params and params.cursor is not None:
        raise InvalidRequest("params.cursor: this list has one page only.", param="params.cursor")
