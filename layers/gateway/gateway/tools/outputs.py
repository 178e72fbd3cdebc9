"""The JSON Schemas of the tools' answers: which fields are always there, and what is in them."""

from typing import Any

Json = dict[str, Any]

TEXT: Json = {"type": "string"}
COUNT: Json = {"type": "integer", "minimum": 0}
FLAG: Json = {"type": "boolean"}
DAY: Json = {"type": "string", "description": "A date, such as 2026-01-31."}


def _told(schema: Json, description: str) -> Json:
    return schema | {"description": description}


def _object(always: Json, sometimes: Json | None = None) -> Json:
    return {"type": "object", "properties": always | (sometimes or {}), "required": list(always)}


def _list(items: Json) -> Json:
    return {"type": "array", "items": items}


PRICE = _object({"amount": _told(COUNT, "In minor units: 9999 is 99.99."), "currency": TEXT})
AVAILABILITY = _object({"available": FLAG, "status": TEXT})
DESCRIPTION = _object({"plain": TEXT})
DELIVERY = _object({"min_days": COUNT, "max_days": COUNT})
MESSAGES = _list(_object({"type": TEXT, "code": TEXT, "content": TEXT}))
POINT = _object({"day": DAY, "price": PRICE})
HISTORY = _object(
    {
        "points": _told(COUNT, "How often the best price has changed, as far as it is known."),
        "lowest": POINT,
        "highest": POINT,
        "recent": _told(_list(POINT), "The last changes; each price is good until the next."),
    }
)
INPUTS = _list(_object({"id": TEXT, "match": TEXT}))
VARIANT = _object(
    {"id": TEXT, "title": TEXT, "description": DESCRIPTION, "price": PRICE},
    {
        "sku": TEXT,
        "shipping": PRICE,
        "total": _told(PRICE, "Price and shipping, as far as it is known."),
        "availability": AVAILABILITY,
        "condition": TEXT,
        "delivery_time": DELIVERY,
        "seller": _object({"name": TEXT}),
        "url": TEXT,
        "inputs": _told(INPUTS, "The ids that were asked for, of which this is the answer."),
    },
)
ALWAYS: Json = {
    "id": TEXT,
    "title": TEXT,
    "description": DESCRIPTION,
    "categories": _list(_object({"value": TEXT, "taxonomy": TEXT})),
    "media": _list(_object({"type": TEXT, "url": TEXT, "alt_text": TEXT})),
    "variants": _told(_list(VARIANT), "Offers, the best one first."),
    "offer_count": COUNT,
}
SOMETIMES: Json = {
    "brand": TEXT,
    "url": TEXT,
    "price_range": _told(_object({"min": PRICE, "max": PRICE}), "Without shipping."),
    "availability": _told(AVAILABILITY, "Of the offer that is best to be had, not always the cheapest."),
    "rating": _object({"value": {"type": "number"}, "scale_max": COUNT, "count": COUNT}),
    "barcodes": _list(_object({"type": TEXT, "value": TEXT})),
}
DETAILS: Json = {
    "mpn": _told(TEXT, "The maker's number."),
    "released": DAY,
    "attributes": {"type": "object", "description": "By name: texts, numbers, true or false."},
    "price_history": HISTORY,
}
OFFER = _object(
    {"merchant": TEXT, "price": PRICE, "total": PRICE, "availability": TEXT, "condition": TEXT, "cheapest": FLAG},
    {"id": TEXT, "shipping": PRICE, "delivery_time": DELIVERY, "link": TEXT},
)
CATEGORY = _object({"path": TEXT, "name": TEXT, "products": COUNT})
PAGINATION = _object({"has_next_page": FLAG, "total_count": COUNT}, {"cursor": TEXT})

SEARCH = _object(
    {
        "products": _list(_object(ALWAYS, SOMETIMES)),
        "pagination": PAGINATION,
        "matched": {
            "type": "string",
            "enum": ["all", "any", "none"],
            "description": "Whether the products have all words, only some of them, or none was found.",
        },
    },
    {"corrected_query": _told(TEXT, "What was searched for instead."), "messages": MESSAGES},
)
LOOKUP = _object({"products": _list(_object(ALWAYS, SOMETIMES))}, {"messages": MESSAGES})
PRODUCT = _object({"product": _object(ALWAYS, SOMETIMES | DETAILS)}, {"messages": MESSAGES})
OFFERS = _object(
    {
        "product": _object({"id": TEXT, "title": TEXT}),
        "offers": _list(OFFER),
        "total_count": _told(COUNT, "Offers that pass the filters."),
        "offer_count": _told(COUNT, "All offers."),
    }
)
CATEGORIES = _object({"categories": _list(CATEGORY), "total_count": COUNT}, {"messages": MESSAGES})
